"""Known bugs of other codes: a detector that sees nothing, and a score near 0 that looks like a bad model."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest

from drawbench.errors import InputError
from harness.extractors.base import Setting
from harness.geneval.classes import CLASSES
from harness.geneval.detectors import build_detector
from harness.score import ScoreResult, score_samples
from harness.score_plan import ScorePlan

from .conftest import MakeSamples, TinyClip, noise

transformers = pytest.importorskip("transformers")

EYES = """
from harness.geneval.detectors import Detection

class Blind:
    identity = "blind-1"
    def detect(self, images):
        return [[] for image in images]

class Sees:
    identity = "sees-1"
    def detect(self, images):
        return [[Detection("cat", 0.9, (1.0, 1.0, 20.0, 20.0))] for image in images]
"""


def _overall(name: str, clip: TinyClip, made: tuple) -> ScoreResult:  # type: ignore[type-arg]
    folder, samples, prompts = made
    meta = {"tag": "single_object", "include": [{"class": "dog", "count": 1}], "exclude": []}
    asked = {key: replace(prompt, meta=meta) for key, prompt in prompts.items()}
    metrics = ("geneval_accuracy", "geneval_overall")
    plan = ScorePlan(metrics, clip_model=clip.name, detector=f"eyes_of_others:{name}")
    return score_samples(samples, asked, folder, plan)


def test_3a_27_a_detector_that_finds_nothing_is_noticed(
    tiny_clip: TinyClip, make_samples: MakeSamples, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By a wrong configuration nothing was found, every prompt was failed, and nothing said why."""
    (tmp_path / "eyes_of_others.py").write_text(EYES)
    monkeypatch.syspath_prepend(tmp_path)
    made = make_samples(noise(0, *[(32, 32)] * 4))
    blind, sees = (_overall(name, tiny_clip, made) for name in ("Blind", "Sees"))
    sys.modules.pop("eyes_of_others", None)
    for result in (blind, sees):
        assert [score.value for score in result.scores if score.metric == "geneval_overall"] == [0.0]
    said = [note for note in blind.notes if "found nothing in any of 4 pictures" in note]
    assert len(said) == 1
    assert not [note for note in sees.notes if "found nothing" in note]
    assert {row.reason for row in blind.per_sample} == {"wrong: expected 1 dog, found 0"}


def test_3a_27_a_detector_that_lacks_classes_is_refused(tmp_path: Path) -> None:
    """Its classes had numbers for names, so no prompt's object could ever be found."""
    names = {number: f"LABEL_{number}" for number in range(len(CLASSES))}
    config = transformers.YolosConfig(
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        image_size=[32, 32],
        patch_size=16,
        num_detection_tokens=2,
        id2label=names,
        label2id={name: number for number, name in names.items()},
    )
    transformers.YolosForObjectDetection(config).save_pretrained(tmp_path)
    transformers.YolosImageProcessor(size={"shortest_edge": 32, "longest_edge": 32}).save_pretrained(tmp_path)
    with pytest.raises(InputError, match="knows no airplane, no apple, no backpack and 77 classes more"):
        build_detector(Setting(detector=str(tmp_path)))
