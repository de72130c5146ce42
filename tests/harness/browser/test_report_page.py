"""The report in a real browser: nothing fails, and everything can be reached by keyboard."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from harness.report.findings import find
from harness.report.page import write_page
from harness.run_view import RunView
from harness.types import Failure, Score

if TYPE_CHECKING:
    from playwright.sync_api import Page

TEXTS = {
    "Colours": ["a red cube", "a blue </script><img src=x onerror=alert(1)> cube", "two green cubes"],
    "Counts": ["two cats", "nine dogs", "three \u2028birds"],
}
COUNT = 6
A = {(f"p{n:03d}", i): 0.5 + 0.05 * n for n in range(COUNT) for i in range(2)}
CHANGES = [-0.2, -0.4, -0.1, 0.3, 0.05, -0.3]
B = {(f"p{n:03d}", i): A[f"p{n:03d}", i] + CHANGES[n] for n in range(COUNT) for i in range(2)}
OpenPage = Callable[..., "Page"]
CONTROLS = "main a[href], main button, main select, main input, main summary"
FOCUSED = f"""() => {{
  const at = document.activeElement;
  const style = getComputedStyle(at);
  const outlined = style.outlineStyle !== "none" && style.outlineWidth !== "0px";
  return [[...document.querySelectorAll("{CONTROLS}")].indexOf(at), outlined];
}}"""


def _scores(shift: float) -> list[Score]:
    values: list[tuple[str | None, float]] = [(None, 0.6), ("Colours", 0.55), ("Counts", 0.7)]
    return [
        Score(
            "align_conse",
            v + shift,
            v + shift - 0.1,
            v + shift + 0.1,
            12,
            "align_conse[x|png]",
            "higher",
            "t",
            c,
        )
        for c, v in values
    ]


@pytest.fixture
def page_file(make_run: Callable[..., Path], tmp_path: Path) -> Path:
    """A report of two runs; B's p005 has no pictures."""
    a = make_run(
        TEXTS, samples_per_prompt=2, values=A, scores=_scores(0), name="a", reasons={"p001": "<b>saw</b>"}
    )
    b = make_run(
        TEXTS,
        samples_per_prompt=2,
        values={place: value for place, value in B.items() if place[0] != "p005"},
        scores=_scores(-0.05),
        name="b",
        settings={"guidance_scale": 9},
        failures={"p005": Failure("filtered", "<i>said no</i>")},
    )
    return write_page(
        find([RunView.load(a), RunView.load(b)]), tmp_path / "report.html", command=["drawbench"]
    )


def _shown(page: Page) -> list[str]:
    """The ids of the visible cards, in the page's order."""
    found: list[str] = page.eval_on_selector_all(
        ".card:not([hidden])", "cards => cards.map((card) => card.querySelector('code').textContent)"
    )
    return found


@pytest.mark.parametrize(("width", "dark"), [(1280, False), (390, True)])
def test_no_serious_finding_of_axe_and_no_sideways_scrolling(
    page_file: Path, open_page: OpenPage, width: int, dark: bool
) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright")
    page = open_page(page_file, width=width, dark=dark)
    page.add_style_tag(content=".card { content-visibility: visible !important; }")  # or axe passes over it
    findings = axe.Axe().run(page).response["violations"]
    grave: list[Any] = [
        (f["id"], [node["html"] for node in f["nodes"][:3]])
        for f in findings
        if f["impact"] in ("serious", "critical")
    ]
    assert grave == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_orders_and_filters(page_file: Path, open_page: OpenPage) -> None:
    page = open_page(page_file)
    bench = [f"p{n:03d}" for n in range(COUNT)]
    assert _shown(page) == bench
    order = page.get_by_label("Order")
    order.select_option("down")
    # p005 has no value in B, so it comes last.
    assert _shown(page) == ["p001", "p000", "p002", "p004", "p003", "p005"]
    assert page.locator("#sorted h3").inner_text() == "align_conse, greatest loss first"
    order.select_option("up")
    assert _shown(page) == ["p003", "p004", "p002", "p000", "p001", "p005"]
    order.select_option("apart")
    assert _shown(page) == ["p001", "p003", "p000", "p002", "p004", "p005"]
    means = {n: A[f"p{n:03d}", 0] + CHANGES[n] / 2 for n in range(5)} | {5: A["p005", 0]}
    ranked = [f"p{n:03d}" for n in sorted(means, key=lambda n: -means[n])]
    order.select_option("best")
    assert _shown(page) == ranked
    order.select_option("worst")
    assert _shown(page) == ranked[::-1]
    order.select_option("")
    page.locator("select[name=category]").select_option("Counts")
    assert _shown(page) == ["p003", "p004", "p005"]
    page.locator("select[name=status]").select_option("filtered")
    assert _shown(page) == ["p005"]
    page.locator("select[name=status]").select_option("")
    page.locator("select[name=category]").select_option("")
    page.get_by_label("Prompt contains").fill("CUBE two")
    assert _shown(page) == ["p002"]
    assert page.locator("output").inner_text() == "1 of 6 prompts"


def test_a_card_says_what_changed(page_file: Path, open_page: OpenPage) -> None:
    page = open_page(page_file)
    card = page.locator("#prompt-1")
    text = card.text_content() or ""
    assert "A 0.550 → B 0.150 (−0.400)" in text
    assert "<b>saw</b>" in text
    assert card.locator("figure").count() == 4
    assert card.locator("a").first.get_attribute("href") == "a/images/p001/0.png"


def test_the_leaderboard_is_sorted_by_keyboard(page_file: Path, open_page: OpenPage) -> None:
    page = open_page(page_file)
    head = page.locator("table.board th", has_text="align_conse")
    first = page.locator("table.board tbody tr").first
    head.get_by_role("button").focus()
    page.keyboard.press("Enter")
    assert head.get_attribute("aria-sort") == "descending"
    assert first.inner_text().startswith("A")
    page.keyboard.press("Space")
    assert head.get_attribute("aria-sort") == "ascending"
    assert first.inner_text().startswith("B")
    assert page.locator("table.board th[aria-sort=ascending]").count() == 1


def test_the_keyboard_reaches_everything_and_shows_where_it_is(page_file: Path, open_page: OpenPage) -> None:
    page = open_page(page_file)
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    assert page.evaluate("location.hash") == "#scores"
    wanted = page.evaluate(f"document.querySelectorAll('{CONTROLS}').length")
    seen: set[int] = set()
    for _ in range(wanted + 20):
        page.keyboard.press("Tab")
        place, outlined = page.evaluate(FOCUSED)
        if place >= 0:
            assert outlined
            seen.add(place)
    assert len(seen) == wanted


def test_without_a_script_everything_is_there(page_file: Path, browser: Any) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(page_file.as_uri())
    assert page.locator(".card:visible").count() == COUNT
    assert page.locator("form.controls:visible").count() == 0
    context.close()


def test_print_shows_what_is_folded_and_no_controls(page_file: Path, open_page: OpenPage) -> None:
    page = open_page(page_file, width=760)
    page.emulate_media(media="print")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert page.locator("details:not([open])").count() == 0
    assert page.locator("form.controls:visible, nav:visible").count() == 0
    assert page.evaluate("document.documentElement.scrollWidth") <= 760
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert page.locator("details[open]").count() == 0
