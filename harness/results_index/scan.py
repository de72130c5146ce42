"""Finds the run folders below a folder, and says of each what it holds or why it cannot be read."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from drawbench.errors import InputError
from harness.ledger import LEDGER_NAME
from harness.manifest import MANIFEST_NAME
from harness.progress import Progress
from harness.report.cards import link_to
from harness.report.lineup import short_spec
from harness.report.numbers import plain_value
from harness.report.thumbnails import STEPS, Thumbnail, thumbnail
from harness.run_view import RunView, spread
from harness.summary import SUMMARY_NAME
from harness.types import Score

DEPTH = 4
SIGNS = (MANIFEST_NAME, LEDGER_NAME, SUMMARY_NAME)
"""A folder with one of these is, or was to be, a run's."""
THUMBNAILS = 3
THUMBNAIL_BYTES = 2_500
LEAST_BYTES = 700
PAGE_BYTES = 8_000_000


@dataclass(frozen=True)
class Listed:
    """A run that could be read. `link` leads to its report, or to its folder where it has none."""

    name: str
    folder: str
    link: str
    has_report: bool
    model: str
    settings: tuple[tuple[str, str], ...]
    bench: str
    bench_version: str
    bench_digest: str
    seed: int
    created: str
    commit: str
    run_hash: str
    counts: dict[str, int]
    finished: bool
    scores: tuple[Score, ...]
    notices: tuple[str, ...]
    thumbnails: tuple[Thumbnail, ...]

    @property
    def state(self) -> str:
        """What is to say about its samples, "" where all are there and scored."""
        counts = self.counts
        told = (
            [f"{counts['missing']:,} of {counts['planned']:,} samples not made yet"]
            if counts["missing"]
            else []
        )
        lost = counts["planned"] - counts["ok"] - counts["missing"]
        told += [f"{lost:,} of {counts['planned']:,} samples failed"] if lost else []
        told += ["not finished: the same command goes on with it"] if not self.finished else []
        return "; ".join(told)


@dataclass(frozen=True)
class Broken:
    """A folder that looks like a run's and cannot be read."""

    folder: str
    reason: str


def scan(results: Path, page_folder: Path, progress: Progress) -> tuple[list[Listed], list[Broken]]:
    """All runs below `results`, the newest first, and what could not be read.

    Raises InputError where `results` is no folder.
    """
    if not results.is_dir():
        raise InputError(f"{results} is no folder")
    folders = list(run_folders(results))
    budget = max(LEAST_BYTES, min(THUMBNAIL_BYTES, PAGE_BYTES // max(1, THUMBNAILS * len(folders))))
    listed: list[Listed] = []
    broken: list[Broken] = []
    with progress.stage("runs", len(folders)) as advance:
        for folder in folders:
            try:
                listed.append(_listed(RunView.load(folder), results, page_folder, budget))
            except (InputError, OSError, KeyError, TypeError, ValueError, AttributeError) as error:
                reason = str(error) if isinstance(error, (InputError, OSError)) else f"malformed: {error!r}"
                broken.append(Broken(_below(folder, results), reason.replace(f"{folder}{os.sep}", "")))
            advance(1)
    listed.sort(key=lambda run: run.created, reverse=True)
    return listed, broken


def run_folders(results: Path, depth: int = DEPTH) -> Iterator[Path]:
    """Folders with a run's files, `results` itself included, in order of name; none within another.

    Links to folders are not followed.
    """
    if any((results / name).is_file() for name in SIGNS):
        yield results
        return
    if depth == 0:
        return
    try:
        inner = sorted(p for p in results.iterdir() if p.is_dir() and not p.is_symlink())
    except OSError:  # a folder that may not be read holds nothing for us
        return
    for folder in inner:
        if not folder.name.startswith("."):
            yield from run_folders(folder, depth - 1)


def _listed(run: RunView, results: Path, page_folder: Path, budget: int) -> Listed:
    manifest = run.manifest
    bench = manifest["bench"]
    folder = link_to(run.folder, page_folder)
    has_report = (run.folder / "report.html").is_file()
    return Listed(
        name=str(manifest.get("name", run.folder.name)),
        folder=_below(run.folder, results),
        link=folder + "report.html" if has_report else folder or "./",
        has_report=has_report,
        model=short_spec(run.model_name),
        settings=tuple((str(key), plain_value(value)) for key, value in manifest["settings"].items()),
        bench=run.bench_name,
        bench_version=str(bench["version"]),
        bench_digest=str(bench["digest"]),
        seed=int(manifest["run_seed"]),
        created=str(manifest.get("created", "")),
        commit=str(manifest.get("git_commit") or ""),
        run_hash=str(manifest["run_hash"]),
        counts=run.counts,
        finished=bool(run.summary),
        scores=tuple(score for score in run.scores if score.category is None),
        notices=run.notices,
        thumbnails=tuple(_thumbnails(run, budget)),
    )


def _thumbnails(run: RunView, budget: int) -> Iterator[Thumbnail]:
    """The first pictures of as many categories as there is room for."""
    groups = [
        [s for _, samples in prompts for s in samples if s.status == "ok"] for _, prompts in run.by_category()
    ]
    for samples, count in zip(groups, spread([len(g) for g in groups], THUMBNAILS), strict=True):
        for sample in samples[:count]:
            picture = run.picture(sample)
            if picture is not None:
                yield thumbnail(picture, budget, first=len(STEPS) - 1)


def _below(folder: Path, results: Path) -> str:
    relative = os.path.relpath(folder, results)
    return folder.resolve().name if relative == "." else Path(relative).as_posix()


def common_settings(runs: Sequence[Listed]) -> set[tuple[str, str]]:
    """The settings that all runs share."""
    return set.intersection(*(set(run.settings) for run in runs)) if runs else set()
