import itertools

import numpy as np
import pytest

from drawbench.errors import InputError
from drawbench.scenes import (
    caption,
    digest,
    draw,
    held_out,
    pairs,
    places,
    render,
    spec,
    training_pairs,
    training_specs,
)


def take(n: int, **options) -> list[tuple[np.ndarray, str]]:  # type: ignore[no-untyped-def,type-arg]
    return list(itertools.islice(training_pairs(**options), n))


def test_a_stream_repeats_itself_and_differs_from_others() -> None:
    first, again, other = take(20, seed=1, size=64), take(20, seed=1, size=64), take(20, seed=2, size=64)
    assert all(np.array_equal(a, b) and s == t for (a, s), (b, t) in zip(first, again, strict=True))
    assert [t for _, t in first] != [t for _, t in other]
    assert all(p.shape == (64, 64, 3) and p.dtype == np.uint8 for p, _ in first)


def test_workers_share_a_stream_without_overlap() -> None:
    whole = [e.captions for e in itertools.islice(training_specs(0), 12)]
    parts = [[e.captions for e in itertools.islice(training_specs(0, start=w, step=3), 4)] for w in range(3)]
    assert whole == [parts[i % 3][i // 3] for i in range(12)]


def test_no_training_example_is_held_out_and_every_test_example_is() -> None:
    assert not any(held_out(e.scene) for e in itertools.islice(training_specs(0), 500))
    assert all(held_out(e.scene) for e in itertools.islice(training_specs(0, "test"), 200))


def test_a_mixture_reaches_the_pairs() -> None:
    got = itertools.islice(training_specs(0, mixture={"counting": 1.0}), 50)
    assert {e.scene.kind for e in got} == {"counting"}
    texts = [text for _, text in take(5, seed=0, size=32, mixture={"counting": 1.0})]
    assert texts == [e.captions[0] for e in itertools.islice(training_specs(0, mixture={"counting": 1.0}), 5)]
    with pytest.raises(InputError, match="unknown kind"):
        next(training_pairs(0, 32, mixture={"crowds": 1.0}))


def test_several_captions_come_with_one_picture() -> None:
    got = take(6, seed=0, size=64, captions_per_picture=3)
    assert np.array_equal(got[0][0], got[2][0])
    assert not np.array_equal(got[2][0], got[3][0])
    assert len({t for _, t in got[:3]}) > 1


def test_crops_are_parts_of_the_picture_at_many_places() -> None:
    corners = set()
    for index in range(40):
        example = spec(0, index)
        part = draw(example, 128, 48)
        assert part.shape == (48, 48, 3)
        whole = render(example.scene, 128, example.layout_seed).astype(int)
        windows = np.lib.stride_tricks.sliding_window_view(whole, (48, 48), (0, 1))[:, :, :, ::8, ::8]
        errors = np.abs(windows - part.transpose(2, 0, 1)[:, ::8, ::8]).mean((2, 3, 4))
        assert errors.min() < 0.5
        corners.add(tuple(int(v) for v in np.unravel_index(errors.argmin(), errors.shape)))
    assert len(corners) > 30
    assert max(c[0] for c in corners) > 60


def test_a_crop_of_the_full_size_is_the_picture() -> None:
    example = spec(0, 0)
    assert np.array_equal(draw(example, 64, 64), draw(example, 64))


@pytest.mark.parametrize("crop", [0, -1, 65])
def test_an_impossible_crop_is_refused(crop: int) -> None:
    with pytest.raises(InputError, match="crop must lie in"):
        next(training_pairs(0, 64, crop=crop))


def test_the_digest_notices_changed_tables(monkeypatch: pytest.MonkeyPatch) -> None:
    before = digest()
    assert before == pairs.digest.__wrapped__()
    assert len(before) == 64
    monkeypatch.setattr(places, "SHIFT", 0.04)
    moved = pairs.digest.__wrapped__()
    monkeypatch.setattr(pairs.captions, "_STOP_SHARE", 0.1)
    assert len({before, moved, pairs.digest.__wrapped__()}) == 3


def test_an_example_never_changes() -> None:
    # A fixed point of the stream: recorded seeds and data digests mean nothing if it moves.
    example = spec(0, 0)
    assert example.layout_seed == 3504064333
    assert example.crop_seed == 11761768
    assert example.captions == ("A drawing of a suitcase and two white chairs on grass",)
    assert caption(example.scene, 3682523327) == example.captions[0]
