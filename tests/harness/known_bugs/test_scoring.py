"""Known bugs of other codes: what becomes of failures, of caches and of seeds on the way to a score."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy import stats as scipy_stats

from drawbench.errors import InputError
from harness.extractors import find_spec
from harness.extractors.base import ImageExtractor, Setting
from harness.metrics import find_metric, names
from harness.options import collect_settings
from harness.pictures import check_picture
from harness.reference import ReferenceSource
from harness.run import main
from harness.score import score_samples
from harness.score_plan import ScorePlan, choose_metrics
from harness.seeds import sample_seed
from harness.stats import cluster_mean_interval
from harness.types import Failure
from harness.weights import WeightsPolicy, find

from .conftest import MakeSamples, noise

ALIGN = ScorePlan(("align_conse",))
PROMPTS = (
    "prompt,category\na red cube,Colors\na blue banana,Colors\nthree cats,Counting\nfour dogs,Counting\n"
)


def test_3a_28_missing_samples_are_counted_wherever_there_is_a_score(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """544 of 553 prompts were scored, and nothing said so."""
    monkeypatch.chdir(tmp_path)
    Path("p.csv").write_text(PROMPTS, encoding="utf-8")
    Path("pictures").mkdir()
    for i, picture in enumerate(noise(0, *[(32, 32)] * 3)):
        Image.fromarray(picture).save(f"pictures/p-000{i}.png")
    command = ["--model", "folder:pictures", "--bench", "file:p.csv", "--metrics", "align_conse", "--offline"]
    assert main(command) == 0
    out = capsys.readouterr().out
    assert "4 planned = 3 ok + 1 error" in out
    assert "p-0003/0: no picture of prompt p-0003" in out
    (run,) = Path("results").iterdir()
    summary = json.loads((run / "summary.json").read_text())
    assert [score["n"] for score in summary["scores"] if score["category"] is None] == [3]
    assert summary["scores"][0]["if_failed"] is not None


def test_3a_29_every_metric_says_which_way_is_better_and_between_what() -> None:
    """ "What is the score's range?" """
    for metric in map(find_metric, names()):
        assert metric.direction in ("higher", "lower")
        assert metric.bounds is None or metric.bounds[0] < metric.bounds[1]
    assert find_metric("clip_score").bounds == (0.0, 100.0)


def test_3a_35_features_of_another_picture_or_extractor_are_never_reused(make_samples: MakeSamples) -> None:
    """A cache without the model in its key gave model B the answers of model A."""
    plan = ScorePlan(("fd_effnet_lite0",), ReferenceSource("scenes", n=4, size=32))
    folder, samples, prompts = make_samples(noise(1, *[(32, 32)] * 4))
    other_folder, other_samples, _ = make_samples(noise(2, *[(32, 32)] * 4))
    assert [s.path for s in samples] == [s.path for s in other_samples]  # the same names, other pictures
    first = score_samples(samples, prompts, folder, plan).scores[0].value
    other = score_samples(other_samples, prompts, other_folder, plan).scores[0].value
    assert other != first
    for sample in samples:  # the same place, other bytes
        (folder / str(sample.path)).write_bytes((other_folder / str(sample.path)).read_bytes())
    stale = score_samples(samples, prompts, folder, plan)
    assert stale.scores == ()
    assert all("sha256" in failure.reason for failure in stale.failed)
    again = score_samples(other_samples, prompts, folder, plan).scores[0].value
    assert again == other
    identities = [
        built.identity
        for name in ("effnet_lite0", "effnet_lite0_halves")
        if isinstance(built := find_spec(name).build(Setting()), ImageExtractor)
    ]
    assert len(set(identities)) == 2


def test_3a_39_every_score_has_an_interval_and_says_how_it_was_made(make_samples: MakeSamples) -> None:
    """176 of 180 neighbours in a ranking could not be told apart."""
    folder, samples, prompts = make_samples(noise(3, *[(32, 32)] * 8))
    plan = ScorePlan(("align_conse", "fd_effnet_lite0"), ReferenceSource("scenes", n=6, size=32))
    scores = score_samples(samples, prompts, folder, plan).scores
    assert {(score.metric, score.category) for score in scores} == {
        ("align_conse", None),
        ("align_conse", "Colors"),
        ("align_conse", "Counting"),
        ("fd_effnet_lite0", None),
    }
    for score in scores:
        assert score.low < score.value < score.high
        assert score.method.startswith("95% ")


RAISING = """
from harness.metrics.alignment import AlignConse

class Raising(AlignConse):
    def per_image(self, inputs):
        raise RuntimeError("out of memory")
"""


def test_3b_e_a_metric_that_raises_is_no_score_of_zero(
    make_samples: MakeSamples, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One code wrote down 0 and averaged it."""
    (tmp_path / "raising_metric.py").write_text(RAISING)
    monkeypatch.syspath_prepend(tmp_path)
    folder, samples, prompts = make_samples(noise(4, (32, 32)))
    with pytest.raises(RuntimeError, match="out of memory"):
        score_samples(samples, prompts, folder, ScorePlan(("raising_metric:Raising",)))
    sys.modules.pop("raising_metric", None)


def test_3b_e_a_picture_that_cannot_be_scored_is_not_averaged_as_zero(make_samples: MakeSamples) -> None:
    folder, samples, prompts = make_samples(noise(5, *[(32, 32)] * 4))
    before = score_samples(samples, prompts, folder, ALIGN)
    (folder / str(samples[2].path)).write_bytes(b"rotten")
    after = score_samples(samples, prompts, folder, ALIGN)
    kept = [row.value for i, row in enumerate(before.per_sample) if i != 2]
    assert after.per_sample[2].value is None
    assert after.scores[0].value == pytest.approx(np.mean(np.array(kept, float)), rel=1e-6)
    assert after.scores[0].n == 3


def test_3b_f_black_pictures_do_not_make_a_model_look_better(make_samples: MakeSamples) -> None:
    """Black pictures were dropped from the mean, so a model that is filtered more could look better."""
    assert isinstance(check_picture(np.zeros((8, 8, 3), np.uint8)), Failure)
    folder, samples, prompts = make_samples(noise(6, *[(32, 32)] * 4))
    whole = score_samples(samples, prompts, folder, ALIGN)
    worst = min(range(4), key=lambda i: whole.per_sample[i].value or 0.0)
    samples[worst] = replace(samples[worst], status="black", path=None, sha256=None)
    dropped = score_samples(samples, prompts, folder, ALIGN)
    assert dropped.scores[0].value > whole.scores[0].value  # the mean of what is left does rise,
    assert dropped.scores[0].if_failed is not None
    low, high = dropped.scores[0].if_failed  # but what the lost one could have been is beside it,
    assert low < whole.scores[0].value < dropped.scores[0].value < high
    assert [failure.status for failure in dropped.failed] == ["black"]  # it is counted,
    assert dropped.per_sample[worst].status == "black"
    assert not score_samples(samples, prompts, folder, replace(ALIGN, on_failure="fail")).passed


def test_3b_f_all_black_is_no_score_at_all(make_samples: MakeSamples) -> None:
    """It was 0."""
    folder, samples, prompts = make_samples(noise(7, *[(32, 32)] * 2))
    black = [replace(sample, status="black", path=None, sha256=None) for sample in samples]
    result = score_samples(black, prompts, folder, ALIGN)
    assert result.scores == ()
    assert result.skipped == (("align_conse", "there is no picture to score"),)


def test_3b_f_the_spread_is_the_sample_s_not_the_population_s() -> None:
    values = np.array([1.0, 2.0, 4.0])
    _, interval = cluster_mean_interval(values, [0, 1, 2])
    half = scipy_stats.t.ppf(0.975, 2) * values.std(ddof=1) / np.sqrt(3)
    assert (interval.high - interval.low) / 2 == pytest.approx(half)


@pytest.mark.parametrize("text", ["false", "False"])
def test_3b_g_a_setting_of_false_is_false(text: str) -> None:
    """`--complex False` was true, as every word that is not empty is."""
    assert collect_settings([f"complex={text}"]) == {"complex": False}
    assert collect_settings(["complex=True", "eta=None"]) == {"complex": True, "eta": None}


def test_3b_g_a_prompt_is_not_read_from_a_file_s_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was what stands before the first "_" of the name, so a name with more of them was another prompt."""
    monkeypatch.chdir(tmp_path)
    lines = [{"id": "a_b", "prompt": "a red_cube"}, {"id": "a", "prompt": "an apple"}]
    Path("p.jsonl").write_text("\n".join(map(json.dumps, lines)), encoding="utf-8")
    Path("pictures").mkdir()
    pictures = noise(8, (32, 32), (32, 32))
    for entry, picture in zip(lines, pictures, strict=True):
        Image.fromarray(picture).save(f"pictures/{entry['id']}.png")
    assert main(["--model", "folder:pictures", "--bench", "file:p.jsonl", "--no-score"]) == 0
    (run,) = Path("results").iterdir()
    manifest = json.loads((run / "manifest.json").read_text())
    assert [entry["text"] for entry in manifest["bench"]["prompts"]] == ["a red_cube", "an apple"]
    for entry, picture in zip(lines, pictures, strict=True):
        np.testing.assert_array_equal(Image.open(run / "images" / entry["id"] / "0.png"), picture)


def test_3b_i_captions_do_not_share_a_seed_and_pictures_are_stored_without_loss(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Seed 42 for every caption, JPEG before the FID, and files of earlier settings taken for new ones."""
    assert len({sample_seed(42, f"p{i}", 0) for i in range(1000)}) == 1000
    monkeypatch.chdir(tmp_path)
    Path("p.csv").write_text(PROMPTS, encoding="utf-8")
    for scale in ("1", "2"):
        command = ["--model", "dummy", "--bench", "file:p.csv", "--guidance-scale", scale, "--no-score"]
        assert main(command) == 0
    first, second = sorted(Path("results").iterdir())
    files = [sorted(path.relative_to(run) for path in run.glob("images/*/*")) for run in (first, second)]
    assert files[0] == files[1]
    assert {path.suffix for path in files[0]} == {".png"}
    for path in files[0]:
        assert (first / path).read_bytes() != (second / path).read_bytes()


def test_3b_i_a_lossy_file_is_another_identity(make_samples: MakeSamples) -> None:
    folder, samples, prompts = make_samples(noise(9, *[(32, 32)] * 2))
    png = score_samples(samples, prompts, folder, ALIGN).scores[0]
    lossy = []
    for sample in samples:
        path = (folder / str(sample.path)).with_suffix(".jpg")
        Image.open(folder / str(sample.path)).save(path, quality=90)
        lossy.append(replace(sample, path=path.name, sha256=None))
    jpeg = score_samples(lossy, prompts, folder, ALIGN).scores[0]
    assert png.identity.endswith("|png]")
    assert jpeg.identity.endswith("|jpeg]")
    assert png.value != jpeg.value


def test_3b_j_weights_that_are_not_the_known_ones_stop_the_work(tmp_path: Path) -> None:
    """Whatever lay in the folder of temporary files was taken for Inception's weights."""
    (tmp_path / "inception-2015-12-05.pt").write_bytes(b"something else")
    with pytest.raises(InputError, match=r"is not the known inception-2015-12-05.pt: sha256"):
        find("inception-2015-12-05", WeightsPolicy(tmp_path))
    plan = ScorePlan(("fid",), ReferenceSource("scenes", n=4), weights_dir=tmp_path)
    with pytest.raises(InputError, match="sha256"):
        choose_metrics(plan)


def test_3b_l_a_picture_does_not_depend_on_the_batch_size(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One stream of random numbers a prompt made picture k depend on how many were drawn at once."""
    monkeypatch.chdir(tmp_path)
    Path("p.csv").write_text(PROMPTS, encoding="utf-8")
    found = []
    for size in ("1", "3", "16"):
        command = ["--model", "dummy", "--bench", "file:p.csv", "--samples-per-prompt", "4", "--no-score"]
        assert main([*command, "--batch-size", size, "--out", size]) == 0
        (run,) = Path(size).iterdir()
        found.append({p.relative_to(run): p.read_bytes() for p in sorted(run.glob("images/*/*.png"))})
    assert len(found[0]) == 16
    assert found[0] == found[1] == found[2]
    assert len(set(found[0].values())) == 16
