"""Makes the pictures of docs/reports.md from runs: pages as a desk and a phone show them.

    python -m harness.run --model imagen --stages 64 --bench scenes:n=150 --sweep guidance_scale=1,2,8 \
        --out runs
    python benchmarks/report_screens.py runs/*w2-* runs/*w1-* runs/*w8-* --index runs --browser chromium

Needs playwright and a Chromium. The pictures have 256 colours at most, so that the repository stays small.
"""

from __future__ import annotations

import argparse
import io
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from harness.progress import make_progress
from harness.report.findings import find
from harness.report.page import write_page
from harness.report.pareto import read_pareto
from harness.report.ratings import read_ratings
from harness.results_index import write_index
from harness.run_view import RunView

LOSSES = "document.querySelector('[name=order]').value = 'down'; " + (
    "document.querySelector('form.controls').dispatchEvent(new Event('input'))"
)


@dataclass(frozen=True)
class Shot:
    """A picture of a page from the element `at` on; `before` is a script to run first."""

    name: str
    width: int
    height: int
    at: str = "body"
    dark: bool = False
    before: str = ""


REPORT_SHOTS = (
    Shot("report-1280", 1280, 1500),
    Shot("report-differences-1280", 1280, 1150, "#differences"),
    Shot("report-pictures-1280", 1280, 1150, "#pictures", dark=True, before=LOSSES),
    Shot("report-390", 390, 1500),
    Shot("report-pictures-390", 390, 1500, "#pictures", before=LOSSES),
)
INDEX_SHOTS = (Shot("report-index-1280", 1280, 1250), Shot("report-index-390", 390, 1250, dark=True))


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("runs", type=Path, nargs="+")
    parser.add_argument("--index", type=Path, required=True, help="the folder to index")
    parser.add_argument("--ratings", type=Path)
    parser.add_argument("--pareto", type=Path)
    parser.add_argument("--browser", required=True)
    parser.add_argument("--out", type=Path, default=Path("docs/images"))
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        report = write_page(
            find([RunView.load(run) for run in args.runs], progress=make_progress()),
            Path(folder) / "report.html",
            ratings=read_ratings(args.ratings) if args.ratings else None,
            pareto=read_pareto(args.pareto) if args.pareto else None,
            progress=make_progress(),
        )
        index = write_index(args.index, Path(folder) / "index.html", make_progress())
        args.out.mkdir(parents=True, exist_ok=True)
        take(
            args.browser,
            [*((report, shot) for shot in REPORT_SHOTS), *((index, s) for s in INDEX_SHOTS)],
            args.out,
        )
    return 0


def take(browser: str, wanted: list[tuple[Path, Shot]], out: Path) -> None:
    """Writes every shot as a PNG file of its name."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as play:
        chromium = play.chromium.launch(executable_path=browser, args=["--no-sandbox"])
        for path, shot in wanted:
            page = chromium.new_page(
                viewport={"width": shot.width, "height": shot.height},
                color_scheme="dark" if shot.dark else "light",
            )
            page.goto(path.as_uri(), timeout=180_000)
            if shot.before:
                page.evaluate(shot.before)
            page.evaluate("at => document.querySelector(at).scrollIntoView({ behavior: 'instant' })", shot.at)
            page.wait_for_timeout(1500)  # pictures come into view, and are decoded
            png = page.screenshot()
            small = Image.open(io.BytesIO(png)).convert("RGB").quantize(256, dither=Image.Dither.NONE)
            small.save(out / f"{shot.name}.png", optimize=True)
            print(out / f"{shot.name}.png", (out / f"{shot.name}.png").stat().st_size)
            page.close()
        chromium.close()


if __name__ == "__main__":
    sys.exit(main())
