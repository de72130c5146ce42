"""Kills the rating server with SIGKILL in a loop while raters rate, and counts what the database then holds.

    python benchmarks/rating_kill.py STUDY --kills 30 --every 4
    python benchmarks/rating_kill.py STUDY --database postgresql+psycopg://me@/empty

STUDY is a study folder, such as `drawbench study create` makes; it is copied, so nothing of it changes. The
raters come over the HTTP interface and retry as the rating page does. Exit status 0 means that every answer
that was acknowledged is there once, that no other answer is, and that all raters finished.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from pathlib import Path

from human_eval_app.simulated.crowd import Crowd
from human_eval_app.simulated.habits import Habits
from human_eval_app.simulated.kill_loop import rate_under_kills
from human_eval_app.studies.study import Study


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("study", type=Path)
    parser.add_argument("--database", default="sqlite", help="sqlite, or the URL of an empty database")
    parser.add_argument("--raters", type=int, default=20)
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--every", type=float, default=4.0, help="mean seconds between start and kill")
    parser.add_argument("--seconds", type=float, default=1.0, help="how long a rater looks at a page")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        copy = Path(place) / "study"
        shutil.copytree(args.study, copy, ignore=shutil.ignore_patterns("study.db*", "database.url"))
        if args.database != "sqlite":
            (copy / "database.url").write_text(args.database)
        report = rate_under_kills(
            Study.open(copy),
            Crowd(seconds=args.seconds, seed=args.seed),
            Habits(),
            raters=args.raters,
            kills=args.kills,
            every=args.every,
            seed=args.seed,
            say=lambda line: print(line, flush=True),
        )
    print(
        f"{report.raters} raters ({report.finished} finished), {report.kills} kills "
        f"in {report.seconds:.0f} s: {report.acknowledged} answers acknowledged, "
        f"{report.lost} lost, {report.doubled} doubled, {report.unknown} unknown to raters"
    )
    for deed, count in report.refused.items():
        print(f"{deed}: {count}")
    return 0 if report.kept_its_promise else 1


if __name__ == "__main__":
    sys.exit(main())
