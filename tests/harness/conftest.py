"""A run folder made by the real store, without a model, for the tests of what people look at."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

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
        values: Mapping[str, float] | None = None,
        reasons: Mapping[str, str] | None = None,
        notices: tuple[str, ...] = (),
        finished: bool = True,
        name: str = "run",
    ) -> Path:
        run_dir = tmp_path / name
        pairs = [(category, text) for category, listed in texts.items() for text in listed]
        prompts = tuple(
            Prompt(f"p{number:03d}", text, category) for number, (category, text) in enumerate(pairs)
        )
        bench = Bench("test-bench", "1", prompts, samples_per_prompt, notices=notices, source="a test")
        plan = make_plan(bench, settings={"guidance_scale": 1.5}, seed=7)
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
                    "prompt_id": id_,
                    "index": 0,
                    "category": "",
                    "metric": "align_conse",
                    "value": value,
                }
                for id_, value in values.items()
            ]
            table = pd.DataFrame(rows).assign(identity="align_conse[x]")
            if reasons:
                table["reason"] = [reasons.get(id_) for id_ in values]
            table.to_parquet(run_dir / "scores.parquet")
        return run_dir

    return make
