"""Demonstration studies: ready without a run, with something to prefer."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from drawbench.errors import InputError
from human_eval_app.studies.demo import MODELS, PROMPTS, SAMPLES, distort, make_demo, write_demo
from human_eval_app.studies.questions import KINDS, Kind
from human_eval_app.studies.study import Study


@pytest.mark.parametrize("kind", KINDS)
def test_a_demo_of_each_kind(kind: Kind, tmp_path: Path) -> None:
    token = make_demo(tmp_path / "demo", kind)
    study = Study.open(tmp_path / "demo")
    study.verify()
    assert study.is_admin(token)
    design = study.design
    assert design.kind == kind
    assert len({item.prompt_id for item in design.items_of("rating")}) == PROMPTS
    assert design.items_of("control")
    assert len(design.items_of("practice")) == 2
    sides = {len(arm.pictures) for item in design.items_of("rating") for arm in item.arms}
    assert sides == {SAMPLES if kind == "side_by_side" else 1}
    assert any("demonstration" in notice for notice in design.notices)


def test_demos_of_one_seed_are_equal(tmp_path: Path) -> None:
    first, second, other = (
        write_demo(tmp_path / str(n), "realism", seed=seed).study.design for n, seed in enumerate((0, 0, 1))
    )
    assert first.content_digest == second.content_digest != other.content_digest


def test_a_demo_is_not_written_over_a_folder(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="exists"):
        make_demo(tmp_path, "alignment")


def test_stronger_distortion_is_further_from_the_true_picture() -> None:
    drawn = np.random.default_rng(0)
    image = np.kron(drawn.integers(0, 256, (8, 8, 3), dtype=np.uint8), np.ones((16, 16, 1), np.uint8))
    far = [np.abs(distort(image, s, 1).astype(float) - image).mean() for s in (0.0, 0.25, 1.0)]
    assert far[0] == 0 < far[1] < far[2]
    assert (distort(image, 1.0, 1) == distort(image, 1.0, 1)).all()
    (mild, _), (strong, _) = MODELS.values()
    assert mild < strong
