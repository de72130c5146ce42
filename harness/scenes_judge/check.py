"""Is the judge a judge? `python -m harness.scenes_judge.check [--n 1000] [--json FILE]`.

Real renderings of held-out scenes, the bench's own, are judged by their own scenes at several sizes and under
distortions, and by other scenes, where the share that is right must be what it is by the specifications: how
often a scene's true objects happen to satisfy another scene.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import torch

from drawbench.benches.scenes import load
from drawbench.scenes import Scene, render, scene_from_dict
from drawbench.scenes.backgrounds import BACKGROUNDS
from drawbench.scenes.sprites import background_pixels
from harness.control import other_prompts
from harness.extractors.scenes_judge import ScenesJudge
from harness.scenes_judge.conditions import DISTORTED, PLAIN, Condition
from harness.scenes_judge.detect import Eye, load_eye, shipped_weights
from harness.scenes_judge.labels import Detection, true_detections
from harness.scenes_judge.verdict import Verdict, judge
from harness.stats import cluster_mean_interval

PARTS: tuple[str, ...] = tuple(field.name for field in fields(Verdict))
NOISE_PICTURES = 200
_CHUNK = 25
_TOLD = {"correct": "scenes_accuracy", "relation": "scenes_relations"} | {
    "relation_strict": "scenes_relations_strict"
}

Seen = tuple[Detection, ...]


@dataclass(frozen=True)
class Case:
    """A scene of the bench with its layout."""

    scene: Scene
    layout_seed: int


def cases(n: int, seed: int) -> list[Case]:
    """The scenes of the bench `scenes:n=N,seed=SEED`, all held out from training."""
    metas = [dict(prompt.meta) for prompt in load(n=n, seed=seed).prompts]
    return [Case(scene_from_dict(meta), int(meta["layout_seed"])) for meta in metas]


def look_at(eye: Eye, chosen: Sequence[Case], condition: Condition, seed: int = 0) -> list[Seen]:
    """What the judge sees in the cases' renderings under a condition."""
    seen: list[Seen] = []
    for start in range(0, len(chosen), _CHUNK):
        pictures = [
            condition.apply(
                render(case.scene, condition.size, case.layout_seed), np.random.default_rng((seed, row))
            )
            for row, case in enumerate(chosen[start : start + _CHUNK], start)
        ]
        seen += eye.look(pictures)
    return seen


def means(verdicts: Sequence[Verdict]) -> dict[str, dict[str, float]]:
    """Each metric's mean and the number of pictures to which it applies."""
    found = {}
    for part in PARTS:
        values = [v for verdict in verdicts if (v := getattr(verdict, part)) is not None]
        if values:
            name = _TOLD.get(part, f"scenes_{part}")
            found[name] = {"value": round(float(np.mean(values)), 4), "n": len(values)}
    return found


def shuffled(chosen: Sequence[Case], seen: Sequence[Seen], shuffles: int, seed: int) -> dict[str, Any]:
    """Accuracy with other scenes: as judged, and by specification on the same pairs.

    `difference` is judged minus specified with its 95% interval over pictures; `agreement` the share of pairs
    on which both say the same.
    """
    permutations = other_prompts([str(i) for i in range(len(chosen))], seed, shuffles)
    truth = [true_detections(case.scene, case.layout_seed) for case in chosen]
    judged, specified, of = [], [], []
    for permutation in permutations:
        for row in range(len(chosen)):
            scene = chosen[int(permutation[str(row)])].scene
            judged.append(judge(scene, seen[row]).correct)
            specified.append(judge(scene, truth[row]).correct)
            of.append(row)
    a, b = np.array(judged, float), np.array(specified, float)
    difference, interval = cluster_mean_interval(a - b, of)
    return {
        "pairs": len(of),
        "judged": round(float(a.mean()), 5),
        "by_specification": round(float(b.mean()), 5),
        "difference": round(difference, 5),
        "interval": [round(interval.low, 5), round(interval.high, 5)],
        "agreement": round(float((a == b).mean()), 5),
    }


def without_objects(eye: Eye, chosen: Sequence[Case], seed: int) -> dict[str, float]:
    """What the judge sees where nothing is: on the world's empty backgrounds and in white noise.

    Objects in all on the backgrounds, objects a picture of noise, and the share of noise pictures that pass
    for the cases' scenes. All should be 0; noise is nothing that the detector was trained on.
    """
    grounds = eye.look([background_pixels(name, 256) for name in (None, *BACKGROUNDS)])
    rng = np.random.default_rng(seed)
    noise = [rng.integers(0, 256, (128, 128, 3), dtype=np.uint8) for _ in chosen[:NOISE_PICTURES]]
    seen = eye.look(noise)
    passed = [judge(case.scene, found).correct for case, found in zip(chosen, seen, strict=False)]
    return {
        "objects_on_backgrounds": sum(map(len, grounds)),
        "objects_a_noise_picture": round(sum(map(len, seen)) / len(seen), 3),
        "noise_accuracy": round(float(np.mean([p for p in passed if p is not None])), 4),
    }


def check(n: int, seed: int, shuffles: int, conditions: Sequence[Condition]) -> Iterator[tuple[str, Any]]:
    """Yields (name, result) of the whole check, as each is ready."""
    eye, training = load_eye()
    chosen = cases(n, seed)
    yield "judge", {"identity": ScenesJudge(shipped_weights()).identity, "training": training}
    yield "pictures", {"n": n, "bench": f"scenes:n={n},seed={seed}", "torch": torch.__version__}
    yield "specification", means([judge(c.scene, true_detections(c.scene, c.layout_seed)) for c in chosen])
    for condition in conditions:
        began = time.perf_counter()
        seen = look_at(eye, chosen, condition, seed)
        verdicts = [judge(case.scene, found) for case, found in zip(chosen, seen, strict=True)]
        result: dict[str, Any] = {"metrics": means(verdicts)}
        result["seconds"] = round(time.perf_counter() - began, 1)
        if condition.distortion is None:
            kinds = sorted({case.scene.kind for case in chosen})
            result["by_kind"] = {
                kind: means([v for v, c in zip(verdicts, chosen, strict=True) if c.scene.kind == kind])[
                    "scenes_accuracy"
                ]
                for kind in kinds
            }
            result["shuffled"] = shuffled(chosen, seen, shuffles, seed)
        yield condition.name, result
    yield "without objects", without_objects(eye, chosen, seed)


def lines(name: str, result: Any) -> list[str]:
    """A result for people."""
    if not isinstance(result, dict) or ("metrics" not in result and name != "specification"):
        return [] if name == "judge" else [f"{name}: {result}"]
    metrics = result.get("metrics", result)
    shown = ", ".join(f"{k.removeprefix('scenes_')} {v['value']:.3f} ({v['n']})" for k, v in metrics.items())
    told = [f"{name}: {shown}"]
    if "shuffled" in result:
        s = result["shuffled"]
        low, high = s["interval"]
        told.append(
            f"  other scenes: judged {s['judged']:.4f}, by specification {s['by_specification']:.4f}, "
            f"difference {s['difference']:+.4f} [{low:.4f}, {high:.4f}], agreement {s['agreement']:.4f}"
        )
    return told


def main(argv: Sequence[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m harness.scenes_judge.check", description=__doc__)
    parser.add_argument("--n", type=int, default=1000, help="scenes")
    parser.add_argument("--seed", type=int, default=0, help="the bench's seed")
    parser.add_argument("--shuffles", type=int, default=16, help="other scenes for each picture")
    parser.add_argument("--quick", action="store_true", help="leave out the distortions")
    parser.add_argument("--threads", type=int, default=1, help="CPU threads")
    parser.add_argument("--json", type=Path, help="write the results to this file too")
    args = parser.parse_args(argv)
    torch.set_num_threads(args.threads)
    results: dict[str, Any] = {}
    conditions = PLAIN if args.quick else (*PLAIN, *DISTORTED)
    for name, result in check(args.n, args.seed, args.shuffles, conditions):
        results[name] = result
        for line in lines(name, result):
            print(line, flush=True)
    if args.json:
        args.json.write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
