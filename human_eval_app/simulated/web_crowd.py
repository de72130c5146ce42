"""Many simulated raters at once against one server, each in a thread with a connection of its own."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait

from human_eval_app.simulated.crowd import Crowd
from human_eval_app.simulated.habits import Habits, failing_line
from human_eval_app.simulated.judging import Judge
from human_eval_app.simulated.rater_client import RaterClient
from human_eval_app.simulated.web_visit import Acknowledged, Visit, WebRater
from human_eval_app.studies.design import StudyDesign


def rate_over_http(
    base: str,
    design: StudyDesign,
    tokens: Sequence[str],
    crowd: Crowd,
    habits: Habits,
    *,
    first_rater: int = 0,
    at_once: int = 20,
    patience: float = 60.0,
    on_acknowledged: Callable[[Acknowledged], None] = lambda done: None,
    stop: threading.Event | None = None,
) -> list[Visit]:
    """Sends one rater per invite token through the study at `base`; returns what came of each visit.

    The first error of a rater stops all of them and is raised. `on_acknowledged` is called from many threads.
    Once `stop` is set, each rater leaves after the page they are at.
    """
    stop = stop or threading.Event()

    def visit(place: int) -> Visit:
        rater = first_rater + place
        client = RaterClient(
            base,
            patience=patience,
            before_send=failing_line(habits.lost_requests, crowd.seed, rater, "request lost"),
            after_send=failing_line(habits.lost_answers, crowd.seed, rater, "answer lost"),
        )
        with client:
            judge = Judge(crowd, design, rater)
            going = WebRater(
                client,
                judge,
                habits,
                on_acknowledged=on_acknowledged,
                keep_going=lambda: not stop.is_set(),
            )
            return going.go_through(tokens[place])

    with ThreadPoolExecutor(max(1, min(at_once, len(tokens)))) as pool:
        visits = [pool.submit(visit, place) for place in range(len(tokens))]
        finished, _ = wait(visits, return_when=FIRST_EXCEPTION)
        stop.set()  # after the first error the others end too; else all have finished
        for done in finished:
            done.result()
        return [done.result() for done in visits]
