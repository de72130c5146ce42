"""Many raters at once, each a process of its own, write ratings into one store; then all must be there.

    python benchmarks/rating_writers.py                                      # SQLite, 40 writers x 50 ratings
    python benchmarks/rating_writers.py --database postgresql+psycopg://USER@HOST/AN_EMPTY_DATABASE
    python benchmarks/rating_writers.py --writers 4 --already 100000         # in a store that is nearly full

Each rating is what the app does for one click: give out the page and lease the next one, record that the
pictures were delivered, take the answer. No time passes between them, so this is far more than raters do.
A table on stdout; the status is 1 if a writer met an error or an acknowledged rating is missing.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import insert, text

from drawbench.errors import InputError
from human_eval_app.database.schema import presentation, rater, rating
from human_eval_app.store.leases import recount
from human_eval_app.store.rating_store import RatingStore, open_store
from human_eval_app.store.records import Presentation
from human_eval_app.studies.design import Arm, Item, ModelSource, Picture, StudyDesign

ROOT = Path(__file__).resolve().parents[1]
PAGES_OF_EARLIER = 100
BATCH = 10_000


@dataclass
class Outcome:
    """What the writers of one run saw. Times in milliseconds, one for each rating."""

    acknowledged: set[str] = field(default_factory=set)
    serve_ms: list[float] = field(default_factory=list)
    submit_ms: list[float] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    seconds: float = 0.0


def invented_design(items: int, quota: int, per_rater: int) -> StudyDesign:
    """A study of realism whose pictures exist by name only."""
    pictures = [Picture(f"{n:032x}", f"{n:064x}", 8, 8, "image/png", 80) for n in range(2 * items)]
    return StudyDesign(
        name="writers",
        kind="realism",
        title="Writers",
        instructions="",
        consent="",
        models=(ModelSource("one", "made"), ModelSource("two", "made")),
        items=tuple(
            Item(
                f"i{n}",
                f"p{n}",
                f"caption {n}",
                f"c{n % 5}",
                "rating",
                (Arm("one", (pictures[2 * n].id,)), Arm("two", (pictures[2 * n + 1].id,))),
            )
            for n in range(items)
        ),
        pictures=tuple(pictures),
        quota=quota,
        items_per_rater=per_rater,
        control_every=0,
        break_every=0,
        min_dwell_ms=0,
    )


def write_ratings(url: str, token: str, count: int) -> None:
    """A writer: prints "ready", waits for a line, then one line of JSON after each acknowledged rating."""
    store = open_store(url)
    rater_id = store.rater_id_of(store.exchange(token))
    assert rater_id is not None
    store.consent(rater_id)
    print("ready", flush=True)
    sys.stdin.readline()
    for number in range(count):
        started = time.perf_counter()
        page = store.serve(rater_id)
        if not isinstance(page, Presentation):
            print(json.dumps({"error": f"no page, but {page!r}"}), flush=True)
            return
        served = time.perf_counter()
        store.mark_shown(rater_id, page.id, store.design.item_by_id[page.item_id].pictures)
        looked = time.perf_counter()
        answers = {"realism": ("left", "indifferent", "right")[(number + rater_id) % 3]}
        store.submit(rater_id, page.id, answers, revision=page.revision, shown_ms=1000)
        done = time.perf_counter()
        line = {
            "presentation": page.id,
            "choice": answers["realism"],
            "serve_ms": 1000 * (served - started),
            "submit_ms": 1000 * (done - looked),
        }
        print(json.dumps(line), flush=True)


def start_writer(url: str, token: str, count: int) -> subprocess.Popen[str]:
    """Starts a writer in a process of its own."""
    return subprocess.Popen(
        [
            sys.executable,
            __file__,
            "--worker",
            "--database",
            url,
            f"--token={token}",
            "--ratings",
            str(count),
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join((str(ROOT), os.environ.get("PYTHONPATH", "")))},
    )


def run_writers(store: RatingStore, url: str, writers: int, ratings: int) -> Outcome:
    """Lets the writers loose at once, and waits for them."""
    processes = [start_writer(url, invite.token, ratings) for invite in store.invite(writers)]
    outcome = Outcome()
    for process in processes:
        assert process.stdout is not None
        process.stdout.readline()
    started = time.perf_counter()
    for process in processes:
        assert process.stdin is not None
        try:
            process.stdin.write("go\n")
            process.stdin.flush()
        except BrokenPipeError:
            pass  # it ended early, which is counted below
    for process in processes:
        output, complaints = process.communicate()
        for line in output.splitlines():
            note(outcome, line)
        if process.returncode:
            outcome.errors.append(complaints.strip().split("\n")[-1])
    outcome.seconds = time.perf_counter() - started
    return outcome


def note(outcome: Outcome, line: str) -> None:
    """Adds a writer's line to what is known."""
    said: dict[str, Any] = json.loads(line)
    if "error" in said:
        outcome.errors.append(said["error"])
        return
    outcome.acknowledged.add(f"{said['presentation']} {said['choice']}")
    outcome.serve_ms.append(said["serve_ms"])
    outcome.submit_ms.append(said["submit_ms"])


def missing(store: RatingStore, acknowledged: set[str]) -> set[str]:
    """Acknowledged ratings that the store does not hold exactly once. Raises where the file is damaged."""
    frame = store.ratings(revisions=True)
    held = Counter(frame["presentation"] + " " + frame["choice_shown"])
    if store.database.is_sqlite:
        with store.database.reading() as connection:
            found = connection.execute(text("PRAGMA integrity_check")).scalar()
        if found != "ok":
            raise RuntimeError(f"the database is damaged: {found}")
    return {name for name in acknowledged if held[name] != 1}


def fill(store: RatingStore, count: int) -> None:
    """Writes `count` ratings of earlier raters, `PAGES_OF_EARLIER` each, straight into the tables."""
    design = store.design
    items = [item.id for item in design.items]
    raters = -(-count // PAGES_OF_EARLIER)
    numbers = [invite.rater_id for invite in store.invite(raters)]
    with store.database.engine.begin() as connection:
        connection.execute(
            rater.update().values(status="active", cell="all", entered_at=1, consented_at=1, finished_at=2)
        )
        for pages in _batches(numbers, items, count):
            connection.execute(insert(presentation), [page for page, _ in pages])
            connection.execute(insert(rating), [answer for _, answer in pages])
        recount(connection, items)
        if not store.database.is_sqlite:
            connection.execute(text("ANALYZE"))


def _batches(
    raters: Sequence[int | None], items: Sequence[str], count: int
) -> Iterator[list[tuple[dict[str, Any], dict[str, Any]]]]:
    batch: list[tuple[dict[str, Any], dict[str, Any]]] = []
    for number in range(count):
        rater_number, place = divmod(number, PAGES_OF_EARLIER)
        name = f"{number:032x}"
        page = {
            "id": name,
            "rater_id": raters[rater_number],
            "item_id": items[(rater_number * 37 + place) % len(items)],
            "position": place + 1,
            "swapped": bool(number % 2),
            "state": "rated",
            "holds": True,
            "revision": 1,
            "leased_at": number,
            "lease_expires_at": number,
            "served_at": number,
            "opened_at": number,
        }
        answer = {
            "presentation_id": name,
            "question": "realism",
            "revision": 1,
            "choice_shown": "left",
            "choice": "a",
            "value": 1.0,
            "design_digest": "",
            "shown_at": number,
            "submitted_at": number,
            "dwell_ms": 0,
            "client_ms": 0,
        }
        batch.append((page, answer))
        if len(batch) == BATCH or number == count - 1:
            yield batch
            batch = []


def table(name: str, writers: int, outcome: Outcome, lost: int) -> str:
    """The figures of a run, for a document."""

    def at(values: list[float], share: float) -> str:
        return f"{sorted(values)[min(len(values) - 1, int(share * len(values)))]:.1f}" if values else "-"

    cells = {
        "database": name,
        "writers": str(writers),
        "ratings": str(len(outcome.acknowledged)),
        "errors": str(len(outcome.errors)),
        "missing": str(lost),
        "seconds": f"{outcome.seconds:.1f}",
        "ratings/s": f"{len(outcome.acknowledged) / outcome.seconds:.0f}",
        "next page ms p50": at(outcome.serve_ms, 0.5),
        "p99": at(outcome.serve_ms, 0.99),
        "answer ms p50": at(outcome.submit_ms, 0.5),
        "p99 ": at(outcome.submit_ms, 0.99),
    }
    return "\n".join(
        "| " + " | ".join(row) + " |" for row in (list(cells), ["---"] * len(cells), list(cells.values()))
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the benchmark, or one writer of it."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument(
        "--database", help="URL or path of an empty database; default: a SQLite file of its own"
    )
    parser.add_argument("--writers", type=int, default=40)
    parser.add_argument("--ratings", type=int, default=50, help="ratings of each writer")
    parser.add_argument("--already", type=int, default=0, help="ratings in the store before it starts")
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--token", help=argparse.SUPPRESS)
    chosen = parser.parse_args(arguments)
    if chosen.worker:
        write_ratings(chosen.database, chosen.token, chosen.ratings)
        return 0
    with tempfile.TemporaryDirectory() as folder:
        url = chosen.database or str(Path(folder) / "study.db")
        store = open_store(url, create=True)
        items = max(2 * chosen.ratings, -(-chosen.already // 200))
        store.register(invented_design(items, chosen.writers + 400, chosen.ratings))
        if len(store.raters()):
            raise InputError("the database holds raters already; give an empty one")
        if chosen.already:
            fill(store, chosen.already)
        outcome = run_writers(store, url, chosen.writers, chosen.ratings)
        lost = missing(store, outcome.acknowledged)
        name = "SQLite" if store.database.is_sqlite else "PostgreSQL"
        store.close_connections()
    print(table(name, chosen.writers, outcome, len(lost)))
    for error, times in Counter(outcome.errors).items():
        print(f"error ({times}x): {error}", file=sys.stderr)
    return 1 if outcome.errors or lost else 0


if __name__ == "__main__":
    sys.exit(main())
