"""The queue of writers: one at a time, of threads and processes, and no one waits for ever."""

from __future__ import annotations

import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from human_eval_app.database.writer_queue import WriterQueue

ROOT = Path(__file__).parents[3]
HOLDER = """
import sys, time
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from human_eval_app.database.writer_queue import WriterQueue
with WriterQueue(Path(sys.argv[1])).turn(60):
    print("mine", flush=True)
    time.sleep(600)
"""


def test_one_writer_at_a_time(tmp_path: Path) -> None:
    queues = [WriterQueue(tmp_path / "study.db") for _ in range(3)]
    inside: list[int] = []
    most = 0

    def write(number: int) -> None:
        nonlocal most
        with queues[number % 3].turn(60):
            inside.append(number)
            most = max(most, len(inside))
            time.sleep(0.002)
            inside.remove(number)

    with ThreadPoolExecutor(12) as pool:
        list(pool.map(write, range(60)))
    assert most == 1


def test_a_turn_ends_with_its_process_and_waiting_with_its_time(tmp_path: Path) -> None:
    database = tmp_path / "study.db"
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(database), str(ROOT)], stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == "mine\n"
    queue = WriterQueue(database)
    with pytest.raises(TimeoutError), queue.turn(0.1):
        pass
    holder.kill()
    holder.wait()
    for _ in range(3):  # also the turn that came too late was given up
        with queue.turn(60):
            pass


def test_an_error_inside_ends_the_turn(tmp_path: Path) -> None:
    queue = WriterQueue(tmp_path / "study.db")
    with pytest.raises(ValueError, match="inside"), queue.turn(1):
        raise ValueError("inside")
    with WriterQueue(tmp_path / "study.db").turn(1):
        pass


def test_a_folder_that_is_not_there_is_left_to_the_database(tmp_path: Path) -> None:
    with WriterQueue(tmp_path / "none" / "study.db").turn(1):
        pass
