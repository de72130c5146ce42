"""How large a report of many pictures is, how long it takes to make, and how soon a browser shows it.

    python benchmarks/report_speed.py FOLDER --prompts 200 --samples 4 --runs 2 --browser /usr/bin/chromium

Runs of `drawbench-open` are written into FOLDER, with pictures of 512 pixels: parts of a photograph, which
compress as hard as any model's pictures, and every fourth a drawing of the `scenes` world. Their scores are
random numbers, as only size and speed are measured. With a browser (needs playwright) the page is opened from
disk: `first paint`, `load` and `ready` (script done, frame painted) count from the start of navigation,
`sort`, `filter` and `back` from the change of a field to the next painted frame.
`main thread` is the time on a processor that all of this took the page's thread, whatever else goes on.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image

from drawbench.benches.scenes import load as load_scenes
from drawbench.benches.scenes import true_picture
from drawbench.registry import load_bench
from harness.ledger import LEDGER_NAME
from harness.manifest import build_manifest, write_manifest
from harness.pictures import encode_png
from harness.plan import make_plan
from harness.progress import make_progress
from harness.report.findings import find
from harness.report.page import write_page
from harness.run_view import RunView
from harness.score import seven_digits
from harness.stats import cluster_mean_interval
from harness.store import RunStore
from harness.summary import SUMMARY_NAME, build_summary, planned_samples, write_summary
from harness.types import Score

SIDE = 512
METRICS = ("first_metric", "second_metric", "third_metric", "fourth_metric")
BROWSER_SCRIPT = """async () => {
  const frame = () => new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
  const timed = async (name, value) => {
    const field = document.querySelector("form.controls").elements[name];
    const begun = performance.now();
    field.value = value;
    field.dispatchEvent(new Event("input", { bubbles: true }));
    await frame();
    return performance.now() - begun;
  };
  await frame();
  const ready = performance.now();
  const [navigation] = performance.getEntriesByType("navigation");
  const paint = performance.getEntriesByName("first-contentful-paint")[0];
  return {
    "first paint": paint ? paint.startTime : null,
    load: navigation.loadEventEnd,
    ready,
    sort: await timed("order", "down"),
    filter: await timed("words", "a"),
    back: await timed("order", ""),
  };
}"""


def photograph() -> Image.Image:
    """The photograph that is installed with Matplotlib, large enough to cut pictures from."""
    import matplotlib

    path = Path(matplotlib.get_data_path()) / "sample_data" / "grace_hopper.jpg"
    return Image.open(path).convert("RGB").resize((1400, 1640), Image.Resampling.LANCZOS)


def picture(photo: Image.Image, drawings: Any, number: int, generator: np.random.Generator) -> Image.Image:
    """A part of the photograph, turned at random; every fourth time a drawing."""
    if number % 4 == 3:
        return Image.fromarray(true_picture(drawings[number % len(drawings)], SIDE))
    left, top = (int(generator.integers(0, room - SIDE)) for room in photo.size)
    part = photo.crop((left, top, left + SIDE, top + SIDE)).rotate(90 * int(generator.integers(4)))
    return part.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if generator.integers(2) else part


def write_run(folder: Path, prompts: int, samples: int, number: int) -> None:
    """A finished and scored run in `folder`, the same for the same numbers."""
    generator = np.random.default_rng(number)
    bench = load_bench("drawbench-open")
    plan = make_plan(bench, settings={"variant": number}, seed=0, samples_per_prompt=samples, limit=prompts)
    identity = {"name": "photographs", "version": 1}
    manifest = build_manifest(plan, identity, model_spec="photographs", bench_spec="drawbench-open")
    photo, drawings = photograph(), load_scenes(n=60).prompts
    with RunStore(folder) as store:
        write_manifest(folder, manifest)
        for place, request in enumerate(plan.requests):
            png = encode_png(picture(photo, drawings, place, generator))
            store.put_picture(request, request.key(identity), png, seconds=1.0)
        lines = planned_samples(manifest, store.lines)
    rows, scores = [], []
    for metric in METRICS:
        values = generator.random(len(lines)) * 0.3 + 0.5 - 0.05 * number
        rows += [
            {"prompt_id": s.prompt_id, "index": s.index, "metric": metric, "value": float(v), "reason": None}
            for s, v in zip(lines, values, strict=True)
        ]
        mean, interval = cluster_mean_interval(values, [s.prompt_id for s in lines])
        ends = (seven_digits(float(end)) for end in (mean, interval.low, interval.high))
        scores.append(Score(metric, *ends, len(lines), f"{metric}[random]", "higher", interval.method))
    pd.DataFrame(rows).to_parquet(folder / "scores.parquet")
    write_summary(folder, build_summary(manifest, lines, on_failure="count", scores=scores))


def browse(page: Path, browser: str) -> dict[str, float]:
    """Milliseconds to each point, in a fresh headless browser."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as play:
        chromium = play.chromium.launch(executable_path=browser, args=["--no-sandbox"])
        opened = chromium.new_page(viewport={"width": 1280, "height": 900})
        watch = opened.context.new_cdp_session(opened)
        watch.send("Performance.enable", {"timeDomain": "threadTicks"})
        opened.goto(page.resolve().as_uri(), timeout=180_000)
        times: dict[str, float] = opened.evaluate(BROWSER_SCRIPT)
        counted = {entry["name"]: entry["value"] for entry in watch.send("Performance.getMetrics")["metrics"]}
        chromium.close()
    return {**times, "main thread": 1000 * counted["TaskDuration"]}


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--prompts", type=int, default=200)
    parser.add_argument("--samples", type=int, default=4)
    parser.add_argument("--runs", type=int, default=2)
    parser.add_argument("--browser", help="a Chromium to open the page in")
    parser.add_argument("--json", type=Path, help="a file to write the figures to")
    args = parser.parse_args()
    folders = [args.folder / f"run-{number}" for number in range(args.runs)]
    for number, folder in enumerate(folders):
        if not (folder / SUMMARY_NAME).exists():
            (folder / LEDGER_NAME).unlink(missing_ok=True)
            write_run(folder, args.prompts, args.samples, number)
    begun = time.perf_counter()
    cpu = time.process_time()
    findings = find([RunView.load(folder) for folder in folders])
    page = write_page(findings, args.folder / "report.html", progress=make_progress())
    figures: dict[str, float] = {
        "pictures": args.prompts * args.samples * args.runs,
        "build seconds": round(time.perf_counter() - begun, 2),
        "build CPU seconds": round(time.process_time() - cpu, 2),
        "megabytes": round(page.stat().st_size / 1e6, 2),
    }
    if args.browser:
        figures |= {
            f"{name} ms": round(ms) for name, ms in browse(page, args.browser).items() if ms is not None
        }
    for name, value in figures.items():
        print(f"{name:20} {value:g}")
    if args.json:
        args.json.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
