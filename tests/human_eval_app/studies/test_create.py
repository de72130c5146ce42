"""Studies from runs: what is chosen, how it is recorded, what is refused, and that it appears whole."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from small_runs import TEXTS, blocks, scenes_run, small_run

from drawbench.errors import InputError
from drawbench.types import Prompt
from harness.types import Failure
from human_eval_app.pictures.model_folders import ModelGiven
from human_eval_app.studies.create import CreateOptions, create_study, plan_study
from human_eval_app.studies.design import StudyDesign
from human_eval_app.studies.item_plan import pairs_of
from human_eval_app.studies.questions import Kind
from human_eval_app.studies.selection import PEOPLE, draw_order, draw_samples, most_unlike, without_people
from human_eval_app.studies.settings import StudySettings, raters_needed, with_controls
from human_eval_app.studies.study import Study

SECRET = b"k" * 32


def _options(kind: Kind, *folders: Path | str, **fields: Any) -> CreateOptions:
    settings = {key: fields.pop(key) for key in list(fields) if key in _SETTINGS}
    models = tuple(ModelGiven.parse(str(folder)) for folder in folders)
    return CreateOptions(kind, models, settings=settings, **fields)


_SETTINGS = ("prompts", "samples", "strict", "quota", "controls", "control_every", "practice", "nesting")


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Path, Path]:
    """Two runs of 6 prompts and 3 samples."""
    return (
        small_run(tmp_path / "one", model="imagen", samples=3, seed=1),
        small_run(tmp_path / "two", model="glide", samples=3, seed=2),
    )


def _made(options: CreateOptions, folder: Path) -> StudyDesign:
    return create_study(plan_study(options), folder, secret=SECRET).study.design


def test_side_by_side_has_the_same_samples_on_both_sides(pair: tuple[Path, Path], tmp_path: Path) -> None:
    design = _made(_options("side_by_side", *pair, samples=2), tmp_path / "study")
    rated = design.items_of("rating")
    assert len(rated) == 6
    for item in rated:
        assert item.models == ("imagen", "glide")
        assert [len(arm.pictures) for arm in item.arms] == [2, 2]
        assert item.arms[0].samples == item.arms[1].samples, "the same seeds where both have them"
    assert {model.name for model in design.models} == {"imagen", "glide"}
    assert {i.caption for i in rated} == {text for texts in TEXTS.values() for text in texts}


def test_realism_puts_the_reference_on_side_b(tmp_path: Path) -> None:
    design = _made(_options("realism", scenes_run(tmp_path / "run")), tmp_path / "study")
    rated = design.items_of("rating")
    assert len(rated) == 8
    assert {item.models for item in rated} == {("imagen", "reference")}
    assert design.pictures[0].width == 48, "the reference is drawn at the model's size"


def test_alignment_rates_model_and_reference_apart(tmp_path: Path) -> None:
    design = _made(_options("alignment", scenes_run(tmp_path / "run")), tmp_path / "study")
    counts = Counter((item.prompt_id, item.models) for item in design.items_of("rating"))
    assert len(counts) == 16
    assert set(counts.values()) == {1}


def test_alignment_without_a_reference_says_so(pair: tuple[Path, Path], tmp_path: Path) -> None:
    design = _made(_options("alignment", *pair), tmp_path / "study")
    assert len(design.items_of("rating")) == 12
    assert any("Alignment of the reference is not rated" in notice for notice in design.notices)
    given = _made(_options("alignment", *pair, reference="none"), tmp_path / "study2")
    assert any("not rated" in notice for notice in given.notices)


def test_reference_pictures_of_a_folder(pair: tuple[Path, Path], tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    for number in range(5):
        blocks((200, 120), 50 + number).save(photos / f"p00{number}.jpg")
    design = _made(_options("realism", pair[0], reference=str(photos)), tmp_path / "study")
    assert len(design.items_of("rating")) == 5
    assert [(out.prompt_id, out.reason) for out in design.left_out] == [("p005", "no picture of reference")]
    assert "middle square" in design.pictures_are


def test_failures_are_counted_and_both_sides_shortened(tmp_path: Path) -> None:
    filtered, black = Failure("filtered", "unsafe"), Failure("black", "dark")
    one = small_run(
        tmp_path / "one",
        model="imagen",
        samples=3,
        failures={("p000", 1): filtered, **{("p001", i): filtered for i in range(3)}},
    )
    two = small_run(tmp_path / "two", model="glide", samples=3, failures={("p002", 0): black})
    design = _made(_options("side_by_side", one, two, samples=3), tmp_path / "study")
    sizes = {item.prompt_id: {len(arm.pictures) for arm in item.arms} for item in design.items_of("rating")}
    assert sizes == {"p000": {2}, "p002": {2}, "p003": {3}, "p004": {3}, "p005": {3}}
    assert [out.prompt_id for out in design.left_out] == ["p001"]
    assert "imagen has 0" in design.left_out[0].reason
    assert [few.prompt_id for few in design.shown_with_fewer] == ["p000", "p002"]
    assert "imagen: 4 of 18 samples have no picture (4 filtered)." in design.notices
    assert "glide: 1 of 18 samples have no picture (1 black)." in design.notices


def test_prompts_of_one_run_only_are_listed(tmp_path: Path) -> None:
    one = small_run(tmp_path / "one", model="imagen")
    fewer = {"Colors": TEXTS["Colors"]}
    two = small_run(tmp_path / "two", model="glide", texts=fewer)
    design = _made(_options("side_by_side", one, two), tmp_path / "study")
    assert len(design.items_of("rating")) == 3
    assert [(out.prompt_id, out.reason) for out in design.left_out] == [
        (f"p00{n}", "not asked of glide") for n in (3, 4, 5)
    ]
    assert any("different benches" in notice for notice in design.notices)


def test_more_than_two_models(pair: tuple[Path, Path], tmp_path: Path) -> None:
    third = small_run(tmp_path / "three", model="dalle", samples=3, seed=3)
    every = plan_study(_options("side_by_side", *pair, third))
    pairs = Counter(tuple(arm[0].source for arm in i.arms) for i in every.items if i.role == "rating")
    assert pairs == {("imagen", "glide"): 6, ("imagen", "dalle"): 6, ("glide", "dalle"): 6}
    based = plan_study(_options("side_by_side", *pair, third, baseline="dalle"))
    pairs = Counter(tuple(arm[0].source for arm in i.arms) for i in based.items if i.role == "rating")
    assert pairs == {("imagen", "dalle"): 6, ("glide", "dalle"): 6}
    with pytest.raises(InputError, match="none of the models"):
        pairs_of(("a", "b"), "c")


def test_equal_input_gives_an_equal_design(pair: tuple[Path, Path], tmp_path: Path) -> None:
    first, second = (_made(_options("side_by_side", *pair, seed=4), tmp_path / f"s{n}") for n in range(2))
    assert first == second
    assert first.digest == second.digest
    other = _made(_options("side_by_side", *pair, seed=5), tmp_path / "s2")
    assert other.content_digest != first.content_digest
    plan = plan_study(_options("side_by_side", *pair, seed=4))
    random = create_study(plan, tmp_path / "s3").study.design
    assert random.digest != first.digest
    assert random.content_digest == first.content_digest


def test_the_seed_draws_prompts_and_samples(pair: tuple[Path, Path]) -> None:
    drawn = set()
    for seed in range(6):
        plan = plan_study(_options("side_by_side", *pair, prompts=3, samples=1, seed=seed))
        rated = [item for item in plan.items if item.role == "rating"]
        assert len(rated) == 3
        drawn.add(tuple(sorted((item.prompt_id, item.arms[0][0].index) for item in rated)))
        assert f"3 of 6 prompts, drawn at random with seed {seed}." in plan.notices
    assert len(drawn) > 1


def test_draws_are_fair_and_nested() -> None:
    prompts = [Prompt(f"p{n}", "x") for n in range(10)]
    first = Counter(draw_order(seed, prompts)[0].id for seed in range(2000))
    assert set(first) == {prompt.id for prompt in prompts}
    assert all(140 < count < 260 for count in first.values())
    assert draw_samples(1, "p", range(8), 3) == draw_samples(1, "p", range(8), 8)[:3]
    assert draw_samples(1, "p", (2, 5), 8) in ((2, 5), (5, 2))


def test_the_papers_words_for_people() -> None:
    texts = [
        "A man rides",
        "two WOMEN",
        "a woman's hat",
        "a manhole",
        "snowman",
        "Lady bug",
        "a player piano",
    ]
    prompts = [Prompt(f"p{n}", text) for n, text in enumerate(texts)]
    kept, out = without_people(prompts)
    assert [prompt.text for prompt in kept] == ["a manhole", "snowman"]
    assert out[0].reason == "names people (man)"
    assert len(PEOPLE) == 21


def test_the_most_unlike_prompt_is_of_another_category() -> None:
    prompts = [
        Prompt("a", "a red apple on a table", "one"),
        Prompt("b", "a blue boat", "one"),
        Prompt("c", "two apples on a red table", "two"),
        Prompt("d", "a dog in the snow", "two"),
    ]
    found = most_unlike(prompts[0], prompts, 0)
    assert found is not None
    assert found.id == "d"
    assert most_unlike(prompts[0], prompts[:1], 0) is None
    alone = most_unlike(prompts[0], prompts[:2], 0)
    assert alone is not None
    assert alone.id == "b", "one category: the other text"


@pytest.mark.parametrize(
    ("preset", "kind", "expected"),
    [
        ("imagen-coco", "realism", {"quota": 73, "items_per_rater": 50, "strict": True, "control_gate": 0.8}),
        ("imagen-coco", "alignment", {"quota": 51, "items_per_rater": 50, "control_gate": 0.8}),
    ],
)
def test_coco_preset(preset: str, kind: Kind, expected: dict[str, Any], tmp_path: Path) -> None:
    design = _made(_options(kind, scenes_run(tmp_path / "run"), preset=preset), tmp_path / "study")
    assert {name: getattr(design, name) for name in expected} == expected
    assert design.items_of("control")
    assert "200 prompts were asked for; there are 8." in design.notices
    assert design.preset == preset


@pytest.mark.parametrize(("pages", "every", "controls"), [(50, 10, 5), (200, 10, 5), (25, 5, 5), (16, 3, 6)])
def test_a_rater_meets_about_five_control_trials(pages: int, every: int, controls: int) -> None:
    settings = with_controls(StudySettings(items_per_rater=50), pages)
    assert (settings.control_every, settings.controls) == (every, controls)
    assert with_controls(StudySettings(control_every=0), pages).controls == 0
    assert with_controls(StudySettings(controls=2), pages).controls == 2


def test_drawbench_preset(tmp_path: Path) -> None:
    runs = [small_run(tmp_path / name, model=name, samples=8, seed=n) for n, name in enumerate("ab")]
    design = _made(_options("side_by_side", *runs, preset="imagen-drawbench"), tmp_path / "study")
    assert design.nesting == "category"
    assert design.cells == ("Colors", "Counting")
    assert {len(arm.pictures) for item in design.items_of("rating") for arm in item.arms} == {8}
    assert (design.quota, design.items_per_rater, design.control_gate, design.control_every) == (25, 0, 0, 0)
    assert not design.items_of("control")
    assert design.raters_per_cell == 25
    assert raters_needed(design) == {"Colors": 25, "Counting": 25}
    assert [question.name for question in design.questions] == ["quality", "text"]


def test_departures_from_a_preset_are_recorded(tmp_path: Path) -> None:
    run = scenes_run(tmp_path / "run")
    design = _made(_options("realism", run, preset="imagen-coco", strict=False, quota=5), tmp_path / "study")
    assert "Departs from imagen-coco: strict is False, not True." in design.notices
    assert "Departs from imagen-coco: quota is 5, not 73." in design.notices


def _bad(tmp_path: Path, case: str) -> CreateOptions:
    """Options that make no study."""
    one = small_run(tmp_path / "one", model="imagen", samples=2, seed=1)
    two = small_run(tmp_path / "two", model="glide", samples=2, seed=2)
    other_texts = {"Colors": ("a cat", "a dog", "a cow")}
    match case:
        case "one run":
            return _options("side_by_side", one)
        case "no run":
            return CreateOptions("realism", ())
        case "same run twice":
            return _options("side_by_side", one, one)
        case "two of one name":
            return _options("side_by_side", one, small_run(tmp_path / "three", model="imagen", seed=9))
        case "named reference":
            return _options("side_by_side", one, f"reference={two}")
        case "named made":
            return _options("side_by_side", one, f"made:x={two}")
        case "no name":
            return _options("side_by_side", one, f"={two}")
        case "no folder":
            return _options("side_by_side", one, tmp_path / "absent")
        case "other prompts":
            return _options("side_by_side", one, small_run(tmp_path / "three", model="x", texts=other_texts))
        case "nothing in common":
            prompts = [Prompt("q0", "a cat")]
            return _options("side_by_side", one, small_run(tmp_path / "three", model="x", prompts=prompts))
        case "unfinished":
            return _options("side_by_side", one, small_run(tmp_path / "three", model="x", unmade=("p001",)))
        case "without pictures":
            failures = {(f"p00{n}", i): Failure("nan", "no") for n in range(6) for i in range(2)}
            run = small_run(tmp_path / "three", model="x", samples=2, failures=failures)
            return _options("side_by_side", one, run)
        case "plain folders only":
            (tmp_path / "plain").mkdir()
            blocks((8, 8), 1).save(tmp_path / "plain" / "p000.png")
            return _options("alignment", tmp_path / "plain")
        case "empty folder":
            (tmp_path / "plain").mkdir()
            return _options("side_by_side", one, tmp_path / "plain")
        case "realism without reference":
            return _options("realism", one)
        case "realism with none":
            return _options("realism", one, reference="none")
        case "sides with reference":
            return _options("side_by_side", one, two, reference="scenes")
        case "unknown baseline":
            return _options("side_by_side", one, two, baseline="dalle")
        case "unknown preset":
            return _options("side_by_side", one, two, preset="imagen-parti")
        case "preset of another kind":
            return _options("side_by_side", one, two, preset="imagen-coco")
        case "strict sides":
            return _options("side_by_side", one, two, strict=True)
        case "nine samples":
            return _options("side_by_side", one, two, samples=9)
        case "controls never shown":
            return _options("side_by_side", one, two, controls=3, control_every=0)
        case "enlarging one side":
            large = small_run(tmp_path / "large", model="x", size=(96, 96))
            return _options("side_by_side", one, large, size=64)
        case "only people":
            texts = {"a": ("a man", "a woman")}
            return _options("alignment", small_run(tmp_path / "people", texts=texts), no_people=True)
        case "nested without categories":
            prompts = [Prompt("q0", "a cat"), Prompt("q1", "a dog")]
            runs = [small_run(tmp_path / n, model=n, prompts=prompts) for n in ("x", "y")]
            return _options("side_by_side", *runs, nesting="category")
        case "title with a model":
            return _options("side_by_side", one, two, title="Is Imagen better?")
        case "name with a model":
            return _options("side_by_side", one, two, name="imagen-against-glide")
        case "name that is none":
            return _options("side_by_side", one, two, name="a b/c")
        case "broken manifest":
            (two / "manifest.json").write_text("{")
            return _options("side_by_side", one, two)
        case "changed picture":
            blocks((48, 48), 99).save(two / "images" / "p002" / "0.png")
            return _options("side_by_side", one, two)
        case "deleted picture":
            (two / "images" / "p002" / "0.png").unlink()
            return _options("side_by_side", one, two)
        case "cut picture":
            path = two / "images" / "p002" / "0.png"
            path.write_bytes(path.read_bytes()[:100])
            return _options("side_by_side", one, two)
    raise AssertionError(case)


_BAD = {
    "one run": "at least two runs",
    "no run": "at least one run",
    "same run twice": "given twice",
    "two of one name": "two models are called 'imagen'",
    "named reference": "cannot be called",
    "named made": "cannot be called",
    "no name": "cannot be called",
    "no folder": "is no folder",
    "other prompts": "different prompts",
    "nothing in common": "no prompt in common",
    "unfinished": "not finished",
    "without pictures": "has no picture",
    "plain folders only": "plain folder",
    "empty folder": "no picture for any prompt",
    "realism without reference": "no reference of their own",
    "realism with none": "needs reference pictures",
    "sides with reference": "--reference is for",
    "unknown baseline": "none of the models",
    "unknown preset": "no preset",
    "preset of another kind": "is for realism and alignment",
    "strict sides": "--strict",
    "nine samples": "--samples must be 1 to 8",
    "controls never shown": "--control-every",
    "enlarging one side": "would enlarge",
    "only people": "names people",
    "nested without categories": "no category",
    "title with a model": "names the model",
    "name with a model": "names the model",
    "name that is none": "must be letters",
    "broken manifest": "cannot be read",
    "changed picture": "sha256 differs",
    "deleted picture": "not there",
    "cut picture": "sha256 differs",
}


@pytest.mark.parametrize("case", _BAD)
def test_what_makes_no_study_is_refused_and_leaves_nothing(case: str, tmp_path: Path) -> None:
    target = tmp_path / "made" / "study"
    with pytest.raises(InputError, match=_BAD[case]) as error:
        create_study(plan_study(_bad(tmp_path, case)), target)
    assert "\n" not in str(error.value)
    assert not target.exists()
    assert not list((tmp_path / "made").glob("*")) or not (tmp_path / "made").exists()


@pytest.mark.parametrize("kind", ["side_by_side", "alignment"])
@pytest.mark.parametrize("name", ["first", "image", "real", "caption"])
def test_a_models_name_may_be_a_word_of_the_suites_own_texts(
    kind: Kind, name: str, pair: tuple[Path, Path], tmp_path: Path
) -> None:
    options = _options(kind, f"{name}={pair[0]}", pair[1], controls=0, practice=0, samples=1)
    design = _made(options, tmp_path / "study")
    assert name in {model.name for model in design.models}


@pytest.mark.parametrize("field", ["title", "instructions", "consent", "completion_url", "completion_code"])
def test_a_text_of_ones_own_that_names_a_model_is_refused(
    field: str, pair: tuple[Path, Path], tmp_path: Path
) -> None:
    text = "https://example.org/Caption" if field == "completion_url" else "A Caption of ours."
    options = _options("side_by_side", f"caption={pair[0]}", pair[1], practice=0, **{field: text})
    with pytest.raises(InputError, match=r"is shown to raters and names the model 'caption'.*NAME=RUN"):
        plan_study(options)
    renamed = _options("side_by_side", f"mine={pair[0]}", pair[1], controls=0, practice=0, **{field: text})
    _made(renamed, tmp_path / "study")


def test_a_study_is_never_overwritten(pair: tuple[Path, Path], tmp_path: Path) -> None:
    plan = plan_study(_options("side_by_side", *pair, controls=0, practice=0))
    target = tmp_path / "study"
    for make in (target.mkdir, lambda: (target.rmdir(), target.write_text("mine"))):
        make()
        with pytest.raises(InputError, match="exists"):
            create_study(plan, target)
    assert target.read_text() == "mine"


def test_a_read_only_folder_is_said(pair: tuple[Path, Path], tmp_path: Path) -> None:
    if os.geteuid() == 0:
        target = Path("/proc/study")
    else:
        (tmp_path / "locked").mkdir(mode=0o500)
        target = tmp_path / "locked" / "study"
    with pytest.raises(InputError, match="cannot write"):
        create_study(plan_study(_options("side_by_side", *pair, controls=0, practice=0)), target)


def test_private_files_are_private(pair: tuple[Path, Path], tmp_path: Path) -> None:
    plan = plan_study(_options("side_by_side", *pair, controls=0, practice=0))
    written = create_study(plan, tmp_path / "study", database_url="postgresql+psycopg://u:secret@h/d")
    for name in ("secret.key", "admin.hash", "database.url"):
        assert (tmp_path / "study" / name).stat().st_mode & 0o777 == 0o600
    assert written.study.is_admin(written.admin_token)
    everything = b"".join(p.read_bytes() for p in (tmp_path / "study").rglob("*") if p.is_file())
    assert written.admin_token.encode() not in everything
    assert written.study.database_url == "postgresql+psycopg://u:secret@h/d"
    assert json.loads((tmp_path / "study" / "design.json").read_text())["kind"] == "side_by_side"


_CREATE = """
import sys
from pathlib import Path
from human_eval_app.studies.create import CreateOptions, create_study, plan_study
from human_eval_app.pictures.model_folders import ModelGiven
models = tuple(ModelGiven(Path(folder)) for folder in sys.argv[2:])
plan = plan_study(CreateOptions("side_by_side", models, settings={"samples": 8}))
print("planned", flush=True)
create_study(plan, Path(sys.argv[1]), secret=b"k" * 32)
print("created", flush=True)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL")
def test_killed_at_any_moment_the_folder_is_whole_or_not_there(tmp_path: Path) -> None:
    runs = [
        small_run(tmp_path / name, model=name, samples=8, size=(160, 160), seed=n)
        for n, name in enumerate(("imagen", "glide"))
    ]
    target = tmp_path / "studies" / "study"
    killed = 0
    for delay in (0.0, 0.05, 0.1, 0.2, 0.4):
        process = subprocess.Popen(
            [sys.executable, "-c", _CREATE, str(target), *map(str, runs)], stdout=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        assert process.stdout.readline() == "planned\n"
        time.sleep(delay)
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()
        if target.exists():
            Study.open(target).verify()
            shutil.rmtree(target)
        else:
            killed += 1
    assert killed, "no attempt was killed before its end"
    models = tuple(map(ModelGiven, runs))
    plan = plan_study(CreateOptions("side_by_side", models, settings={"samples": 8}))
    create_study(plan, target, secret=SECRET).study.verify()
    assert [path.name for path in target.parent.iterdir()] == ["study"], "what was left behind is gone"
    assert {path.suffix for path in (target / "pictures").iterdir()} == {".png"}
