"""Whether a run folder may be compared at all: whole, finished, and what it says it is."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from drawbench.errors import InputError
from harness.comparable import NotComparable
from harness.ledger import LEDGER_NAME, read_ledger
from harness.manifest import MANIFEST_NAME, read_manifest
from harness.progress import Progress
from harness.run_view import RunView
from harness.score_io import SCORES_FILE
from harness.summary import SUMMARY_NAME, planned_samples, read_summary
from harness.verify import Finding, verify_folder
from harness.verify_again import verify_scores

SHOWN = 3
_FIELDS = {
    "configuration": "run_hash",
    "prompts": "bench.prompts",
    "ledger": LEDGER_NAME,
    "pictures": "images",
    "summary": SUMMARY_NAME,
    "scores": SCORES_FILE,
}


def open_whole(run_dir: Path, role: str, progress: Progress, *, full: bool = False) -> RunView:
    """The run in `run_dir` after everything in it was checked against its hashes.

    Pictures are hashed, and with `full` decoded too. `role` says which side of a comparison it is. Raises
    InputError where the folder is none or holds no run, NotComparable, with the field, where the run is
    unfinished, torn, altered or only a part of a run.
    """
    manifest_path = run_dir / MANIFEST_NAME
    if not manifest_path.is_file():
        read_manifest(run_dir)
    for name, read in (
        (MANIFEST_NAME, read_manifest),
        (LEDGER_NAME, read_ledger),
        (SUMMARY_NAME, read_summary),
        (SCORES_FILE, RunView.load),
    ):
        try:
            read(run_dir)
        except InputError as error:
            raise NotComparable(f"the {role} is not comparable: {error}", f"{role}: {name}") from error
    manifest = read_manifest(run_dir)
    missing = int(manifest["planned"]) - len(planned_samples(manifest, read_ledger(run_dir)))
    if missing:
        raise NotComparable(
            f"the {role} is not comparable: {missing} of {manifest['planned']} samples are not made yet; "
            f"the same command finishes the run",
            f"{role}: {LEDGER_NAME}",
        )
    if "shard" in manifest:
        raise NotComparable(
            f"the {role} is not comparable: it is shard {manifest['shard']} of a run; merge the shards first",
            f"{role}: shard",
        )
    for one in (*verify_folder(run_dir, progress, decode=full), verify_scores(run_dir), _keys(run_dir)):
        if one.verdict == "fails":
            more = f" and {len(one.problems) - SHOWN} more" if len(one.problems) > SHOWN else ""
            raise NotComparable(
                f"the {role} is not comparable: {'; '.join(one.problems[:SHOWN])}{more}",
                f"{role}: {_FIELDS[one.check]}",
            )
    view = RunView.load(run_dir, manifest)
    if not view.scores and view.counts["ok"]:
        raise InputError(f"{run_dir} is not scored; score it: drawbench score {run_dir}")
    return view


def _keys(run_dir: Path) -> Finding:
    """Whether the table of scores is about the pictures of this ledger."""
    problems = list(_foreign_rows(run_dir))
    return Finding("scores", "fails" if problems else "holds", 0, tuple(problems))


def _foreign_rows(run_dir: Path) -> Iterator[str]:
    import pandas as pd

    path = run_dir / SCORES_FILE
    if not path.is_file():
        return
    table = pd.read_parquet(path)
    if "key" not in table.columns:
        return
    keys = {
        (s.prompt_id, s.index): s.key for s in planned_samples(read_manifest(run_dir), read_ledger(run_dir))
    }
    places = table[["prompt_id", "index", "key"]].drop_duplicates()
    for prompt_id, index, key in places.itertuples(index=False, name=None):
        if keys.get((prompt_id, index)) != key:
            yield f"{SCORES_FILE}: the scores of {prompt_id}/{index} are not those of this run's picture"
