"""GenEval's score: does an object detector see what the prompt asks for (Ghosh et al. 2023)?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from drawbench.types import Prompt
from harness.geneval.rules import RULES, Seen, judge, problem_in, reason
from harness.metrics.base import Estimate, Inputs
from harness.stats import Interval, cluster_mean_interval
from harness.types import Direction

_OBSERVER = "detector"
_ACCURACY = "geneval_accuracy"
TASKS = ("single_object", "two_object", "counting", "colors", "position", "color_attr")


@dataclass(frozen=True)
class Geneval:
    """Base of both metrics: what they look at, and which prompts they judge."""

    name: str
    summary: str
    direction: Direction = "higher"
    image_extractors: tuple[str, ...] = ()
    text_extractors: tuple[str, ...] = ()
    image_observers: tuple[str, ...] = (_OBSERVER,)
    needs_reference: bool = False
    bounds: tuple[float, float] | None = (0.0, 1.0)
    family: str = _ACCURACY

    def identity(self, inputs: Inputs) -> str:
        """`name[detector|colours' network|rules and thresholds|file type]`."""
        return f"{self.name}[{inputs.identities[_OBSERVER]}|{RULES}|{inputs.file_type}]"

    def unsuited(self, prompts: Sequence[Prompt]) -> str | None:
        """Why these prompts cannot be judged, or None."""
        if not prompts:
            return "there are no prompts"
        return next((problem for p in prompts if (problem := problem_in(p.meta))), None)

    def applies(self, prompt: Prompt) -> bool:
        """Every prompt of the bench can be judged."""
        return True

    def verdicts(self, inputs: Inputs) -> NDArray[np.float64]:
        """1 or 0 for each picture, (n,)."""
        pairs = zip(inputs.metas, _seen(inputs), strict=True)
        return np.array([float(judge(meta, seen).correct) for meta, seen in pairs], dtype=np.float64)


@dataclass(frozen=True)
class GenevalAccuracy(Geneval):
    """1 for a picture with all objects, counts, colours and places that the prompt asks for, else 0."""

    def per_image(self, inputs: Inputs) -> NDArray[np.float64]:
        """1 or 0 for each picture, (n,)."""
        return self.verdicts(inputs)

    def reasons(self, inputs: Inputs) -> list[str | None]:
        """For each picture one line: what was expected and what was found."""
        return [reason(meta, seen) for meta, seen in zip(inputs.metas, _seen(inputs), strict=True)]


@dataclass(frozen=True)
class GenevalOverall(Geneval):
    """GenEval's headline number: the mean of the tasks' accuracies, each task with the same weight."""

    def whole_set(self, inputs: Inputs) -> Estimate:
        """The mean over tasks and its interval, with notes on absent tasks and on a blind detector.

        One that is set up wrongly finds nothing anywhere, which looks like a bad model.
        """
        tags = np.array([str(meta["tag"]) for meta in inputs.metas])
        value, interval = mean_of_tasks(self.verdicts(inputs), tags, inputs.clusters)
        absent = [task for task in TASKS if task not in tags]
        notes = []
        if absent:
            notes.append(f"{self.name}: no picture of {', '.join(absent)}; it is the mean of the other tasks")
        if not any(inputs.observations[_OBSERVER]):
            notes.append(
                f"{self.name}: the detector found nothing in any of {len(tags)} pictures; look whether it "
                f"works before you trust the value"
            )
        return Estimate(value, interval, tuple(notes))


GENEVAL_METRICS: tuple[GenevalAccuracy, GenevalOverall] = (
    GenevalAccuracy(
        _ACCURACY,
        "Share of pictures with all objects, counts, colours and places that a detector and CLIP can check, "
        "by GenEval's rules. Its categories are GenEval's tasks.",
    ),
    GenevalOverall(
        "geneval_overall", "GenEval's headline number: the mean of its tasks' shares of right pictures."
    ),
)


def mean_of_tasks(
    values: NDArray[np.float64], tags: NDArray[np.str_], clusters: NDArray[np.intp], level: float = 0.95
) -> tuple[float, Interval]:
    """Mean over tasks of their means, and its interval; values, tags and clusters are (n,).

    Each task has its own interval, clustered by prompt; tasks are independent, so the distances from the
    means to their ends add up in squares (Zou & Donner 2008, MOVER). With a task of one prompt nothing can
    be estimated, and the interval is 0..1.
    """
    means, below, above = [], [], []
    for tag in dict.fromkeys(tags.tolist()):
        chosen = tags == tag
        if len(np.unique(clusters[chosen])) < 2:
            value = float(np.mean([values[tags == other].mean() for other in dict.fromkeys(tags.tolist())]))
            return value, Interval(0.0, 1.0, "a task with one prompt only: no interval can be estimated")
        mean, interval = cluster_mean_interval(
            values[chosen], clusters[chosen], level=level, bounds=(0.0, 1.0)
        )
        means.append(mean)
        below.append(mean - interval.low)
        above.append(interval.high - mean)
    tasks, value = len(means), float(np.mean(means))
    low = value - float(np.linalg.norm(below)) / tasks
    high = value + float(np.linalg.norm(above)) / tasks
    method = f"{level:.0%} MOVER over {tasks} tasks, each {interval.method}"
    return value, Interval(max(low, 0.0), min(high, 1.0), method)


def _seen(inputs: Inputs) -> list[list[Seen]]:
    return [
        [
            Seen(
                str(one["class"]),
                float(one["score"]),
                (one["box"][0], one["box"][1], one["box"][2], one["box"][3]),
                one["colour"],
            )
            for one in found
        ]
        for found in inputs.observations[_OBSERVER]
    ]
