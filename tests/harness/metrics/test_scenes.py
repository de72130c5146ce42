"""The scenes metrics on real renderings: values, where they apply, reasons, identity, and who may ask."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from drawbench.benches import scenes
from drawbench.errors import InputError
from drawbench.scenes import Scene, Thing, scene_from_dict, scene_to_dict
from drawbench.types import Prompt
from harness.extractors import Extractors, Setting
from harness.metrics import find_metric
from harness.metrics.base import Explains, Inputs, PerImageMetric, Selective, describe
from harness.metrics.scenes import SCENES_METRICS, ScenesAccuracy
from harness.scenes_judge.decode import to_vector
from harness.scenes_judge.labels import Detection, true_detections
from harness.score_plan import ScorePlan, choose_metrics

PROMPTS = scenes.load(n=40).prompts
IDENTITY = "scenes-judge-0123abcd|area128|t0.5"


def _inputs(prompts: Sequence[Prompt], seen: Sequence[tuple[Detection, ...]]) -> Inputs:
    return Inputs(
        features={"scenes_judge": np.stack([to_vector(s) for s in seen])},
        captions=[prompt.text for prompt in prompts],
        clusters=np.arange(len(prompts)),
        identities={"scenes_judge": IDENTITY},
        embed=lambda name, texts: pytest.fail("no text is embedded"),
        metas=[prompt.meta for prompt in prompts],
    )


def _truth(prompt: Prompt) -> tuple[Detection, ...]:
    return true_detections(scene_from_dict(prompt.meta), int(prompt.meta["layout_seed"]))


def test_true_pictures_score_one_wherever_a_part_applies() -> None:
    inputs = _inputs(PROMPTS, [_truth(prompt) for prompt in PROMPTS])
    for metric in SCENES_METRICS:
        values = metric.per_image(inputs)
        applies = [metric.applies(prompt) for prompt in PROMPTS]
        assert (~np.isnan(values)).tolist() == applies
        assert set(values[~np.isnan(values)]) == {1.0}
        assert metric.identity(inputs) == f"{metric.name}[{IDENTITY}|rules1|png]"


def test_empty_pictures_have_strict_values_alone() -> None:
    inputs = _inputs(PROMPTS, [()] * len(PROMPTS))
    for metric in SCENES_METRICS:
        values = metric.per_image(inputs)
        if metric.part in ("colours", "counts", "relation"):
            assert np.isnan(values).all()
        else:
            applies = [metric.applies(prompt) for prompt in PROMPTS]
            assert (values == 0).tolist() == applies


def test_every_picture_has_its_reason() -> None:
    inputs = _inputs(PROMPTS, [*(_truth(p) for p in PROMPTS[1:]), _truth(PROMPTS[0])])
    accuracy = SCENES_METRICS[0]
    assert isinstance(accuracy, ScenesAccuracy)
    values, reasons = accuracy.per_image(inputs), accuracy.reasons(inputs)
    assert len(reasons) == len(PROMPTS)
    for value, why in zip(values, reasons, strict=True):
        assert why is not None
        assert why.startswith("right: ") == (value == 1)
        assert "asked for " in why
        assert "; saw " in why


def test_they_are_selective_metrics_and_one_explains() -> None:
    for metric in SCENES_METRICS:
        assert find_metric(metric.name) is metric
        assert isinstance(metric, PerImageMetric)
        assert isinstance(metric, Selective)
        assert isinstance(metric, Explains) == (metric.name == "scenes_accuracy")
        assert describe(metric).summary == metric.summary
    assert not isinstance(find_metric("align_conse"), Selective)


def test_without_scenes_they_are_skipped_and_refused_by_name() -> None:
    plain = [Prompt("a", "a red car", "Colors")]
    choice = choose_metrics(ScorePlan(), prompts=plain)
    assert "scenes_accuracy" not in choice.names
    why = "the prompts come without scenes; only the bench scenes has them"
    assert "scenes_accuracy" not in dict(choice.skipped)  # it is the bench's doing, not the machine's
    with pytest.raises(InputError, match=f"metric scenes_counts cannot be computed: {why}"):
        choose_metrics(ScorePlan(metrics=("scenes_counts",)), prompts=plain)
    names = tuple(metric.name for metric in SCENES_METRICS)
    assert choose_metrics(ScorePlan(), prompts=PROMPTS).names[-8:] == names
    assert choose_metrics(ScorePlan(metrics=names), prompts=PROMPTS).names == names
    assert not set(names) & set(choose_metrics(ScorePlan()).names)


def test_scenes_that_cannot_be_judged_are_one_clear_line() -> None:
    twice = Scene((Thing("cat", "red"), Thing("cat", "blue")), "left of")
    metric = SCENES_METRICS[0]
    assert "two things of the kind 'cat'" in str(
        metric.unsuited([Prompt("t", "", meta=scene_to_dict(twice))])
    )
    unicorn = Prompt("u", "a unicorn", meta={"things": [{"object": "unicorn"}]})
    assert "unknown object 'unicorn'" in str(metric.unsuited([unicorn]))
    assert metric.unsuited([]) is not None
    assert metric.unsuited(PROMPTS) is None


def test_a_written_word_alone_is_not_judged() -> None:
    prompt = Prompt("w", 'the word "HI"', "text", scene_to_dict(Scene((), word="HI")))
    inputs = _inputs([prompt], [()])
    assert all(np.isnan(m.per_image(inputs)).all() and not m.applies(prompt) for m in SCENES_METRICS)


def test_the_extractor_is_shipped_and_names_its_weights() -> None:
    extractors = Extractors(Setting())
    assert extractors.missing("scenes_judge") is None
    built = extractors.image("scenes_judge")
    assert built.identity.startswith("scenes-judge-")
    assert built.extract_images([]).shape == (0, built.dim)
    assert built.extract_images([np.full((50, 70, 3), 200, np.uint8)]).shape == (1, 128)
