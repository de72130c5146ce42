"""Promise 4, the files: no name, byte, length, time or chunk of a study's pictures reveals a model."""

from __future__ import annotations

import dataclasses
import itertools
import json
from collections import defaultdict
from pathlib import Path

import pytest
from blinding_scan import Secrets, png_faults
from small_runs import scenes_run, small_run

from human_eval_app.pictures.model_folders import ModelGiven
from human_eval_app.studies.create import CreateOptions, create_study, plan_study
from human_eval_app.studies.design import StudyDesign
from human_eval_app.studies.questions import KINDS, Kind
from human_eval_app.studies.study import Study

NAMES = ("imagen-xl-secret", "glide-base-secret")


def _study(kind: Kind, folder: Path) -> Study:
    runs = []
    for number, name in enumerate(NAMES):
        at = folder / f"run-of-{name}"
        if kind == "side_by_side":
            small_run(at, model=name, samples=2, seed=number)
        else:
            scenes_run(at, model=name, seed=number, n=6)
        runs.append(ModelGiven(at))
    plan = plan_study(CreateOptions(kind, tuple(runs)))
    return create_study(plan, folder / "study", secret=bytes(32)).study


@pytest.fixture(scope="module", params=KINDS)
def study(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Study:
    return _study(request.param, tmp_path_factory.mktemp("blinding"))


def _models_of_pictures(design: StudyDesign) -> dict[str, set[str]]:
    """Model -> its pictures."""
    found: dict[str, set[str]] = defaultdict(set)
    for item in design.items_of("rating"):
        for arm in item.arms:
            found[arm.model] |= set(arm.pictures)
    return found


def test_nothing_that_raters_are_sent_names_a_model(study: Study) -> None:
    secrets = Secrets.of(study.design, NAMES)
    design = study.design
    sent = [design.name, design.title, design.instructions, design.consent]
    for item in design.items:
        questions = [question.text_for(item.caption) for question in design.questions]
        labels = [label for question in design.questions for label in question.shown_labels()]
        sent += [item.id, item.caption, *item.pictures, *questions, *labels]
    assert secrets.found_in(json.dumps(sent)) == []


def test_names_and_bytes_of_picture_files_name_no_model(study: Study) -> None:
    secrets = Secrets.of(study.design, NAMES)
    for picture in study.design.pictures:
        path = study.picture_path(picture.id)
        assert secrets.found_in(path.name) == []
        assert secrets.found_in(path.read_bytes()) == []


def test_picture_files_differ_in_pixels_only(study: Study) -> None:
    paths = [study.picture_path(picture.id) for picture in study.design.pictures]
    assert {path.stat().st_size for path in paths} == {paths[0].stat().st_size}
    assert {path.stat().st_mtime_ns for path in paths} == {paths[0].stat().st_mtime_ns}
    assert {path.stat().st_mode for path in paths} == {paths[0].stat().st_mode}
    header = {path.read_bytes()[:29] for path in paths}
    assert len(header) == 1, "size, depth, colour type and interlacing are the same"
    for path in paths:
        assert png_faults(path.read_bytes()) == []
    shapes = {dataclasses.replace(p, id="", sha256="") for p in study.design.pictures}
    assert len(shapes) == 1


def test_order_of_ids_does_not_part_the_models(study: Study) -> None:
    """Sorted by id, pictures of two models are mixed: the longest stretch of one model is short."""
    owners = {p: model for model, pictures in _models_of_pictures(study.design).items() for p in pictures}
    order = [owners[picture] for picture in sorted(owners)]
    changes = sum(a != b for a, b in itertools.pairwise(order))
    assert changes >= len(order) // 5


def test_ids_cannot_be_computed_without_the_secret(tmp_path: Path) -> None:
    """The same pictures have other ids under another secret, and the same under the same."""
    runs = []
    for number, name in enumerate(NAMES):
        runs.append(ModelGiven(small_run(tmp_path / name, model=name, seed=number)))
    plan = plan_study(CreateOptions("side_by_side", tuple(runs)))
    secrets = (bytes(32), bytes(32), b"1" * 32)
    made = [
        create_study(plan, tmp_path / f"study{n}", secret=secret).study.design
        for n, secret in enumerate(secrets)
    ]
    ids = [{p.id for p in design.pictures} | {i.id for i in design.items} for design in made]
    assert ids[0] == ids[1]
    assert not ids[0] & ids[2]
    assert len({design.content_digest for design in made}) == 1


def test_the_scanner_finds_what_it_should() -> None:
    """A scanner that finds nothing anywhere would pass every test above."""
    import base64
    import hashlib

    from small_studies import small_design

    secrets = Secrets.of(small_design())
    for leak in (
        "file_Imagen-XL.png",
        hashlib.sha256(b"imagen-xl").hexdigest()[:16],
        hashlib.md5(b"glide-base").hexdigest(),
        base64.b64encode(b"glide-base").decode(),
        b"imagen-xl".hex(),
    ):
        assert secrets.found_in(f"before {leak} after"), leak
    assert secrets.found_in("a photo of two red apples") == []


def test_the_png_scanner_finds_metadata() -> None:
    import io

    from PIL import Image
    from PIL.PngImagePlugin import PngInfo

    for info in ("text", "plain"):
        file = io.BytesIO()
        notes = PngInfo()
        if info == "text":
            notes.add_text("Software", "a model")
        Image.new("RGB", (4, 4)).save(file, "PNG", pnginfo=notes)
        assert png_faults(file.getvalue())
