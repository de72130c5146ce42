"""Which item a rater gets next, and which arm stands on the left: pure functions of what is known then.

The rules, in this order: the item least rated so far in the rater's cell; not a prompt that the rater has
just seen; drawn at random among equals. Sides are balanced within a rater (never more than `SIDE_LEAD` apart)
and, as far as that leaves a choice, within an item. Every draw is a hash of the study's seed, the rater's
number and what is drawn, so that the same counts give the same order on any machine.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

SIDE_LEAD = 2


@dataclass(frozen=True, slots=True)
class Candidate:
    """An item that could be given. `taken`: places of its quota in use, `taken_swapped` of them swapped."""

    item_id: str
    prompt_id: str
    taken: int
    taken_swapped: int


@dataclass(frozen=True, slots=True)
class Load:
    """What a rater is to do: `ratings` rating items and `controls` control trials among them."""

    ratings: int
    controls: int
    control_every: int

    @property
    def total(self) -> int:
        """Pages in all, practice aside."""
        return self.ratings + self.controls


@dataclass(frozen=True, slots=True)
class CellNeed:
    """How a cell stands. `open_places` of `places` are free; raters there are expected to fill `pending`.

    `live` more places are leased and may come back.
    """

    cell: str
    places: int
    open_places: int
    pending: int
    live: int = 0


def draw(seed: int, *parts: object) -> int:
    """64 pseudo-random bits that depend on the seed and the parts alone."""
    text = "\x1f".join(str(part) for part in (seed, *parts))
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big")


def load_of(items: int, controls: int, *, items_per_rater: int, control_every: int) -> Load:
    """A rater's load in a cell of `items` rating items (`items_per_rater` 0: all of them)."""
    ratings = min(items_per_rater, items) if items_per_rater else items
    planned = min(controls, ratings // control_every) if control_every else 0
    return Load(ratings, planned, control_every)


def next_role(
    seed: int, rater: int, load: Load, *, ratings: int, controls: int, control_left: bool
) -> Literal["rating", "control"] | None:
    """Whether the next page is a rating item or a control trial; None when the load is complete.

    `ratings` and `controls` count the pages given so far that are not skipped or lapsed. Among each
    `control_every` rating items one control trial comes at a place that cannot be foreseen. Where no control
    trial is left (the rater skipped one), a rating item takes its place.
    """
    if ratings + controls >= load.total:
        return None
    if control_left and controls < load.controls:
        offset = 1 + draw(seed, "control", rater, controls) % load.control_every
        if ratings >= controls * load.control_every + offset:
            return "control"
    return "rating"


def choose_item(
    candidates: Iterable[Candidate], recent_prompts: Sequence[str], *, seed: int, rater: int, gap: int
) -> Candidate | None:
    """The item to give next, or None where there is no candidate.

    `recent_prompts`: prompts of the rater's pages so far, in order. A prompt within the last `gap` of them
    is given only where there is nothing else; so a rater who judges two models' pictures of one prompt does
    so far apart.
    """
    recent = set(recent_prompts[-gap:]) if gap > 0 else set()
    seen: dict[str, int] = {}
    for prompt in recent_prompts:
        seen[prompt] = seen.get(prompt, 0) + 1
    best: list[Candidate] = []
    best_rank: tuple[bool, int, int] | None = None
    for candidate in candidates:
        rank = (candidate.prompt_id in recent, candidate.taken, seen.get(candidate.prompt_id, 0))
        if best_rank is None or rank < best_rank:
            best, best_rank = [candidate], rank
        elif rank == best_rank:
            best.append(candidate)
    return min(best, key=lambda c: (draw(seed, "item", rater, c.item_id), c.item_id), default=None)


def separation(prompts: int, load: Load) -> int:
    """How many pages should lie between two pages of one prompt: half of what is possible."""
    return max(0, min(prompts - 1, load.total) // 2)


def choose_swapped(candidate: Candidate, *, straight: int, swapped: int, seed: int, rater: int) -> bool:
    """Whether arm a stands on the right. `straight`, `swapped`: the rater's pages of this role so far.

    A rater's own balance comes first, then the item's over all raters, then a coin.
    """
    lead = straight - swapped
    if abs(lead) >= SIDE_LEAD:
        return lead > 0
    item_lead = candidate.taken - 2 * candidate.taken_swapped
    if item_lead:
        return item_lead > 0
    return bool(draw(seed, "side", rater, candidate.item_id) & 1)


def choose_cell(needs: Iterable[CellNeed], *, seed: int, rater: int, may_wait: bool) -> str | None:
    """The cell a new rater joins: where the largest share of places is neither taken nor spoken for.

    A cell whose open places are all spoken for comes last. None where no cell has an open place, nor, for a
    rater who `may_wait`, a leased one that may come back.
    """
    open_cells = [need for need in needs if need.open_places > 0 or (may_wait and need.live > 0)]
    if not open_cells:
        return None
    return max(
        open_cells,
        key=lambda n: (
            n.open_places > 0,
            (n.open_places - n.pending) / n.places,
            n.live,
            draw(seed, "cell", rater, n.cell),
        ),
    ).cell
