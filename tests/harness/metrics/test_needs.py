"""What metrics need, gathered from what they say."""

from __future__ import annotations

from harness.metrics import find_metric, names
from harness.metrics.needs import judge_names, needed_extractors, observer_names, sent_texts


def test_every_metrics_needs_are_known_extractors() -> None:
    from harness import extractors

    for name in names():
        assert set(needed_extractors(find_metric(name))) <= set(extractors.names()), name


def test_observers_judges_and_what_goes_with_them() -> None:
    written, vqa, clip = map(find_metric, ("written_text_accuracy", "vqa_score", "clip_score"))
    assert observer_names([written, clip]) == ("ocr",)
    assert judge_names([written, vqa, vqa]) == ("vqa",)
    assert observer_names([vqa, written]) == ("ocr", "size")
    assert needed_extractors(vqa) == ("size", "vqa")
    assert needed_extractors(clip) == ("clip",)


def test_texts_are_sent_with_the_metrics_prefix() -> None:
    assert sent_texts(find_metric("clip_score_hessel"), ["a cat"]) == ["A photo depicts a cat"]
    assert sent_texts(find_metric("clip_score"), ["a cat"]) == ["a cat"]
    assert sent_texts(find_metric("vqa_score"), ["a cat"]) == ["a cat"]
