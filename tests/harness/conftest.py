"""A run folder made by the real store, without a model, for the tests of what people look at."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from drawbench.types import Bench, Prompt
from harness.manifest import build_manifest, write_manifest
from harness.pictures import encode_png
from harness.plan import make_plan
from harness.store import RunStore
from harness.summary import build_summary, write_summary
from harness.types import Failure, Score

MakeRun = Callable[..., Path]


def _striped(size: tuple[int, int], number: int) -> Image.Image:
    width, height = size
    columns = np.arange(width)[None, :, None] + np.zeros((height, 1, 3), dtype=np.int64)
    colours = np.array([number * 37 % 200 + 30, number * 91 % 200 + 30, number * 53 % 200 + 30])
    return Image.fromarray(np.where(columns // max(1, width // 8) % 2, colours, 240).astype(np.uint8))


@pytest.fixture
def make_run(tmp_path: Path) -> MakeRun:
    """Makes a run folder: `texts` by category, some `failures` by prompt id, scores where wanted."""

    def make(
        texts: Mapping[str, Sequence[str]],
        *,
        size: tuple[int, int] = (64, 64),
        samples_per_prompt: int = 1,
        failures: Mapping[str, Failure] | None = None,
        unmade: Sequence[str] = (),
        scores: Sequence[Score] = (),
        values: Mapping[str | tuple[str, int], float] | None = None,
        reasons: Mapping[str, str] | None = None,
        notices: tuple[str, ...] = (),
        finished: bool = True,
        name: str = "run",
        settings: Mapping[str, Any] | None = None,
        seed: int = 7,
    ) -> Path:
        run_dir = tmp_path / name
        pairs = [(category, text) for category, listed in texts.items() for text in listed]
        prompts = tuple(
            Prompt(f"p{number:03d}", text, category) for number, (category, text) in enumerate(pairs)
        )
        bench = Bench("test-bench", "1", prompts, samples_per_prompt, notices=notices, source="a test")
        plan = make_plan(bench, settings=settings or {"guidance_scale": 1.5}, seed=seed)
        identity = {"name": "striped", "version": 1}
        manifest = build_manifest(
            plan, identity, model_spec="striped", bench_spec="test-bench", command=["python", "-m", "x <y>"]
        )
        with RunStore(run_dir) as store:
            write_manifest(run_dir, manifest)
            for number, request in enumerate(plan.requests):
                failure = (failures or {}).get(request.prompt.id)
                if request.prompt.id in unmade:
                    continue
                if failure is not None:
                    store.put_failure(request, request.key(identity), failure)
                else:
                    png = encode_png(_striped(size, number))
                    store.put_picture(request, request.key(identity), png, seconds=0.25)
            lines = tuple(store.lines)
        if finished:
            write_summary(
                run_dir,
                build_summary(
                    manifest,
                    lines,
                    on_failure="count",
                    scores=scores,
                    notes=["align_conse hardly sees colours."],
                    skipped=[("fid", "no Inception weights")],
                    seconds={"scoring": 1.5},
                ),
            )
        if values:
            rows = [
                {
                    "key": "k",
                    "prompt_id": place[0],
                    "index": place[1],
                    "category": "",
                    "metric": "align_conse",
                    "value": value,
                }
                for place, value in ((k if isinstance(k, tuple) else (k, 0), v) for k, v in values.items())
            ]
            table = pd.DataFrame(rows).assign(identity="align_conse[x]")
            if reasons:
                table["reason"] = [reasons.get(row["prompt_id"]) for row in rows]
            table.to_parquet(run_dir / "scores.parquet")
        return run_dir

    return make


@dataclass(frozen=True)
class TinyClip:
    """One small random CLIP: a folder in transformers' form and one in open_clip's with the same weights."""

    transformers: Path
    open_clip: Path


@pytest.fixture(scope="session")
def tiny_clip(tmp_path_factory: pytest.TempPathFactory) -> TinyClip:
    """A CLIP with OpenAI's vocabulary, pictures of 32 pixels, QuickGELU and 16 numbers a vector."""
    open_clip = pytest.importorskip("open_clip")
    import torch
    from safetensors.torch import save_file
    from transformers import CLIPConfig, CLIPImageProcessor, CLIPModel, CLIPTokenizer

    folder = tmp_path_factory.mktemp("tiny-clip")
    made = TinyClip(folder / "hf", folder / "open_clip")
    tokenizer = open_clip.get_tokenizer("ViT-B-32")
    marks = {"<start_of_text>": "<|startoftext|>", "<end_of_text>": "<|endoftext|>"}
    vocabulary = {marks.get(token, token): number for token, number in tokenizer.encoder.items()}
    CLIPTokenizer(
        vocab=vocabulary, merges=sorted(tokenizer.bpe_ranks, key=tokenizer.bpe_ranks.__getitem__)
    ).save_pretrained(made.transformers)
    CLIPImageProcessor(size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32}).save_pretrained(
        made.transformers
    )
    tower = {
        "hidden_size": 64,
        "intermediate_size": 256,
        "num_hidden_layers": 1,
        "num_attention_heads": 1,
        "projection_dim": 16,
    }
    text = {"vocab_size": 49408, "max_position_embeddings": 77, "bos_token_id": 49406, "eos_token_id": 49407}
    torch.manual_seed(0)
    network = CLIPModel(
        CLIPConfig(
            text_config={**tower, **text},
            vision_config={**tower, "image_size": 32, "patch_size": 16},
            projection_dim=16,
        )
    ).eval()
    with torch.no_grad():  # larger weights, so that texts and pictures of any kind are far apart
        network.text_model.embeddings.token_embedding.weight.mul_(30)
        network.text_model.embeddings.position_embedding.weight.mul_(30)
    network.save_pretrained(made.transformers)
    made.open_clip.mkdir()
    save_file(_in_open_clips_words(network.state_dict()), made.open_clip / "open_clip_model.safetensors")
    config = {
        "embed_dim": 16,
        "quick_gelu": True,
        "vision_cfg": {"image_size": 32, "layers": 1, "width": 64, "patch_size": 16},
        "text_cfg": {"context_length": 77, "vocab_size": 49408, "width": 64, "heads": 1, "layers": 1},
    }
    (made.open_clip / "open_clip_config.json").write_text(json.dumps({"model_cfg": config}))
    return made


def _in_open_clips_words(state: Mapping[str, Any]) -> dict[str, Any]:
    """transformers' names and shapes of a one-layer CLIP's weights as open_clip has them."""
    import torch

    named = {"logit_scale": state["logit_scale"]}
    for tower, to in (("text_model", ""), ("vision_model", "visual.")):
        layer, block = f"{tower}.encoder.layers.0", f"{to}transformer.resblocks.0"
        for end in ("weight", "bias"):
            parts = [state[f"{layer}.self_attn.{part}_proj.{end}"] for part in "qkv"]
            named[f"{block}.attn.in_proj_{end}"] = torch.cat(parts)
            for theirs, ours in (
                ("self_attn.out_proj", "attn.out_proj"),
                ("layer_norm1", "ln_1"),
                ("layer_norm2", "ln_2"),
                ("mlp.fc1", "mlp.c_fc"),
                ("mlp.fc2", "mlp.c_proj"),
            ):
                named[f"{block}.{ours}.{end}"] = state[f"{layer}.{theirs}.{end}"]
    for end in ("weight", "bias"):
        named[f"visual.ln_pre.{end}"] = state[f"vision_model.pre_layrnorm.{end}"]
        named[f"visual.ln_post.{end}"] = state[f"vision_model.post_layernorm.{end}"]
        named[f"ln_final.{end}"] = state[f"text_model.final_layer_norm.{end}"]
    named["token_embedding.weight"] = state["text_model.embeddings.token_embedding.weight"]
    named["positional_embedding"] = state["text_model.embeddings.position_embedding.weight"]
    named["text_projection"] = state["text_projection.weight"].T
    named["visual.class_embedding"] = state["vision_model.embeddings.class_embedding"]
    named["visual.conv1.weight"] = state["vision_model.embeddings.patch_embedding.weight"]
    named["visual.positional_embedding"] = state["vision_model.embeddings.position_embedding.weight"]
    named["visual.proj"] = state["visual_projection.weight"].T
    return {name: weight.clone().contiguous() for name, weight in named.items()}
