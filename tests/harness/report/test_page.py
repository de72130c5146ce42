from __future__ import annotations

import base64
import hashlib
import io
import json
import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import numpy as np
import pytest
from PIL import Image

from drawbench.errors import InputError
from harness.pictures import encode_png
from harness.report import cards
from harness.report.categories import category_tables
from harness.report.lineup import Lineup
from harness.report.numbers import format_number, format_short
from harness.report.page import write_report
from harness.report.thumbnails import thumbnail
from harness.run_view import RunView
from harness.types import Failure, Score

MakeRun = Callable[..., Path]

HOSTILE = [
    "<script>alert('prompt')</script>",
    '"><img src=x onerror=alert(1)>',
    "</style></script><b>bold</b> & {{ 7 * 7 }} {% raw %}",
    "' onmouseover='alert(2)",
    "\u2028line \u202e reversed \x00\x1b[0m",
]


class _Page(HTMLParser):
    """All elements with their attributes, and the text of the elements asked for."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[tuple[str, str]] = []
        self._open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        while self._open and self._open.pop() != tag:
            pass

    def handle_data(self, data: str) -> None:
        if data.strip():
            self.texts.append((self._open[-1] if self._open else "", data.strip()))

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]

    @property
    def text(self) -> str:
        return " ".join(text for tag, text in self.texts if tag not in ("script", "style"))


def _score(value: float, category: str | None = None, **changes: object) -> Score:
    fields: dict[str, object] = {
        "metric": "align_conse",
        "value": value,
        "low": value - 0.05,
        "high": value + 0.05,
        "n": 4,
        "identity": "align_conse[lite0:ab12|k=50]",
        "direction": "higher",
        "method": "bootstrap over prompts",
        "category": category,
    }
    return Score(**{**fields, **changes})  # type: ignore[arg-type]


def _read(run_dir: Path) -> _Page:
    path = write_report(run_dir)
    assert path == run_dir / "report.html"
    return _Page(path.read_text(encoding="utf-8"))


def test_everything_a_reader_needs_is_on_the_page(make_run: MakeRun) -> None:
    run_dir = make_run(
        {"Colours": ["a red cube", "a blue cube"], "Counts": ["two cats", "nine dogs"]},
        failures={"p003": Failure("filtered", "the safety filter said no")},
        scores=[
            _score(0.21, if_failed=(0.1, 0.4)),
            _score(0.25, "Colours", n=2),
            _score(0.17, "Counts", n=1),
            _score(
                143.21, metric="fd_effnet_lite0", low=137.9, high=149.4, identity="fd[x]", direction="lower"
            ),
        ],
        values={"p000": 0.3, "p001": 0.2, "p002": 0.1},
        notices=("These are not the official prompts.",),
    )
    page = _read(run_dir)
    for said in (
        "striped on test-bench",
        "0.2100",
        "0.1600 to 0.2600",
        "0.1000 to 0.4000",
        "bootstrap over prompts",
        "143.2",
        "137.9 to 149.4",
        "It is no FID",
        "It is no CLIP score",
        "no Inception weights",
        "align_conse hardly sees colours.",
        "the safety filter said no",
        "a red cube",
        "python -m 'x <y>'",
    ):
        assert said in page.text, said
    assert "align_conse[lite0:ab12| k=50]" in page.text
    manifest = json.loads((run_dir / "manifest.json").read_text())
    summary = json.loads((run_dir / "summary.json").read_text())
    for fact in (
        manifest["run_hash"],
        manifest["bench"]["digest"],
        manifest["seed_rule"],
        manifest["created"],
    ):
        assert str(fact) in page.text
    for name, version in manifest["versions"].items():
        assert f"{name.replace('_', ' ')} {version}" in page.text
    assert summary["on_failure"] in page.text


def test_notices_come_before_everything_else(make_run: MakeRun) -> None:
    page = _read(make_run({"A": ["a"]}, notices=("Not the official <prompts>.", "Second.")))
    body = [text for tag, text in page.texts if tag in ("p", "h1", "h2", "h3", "dd")]
    assert body[:3] == ["Not the official <prompts>.", "Second.", "striped"]


def test_counts_add_up_to_what_was_planned(make_run: MakeRun) -> None:
    run_dir = make_run(
        {"A": ["a", "b", "c", "d"]},
        failures={"p001": Failure("black", "dark"), "p002": Failure("wrong_size", "32x32")},
        unmade=["p003"],
    )
    source = write_report(run_dir).read_text()
    counts = dict(
        re.findall(r"<dt>([a-z ]+)</dt><dd>(\d+)</dd>", source.split('class="counts"')[1].split("</dl>")[0])
    )
    assert counts == {
        "planned": "4",
        "ok": "1",
        "filtered": "0",
        "black": "1",
        "not a number": "0",
        "wrong size": "1",
        "error": "0",
        "not made yet": "1",
    }


def test_markup_in_prompts_and_reasons_stays_text(make_run: MakeRun) -> None:
    run_dir = make_run(
        {"<i>Cat & 'egory'</i>": HOSTILE},
        failures={"p001": Failure("error", "<script>alert('reason')</script>")},
        scores=[_score(0.2), _score(0.2, "<i>Cat & 'egory'</i>")],
        notices=("<b>notice</b>",),
    )
    page = _read(run_dir)
    assert [tag.get("type") for tag in page.all("script")] == ["application/json", None]
    assert {name for _, attributes in page.elements for name in attributes if name.startswith("on")} == set()
    assert {tag.get("class") for tag in page.all("b")} <= {"own", "letter"}
    assert not page.all("i")
    alternatives = [image["alt"] for image in page.all("img")]
    assert alternatives[0] == HOSTILE[0]
    assert alternatives[1] == HOSTILE[2]
    assert alternatives[2] == HOSTILE[3]
    assert HOSTILE[1] in page.text


def test_a_reason_stands_beside_its_picture(make_run: MakeRun) -> None:
    why = "asked for <i>a cat</i>; saw one dog"
    page = _read(make_run({"A": ["a cat", "a dog"]}, values={"p000": 0, "p001": 1}, reasons={"p000": why}))
    assert [element.get("class") for element in page.all("span")].count("why") == 1
    assert why in page.text
    assert not page.all("i")


def test_nothing_is_fetched_and_only_our_script_may_run(make_run: MakeRun) -> None:
    run_dir = make_run({"A": ["see https://example.org/x.png"]}, values={"p000": 0.5}, scores=[_score(0.5)])
    page = _read(run_dir)
    for _, attributes in page.elements:
        for name in ("src", "srcset", "data", "action", "poster"):
            assert (attributes.get(name) or "data:").startswith("data:")
        assert "style" not in attributes  # the policy would forbid none, but none is needed
        assert not re.match(r"[a-z]+:|//", attributes.get("href") or "")
    assert not page.all("link")
    style = next(text for tag, text in page.texts if tag == "style")
    assert "url(" not in style
    assert "@import" not in style
    policy = next(m["content"] for m in page.all("meta") if m.get("http-equiv") == "Content-Security-Policy")
    assert policy is not None
    assert policy.startswith("default-src 'none'; img-src data:;")
    script = re.search(r"<script>(.*)</script>", (run_dir / "report.html").read_text(), re.S)
    assert script is not None
    digest = base64.b64encode(hashlib.sha256(script[1].encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in policy


def test_pictures_carry_prompt_link_score_and_the_right_pixels(make_run: MakeRun) -> None:
    run_dir = make_run({"A": ["one", "two"], "B": ["three"]}, values={"p001": 0.125}, scores=[_score(0.2)])
    page = _read(run_dir)
    images = page.all("img")
    assert [image["alt"] for image in images] == ["one", "two", "three"]
    links = [a["href"] for a in page.all("a") if (a["href"] or "").startswith("images/")]
    assert len(links) == 3
    for image, link in zip(images, links, strict=True):
        assert link is not None
        with Image.open(run_dir / unquote(link)) as opened:
            original = np.asarray(opened.convert("RGB"))
        data = base64.b64decode((image["src"] or "").removeprefix("data:image/webp;base64,"))
        assert np.array_equal(np.asarray(Image.open(io.BytesIO(data)).convert("RGB")), original)
        assert (image["width"], image["height"]) == ("64", "64")
    data = json.loads(next(text for tag, text in page.texts if tag == "script"))
    assert data == {
        "metrics": [{"name": "align_conse", "direction": "higher", "decimals": 3}],
        "runs": ["A"],
        "cards": [[[[None]]], [[[0.125]]], [[[None]]]],
    }
    assert [card["data-category"] for card in page.all("article") if card.get("id")] == ["A", "A", "B"]
    assert [option.get("value") for option in page.all("option")][:4] == ["0", "", "best", "worst"]


def test_two_hundred_noisy_pictures_stay_under_15_megabytes(make_run: MakeRun) -> None:
    run_dir = make_run({"A": ["a prompt"] * 200}, size=(8, 8))
    noise = np.random.default_rng(0).integers(0, 256, (280, 280, 3)).astype(np.uint8)
    png = encode_png(Image.fromarray(noise))
    for picture in run_dir.glob("images/*/0.png"):
        picture.write_bytes(png)
    page = _read(run_dir)
    assert len(page.all("img")) == 200
    assert (run_dir / "report.html").stat().st_size < 15_000_000


def test_a_large_run_shows_a_part_and_says_so(make_run: MakeRun, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cards, "MAX_PICTURES", 20)
    page = _read(make_run({"A": ["a"] * 25, "B": ["b"] * 5}, size=(4, 4), finished=False))
    assert len(page.all("img")) == 20
    assert [image["alt"] for image in page.all("img")].count("b") == 5
    assert "20 of 30 prompts, the first of each category" in page.text


def test_an_unfinished_run_and_a_damaged_picture_are_reported_as_such(make_run: MakeRun) -> None:
    run_dir = make_run({"": ["one", "two", "three"]}, unmade=["p002"], finished=False)
    (run_dir / "images/p000/0.png").write_bytes(b"")
    page = _read(run_dir)
    assert "This run has no scores yet." in page.text
    assert "The run is not finished" in page.text
    assert "unreadable" in page.text
    assert "No category" in page.text


def test_every_link_within_the_page_has_its_target(make_run: MakeRun) -> None:
    run_dir = make_run(
        {"A": ["a", "b"]},
        failures={"p001": Failure("error", "x")},
        scores=[_score(0.2), _score(0.2, "A")],
    )
    page = _read(run_dir)
    identifiers = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(identifiers) == len(set(identifiers))
    for anchor in page.all("a"):
        target = anchor["href"] or ""
        if target.startswith("#"):
            assert target[1:] in identifiers
        else:
            assert (run_dir / unquote(target)).is_file()
    for _, attributes in page.elements:
        if "aria-labelledby" in attributes:
            assert attributes["aria-labelledby"] in identifiers


def test_category_tables_share_one_axis_and_end_with_all(make_run: MakeRun) -> None:
    scores = (_score(0.2), _score(0.1, "A"), _score(float("nan"), "B"), _score(9.0, metric="other"))
    run = RunView.load(make_run({"A": ["a"], "B": ["b"]}, scores=scores))
    (table,) = category_tables(Lineup.of([run]))
    assert [row.name for row in table.rows] == ["A", "B", "All"]
    assert "circle" in table.rows[0].plot
    assert "circle" not in table.rows[1].plot


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.17034, "0.1703"),
        (28.291, "28.29"),
        (143.21, "143.2"),
        (12345.6, "12,346"),
        (-0.5, "−0.5000"),
        (0.0, "0"),
        (1e-7, "1.000e−07"),
        (float("nan"), "n/a"),
        (None, "n/a"),
    ],
)
def test_numbers_are_written_with_four_figures(value: float | None, text: str) -> None:
    assert format_number(value) == text


@pytest.mark.parametrize(
    ("largest", "texts"), [(0.3, ["0.035", "−0.200"]), (34.0, ["0.04", "−0.20"]), (143.0, ["0.0", "−0.2"])]
)
def test_pictures_own_values_have_the_decimals_of_their_metric(largest: float, texts: list[str]) -> None:
    assert [format_short(value, largest) for value in (0.03539, -0.2)] == texts


@pytest.mark.parametrize(
    ("size", "expected"), [((1024, 512), (256, 128)), ((64, 48), (64, 48)), ((1, 1), (1, 1))]
)
def test_thumbnails_keep_proportions(size: tuple[int, int], expected: tuple[int, int]) -> None:
    small = thumbnail(Image.new("RGB", size, "teal"), 50_000)
    assert small.size == expected
    assert small.pixelated == (max(size) <= 64)


def test_a_folder_that_cannot_be_reported_on_is_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no run folder"):
        write_report(tmp_path)


def test_a_limit_over_the_number_of_pictures_is_drawn(make_run: MakeRun) -> None:
    curve = {"counts": [4000.0, 2000.0], "values": [1.25, 1.5], "slope": 1000.0}
    limit = _score(1.0, metric="fid_infinity", direction="lower", curve=curve)
    page = write_report(make_run({"A": ["one"]}, scores=[limit, _score(0.2)])).read_text(encoding="utf-8")
    assert page.count("N → ∞") == 1
    assert 'aria-label="fid_infinity over one by the number of pictures, with its limit 1"' in page
