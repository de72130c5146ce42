"""What metrics need of extractors, observers and judges, gathered from what each says about itself."""

from __future__ import annotations

from collections.abc import Sequence

from harness.metrics.base import JudgesPairs, Metric, Observes, Prefixes


def observer_names(metrics: Sequence[Metric]) -> tuple[str, ...]:
    """The observers that must look at the pictures, each once.

    A judge of pairs alone would find out too late that a picture is broken, so then "size" is among them.
    """
    names = dict.fromkeys(name for m in metrics if isinstance(m, Observes) for name in m.image_observers)
    if judge_names(metrics):
        names["size"] = None
    return tuple(names)


def judge_names(metrics: Sequence[Metric]) -> tuple[str, ...]:
    """The judges of pairs that are asked, each once."""
    return tuple(dict.fromkeys(name for m in metrics if isinstance(m, JudgesPairs) for name in m.pair_judges))


def needed_extractors(metric: Metric) -> tuple[str, ...]:
    """All that must be had before the metric can be computed, each once."""
    names = (*metric.image_extractors, *metric.text_extractors)
    return tuple(dict.fromkeys((*names, *observer_names([metric]), *judge_names([metric]))))


def sent_texts(metric: Metric, texts: Sequence[str]) -> list[str]:
    """The texts as the metric's text encoder gets them."""
    prefix = metric.prefix if isinstance(metric, Prefixes) else ""
    return [prefix + text for text in texts]
