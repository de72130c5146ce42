"""A real browser and the real server for the tests in this folder."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from human_eval_app.simulated.browser_page import BROWSERS, find_browser

sys.path.insert(0, str(Path(__file__).parent))

REQUIRE = "DRAWBENCH_REQUIRE_BROWSER"


def chromium() -> str:
    """Path of the system's Chromium; without one, skips, or fails with DRAWBENCH_REQUIRE_BROWSER=1."""
    path = find_browser()
    if path is None:
        reason = f"no browser: none of {', '.join(BROWSERS)} is on the PATH"
        if os.environ.get(REQUIRE) == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    return path


@pytest.fixture(scope="module")
def browser() -> Iterator[object]:
    """One headless Chromium for a module."""
    path = chromium()
    sync_api = pytest.importorskip("playwright.sync_api")
    with sync_api.sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield launched
        launched.close()
