"""Kills the rating server again and again while raters rate, and counts what the database then holds."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sqlalchemy import select

from human_eval_app.database.schema import rating
from human_eval_app.simulated.crowd import Crowd
from human_eval_app.simulated.habits import Habits
from human_eval_app.simulated.server_process import ServerProcess
from human_eval_app.simulated.web_crowd import rate_over_http
from human_eval_app.simulated.web_visit import Acknowledged, Visit
from human_eval_app.store.rating_store import open_store
from human_eval_app.studies.study import Study

Key = tuple[str, int, str]


@dataclass(frozen=True, slots=True)
class KillReport:
    """What came of it. `lost`: acknowledged answers that the database lacks or holds otherwise; `doubled`:
    answers it holds twice; `unknown`: answers it holds that no rater was told of. `kills` fell while raters
    were rating; `refused` counts refusals that raters met, by what they did and why.
    """

    raters: int
    finished: int
    kills: int
    seconds: float
    acknowledged: int
    lost: int
    doubled: int
    unknown: int
    refused: dict[str, int]

    @property
    def kept_its_promise(self) -> bool:
        """Nothing lost, doubled or made up, everyone came to the end, and there were kills."""
        return (
            not (self.lost or self.doubled or self.unknown)
            and self.finished == self.raters
            and self.kills > 0
        )


def rate_under_kills(
    study: Study,
    crowd: Crowd,
    habits: Habits,
    *,
    raters: int,
    kills: int,
    every: float,
    seed: int = 0,
    say: Callable[[str], None] = lambda line: None,
) -> KillReport:
    """Sends `raters` through the study while the server is killed `kills` times.

    Each kill falls at a random moment, on average `every` seconds after the server came back; there are fewer
    where the study ends before. The raters enter under fire too, and retry as browsers do.
    """
    store = open_store(study.database_url, create=True)
    store.register(study.design)
    tokens = [invite.token for invite in store.invite(raters, label="simulated")]
    acknowledged: dict[Key, str] = {}
    told = threading.Lock()

    def note(done: Acknowledged) -> None:
        with told:
            for question, choice in done.answers.items():
                acknowledged[done.presentation, done.revision, question] = choice

    begun = time.monotonic()
    with ServerProcess(study.folder) as server:
        visits: list[Visit] = []
        errors: list[BaseException] = []

        def go() -> None:
            try:
                visits.extend(
                    rate_over_http(
                        server.base,
                        study.design,
                        tokens,
                        crowd,
                        habits,
                        at_once=raters,
                        patience=300.0,
                        on_acknowledged=note,
                    )
                )
            except BaseException as error:  # raised again below, in the caller's thread
                errors.append(error)

        rating_thread = threading.Thread(target=go)
        rating_thread.start()
        chance, killed = random.Random(seed), 0
        while killed < kills and rating_thread.is_alive():
            rating_thread.join(chance.uniform(0, 2 * every))
            if not rating_thread.is_alive():
                break
            with told:
                so_far = len(acknowledged)
            server.kill()
            killed += 1
            say(f"{time.monotonic() - begun:.0f} s: kill {killed}, {so_far} answers acknowledged")
            server.start()
        rating_thread.join()
        if errors:
            raise errors[0]
    seconds = time.monotonic() - begun
    with store.database.reading() as connection:
        rows = connection.execute(select(rating)).all()
    store.close_connections()
    counts = Counter((row.presentation_id, row.revision, row.question) for row in rows)
    kept = {(row.presentation_id, row.revision, row.question): row.choice_shown for row in rows}
    return KillReport(
        raters=raters,
        finished=sum(visit.phase == "finished" for visit in visits),
        kills=killed,
        seconds=seconds,
        acknowledged=len(acknowledged),
        lost=sum(kept.get(key) != choice for key, choice in acknowledged.items()),
        doubled=sum(count > 1 for count in counts.values()),
        unknown=sum(key not in acknowledged for key in kept),
        refused=_refusals(visits),
    )


def _refusals(visits: Sequence[Visit]) -> dict[str, int]:
    found: Counter[str] = Counter()
    for visit in visits:
        found.update({deed: n for deed, n in visit.deeds.items() if "refused" in deed})
    return dict(sorted(found.items()))
