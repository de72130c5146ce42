"""Written-text metrics on real pictures of text, read by the real OCR."""

from __future__ import annotations

import csv
import hashlib
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from drawbench.errors import InputError
from drawbench.types import Prompt
from harness.extractors.base import ImageObserver, Setting
from harness.extractors.ocr import build, missing
from harness.metrics import find_metric
from harness.metrics.base import Explains, Inputs, Observes, PerImageMetric, Selective
from harness.metrics.written_text import WRITTEN_TEXT_METRICS
from harness.quoted_text import quoted
from harness.score import score_samples
from harness.score_plan import ScorePlan, choose_metrics
from harness.types import Sample

ACCURACY, SIMILARITY = WRITTEN_TEXT_METRICS
PLAN = ScorePlan(metrics=("written_text_accuracy", "written_text_similarity"))


def _written(*lines: str, size: int = 256, letters: int = 34) -> np.ndarray:
    picture = Image.new("RGB", (size, size), (250, 246, 238))
    draw = ImageDraw.Draw(picture)
    font = ImageFont.load_default(letters)
    for row, line in enumerate(lines):
        draw.text((12, 20 + row * (letters + 14)), line, fill=(20, 30, 60), font=font)
    return np.asarray(picture)


def _inputs(captions: list[str], read: list[list[str]]) -> Inputs:
    return Inputs(
        features={},
        captions=captions,
        clusters=np.arange(len(captions)),
        identities={"ocr": "reader-1|t0.5"},
        embed=lambda name, texts: pytest.fail("no text is embedded"),
        observations={"ocr": [[[line, 0.9, []] for line in lines] for lines in read]},
    )


def test_values_and_reasons_by_hand() -> None:
    inputs = _inputs(
        ["a sign 'Hello'", "a sign 'Hello'", "a red car", "'one' and 'two'"],
        [["HELLO!"], ["Hallo"], ["Ford"], ["two"]],
    )
    np.testing.assert_array_equal(ACCURACY.per_image(inputs), [1.0, 0.0, np.nan, 0.0])
    similarity = SIMILARITY.per_image(inputs)
    np.testing.assert_allclose(similarity[[0, 1]], [1.0, 0.8])
    assert np.isnan(similarity[2])
    assert similarity[3] == pytest.approx((1 + 1 / 3) / 2)
    assert ACCURACY.reasons(inputs) == [
        "right: asked for 'Hello'; read 'HELLO!'",
        "wrong: asked for 'Hello'; read 'Hallo'",
        None,
        "wrong: asked for 'one', 'two'; read 'two'",
    ]
    (nothing,) = ACCURACY.reasons(_inputs(["'x'"], [[]]))
    assert nothing == "wrong: asked for 'x'; read nothing"
    (many,) = ACCURACY.reasons(_inputs(["'x'"], [[f"l{i}" for i in range(10)]]))
    assert str(many).endswith("'l7' and 2 lines more")
    identity = ACCURACY.identity(inputs)
    assert identity == "written_text_accuracy[reader-1|t0.5|no-case|no-punctuation|rules1|png]"


def test_kinds() -> None:
    for metric in WRITTEN_TEXT_METRICS:
        assert find_metric(metric.name) is metric
        for kind in (PerImageMetric, Selective, Observes):
            assert isinstance(metric, kind)
        assert isinstance(metric, Explains) == (metric is ACCURACY)
        assert metric.applies(Prompt("a", "a 'b'"))
        assert not metric.applies(Prompt("a", "a b"))


def test_prompts_without_quotes_are_refused_by_name_and_never_chosen() -> None:
    plain = [Prompt("a", "a red car")]
    with pytest.raises(InputError, match="no prompt asks for a text in quotation marks"):
        choose_metrics(PLAN, prompts=plain)
    assert not {m.name for m in WRITTEN_TEXT_METRICS} & set(choose_metrics(ScorePlan(), prompts=plain).names)


def test_without_the_package_one_line_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    import importlib.util

    real = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util,
        "find_spec",
        lambda name, *a: None if name == "rapidocr_onnxruntime" else real(name, *a),
    )
    problem = missing(Setting())
    assert problem is not None
    assert problem.startswith("reading text needs the package rapidocr-onnxruntime; install it with")
    with pytest.raises(InputError, match="pip install rapidocr-onnxruntime"):
        choose_metrics(PLAN, prompts=[Prompt("a", "a 'b'")])


@pytest.fixture(scope="module")
def reader() -> Any:
    pytest.importorskip("rapidocr_onnxruntime")
    return build(Setting())


def test_the_reader_reads_and_says_where(reader: Any) -> None:
    assert isinstance(reader, ImageObserver)
    blank = np.full((96, 96, 3), 200, np.uint8)
    told = reader.observe_images([_written("Hello World"), blank, _written("OPEN", "daily")])
    assert told == reader.observe_images([_written("Hello World")]) + reader.observe_images(
        [blank, _written("OPEN", "daily")]
    )
    ((text, sure, corners),) = told[0]
    assert text.replace(" ", "") == "HelloWorld"
    assert 0.8 < sure <= 1
    assert len(corners) == 4
    assert all(0 <= x <= 256 and 10 <= y <= 80 for x, y in corners)
    assert told[1] == []
    assert [line[0] for line in told[2]] == ["OPEN", "daily"]
    assert reader.identity.startswith("rapidocr-onnxruntime-")


def test_colours_reach_the_reader_in_its_own_order(reader: Any) -> None:
    """Given red as blue it would still read black on white; red on blue differs in grey by the order."""
    seen: list[np.ndarray] = []
    red = np.zeros((40, 40, 3), np.uint8)
    red[..., 0] = 255

    def spy(image: np.ndarray) -> tuple[None, None]:
        seen.append(image)
        return None, None

    type(reader)(spy, "x").observe_images([red])
    assert seen[0][0, 0].tolist() == [0, 0, 255]


def _drawbench_texts() -> list[str]:
    root = Path(__file__).parents[3]
    folder = Path(os.environ.get("DRAWBENCH_TEST_DATA") or root.parent / "shared" / "data")
    if not (folder / "drawbench.csv").is_file():
        pytest.skip(f"no drawbench.csv in {folder}; set DRAWBENCH_TEST_DATA to a folder that has it")
    with (folder / "drawbench.csv").open(encoding="utf-8", newline="") as file:
        return [row["Prompts"] for row in csv.DictReader(file) if row["Category"].strip() == "Text"]


def test_drawbenchs_text_prompts_end_to_end(
    reader: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All 21: the right words for every third, the words of another prompt, and words with two errors."""
    monkeypatch.setenv("DRAWBENCH_CACHE", str(tmp_path / "cache"))
    texts = _drawbench_texts()
    prompts = {f"p{i}": Prompt(f"p{i}", text, "Text") for i, text in enumerate(texts)}
    prompts["plain"] = Prompt("plain", "a red car", "Colors")
    samples = []
    for i, prompt in enumerate(prompts.values()):
        asked = (quoted(prompt.text) or ("Ford",))[0]
        other = quoted(texts[(i + 1) % len(texts)])[0]
        spoilt = f"{asked[0]}Z{asked[2:-2]}W{asked[-1]}"
        shown = (asked, other, spoilt)[i % 3] if prompt.id != "plain" else asked
        path = tmp_path / f"{prompt.id}.png"
        lines = [" ".join(shown.split()[k : k + 2]) for k in range(0, len(shown.split()), 2)]
        Image.fromarray(_written(*lines, size=320, letters=36)).save(path)
        sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
        samples.append(Sample(prompt.id, prompt.id, 0, 0, "ok", path.name, sha256))
    samples.append(Sample("lost", "p0", 1, 0, "black"))
    samples.append(Sample("lost2", "plain", 1, 0, "black"))
    result = score_samples(samples, prompts, tmp_path, PLAN)
    good = [row for row in result.per_sample if row.status == "ok"]
    by_metric = {
        name: {row.prompt_id: row for row in good if row.metric == name} for name in PLAN.metrics or ()
    }
    accuracy = [by_metric["written_text_accuracy"][f"p{i}"].value for i in range(21)]
    assert accuracy == [1.0, 0.0, 0.0] * 7
    similarity = np.array([by_metric["written_text_similarity"][f"p{i}"].value for i in range(21)])
    assert (similarity[::3] == 1).all()
    assert ((similarity[2::3] >= 0.7) & (similarity[2::3] < 1)).sum() >= 5
    assert similarity[1::3].mean() < 0.6
    assert by_metric["written_text_accuracy"]["plain"].value is None
    assert str(by_metric["written_text_accuracy"]["p0"].reason).startswith(
        "right: asked for 'Hello World'; read"
    )
    (overall,) = [s for s in result.scores if s.metric == "written_text_accuracy" and s.category is None]
    assert (overall.n, overall.value) == (21, pytest.approx(1 / 3, rel=1e-6))
    assert overall.if_failed == pytest.approx((7 / 22, 8 / 22))  # only the lost picture with a quote counts
    assert [s.category for s in result.scores if s.metric == "written_text_accuracy"] == [None, "Text"]
