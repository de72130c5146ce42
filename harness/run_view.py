"""A run folder, read once for people to look at: what the grid and the report are made from.

Only the manifest and the ledger are needed. A summary, per-sample scores and pictures that are not there
yet leave gaps that the pages show as such, so a run that is still going can be looked at.
"""

from __future__ import annotations

import json
import math
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path, PurePosixPath
from typing import Any

from PIL import Image

from drawbench.errors import InputError
from drawbench.types import Prompt
from harness.ledger import count_statuses, latest, read_ledger
from harness.types import Sample, Score

_SCORE_FIELDS = frozenset(f.name for f in fields(Score))


@dataclass(frozen=True)
class RunView:
    """What a run folder holds, in the bench's order.

    `samples` holds one Sample a picture asked for and answered; `per_sample` maps (prompt id, index) to
    metric -> value. `counts` maps planned, ok, each failure status and missing to numbers of samples.
    """

    folder: Path
    manifest: Mapping[str, Any]
    prompts: tuple[Prompt, ...]
    samples: tuple[Sample, ...]
    counts: Mapping[str, int]
    scores: tuple[Score, ...] = ()
    per_sample: Mapping[tuple[str, int], Mapping[str, float]] = field(default_factory=dict)
    skipped: tuple[tuple[str, str], ...] = ()
    notes: tuple[str, ...] = ()
    notices: tuple[str, ...] = ()
    timings: Mapping[str, Any] = field(default_factory=dict)
    truncated_prompts: tuple[str, ...] = ()

    @classmethod
    def load(cls, run_dir: Path) -> RunView:
        """Reads `run_dir`. Raises InputError where it is no run folder or a file in it is malformed."""
        manifest = _read_object(run_dir / "manifest.json", required=True)
        summary = _read_object(run_dir / "summary.json", required=False)
        bench = manifest.get("bench")
        if not isinstance(bench, dict):
            raise InputError(f"{run_dir / 'manifest.json'} names no bench; is this a run folder?")
        prompts = tuple(
            Prompt(str(p["id"]), str(p["text"]), str(p.get("category") or ""))
            for p in bench.get("prompts", [])
        )
        samples = _ordered(latest(read_ledger(run_dir)).values(), prompts)
        notices = [*bench.get("notices", []), *summary.get("notices", [])]
        return cls(
            folder=run_dir,
            manifest=manifest,
            prompts=prompts,
            samples=samples,
            counts=_counts(summary, manifest, samples, len(prompts)),
            scores=tuple(_score(entry) for entry in summary.get("scores", [])),
            per_sample=_read_per_sample(run_dir / "scores.parquet"),
            skipped=tuple((str(metric), str(why)) for metric, why in summary.get("skipped", [])),
            notes=tuple(map(str, summary.get("notes", []))),
            notices=tuple(dict.fromkeys(map(str, notices))),
            timings=summary.get("timings", {}),
            truncated_prompts=tuple(map(str, summary.get("truncated_prompts") or [])),
        )

    @property
    def model_name(self) -> str:
        """The model as the user named it, e.g. "imagen" or "folder:my_pictures"."""
        return str(_part(self.manifest, "model").get("spec", "unknown model"))

    @property
    def bench_name(self) -> str:
        """The bench that really ran, e.g. "drawbench-open"."""
        return str(_part(self.manifest, "bench").get("name", "unknown bench"))

    @property
    def failures(self) -> tuple[Sample, ...]:
        """Every sample without a picture, in the bench's order."""
        return tuple(s for s in self.samples if s.status != "ok")

    def by_category(self) -> Iterator[tuple[str, list[tuple[Prompt, list[Sample]]]]]:
        """Yields (category, [(prompt, its samples by index), ...]) in the bench's order.

        Prompts that were not asked (under --limit, or not yet) are left out, and so are empty categories.
        """
        answered: dict[str, list[Sample]] = {}
        for sample in self.samples:
            answered.setdefault(sample.prompt_id, []).append(sample)
        grouped: dict[str, list[tuple[Prompt, list[Sample]]]] = {}
        for prompt in self.prompts:
            if prompt.id in answered:
                grouped.setdefault(prompt.category, []).append((prompt, answered[prompt.id]))
        yield from grouped.items()

    def picture_path(self, sample: Sample) -> PurePosixPath | None:
        """Where the sample's picture lies within the run folder; None for a failure or a path outside."""
        if sample.status != "ok" or sample.path is None:
            return None
        path = PurePosixPath(sample.path)
        return None if path.is_absolute() or ".." in path.parts else path

    def picture(self, sample: Sample) -> Image.Image | None:
        """The sample's picture as RGB (transparency on white), or None where none can be read."""
        path = self.picture_path(sample)
        if path is None:
            return None
        try:
            with Image.open(self.folder / path) as opened:
                if opened.has_transparency_data:
                    layered = opened.convert("RGBA")
                    white = Image.new("RGBA", layered.size, "white")
                    return Image.alpha_composite(white, layered).convert("RGB")
                return opened.convert("RGB")
        except (OSError, SyntaxError, ValueError, zlib.error, Image.DecompressionBombError):
            return None


def spread(groups: Sequence[int], total: int) -> list[int]:
    """How many of each group to show so that at most `total` are shown and groups get equal shares.

    `groups` are the groups' sizes. Small groups give what they have and the rest is shared by the others;
    what cannot be shared equally goes to the first groups.

    >>> spread([2, 10, 10], 9)
    [2, 4, 3]
    """
    shown = [0] * len(groups)
    left = min(total, sum(groups))
    while left > 0:
        open_groups = [i for i, size in enumerate(groups) if shown[i] < size]
        share = max(1, left // len(open_groups))
        for i in open_groups:
            given = min(share, groups[i] - shown[i], left)
            shown[i] += given
            left -= given
    return shown


def _part(manifest: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    part = manifest.get(name)
    return part if isinstance(part, Mapping) else {}


def _read_object(path: Path, *, required: bool) -> dict[str, Any]:
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        if required:
            raise InputError(f"{path.parent} is no run folder: it has no {path.name}") from None
        return {}
    except (OSError, ValueError) as error:
        raise InputError(f"{path} cannot be read as JSON: {error}") from None
    if not isinstance(value, dict):
        raise InputError(f"{path} does not hold a JSON object")
    return value


def _ordered(samples: Iterable[Sample], prompts: Sequence[Prompt]) -> tuple[Sample, ...]:
    rank = {prompt.id: i for i, prompt in enumerate(prompts)}
    known = (s for s in samples if s.prompt_id in rank)
    return tuple(sorted(known, key=lambda s: (rank[s.prompt_id], s.index)))


def _counts(
    summary: Mapping[str, Any], manifest: Mapping[str, Any], samples: Sequence[Sample], prompts: int
) -> dict[str, int]:
    """Planned, ok, every failure status, missing. The statuses are counted from the ledger itself."""
    given = summary.get("counts", {})
    limit = manifest.get("limit")
    asked = prompts if limit is None else min(prompts, int(limit))
    planned = int(given.get("planned", asked * int(manifest.get("samples_per_prompt") or 1)))
    planned = max(planned, len(samples))
    return {"planned": planned, **count_statuses(samples), "missing": planned - len(samples)}


def _score(entry: Mapping[str, Any]) -> Score:
    known = {k: v for k, v in entry.items() if k in _SCORE_FIELDS}
    for name in ("value", "low", "high"):
        known[name] = math.nan if known.get(name) is None else float(known[name])
    if known.get("if_failed") is not None:
        worst, best = known["if_failed"]
        known["if_failed"] = (float(worst), float(best))
    return Score(**known)


def _read_per_sample(path: Path) -> dict[tuple[str, int], dict[str, float]]:
    if not path.is_file():
        return {}
    import pandas as pd

    try:
        table = pd.read_parquet(path, columns=["prompt_id", "index", "metric", "value"])
    except (OSError, ValueError, KeyError) as error:
        raise InputError(f"{path} cannot be read as a table of scores: {error}") from None
    found: dict[tuple[str, int], dict[str, float]] = {}
    for row in table.itertuples(index=False, name=None):
        prompt_id, index, metric, value = row
        if value is not None and math.isfinite(value):
            found.setdefault((str(prompt_id), int(index)), {})[str(metric)] = float(value)
    return found
