"""A run from its options to its summary: prepare, draw, score, write.

`prepare` does every check and writes nothing; `execute` writes. Each part reads what the one before left
on disk, so a run can be ended at any moment and taken up again, and scored again by itself.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from drawbench.errors import InputError
from drawbench.types import Bench
from harness.atomic import writing_to
from harness.engines import Engine
from harness.engines.registry import make_engine
from harness.generate import OnFailure, generate_missing
from harness.ledger import read_ledger
from harness.manifest import (
    MANIFEST_NAME,
    build_manifest,
    check_same_configuration,
    manifest_prompts,
    manifest_reference,
    read_manifest,
    session,
    write_manifest,
)
from harness.models.capabilities import SuggestsBatch
from harness.models.recipe import Recipe
from harness.models.registry import ModelOptions
from harness.options import RunOptions, ScoreOptions
from harness.picture_place import PicturePlace, place_for
from harness.plan import Plan, make_plan, run_name
from harness.progress import Progress
from harness.run_log import LoggedProgress, RunLog
from harness.scoring import Scorer, make_scorer
from harness.store import RunStore
from harness.summary import (
    SUMMARY_NAME,
    build_summary,
    keep_earlier,
    planned_samples,
    read_summary,
    write_summary,
)
from harness.types import Model, Sample, canonical_json

DEFAULT_BATCH_SIZE = 8
SCORES_NAME = "scores.parquet"
PAGES = ("grid.png", "report.html")
OF_THE_PROCESS = frozenset(("finished", "command", "timings"))


@dataclass(frozen=True)
class Prepared:
    """A run whose options hold together. `scorer` is None where nothing is to be scored.

    `recipe` makes `model` again in another process.
    """

    options: RunOptions
    bench: Bench
    model: Model
    recipe: Recipe
    engine: Engine
    place: PicturePlace
    identity: Mapping[str, Any]
    plan: Plan
    run_dir: Path
    batch_size: int
    scorer: Scorer | None


def prepare(options: RunOptions) -> Prepared:
    """Everything up to the first write. Raises InputError on whatever cannot work."""
    from drawbench.options import BenchOptions
    from drawbench.registry import load_bench

    recipe = Recipe(
        options.model,
        ModelOptions(
            device=options.device,
            dtype=options.dtype,
            weights=options.scoring.weights,
            offline=options.offline,
            download=options.scoring.download,
        ),
        dict(options.settings),
    )
    model, settings = recipe.begin()
    engine = make_engine(options.engine)
    bench = load_bench(
        options.bench,
        BenchOptions(
            prompts=options.prompts,
            strict=options.strict,
            data_dir=options.data_dir,
            seed=options.bench_seed,
            n=options.bench_size,
            offline=options.offline,
        ),
    )
    plan = make_plan(
        bench,
        settings=settings,
        seed=options.seed,
        limit=options.limit,
        samples_per_prompt=options.samples_per_prompt,
        shard=options.shard,
    )
    recipe = recipe.read(model, bench.prompts)
    scored = options.score and options.shard is None
    scorer = make_scorer(options.scoring, bench.reference, bench.prompts) if scored else None
    identity = _plain_identity(model, options.model)
    run_dir = _run_dir(options.out, plan, identity)
    return Prepared(
        options=options,
        bench=bench,
        model=model,
        recipe=recipe,
        engine=engine,
        place=place_for(run_dir, options.images_to),
        identity=identity,
        plan=plan,
        run_dir=run_dir,
        batch_size=options.batch_size or _suggested_batch(model, settings),
        scorer=scorer,
    )


def execute(run: Prepared, progress: Progress) -> dict[str, Any]:
    """Makes what is missing, scores, writes summary, grid and report; returns the summary.

    Raises InputError where the folder cannot be written, is being written by another process, or holds
    another run. What was finished by then is kept.
    """
    started = time.perf_counter()
    with RunStore(run.run_dir, run.place) as store, RunLog(run.run_dir, run.options.command) as log:
        progress = LoggedProgress(progress, log)
        manifest = _open_manifest(run)
        engine = str(run.options.engine)

        def note_session() -> None:
            if store.lines:
                here = session(run.options.command, batch_size=run.batch_size, engine=engine)
                manifest["resumed"].append(here)
                with writing_to(run.run_dir):
                    write_manifest(run.run_dir, manifest)

        made = generate_missing(
            run.model,
            run.identity,
            run.plan,
            store,
            run.engine,
            batch_size=run.batch_size,
            on_failure=run.options.on_failure,
            progress=progress,
            recipe=run.recipe,
            before_first=note_session,
        )
        store.fetch(progress)
        store.mark_checked()
        return _judge(
            run.run_dir,
            manifest,
            store.lines,
            run.scorer,
            progress,
            on_failure=run.options.on_failure,
            command=run.options.command,
            started=started,
            changed=made > 0,
            log=log,
        )


def score_again(
    run_dir: Path,
    scoring: ScoreOptions | None,
    progress: Progress,
    *,
    on_failure: OnFailure = "count",
    command: tuple[str, ...] = (),
) -> dict[str, Any]:
    """Scores a run folder anew, from its manifest, ledger and pictures; returns the new summary.

    Without `scoring`, the summary alone is made anew. `on_failure` is for a folder without a summary.
    Raises InputError where `run_dir` is no run folder, or is being written by another process.
    """
    started = time.perf_counter()
    manifest = read_manifest(run_dir)
    scorer = None
    if scoring is not None:
        scorer = make_scorer(scoring, manifest_reference(manifest), manifest_prompts(manifest))
    if (run_dir / SUMMARY_NAME).exists():
        on_failure = read_summary(run_dir)["on_failure"]
    with RunStore(run_dir) as store, RunLog(run_dir, command) as log:
        return _judge(
            run_dir,
            manifest,
            store.lines,
            scorer,
            LoggedProgress(progress, log),
            on_failure=on_failure,
            command=command,
            started=started,
            log=log,
        )


def finished_before(run: Prepared) -> int:
    """How many of the planned samples a run folder on disk already accounts for."""
    if not (run.run_dir / MANIFEST_NAME).exists():
        return 0
    return len(planned_samples(read_manifest(run.run_dir), read_ledger(run.run_dir)))


def _run_dir(out: Path, plan: Plan, identity: Mapping[str, Any]) -> Path:
    """The run's own folder in `out`, or `out` itself where it is a run folder already.

    Raises InputError where it holds another run or cannot be a folder.
    """
    run_dir = out if (out / MANIFEST_NAME).is_file() else out / run_name(plan.configuration(identity))
    if (run_dir / MANIFEST_NAME).is_file():
        check_same_configuration(run_dir, plan.configuration(identity))
    nearest = next((folder for folder in (run_dir, *run_dir.parents) if folder.exists()), None)
    if nearest is not None and not nearest.is_dir():
        raise InputError(f"--out {out}: {nearest} is a file, not a folder")
    return run_dir


def _open_manifest(run: Prepared) -> dict[str, Any]:
    """The manifest in the run's folder, written first where there is none."""
    if (run.run_dir / MANIFEST_NAME).exists():
        check_same_configuration(run.run_dir, run.plan.configuration(run.identity))
        return read_manifest(run.run_dir)
    manifest = build_manifest(
        run.plan,
        run.identity,
        model_spec=run.options.model,
        bench_spec=run.options.bench,
        command=run.options.command,
        batch_size=run.batch_size,
        options=run.options.resolved(),
        engine=str(run.options.engine),
    )
    with writing_to(run.run_dir):
        write_manifest(run.run_dir, manifest)
    return manifest


def _judge(
    run_dir: Path,
    manifest: Mapping[str, Any],
    lines: Sequence[Sample],
    scorer: Scorer | None,
    progress: Progress,
    *,
    on_failure: OnFailure,
    command: tuple[str, ...],
    started: float,
    log: RunLog,
    changed: bool = False,
) -> dict[str, Any]:
    """Scores the pictures that are there and writes summary, grid and report.

    Without a scorer the scores of an earlier process stay, unless the pictures have `changed` since; and all
    that it wrote stays where there is nothing new to say.
    """
    samples = planned_samples(manifest, lines)
    seconds: dict[str, float] = {}
    scored = None
    if scorer is not None:
        begun = time.perf_counter()
        scored = scorer.score(samples, manifest_prompts(manifest), run_dir, progress)
        seconds["scoring"] = round(time.perf_counter() - begun, 3)
    seconds["this process"] = round(time.perf_counter() - started, 3)
    summary = build_summary(
        manifest,
        lines,
        on_failure=on_failure,
        samples=samples,
        scores=scored.scores if scored else (),
        notes=scored.notes if scored else (),
        skipped=scored.skipped if scored else (),
        cut_by_metrics=scored.truncated_prompts if scored else (),
        seconds=seconds,
        stages=log.stages,
        command=command,
    )
    if scorer is None and changed:
        with writing_to(run_dir):
            (run_dir / SCORES_NAME).unlink(missing_ok=True)
    elif scorer is None and (run_dir / SUMMARY_NAME).exists():
        before = read_summary(run_dir)
        keep_earlier(summary, before)
        pages = all((run_dir / name).exists() for name in PAGES)
        if pages and all(summary[name] == before.get(name) for name in summary.keys() - OF_THE_PROCESS):
            return before
    with writing_to(run_dir):
        write_summary(run_dir, summary)
    from harness.grid import write_grid  # not before: a finished run is resumed without them
    from harness.report.page import write_report
    from harness.run_view import RunView

    with progress.stage("grid and report", 2) as advance:
        view = RunView.load(run_dir, manifest, samples)
        write_grid(run_dir, run=view)
        advance(1)
        write_report(run_dir, view)
        advance(1)
    return summary


def _plain_identity(model: Model, spec: str) -> dict[str, Any]:
    """The model's identity. Raises InputError where JSON cannot hold it, as no key could be made of it."""
    identity = dict(model.identity())
    try:
        canonical_json(identity).encode()
    except (TypeError, ValueError) as error:
        raise InputError(f"model {spec!r}: its identity() must be plain JSON values: {error}") from error
    return identity


def _suggested_batch(model: Model, settings: Mapping[str, Any]) -> int:
    return model.suggested_batch_size(settings) if isinstance(model, SuggestsBatch) else DEFAULT_BATCH_SIZE
