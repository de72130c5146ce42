"""Makes the pictures of docs/rating-app.md: every page of the rating app, wide and narrow, light and dark.

    python docs/screenshots.py --work FOLDER

Draws with the built-in model (scenes for realism and alignment, DrawBench-open for sets), makes a study of
each kind, serves it, and goes through it with the system's Chromium. What FOLDER has already is used again.
"""

from __future__ import annotations

import argparse
import io
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

from human_eval_app.simulated.browser_page import BROWSERS, RatingPage, find_browser
from human_eval_app.simulated.server_process import ServerProcess
from human_eval_app.store.rating_store import open_store
from human_eval_app.studies.study import Study

IMAGES = Path(__file__).parent / "images"
WIDE = {"viewport": {"width": 1280, "height": 800}}
NARROW = {"viewport": {"width": 390, "height": 844}, "is_mobile": True, "has_touch": True}
DRAW = ["--model", "imagen", "--stages", "256", "--offline", "--no-score"]
RUNS = {
    "scenes": ["--bench", "scenes", "--bench-size", "10"],
    "guided": [
        "--bench",
        "drawbench-open",
        "--limit",
        "5",
        "--samples-per-prompt",
        "8",
        "--guidance-scale",
        "3",
    ],
    "plain": [
        "--bench",
        "drawbench-open",
        "--limit",
        "5",
        "--samples-per-prompt",
        "8",
        "--guidance-scale",
        "1",
    ],
}
SHORT = ["--control-every", "4", "--practice", "2", "--break-every", "3", "--seed", "1"]
STUDIES = {
    "realism": (["realism", "imagen-mini=scenes"], ["--reference", "scenes", "--quota", "30", *SHORT]),
    "alignment": (["alignment", "imagen-mini=scenes"], ["--reference", "scenes", "--quota", "30", *SHORT]),
    "sets": (["side-by-side", "guided=guided", "plain=plain"], ["--quota", "30", *SHORT]),
    "admin": (["realism", "imagen-mini=scenes"], ["--reference", "scenes", "--quota", "20", *SHORT]),
}
"""Kind and MODEL=RUN of each study, and its options."""


def command(*arguments: str) -> str:
    """Runs a command of the suite; returns what it printed."""
    done = subprocess.run([sys.executable, "-m", *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(arguments)}: {done.stderr.strip()}")
    return done.stdout


def made_run(work: Path, name: str) -> Path:
    """The run folder called `name`, drawn where it is not there yet."""
    place = work / "runs" / name
    command("harness.run", *DRAW, *RUNS[name], "--out", str(place))
    return next(path.parent for path in place.glob("*/manifest.json"))


def made_study(work: Path, name: str) -> tuple[Path, str]:
    """The study folder called `name` and its admin token; made where it is not there yet."""
    folder, token = work / "studies" / name, work / "studies" / f"{name}.token"
    if not token.exists():
        (kind, *models), options = STUDIES[name]
        named = [model.partition("=") for model in models]
        runs = [f"{model}={made_run(work, run)}" for model, _, run in named]
        folder.parent.mkdir(exist_ok=True)
        created = command(
            "harness.cli", "study", "create", kind, *runs, *options, "--out", str(folder), "--json"
        )
        if name == "admin":
            simulated = ["--raters", "20", "--effect", "30", "--careless", "0.1"]
            command("harness.cli", "study", "simulate", str(folder), *simulated)
        token.write_text(json.loads(created)["admin_token"])
    return folder, token.read_text()


def save(page: Page, name: str, *, whole: bool = False) -> None:
    """A screenshot as a small PNG with 256 colours; `whole`: the page to its end."""
    page.wait_for_timeout(400)  # fonts, and the last of Streamlit's fading
    shot = Image.open(io.BytesIO(page.screenshot(full_page=whole))).convert("RGB")
    path = IMAGES / f"rating-{name}.png"
    shot.quantize(256, dither=Image.Dither.FLOYDSTEINBERG).save(path, optimize=True)
    print(f"{path.name}: {shot.width} x {shot.height}, {path.stat().st_size / 1024:.0f} KB", flush=True)


@contextmanager
def rater(browser: Browser, study: Path, base: str, **options: Any) -> Iterator[RatingPage]:
    """A rater in a browser of their own, before the invite page's button."""
    context = browser.new_context(**options)
    page = RatingPage(context.new_page(), base)
    page.page.goto(f"{base}/enter/{invited(study)}")
    yield page
    context.close()


def invited(study: Path) -> str:
    """The token of a new invite link."""
    store = open_store(Study.open(study).database_url, create=True)
    store.register(Study.open(study).design)
    token = store.invite(1)[0].token
    store.close_connections()
    return token


def shoot_rater(
    browser: Browser, study: Path, base: str, kind: str, size: str, options: dict[str, Any]
) -> None:
    """All pages that one rater of a study of pairs sees."""
    with rater(browser, study, base, **options) as page:
        if kind == "realism":
            save(page.page, f"enter-{size}")
        page.page.click("#begin")
        place = page.wait_until("consent")
        if kind == "realism":
            save(page.page, f"consent-{size}", whole=True)
        seen: set[str] = set()
        while (place := page.wait_until()) != "finished":
            shown = f"practice-{place}" if place == "rate" and page.count.startswith("Practice") else place
            if shown not in seen:
                seen.add(shown)
                if shown == "rate":
                    save(page.page, f"{kind}-{size}")
                    save_dialogs(page, kind, size)
                elif kind == "realism" and shown in ("feedback", "practice_done", "break"):
                    save(page.page, f"{shown.replace('_', '-')}-{size}")
            page.step()
        if kind == "realism":
            page.page.locator("p.code").wait_for()
            save(page.page, f"done-{size}")


def save_dialogs(page: RatingPage, kind: str, size: str) -> None:
    """The dialogs over a rating page, of the first kind only."""
    if kind != "realism":
        return
    for key, name in (("f", "flag"), ("h", "help")):
        page.page.keyboard.press(key)
        page.page.locator("dialog").wait_for()
        save(page.page, f"{name}-{size}")
        page.page.keyboard.press("Escape")
        page.page.locator("dialog").wait_for(state="detached")


def shoot_dark(
    browser: Browser, study: Path, base: str, kind: str, size: str, options: dict[str, Any]
) -> None:
    """The rating page in dark colours."""
    with rater(browser, study, base, color_scheme="dark", **options) as page:
        page.page.click("#begin")
        page.to_rating()
        save(page.page, f"{kind}-{size}-dark")


def shoot_sets(browser: Browser, study: Path, base: str) -> None:
    """Sets of eight: the page, a picture enlarged, and the page that says that a screen is too small."""
    with rater(browser, study, base, **WIDE) as page:
        page.page.click("#begin")
        page.to_rating()
        save(page.page, "sets-1280")
        page.page.locator("main.pane button.picture").first.click()
        page.page.locator("dialog.zoom").wait_for()
        save(page.page, "zoom-1280")
    with rater(browser, study, base, **NARROW) as page:
        page.page.click("#begin")
        page.agree()
        page.page.locator("main.pane .small").wait_for()
        save(page.page, "sets-390")


def shoot_refused(browser: Browser, study: Path, base: str) -> None:
    """A link that has been used in another browser."""
    token = invited(study)
    RatingPage(browser.new_context().new_page(), base).enter(token)
    for size, options in (("1280", WIDE), ("390", NARROW)):
        page = browser.new_context(**options).new_page()
        page.goto(f"{base}/enter/{token}")
        page.click("#begin")
        page.locator("#said", has_text="used").wait_for()
        save(page, f"refused-{size}")


def shoot_admin(browser: Browser, base: str, token: str) -> None:
    """The administrators' pages, of a study that simulated raters have rated."""
    for size, options in (("1280", WIDE), ("390", NARROW)):
        page = browser.new_context(**options).new_page()
        page.goto(f"{base}/admin/login")
        save(page, f"admin-login-{size}")
        page.fill("#token", token)
        page.click("#login button")
        page.wait_for_url("**/admin")
        page.get_by_role("tab").first.wait_for()
        for tab in page.get_by_role("tab").all():
            name = (tab.text_content() or "").split()[0].lower()
            tab.click()
            if name == "results":
                page.get_by_role("heading", name="Agreement").wait_for()
            page.wait_for_timeout(1500)
            save(page, f"admin-{name}-{size}", whole=True)


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--work", type=Path, required=True, help="for runs and studies")
    parser.add_argument("--only", choices=tuple(STUDIES), help="the pages of one study")
    args = parser.parse_args()
    path = find_browser()
    if path is None:
        sys.exit(f"no browser: none of {', '.join(BROWSERS)} is on the PATH")
    IMAGES.mkdir(exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        for kind in ("realism", "alignment"):
            if args.only in (None, kind):
                study, _ = made_study(args.work, kind)
                with ServerProcess(study) as server:
                    for size, options in (("1280", WIDE), ("390", NARROW)):
                        shoot_rater(browser, study, server.base, kind, size, options)
                        shoot_dark(browser, study, server.base, kind, size, options)
                    if kind == "realism":
                        shoot_refused(browser, study, server.base)
        if args.only in (None, "sets"):
            study, _ = made_study(args.work, "sets")
            with ServerProcess(study) as server:
                shoot_sets(browser, study, server.base)
                shoot_dark(browser, study, server.base, "sets", "1280", WIDE)
        if args.only in (None, "admin"):
            study, token = made_study(args.work, "admin")
            with ServerProcess(study) as server:
                shoot_admin(browser, server.base, token)
        browser.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
