"""A run folder, read once for people to look at: what the grid and the report are made from.

Only the manifest is needed. A ledger, a summary, scores and pictures that are not there yet leave gaps that
the pages show as such, so a run that is still going can be looked at.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any

from PIL import Image

from drawbench.errors import InputError
from drawbench.types import Prompt
from harness.decode import PictureError, decode_rgb
from harness.ledger import count_statuses, read_ledger
from harness.manifest import manifest_prompts, read_manifest
from harness.score_io import SCORES_FILE, score_from_dict
from harness.summary import SUMMARY_NAME, planned_samples, read_summary
from harness.types import Sample, Score


@dataclass(frozen=True)
class RunView:
    """What a run folder holds, in the plan's order.

    `summary` is empty before the run is finished. `samples` holds the last ledger line of each planned
    sample; `per_sample` maps (prompt id, index) to metric -> value, `reasons` to metric -> why. `counts` maps
    planned, ok, each failure status and missing to numbers of samples, counted from the ledger itself.
    """

    folder: Path
    manifest: Mapping[str, Any]
    summary: Mapping[str, Any]
    prompts: tuple[Prompt, ...]
    samples: tuple[Sample, ...]
    scores: tuple[Score, ...] = ()
    per_sample: Mapping[tuple[str, int], Mapping[str, float]] = field(default_factory=dict)
    reasons: Mapping[tuple[str, int], Mapping[str, str]] = field(default_factory=dict)

    @classmethod
    def load(
        cls,
        run_dir: Path,
        manifest: Mapping[str, Any] | None = None,
        samples: Sequence[Sample] | None = None,
    ) -> RunView:
        """Reads `run_dir`; `manifest` and the planned `samples` need no reading where they are at hand.

        Raises InputError where it is no run folder or a file in it is malformed.
        """
        if manifest is None:
            manifest = read_manifest(run_dir)
        if samples is None:
            samples = planned_samples(manifest, read_ledger(run_dir))
        summary = read_summary(run_dir) if (run_dir / SUMMARY_NAME).exists() else {}
        per_sample, reasons = _read_per_sample(run_dir / SCORES_FILE)
        return cls(
            folder=run_dir,
            manifest=manifest,
            summary=summary,
            prompts=manifest_prompts(manifest),
            samples=tuple(samples),
            scores=tuple(score_from_dict(entry) for entry in summary.get("scores", [])),
            per_sample=per_sample,
            reasons=reasons,
        )

    @property
    def model_name(self) -> str:
        """The model as the user named it, e.g. "imagen" or "folder:my_pictures"."""
        return str(self.manifest["model"].get("spec", "unknown model"))

    @property
    def bench_name(self) -> str:
        """The bench that really ran, e.g. "drawbench-open"."""
        return str(self.manifest["bench"]["name"])

    @cached_property
    def counts(self) -> dict[str, int]:
        """planned, ok, each failure status and missing -> number of samples."""
        planned = int(self.manifest["planned"])
        return {"planned": planned, **count_statuses(self.samples), "missing": planned - len(self.samples)}

    @property
    def notices(self) -> tuple[str, ...]:
        """What every output of the run must show, such as a replaced prompt list."""
        noticed = [*self.manifest["bench"].get("notices", ()), *self.summary.get("notices", ())]
        return tuple(dict.fromkeys(map(str, noticed)))

    @property
    def failures(self) -> tuple[Sample, ...]:
        """Every sample that has no picture."""
        return tuple(s for s in self.samples if s.status != "ok")

    def by_category(self) -> Iterator[tuple[str, list[tuple[Prompt, list[Sample]]]]]:
        """Yields (category, [(prompt, its samples by index), ...]) in the plan's order.

        Prompts without a sample yet are left out, and so are categories without one.
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
        """The sample's picture as RGB, or None where none can be read."""
        path = self.picture_path(sample)
        if path is None:
            return None
        try:
            return Image.fromarray(decode_rgb((self.folder / path).read_bytes()))
        except (OSError, PictureError):
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
        unfilled = [i for i, size in enumerate(groups) if shown[i] < size]
        share = max(1, left // len(unfilled))
        for i in unfilled:
            given = min(share, groups[i] - shown[i], left)
            shown[i] += given
            left -= given
    return shown


_Values = dict[tuple[str, int], dict[str, float]]
_Reasons = dict[tuple[str, int], dict[str, str]]


def _read_per_sample(path: Path) -> tuple[_Values, _Reasons]:
    """Values and reasons of a table of scores; tables of earlier versions have no reasons."""
    values: _Values = {}
    reasons: _Reasons = {}
    if not path.is_file():
        return values, reasons
    import pandas as pd

    try:
        table = pd.read_parquet(path)
        table = table[["prompt_id", "index", "metric", "value", *table.columns.intersection(["reason"])]]
    except (OSError, ValueError, KeyError) as error:
        raise InputError(f"{path} cannot be read as a table of scores: {error}") from None
    for prompt_id, index, metric, value, *told in table.itertuples(index=False, name=None):
        place = (str(prompt_id), int(index))
        if value is not None and math.isfinite(value):
            values.setdefault(place, {})[str(metric)] = float(value)
        if told and isinstance(told[0], str):
            reasons.setdefault(place, {})[str(metric)] = told[0]
    return values, reasons
