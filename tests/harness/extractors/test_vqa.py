"""VQAScore's judge: small random LLaVA and Qwen2-VL models with tokenizers of their own, loaded for real."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from drawbench.errors import InputError
from drawbench.types import Prompt
from harness.extractors.base import PairJudge, Setting
from harness.extractors.vqa import TEMPLATE, build, missing
from harness.metrics.base import JudgesPairs
from harness.metrics.vqa_score import VqaScore
from harness.score import score_samples
from harness.score_plan import ScorePlan, choose_metrics
from harness.types import Sample

transformers = pytest.importorskip("transformers")
import torch  # noqa: E402

MARKS = ["<|image_pad|>", "<|vision_start|>", "<|vision_end|>", "<|video_pad|>"]
IMAGE = MARKS[0]
WORDS = ["<unk>", "<pad>", "<s>", "</s>", *MARKS, "Yes", "No", "Does", "this", "figure", "show", "Please"]
WORDS += [
    "answer",
    "yes",
    "or",
    "no",
    "a",
    "red",
    "car",
    "blue",
    "cat",
    "USER",
    ":",
    "ASSISTANT",
    '"',
    "?",
    ".",
]
QUESTIONS = ["a red car", "a blue cat"]
CHAT = (
    "{% for message in messages %}USER: {% for part in message['content'] %}{% if part['type'] == 'image' %}"
    "IMAGE{% else %}{{ part['text'] }}{% endif %}{% endfor %}{% endfor %} ASSISTANT:"
)


def _tokenizer(words: list[str]) -> Any:
    from tokenizers import Tokenizer, models, pre_tokenizers

    made = Tokenizer(models.WordLevel({word: i for i, word in enumerate(words)}, unk_token="<unk>"))
    made.pre_tokenizer = pre_tokenizers.Whitespace()
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=made,
        unk_token="<unk>",
        pad_token="<pad>",
        bos_token="<s>",
        eos_token="</s>",
        additional_special_tokens=MARKS,
    )


def _llava(folder: Path, chat: str | None, words: list[str]) -> Path:
    config = transformers.LlavaConfig(
        vision_config=transformers.CLIPVisionConfig(
            hidden_size=16,
            intermediate_size=32,
            num_hidden_layers=2,
            num_attention_heads=2,
            image_size=32,
            patch_size=16,
        ),
        text_config=transformers.LlamaConfig(
            vocab_size=len(words),
            hidden_size=16,
            intermediate_size=32,
            num_hidden_layers=1,
            num_attention_heads=2,
            num_key_value_heads=2,
            max_position_embeddings=128,
        ),
        image_token_id=words.index(IMAGE),
    )
    torch.manual_seed(0)
    network = transformers.LlavaForConditionalGeneration(config).eval()
    with torch.no_grad():  # larger weights, so that answers differ by more than rounding
        network.lm_head.weight.mul_(10)
        for weight in network.model.language_model.layers[0].parameters():
            weight.mul_(10)
    network.save_pretrained(folder)
    transformers.LlavaProcessor(
        image_processor=transformers.CLIPImageProcessor(
            size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32}
        ),
        tokenizer=_tokenizer(words),
        patch_size=16,
        vision_feature_select_strategy="default",
        image_token=IMAGE,
        num_additional_image_tokens=1,
        chat_template=chat,
    ).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def llava(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return _llava(tmp_path_factory.mktemp("vqa") / "llava", CHAT.replace("IMAGE", f"{IMAGE}\n"), WORDS)


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HOME", "HF_HOME", "XDG_CACHE_HOME", "DRAWBENCH_CACHE"):
        monkeypatch.setenv(name, str(tmp_path / "home"))
    for name in ("HF_HUB_CACHE", "DRAWBENCH_WEIGHTS"):
        monkeypatch.delenv(name, raising=False)


def _pictures() -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    return [rng.integers(0, 256, shape, dtype=np.uint8) for shape in ((40, 50, 3), (64, 64, 3))]


def _by_hand(folder: Path, picture: np.ndarray, prompt: str) -> float:
    """P("Yes") of the next token, by transformers alone."""
    network = transformers.LlavaForConditionalGeneration.from_pretrained(folder, dtype=torch.float32).eval()
    processor = transformers.AutoProcessor.from_pretrained(folder)
    inputs = processor(text=prompt, images=Image.fromarray(picture), return_tensors="pt")
    with torch.inference_mode():
        output = network.generate(
            **inputs, max_new_tokens=1, do_sample=False, return_dict_in_generate=True, output_scores=True
        )
    return float(torch.softmax(output.scores[0][0].double(), -1)[WORDS.index("Yes")])


def test_the_score_is_the_probability_of_yes_as_the_models_first_word(llava: Path) -> None:
    judge = build(Setting(vqa_model=str(llava)))
    assert isinstance(judge, PairJudge)
    values = judge.judge_pairs(_pictures(), QUESTIONS)
    assert values.dtype == np.float32
    for picture, text, value in zip(_pictures(), QUESTIONS, values, strict=True):
        question = f'Does this figure show "{text}"? Please answer yes or no.'
        by_hand = _by_hand(llava, picture, f"USER: {IMAGE}\n{question} ASSISTANT:")
        assert value == pytest.approx(by_hand, rel=1e-4)
    assert values[0] != pytest.approx(values[1], rel=1e-3)


def test_order_and_neighbours_change_no_digit(llava: Path) -> None:
    judge = build(Setting(vqa_model=str(llava)))
    together = judge.judge_pairs(_pictures(), QUESTIONS)
    backwards = judge.judge_pairs(_pictures()[::-1], QUESTIONS[::-1])
    np.testing.assert_array_equal(together, backwards[::-1])
    assert judge.judge_pairs([], []).shape == (0,)


def test_the_identity_names_model_question_form_and_token(llava: Path, tmp_path: Path) -> None:
    judge = build(Setting(vqa_model=str(llava)))
    assert judge.identity.startswith("llava@sha256:")
    assert judge.identity.endswith(
        '|LlavaForConditionalGeneration|Does this figure show "{text}"? Please answer yes or no.'
        "|chat-template|P(Yes=token 8)|fp32"
    )
    assert TEMPLATE.format("x{y}") == 'Does this figure show "x{y}"? Please answer yes or no.'
    plain = build(Setting(vqa_model=str(_llava(tmp_path / "plain", None, WORDS))))
    assert "|image-token-first|" in plain.identity
    question = f"{IMAGE}\n{TEMPLATE.format(QUESTIONS[0])}"
    (value,) = plain.judge_pairs(_pictures()[:1], QUESTIONS[:1])
    assert value == pytest.approx(_by_hand(tmp_path / "plain", _pictures()[0], question), rel=1e-4)


def test_the_default_models_class_loads_too(tmp_path: Path) -> None:
    """Qwen2.5-VL: its pictures become more or fewer tokens by their size, with positions in three axes."""
    config = transformers.Qwen2_5_VLConfig(
        vision_config={
            "depth": 1,
            "hidden_size": 32,
            "intermediate_size": 32,
            "num_heads": 2,
            "out_hidden_size": 32,
            "fullatt_block_indexes": [0],
        },
        text_config={
            "vocab_size": len(WORDS),
            "hidden_size": 32,
            "intermediate_size": 32,
            "num_hidden_layers": 1,
            "num_attention_heads": 2,
            "num_key_value_heads": 2,
            "rope_parameters": {"rope_type": "default", "mrope_section": [2, 3, 3], "rope_theta": 1e4},
        },
        image_token_id=WORDS.index(IMAGE),
        video_token_id=WORDS.index(MARKS[3]),
        vision_start_token_id=WORDS.index(MARKS[1]),
        vision_end_token_id=WORDS.index(MARKS[2]),
    )
    torch.manual_seed(0)
    transformers.Qwen2_5_VLForConditionalGeneration(config).eval().save_pretrained(tmp_path / "qwen")
    transformers.Qwen2_5_VLProcessor(
        image_processor=transformers.Qwen2VLImageProcessor(),
        tokenizer=_tokenizer(WORDS),
        video_processor=transformers.Qwen2VLVideoProcessor(),
        chat_template=CHAT.replace("IMAGE", f"{MARKS[1]}{IMAGE}{MARKS[2]}"),
    ).save_pretrained(tmp_path / "qwen")
    judge = build(Setting(vqa_model=str(tmp_path / "qwen")))
    assert "|Qwen2_5_VLForConditionalGeneration|" in judge.identity
    values = judge.judge_pairs(_pictures(), QUESTIONS)
    assert ((values > 0) & (values < 1)).all()
    assert values[0] != values[1]


def test_a_run_is_scored_end_to_end_and_no_pair_is_asked_twice(
    llava: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prompts = {f"p{i}": Prompt(f"p{i}", text) for i, text in enumerate(QUESTIONS)}
    samples = []
    for i, picture in enumerate(_pictures()):
        path = tmp_path / f"{i}.png"
        Image.fromarray(picture).save(path)
        sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
        samples.append(Sample(f"k{i}", f"p{i}", 0, 0, "ok", path.name, sha256))
    (tmp_path / "broken.png").write_bytes(b"rotten")
    samples.append(Sample("k2", "p1", 1, 0, "ok", "broken.png"))
    plan = ScorePlan(metrics=("vqa_score",), vqa_model=str(llava))
    told: list[tuple[str, int, int]] = []
    result = score_samples(samples, prompts, tmp_path, plan, lambda *step: told.append(step))
    expected = build(Setting(vqa_model=str(llava))).judge_pairs(_pictures(), QUESTIONS)
    assert [row.value for row in result.per_sample] == [
        pytest.approx(float(expected[0]), rel=1e-6),
        pytest.approx(float(expected[1]), rel=1e-6),
        None,
    ]
    assert [failed.key for failed in result.failed] == ["k2"]
    assert result.scores[0].identity.startswith("vqa_score[llava@sha256:")
    assert ("pairs for vqa", 2, 2) in told

    def refuse(*_: object) -> None:
        raise AssertionError("asked again")

    monkeypatch.setattr("harness.extractors.vqa.Vqa.judge_pairs", refuse)
    assert score_samples(samples, prompts, tmp_path, plan).scores == result.scores
    other = {**prompts, "p0": Prompt("p0", "a blue car")}
    with pytest.raises(AssertionError, match="asked again"):
        score_samples(samples, other, tmp_path, plan)


def test_prompts_beyond_the_models_context_are_told(llava: Path, tmp_path: Path) -> None:
    judge = build(Setting(vqa_model=str(llava)))
    assert judge.is_truncated("car " * 200)
    assert not judge.is_truncated("car " * 20)


def test_mistakes_are_one_clear_line(llava: Path, tmp_path: Path) -> None:
    assert isinstance(VqaScore(), JudgesPairs)
    with pytest.raises(
        InputError, match=r"vqa_score cannot be computed: VQAScore's model Qwen/.*--with vqa="
    ):
        choose_metrics(ScorePlan(metrics=("vqa_score",)))
    assert missing(Setting(vqa_model=str(llava))) is None
    split = [word for word in WORDS if word != "Yes"]
    with pytest.raises(InputError, match="as 2 tokens"):
        build(Setting(vqa_model=str(_letters(tmp_path / "letters", split))))
    torn = tmp_path / "torn"
    shutil.copytree(llava, torn)
    (torn / "tokenizer.json").write_text("{")
    with pytest.raises(InputError, match=r"VQAScore's model .*torn cannot be loaded") as caught:
        build(Setting(vqa_model=str(torn)))
    assert "\n" not in str(caught.value)


def _letters(folder: Path, words: list[str]) -> Path:
    """A model to which "Yes" is two tokens."""
    _llava(folder, None, words)
    import json

    file = folder / "tokenizer.json"
    tokenizer = json.loads(file.read_text())
    tokenizer["pre_tokenizer"] = {
        "type": "Split",
        "pattern": {"String": "Y"},
        "behavior": "Isolated",
        "invert": False,
    }
    file.write_text(json.dumps(tokenizer))
    return folder
