"""Prompts as cards: the pictures of every run side by side, with what each metric says of each.

Where a page cannot show all, prompts are taken evenly from the categories, the first of each.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import quote

from PIL import Image

from drawbench.types import Prompt
from harness.grid import failure_label
from harness.progress import Progress
from harness.report.lineup import Lineup
from harness.report.numbers import format_short, short_decimals
from harness.report.thumbnails import Thumbnail, first_step, thumbnail
from harness.run_view import RunView, spread
from harness.types import Direction, Sample

MAX_PICTURES = 1600
PICTURES_BYTES = 12_500_000
"""Of all thumbnails as they stand in the page, that is in base64."""
EXAMPLES = 24
THREADS = 4


@dataclass(frozen=True)
class Tile:
    """One sample. `picture` is None where there is none to show; `link` leads to its file."""

    index: int
    picture: Thumbnail | None
    link: str | None
    status: str
    label: str
    reason: str
    values: Mapping[str, float]
    reasons: tuple[tuple[str, tuple[str, ...]], ...]
    """Each reason with the metrics that give it."""


@dataclass(frozen=True)
class Strip:
    """One run's samples of a prompt; none where the run was not asked it or has not come to it."""

    letter: str
    tiles: tuple[Tile, ...]


@dataclass(frozen=True)
class Card:
    """One prompt with the strips of all runs. `anchor` is its id on the page."""

    anchor: str
    prompt: Prompt
    strips: tuple[Strip, ...]

    @property
    def tiles(self) -> Iterator[Tile]:
        """All samples, run by run."""
        for strip in self.strips:
            yield from strip.tiles

    @property
    def failed(self) -> bool:
        """Whether a sample has no picture."""
        return any(tile.status != "ok" for tile in self.tiles)


@dataclass(frozen=True)
class SampleMetric:
    """A metric with a value for each picture; `largest` is its greatest size."""

    name: str
    direction: Direction
    largest: float

    def short(self, value: float) -> str:
        """A picture's own value with the decimals of its metric."""
        return format_short(value, self.largest)


@dataclass(frozen=True)
class Cards:
    """All cards by category in the bench's order; `asked` counts all prompts with a sample."""

    groups: tuple[tuple[str, tuple[Card, ...]], ...]
    metrics: tuple[SampleMetric, ...]
    asked: int
    across: int
    """Samples of a prompt in the run that has most."""

    @property
    def all(self) -> Iterator[Card]:
        """Every card in the page's order."""
        for _, cards in self.groups:
            yield from cards

    @cached_property
    def count(self) -> int:
        """How many prompts are shown."""
        return sum(len(cards) for _, cards in self.groups)

    def as_data(self) -> dict[str, Any]:
        """What the page's script sorts by: for each card, run and sample the value of each metric or null."""
        return {
            "metrics": [
                {"name": m.name, "direction": m.direction, "decimals": short_decimals(m.largest)}
                for m in self.metrics
            ],
            "runs": [strip.letter for strip in next(self.all).strips] if self.count else [],
            "cards": [
                [
                    [[_rounded(tile.values.get(m.name)) for m in self.metrics] for tile in strip.tiles]
                    for strip in card.strips
                ]
                for card in self.all
            ],
        }


def make_cards(lineup: Lineup, page_folder: Path, progress: Progress) -> Cards:
    """Cards of up to `MAX_PICTURES` pictures whose thumbnails take up to `PICTURES_BYTES` together.

    Links lead from `page_folder`, where the page will lie, to the files in the run folders.
    """
    samples = [_by_prompt(run) for run in lineup.runs]
    asked = [p for p in lineup.prompts if any(p.id in made for made in samples)]
    groups: dict[str, list[Prompt]] = {}
    for prompt in asked:
        groups.setdefault(prompt.category, []).append(prompt)
    across = max((len(made) for of_run in samples for made in of_run.values()), default=1)
    quota = spread(
        [len(prompts) for prompts in groups.values()], max(1, MAX_PICTURES // (across * len(lineup)))
    )
    chosen = [prompt for prompts, n in zip(groups.values(), quota, strict=True) for prompt in prompts[:n]]
    tiles = _tiles(lineup, chosen, samples, page_folder, progress)
    cards = iter(
        Card(
            f"prompt-{number}",
            prompt,
            tuple(
                Strip(
                    entry.letter,
                    tuple(tiles[entry.letter, s.prompt_id, s.index] for s in of_run.get(prompt.id, ())),
                )
                for entry, of_run in zip(lineup.entries, samples, strict=True)
            ),
        )
        for number, prompt in enumerate(chosen)
    )
    return Cards(
        tuple(
            (name or "No category", tuple(next(cards) for _ in range(n)))
            for name, n in zip(groups, quota, strict=True)
            if n
        ),
        sample_metrics(lineup.runs),
        len(asked),
        across,
    )


def sample_metrics(runs: Sequence[RunView]) -> tuple[SampleMetric, ...]:
    """Every metric with a value per sample in any run, those of the summaries first and in their order."""
    largest: dict[str, float] = {}
    for run in runs:
        for values in run.per_sample.values():
            for metric, value in values.items():
                largest[metric] = max(largest.get(metric, 0.0), abs(value))
    directions: dict[str, Direction] = {}
    for run in runs:
        for score in run.scores:
            if score.metric in largest:
                directions.setdefault(score.metric, score.direction)
    for metric in sorted(largest):
        directions.setdefault(metric, "higher")
    return tuple(SampleMetric(name, direction, largest[name]) for name, direction in directions.items())


def _by_prompt(run: RunView) -> dict[str, list[Sample]]:
    found: dict[str, list[Sample]] = {}
    for sample in run.samples:
        found.setdefault(sample.prompt_id, []).append(sample)
    return found


def _tiles(
    lineup: Lineup,
    prompts: Sequence[Prompt],
    samples: Sequence[Mapping[str, list[Sample]]],
    page_folder: Path,
    progress: Progress,
) -> dict[tuple[str, str, int], Tile]:
    wanted = [
        (entry.letter, entry.run, sample)
        for prompt in prompts
        for entry, of_run in zip(lineup.entries, samples, strict=True)
        for sample in of_run.get(prompt.id, ())
    ]
    budget = PICTURES_BYTES * 3 // 4 // max(1, len(wanted))
    step = max(1, len(wanted) // EXAMPLES)
    examples = [picture for _, run, s in wanted[::step] if (picture := run.picture(s)) is not None]
    first = first_step(examples, budget)
    folders = {letter: link_to(run.folder, page_folder) for letter, run, _ in wanted}

    def tile(job: tuple[str, RunView, Sample]) -> Tile:
        letter, run, sample = job
        return _tile(run, sample, folders[letter], run.picture(sample), budget, first)

    made: dict[tuple[str, str, int], Tile] = {}
    # Pillow works outside of Python's lock, so threads use all cores.
    with progress.stage("thumbnails", len(wanted)) as advance, ThreadPoolExecutor(THREADS) as pool:
        for (letter, _, sample), done in zip(wanted, pool.map(tile, wanted), strict=True):
            made[letter, sample.prompt_id, sample.index] = done
            advance(1)
    return made


def _tile(
    run: RunView, sample: Sample, folder: str, picture: Image.Image | None, budget: int, first: int
) -> Tile:
    path = run.picture_path(sample)
    label, reason = failure_label(sample)
    place = (sample.prompt_id, sample.index)
    told: dict[str, list[str]] = {}
    for metric, why in run.reasons.get(place, {}).items():
        told.setdefault(why, []).append(metric)
    shown = thumbnail(picture, budget, first) if picture is not None else None
    return Tile(
        index=sample.index,
        picture=shown,
        link=folder + quote(str(path)) if path is not None and shown is not None else None,
        status=sample.status if sample.status != "ok" or shown is not None else "unreadable",
        label=label,
        reason=reason,
        values=run.per_sample.get(place, {}),
        reasons=tuple((why, tuple(metrics)) for why, metrics in told.items()),
    )


def link_to(folder: Path, page_folder: Path) -> str:
    """The relative address of `folder` from a page in `page_folder`, "" or with a slash at its end.

    A folder on another drive is addressed as a whole.
    """
    try:
        relative = Path(os.path.relpath(folder.resolve(), page_folder.resolve())).as_posix()
    except ValueError:
        return folder.resolve().as_uri() + "/"
    return "" if relative == "." else quote(relative) + "/"


def script_json(value: object) -> str:
    """JSON that may stand within a script element: nothing in it can end the element."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def _rounded(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else float(f"{value:.6g}")
