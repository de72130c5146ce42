import json

import numpy as np
import pytest

from drawbench.benches import scenes
from drawbench.errors import InputError
from drawbench.scenes import held_out, render, scene_from_dict


def test_prompts_are_held_out_captions_all_different() -> None:
    bench = scenes.load(n=300)
    assert bench.name == "scenes"
    assert len({p.text.lower() for p in bench.prompts}) == 300
    assert [p.id for p in bench.prompts[:2]] == ["scenes-0000", "scenes-0001"]
    assert len({p.id for p in bench.prompts}) == 300
    for prompt in bench.prompts:
        scene = scene_from_dict(prompt.meta)
        assert held_out(scene)
        assert prompt.category == scene.kind
    assert set(bench.categories) == {"single", "counting", "pair", "relation", "text"}


def test_meta_is_plain_json_and_draws_the_picture() -> None:
    prompt = scenes.load(n=1).prompts[0]
    meta = json.loads(json.dumps(dict(prompt.meta)))
    assert render(scene_from_dict(meta), 64, meta["layout_seed"]).shape == (64, 64, 3)


def test_a_longer_bench_begins_with_the_shorter() -> None:
    assert scenes.load(n=50).prompts[:20] == scenes.load(n=20).prompts


def test_seed_and_length_change_the_digest_and_nothing_else_does() -> None:
    assert scenes.load(n=20).digest == scenes.load(n=20).digest
    others = (scenes.load(n=21), scenes.load(n=20, seed=1), scenes.load(n=20, samples_per_prompt=2))
    assert len({scenes.load(n=20).digest, *(b.digest for b in others)}) == 4


def test_the_reference_is_other_scenes_than_the_prompts() -> None:
    bench = scenes.load(n=200)
    assert bench.reference is not None
    assert bench.reference.kind == "scenes"
    n, seed = scenes.parse_location(bench.reference.location)
    assert (n, seed) == (scenes.LEAST_REFERENCE, 0)
    drawn = {p.tobytes() for p in scenes.reference_pictures(100, 64, seed)}
    asked = {render(scene_from_dict(p.meta), 64, p.meta["layout_seed"]).tobytes() for p in bench.prompts}
    assert len(drawn) == 100
    assert not drawn & asked


def test_reference_pictures_are_deterministic_pictures() -> None:
    first, again = (list(scenes.reference_pictures(3, 64, seed=7)) for _ in range(2))
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    assert first[0].shape == (64, 64, 3)
    assert first[0].dtype == np.uint8


@pytest.mark.parametrize(
    "options", [{"n": 0}, {"n": 10**6}, {"seed": -1}, {"samples_per_prompt": 0}], ids=lambda o: next(iter(o))
)
def test_numbers_out_of_range_are_refused(options: dict[str, int]) -> None:
    with pytest.raises(InputError):
        scenes.load(**options)


@pytest.mark.parametrize("location", ["", "scenes:", "scenes:split=train,n=10,seed=0", "/some/folder"])
def test_other_locations_are_refused(location: str) -> None:
    with pytest.raises(InputError, match="not a scenes reference"):
        scenes.parse_location(location)
