"""How long a rater waits from the click on an answer to the next item on the screen, with 20 raters at once.

    python benchmarks/rating_latency.py STUDY
    python benchmarks/rating_latency.py STUDY --database postgresql+psycopg://me@/empty

STUDY is a study folder, such as `drawbench study create` makes; it is copied, so nothing of it changes. One
rater is a real Chromium, whose clicks are timed in the page: from the click that answers the last question
to the first frame with all of the next item's pictures in it. The others come over the HTTP interface from
another process, each a page every `--seconds` (median), and preload like a browser; their time is from
sending the answer to having the next item with its pictures. Medians have 95% intervals from order
statistics.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import platform
import shutil
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Any

from scipy import stats

from human_eval_app.simulated.browser_page import BROWSERS, RatingPage, find_browser
from human_eval_app.simulated.crowd import Crowd
from human_eval_app.simulated.habits import STEADY
from human_eval_app.simulated.server_process import ServerProcess
from human_eval_app.store.rating_store import open_store
from human_eval_app.studies.design import StudyDesign
from human_eval_app.studies.study import Study

LIMIT_MS = 300.0

TIMER = """
(() => {
  let clicked = 0, before = "", pane = null;
  const find = () => pane?.isConnected ? pane : (pane = [...document.querySelectorAll("*")]
    .map((e) => e.shadowRoot?.querySelector("main.pane")).find(Boolean) ?? null);
  const paths = () => [...find().querySelectorAll(".stage img")].map((image) => image.src).join();
  document.addEventListener("click", (event) => {
    if (!find() || !event.composedPath().some((e) => e.classList?.contains("choice"))) return;
    if (find().querySelector(".count").textContent.startsWith("Practice")) return;
    clicked = event.timeStamp; before = paths();
  }, true);
  const look = () => {
    if (!find()) clicked = 0; // a break came
    if (clicked) {
      const images = [...pane.querySelectorAll(".stage img")];
      const up = images.length && paths() !== before && images.every((image) => image.complete
        && image.naturalWidth && image.checkVisibility({ opacityProperty: true, visibilityProperty: true }));
      // One frame later the pictures are on the screen.
      if (up) {
        const began = clicked;
        clicked = 0;
        requestAnimationFrame((shown) => window.reportWait(shown - began));
      }
    }
    requestAnimationFrame(look);
  };
  requestAnimationFrame(look);
})();
"""


def row(*cells: object) -> str:
    """Cells in the table's columns."""
    widths = (-11, -22, 5, 8, 13, 7, 8)
    return " ".join(
        f"{cell!s:<{-width}}" if width < 0 else f"{cell!s:>{width}}"
        for cell, width in zip(cells, widths, strict=True)
    )


@dataclass(frozen=True)
class Waits:
    """Waiting times in milliseconds."""

    who: str
    times: list[float]

    def line(self, database: str) -> str:
        """A row of the table."""
        ordered = sorted(self.times)
        n = len(ordered)
        low, high = (int(place) for place in stats.binom.interval(0.95, n, 0.5))
        median = ordered[n // 2] if n % 2 else (ordered[n // 2 - 1] + ordered[n // 2]) / 2
        p99 = ordered[min(n - 1, int(0.99 * n))]
        interval = f"{ordered[max(0, low - 1)]:.0f} to {ordered[min(n - 1, high)]:.0f}"
        return row(database, self.who, n, f"{median:.0f}", interval, f"{p99:.0f}", f"{ordered[-1]:.0f}")


def others(
    base: str, design_json: str, tokens: list[str], seconds: float, stop: Event, told: Queue[Any]
) -> None:
    """The raters without a browser, in a process of their own; tells their waiting times in milliseconds."""
    from human_eval_app.simulated.web_crowd import rate_over_http

    leave = threading.Event()
    threading.Thread(target=lambda: (stop.wait(), leave.set()), daemon=True).start()
    try:
        visits = rate_over_http(
            base,
            StudyDesign.from_json(design_json),
            tokens,
            Crowd(seconds=seconds),
            STEADY,
            at_once=len(tokens),
            stop=leave,
        )
        told.put([1000 * wait for visit in visits for wait in visit.rate_seconds])
    except BaseException as error:  # the parent must hear of it
        told.put(error)


def click_through(base: str, token: str, pages: int, seconds: float) -> list[float]:
    """One browser answers up to `pages` pages; its waiting times in milliseconds."""
    from playwright.sync_api import sync_playwright

    path = find_browser()
    if path is None:
        sys.exit(f"no browser: none of {', '.join(BROWSERS)} is on the PATH")
    waits: list[float] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        context = browser.new_context(viewport={"width": 1280, "height": 800})
        context.expose_function(
            "reportWait", lambda wait: waits.append(wait)
        )  # playwright wants a Python function
        context.add_init_script(TIMER)
        page = RatingPage(context.new_page(), base)
        page.enter(token)
        while len(waits) < pages and (place := page.wait_until()) != "finished":
            if place == "rate":
                page.page.wait_for_timeout(1000 * seconds)
            page.step()
        browser.close()
    return waits


def measure(study: Path, database: str, raters: int, pages: int, seconds: float) -> list[Waits]:
    """Waiting times of the browser and of the others, on a copy of `study` with `database`."""
    with tempfile.TemporaryDirectory() as place:
        copy = Path(place) / "study"
        shutil.copytree(study, copy, ignore=shutil.ignore_patterns("study.db*", "database.url"))
        if database != "sqlite":
            (copy / "database.url").write_text(database)
        opened = Study.open(copy)
        store = open_store(opened.database_url, create=True)
        store.register(opened.design)
        tokens = [invite.token for invite in store.invite(raters, label="simulated")]
        store.close_connections()
        context = multiprocessing.get_context("spawn")
        stop, told = context.Event(), context.Queue()
        with ServerProcess(copy) as server:
            arguments = (server.base, opened.design.to_json(), tokens[1:], seconds, stop, told)
            process = context.Process(target=others, args=arguments)
            process.start()
            try:
                time.sleep(2 * seconds)  # until the others are at work
                browser = click_through(server.base, tokens[0], pages, seconds)
            finally:
                stop.set()
            others_waits = told.get(timeout=120)
            process.join()
        if isinstance(others_waits, BaseException):
            raise others_waits
        return [Waits("browser, to painted", browser), Waits("HTTP, with pictures", others_waits)]


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("study", type=Path)
    parser.add_argument("--database", action="append", help="sqlite (default), or the URL of an empty one")
    parser.add_argument("--raters", type=int, default=20)
    parser.add_argument("--pages", type=int, default=60, help="pages that the browser answers")
    parser.add_argument("--seconds", type=float, default=3.0, help="how long a rater looks at a page")
    args = parser.parse_args()
    design = Study.open(args.study).design
    sizes = sorted({(picture.width, picture.height) for picture in design.pictures})
    shown = len(design.items_of("rating")[0].pictures)
    print(f"{design.kind}: {shown} pictures a page of {', '.join(f'{w} x {h}' for w, h in sizes)} pixels")
    machine = f"{os.cpu_count()} cores, Python {platform.python_version()}"
    load = f"load average {os.getloadavg()[0]:.1f} at the start"
    print(f"{args.raters} raters, {args.seconds:g} s a page; {machine}, {load}; times in ms")
    print(row("database", "rater", "n", "median", "95% interval", "p99", "slowest"))
    slow = False
    for database in args.database or ["sqlite"]:
        for waits in measure(args.study, database, args.raters, args.pages, args.seconds):
            print(waits.line(database.partition("+")[0].partition(":")[0]), flush=True)
            slow |= sorted(waits.times)[len(waits.times) // 2] > LIMIT_MS
    print(f"medians {'over' if slow else 'under'} {LIMIT_MS:.0f} ms")
    return int(slow)


if __name__ == "__main__":
    sys.exit(main())
