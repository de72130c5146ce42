"""An engine: where and how requests are carried out. This one rests after each batch, for shared machines."""

import time

from harness.engines.worker import Worker

REST_SECONDS = 0.05


class Polite:
    """Draws in this process and rests a moment after each batch."""

    def __init__(self, options):
        self.options = options  # workers, address, device: what `--workers` and the like say

    def start(self, model, job, upcoming):
        worker = Worker(model, job)  # asks the model, checks what comes back, writes the pictures
        worker.load(upcoming)
        return Crew(worker)


class Crew:
    """Answers requests; a context manager, so that what it started can be stopped."""

    def __init__(self, worker):
        self.worker = worker

    def carry_out(self, requests, batch_size):
        for start in range(0, len(requests), batch_size):
            outcomes = self.worker.answer(requests[start : start + batch_size])
            yield list(enumerate(outcomes, start))  # (place among the requests, what became of it)
            time.sleep(REST_SECONDS)

    def __enter__(self):
        return self

    def __exit__(self, *error):
        pass
