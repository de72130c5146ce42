"""The index of all runs in a real browser."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from harness.report.page import write_report
from harness.results_index import write_index
from harness.types import Score

if TYPE_CHECKING:
    from playwright.sync_api import Page

OpenPage = Callable[..., "Page"]


def _score(value: float, identity: str = "m[x]") -> Score:
    return Score("m", value, value - 0.1, value + 0.1, 2, identity, "higher", "t")


@pytest.fixture
def index_file(make_run: Callable[..., Path], tmp_path: Path) -> Path:
    """An index of three runs, one of another metric identity, and a folder that is none."""
    for name, score, settings in (
        ("one", _score(0.4), {"steps": 1}),
        ("two", _score(0.6), {"steps": 2}),
        ("three", _score(0.5, "m[y]"), {"steps": 3}),
    ):
        run = make_run({"A": ["a cat", "a dog"]}, scores=[score], settings=settings, name=name)
        write_report(run)
    (tmp_path / "torn").mkdir()
    (tmp_path / "torn" / "manifest.json").write_text('{"run_hash": ')
    return write_index(tmp_path)


def _runs(page: Page) -> list[str]:
    return page.locator(".runs li:visible h3").all_inner_texts()


def test_filters_leave_what_was_asked_for(index_file: Path, open_page: OpenPage) -> None:
    page = open_page(index_file)
    assert len(_runs(page)) == 3
    assert page.locator(".boarded:visible").count() == 2
    page.get_by_label("Metric identity").select_option("m[y]")
    assert _runs(page) == ["striped, steps 3"]
    assert page.locator(".boarded:visible").count() == 1
    page.get_by_label("Metric identity").select_option("")
    page.get_by_label("Run contains").fill("steps 2")
    assert _runs(page) == ["striped, steps 2"]
    assert page.locator(".boarded:visible tbody tr:visible").count() == 1
    page.get_by_label("Run contains").fill("nothing of this name")
    assert page.get_by_text("No run is left by these filters.").is_visible()


def test_a_board_sorts_and_links_to_the_report(index_file: Path, open_page: OpenPage) -> None:
    page = open_page(index_file)
    board = page.locator(".boarded").filter(has_text="m[x]")
    names = board.locator("tbody th")
    assert names.all_inner_texts() == ["striped, steps 2", "striped, steps 1"]
    board.get_by_role("button", name="Value").click()
    assert names.all_inner_texts() == ["striped, steps 1", "striped, steps 2"]
    assert names.first.locator("a").get_attribute("href") == "one/report.html"


@pytest.mark.parametrize(("width", "dark"), [(1280, False), (390, True)])
def test_no_serious_finding_of_axe(index_file: Path, open_page: OpenPage, width: int, dark: bool) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright")
    page = open_page(index_file, width=width, dark=dark)
    page.add_style_tag(
        content=".boarded { content-visibility: visible !important; }"
    )  # or axe passes over it
    grave = [
        (f["id"], [node["html"] for node in f["nodes"][:3]])
        for f in axe.Axe().run(page).response["violations"]
        if f["impact"] in ("serious", "critical")
    ]
    assert grave == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
