"""A headless Chromium for the tests of pages: skipped with the reason where there is none.

DRAWBENCH_REQUIRE_BROWSER=1 makes the absence a failure; DRAWBENCH_BROWSER names the browser's program.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

PROGRAMS = ("chromium", "chromium-browser", "google-chrome", "chrome")
OpenPage = Callable[..., "Page"]


def _absent(reason: str) -> None:
    if os.environ.get("DRAWBENCH_REQUIRE_BROWSER") == "1":
        pytest.fail(f"DRAWBENCH_REQUIRE_BROWSER is 1, and {reason}")
    pytest.skip(reason)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A Chromium, started once for all tests."""
    try:
        from playwright.sync_api import Error, sync_playwright
    except ImportError:
        _absent("playwright is not installed")
    program = os.environ.get("DRAWBENCH_BROWSER") or next(filter(None, map(shutil.which, PROGRAMS)), None)
    with sync_playwright() as play:
        try:
            started = play.chromium.launch(executable_path=program, args=["--no-sandbox"])
        except Error as error:
            _absent(f"no Chromium can be started: {error.message.splitlines()[0]}")
        yield started
        started.close()


@pytest.fixture
def open_page(browser: Browser) -> Iterator[OpenPage]:
    """Opens a file as a page; a console error, a script's error or a request fails the test at its end."""
    complaints: list[str] = []
    contexts = []

    def opened(path: Path, *, width: int = 1280, height: int = 900, dark: bool = False) -> Page:
        context = browser.new_context(
            viewport={"width": width, "height": height}, color_scheme="dark" if dark else "light"
        )
        context.set_default_timeout(60_000)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        address = path.resolve().as_uri()
        page.on(
            "request",
            lambda request: (
                None
                if request.url.startswith("data:") or request.url.split("#")[0] == address
                else complaints.append(request.url)
            ),
        )
        page.goto(address)
        return page

    yield opened
    for context in contexts:
        context.close()
    assert complaints == []
