"""index.html over a folder of runs: one file with relative links to each run's own report."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from markupsafe import Markup

from drawbench.errors import InputError
from harness.atomic import write_atomic, writing_to
from harness.page_templates import source_hash, template_part
from harness.progress import NoProgress, Progress
from harness.report.cards import script_json
from harness.report.environment import report_environment
from harness.results_index.boards import bench_key, boards, descriptions
from harness.results_index.scan import Broken, Listed, scan
from harness.score_io import score_to_dict

INDEX_NAME = "index.html"


def write_index(results: Path, out: Path | None = None, progress: Progress | None = None) -> Path:
    """Writes `results/index.html`, or `out`, over all runs below `results` and returns its path.

    Folders that cannot be read, or are not finished, are listed with the reason. Raises InputError where
    `results` is no folder or the page cannot be written.
    """
    target = results / INDEX_NAME if out is None else out
    if out is not None and not out.parent.is_dir():
        raise InputError(f"--out {out}: there is no folder {out.parent}")
    listed, broken = scan(results, target.parent, progress or NoProgress())
    page = render_index(listed, broken, results.resolve().name)
    with writing_to(target.parent):
        write_atomic(target, page.encode("utf-8", errors="replace"))
    return target


def render_index(listed: Sequence[Listed], broken: Sequence[Broken], name: str) -> str:
    """The page as text. Whatever comes from run folders is escaped."""
    style = template_part("page.css") + template_part("index.css")
    script = template_part("index.js")
    return (
        report_environment()
        .get_template("index.html.jinja")
        .render(
            name=name,
            runs=listed,
            broken=broken,
            boards=boards(listed),
            said=descriptions(listed),
            keys={run.folder: bench_key(run) for run in listed},
            benches=list(dict.fromkeys(bench_key(run) for run in listed)),
            models=sorted({run.model for run in listed}),
            metrics=list(dict.fromkeys((s.metric, s.identity) for run in listed for s in run.scores)),
            style=Markup(style),
            script=Markup(script),
            script_hash=source_hash(script),
            data=Markup(script_json([_as_data(run) for run in listed])),
        )
    )


def _as_data(run: Listed) -> dict[str, Any]:
    """A run as other programs may read it from the page."""
    return {
        "folder": run.folder,
        "model": run.model,
        "settings": dict(run.settings),
        "bench": {"name": run.bench, "version": run.bench_version, "digest": run.bench_digest},
        "seed": run.seed,
        "created": run.created,
        "commit": run.commit,
        "run_hash": run.run_hash,
        "counts": run.counts,
        "finished": run.finished,
        "scores": [score_to_dict(score) for score in run.scores],
    }
