"""summary.json: what a run came to. Counts, scores and timings, with all that must be said beside them."""

from __future__ import annotations

import json
import math
import shlex
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from drawbench.errors import InputError
from harness.atomic import write_atomic
from harness.generate import OnFailure
from harness.ledger import count_statuses, latest
from harness.manifest import manifest_shard, now, to_json
from harness.plan import in_shard
from harness.types import Sample, Score

SUMMARY_NAME = "summary.json"
SCHEMA = 1
TRUNCATED = "prompt truncated"
FAILURES_SHOWN = 100


def planned_samples(manifest: Mapping[str, Any], lines: Sequence[Sample]) -> list[Sample]:
    """The last ledger line of each planned sample, in the plan's order; those not yet made are left out."""
    found = latest(lines)
    places = (
        (entry["id"], index)
        for entry in manifest["bench"]["prompts"]
        for index in range(manifest["samples_per_prompt"])
    )
    return [found[place] for place in in_shard(places, manifest_shard(manifest)) if place in found]


def build_summary(
    manifest: Mapping[str, Any],
    lines: Sequence[Sample],
    *,
    on_failure: OnFailure,
    samples: Sequence[Sample] | None = None,
    scores: Sequence[Score] = (),
    notes: Sequence[str] = (),
    skipped: Sequence[tuple[str, str]] = (),
    cut_by_metrics: Sequence[str] = (),
    seconds: Mapping[str, float] | None = None,
    stages: Sequence[Mapping[str, Any]] = (),
    command: Sequence[str] = (),
) -> dict[str, Any]:
    """The summary of a run from its manifest, all its ledger lines and its scores.

    `samples` are its `planned_samples`, where they are at hand.
    `skipped` pairs a metric with why it was not computed. `cut_by_metrics` has the ids of the prompts that a
    metric's text encoder read in part; `truncated_prompts` are those that the model did. `seconds` maps a
    part of the work (scoring, ...) to how long it took in this process; `stages` has the log's account of
    each stage before this summary (see `harness.run_log`).
    """
    if samples is None:
        samples = planned_samples(manifest, lines)
    failed = [sample for sample in samples if sample.status != "ok"]
    counts = {"planned": manifest["planned"], **count_statuses(samples)}
    counts["missing"] = counts["planned"] - len(samples)
    drawing = [line.seconds for line in lines if line.seconds is not None]
    costs = [line.cost for line in lines if line.cost is not None]
    drawn = [sample.seconds for sample in samples if sample.status == "ok" and sample.seconds is not None]
    sample_notes = Counter(note for sample in samples for note in sample.notes)
    truncated = {s.prompt_id for s in samples if any(note.startswith(TRUNCATED) for note in s.notes)}
    return {
        "schema": SCHEMA,
        "run": manifest["name"],
        "run_hash": manifest["run_hash"],
        "finished": now(),
        "command": shlex.join(command),
        "notices": list(manifest["bench"]["notices"]),
        "model": manifest["model"],
        "bench": {name: manifest["bench"][name] for name in ("spec", "name", "version", "digest", "source")},
        "settings": manifest["settings"],
        "run_seed": manifest["run_seed"],
        "counts": counts,
        "on_failure": on_failure,
        "drawn_again": 0 if len(lines) == len(samples) else len(lines) - len(latest(lines)),
        "failures": [
            {"prompt_id": s.prompt_id, "index": s.index, "status": s.status, "reason": s.reason}
            for s in failed[:FAILURES_SHOWN]
        ],
        "truncated_prompts": sorted(truncated),
        "truncated_by_metrics": list(cut_by_metrics),
        "sample_notes": dict(sample_notes.most_common(FAILURES_SHOWN)),
        "scores": _plain_scores(scores),
        "notes": list(notes),
        "skipped": [list(pair) for pair in skipped],
        "timings": {"drawing": round(sum(drawing), 3), **(seconds or {})},
        "stages": [dict(stage) for stage in stages],
        "cost": round(math.fsum(costs), 6) if costs else None,
        "seconds_per_picture": round(sum(drawn) / len(drawn), 4) if drawn else None,
    }


def _plain_scores(scores: Sequence[Score]) -> list[dict[str, Any]]:
    if not scores:
        return []  # a run that is not scored does without the metrics' imports
    from harness.score_io import score_to_dict

    return [score_to_dict(score) for score in scores]


def keep_earlier(summary: dict[str, Any], previous: Mapping[str, Any]) -> None:
    """Takes over, from an earlier summary of the same pictures, its scores and what work it tells of."""
    for name in ("scores", "notes", "skipped", "truncated_by_metrics"):
        summary[name] = previous[name]
    if not summary["stages"]:
        summary["stages"] = previous.get("stages", [])


def write_summary(run_dir: Path, summary: Mapping[str, Any]) -> None:
    """Writes summary.json whole or not at all. Raises OSError."""
    write_atomic(run_dir / SUMMARY_NAME, to_json(summary))


def read_summary(run_dir: Path) -> dict[str, Any]:
    """The summary of a finished run. Raises InputError where there is none or it is malformed."""
    path = run_dir / SUMMARY_NAME
    try:
        summary = json.loads(path.read_bytes())
    except FileNotFoundError:
        raise InputError(f"{run_dir} has no {SUMMARY_NAME}: the run is not finished") from None
    except (OSError, ValueError) as error:
        raise InputError(f"{path} cannot be read: {error}") from error
    if not isinstance(summary, dict) or summary.get("schema") != SCHEMA:
        raise InputError(f"{path} is not a summary of schema {SCHEMA}")
    return summary


def verdict(summary: Mapping[str, Any]) -> int:
    """Exit status of a run: 1 where no picture came out, or any failed under "fail"; else 0."""
    counts = summary["counts"]
    failed = counts["planned"] - counts["ok"]
    return int(counts["ok"] == 0 or (summary["on_failure"] == "fail" and failed > 0))
