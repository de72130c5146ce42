"""All pairs of a report's runs, set against each other on the prompts and seeds that they share.

Two families of tests stand apart, each with Holm's adjustment over all of its own: those over the whole
bench, which decide what is tied, and those by category.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

from drawbench.errors import InputError
from harness.comparable import NotComparable, check_identities
from harness.difference import (
    Chosen,
    Difference,
    Pairing,
    adjusted,
    choose,
    image_differences,
    pair_samples,
)
from harness.manifest import manifest_reference
from harness.options import ScoreOptions
from harness.progress import Progress
from harness.report.lineup import Entry, Lineup
from harness.run_view import RunView

ALPHA = 0.05


@dataclass(frozen=True)
class Pair:
    """Run `b` minus run `a`. `overall` has a row a metric, `by_category` those of its categories.

    `reason` says why there is no pairing at all, `skipped` why a metric is not compared.
    """

    a: Entry
    b: Entry
    pairing: Pairing | None = None
    overall: tuple[Difference, ...] = ()
    by_category: tuple[Difference, ...] = ()
    skipped: tuple[tuple[str, str], ...] = ()
    notes: tuple[str, ...] = ()
    reason: str = ""


def all_pairs(lineup: Lineup, options: ScoreOptions, progress: Progress) -> tuple[Pair, ...]:
    """Every pair of runs over the whole bench; pairs with the first run by category too.

    Whole-set metrics are computed again from cached features; one that cannot be is left out with the reason.
    """
    pairs = [
        _pair(a, b, options, progress, a is lineup.entries[0]) for a, b in combinations(lineup.entries, 2)
    ]
    overall = iter(adjusted(row for pair in pairs for row in pair.overall))
    parts = iter(adjusted(row for pair in pairs for row in pair.by_category))
    return tuple(
        replace(
            pair,
            overall=tuple(next(overall) for _ in pair.overall),
            by_category=tuple(next(parts) for _ in pair.by_category),
        )
        for pair in pairs
    )


def verdict(row: Difference) -> str:
    """ "better", "worse" or "tied": what the run after is, at 5% after Holm's adjustment."""
    if not row.p_holm < ALPHA or not row.difference:
        return "tied"
    return "better" if (row.difference > 0) == (row.direction == "higher") else "worse"


def _pair(a: Entry, b: Entry, options: ScoreOptions, progress: Progress, categories: bool) -> Pair:
    try:
        pairing = pair_samples(a.run, b.run)
        names, skipped = _common(a.run, b.run, options.metrics)
        if not names:
            return Pair(a, b, pairing, skipped=tuple(skipped), notes=tuple(_remarks(pairing)))
        chosen = choose(a.run, b.run, names)
    except InputError as error:
        return Pair(a, b, reason=str(error))
    rows: list[Difference] = []
    for name in chosen.per_image:
        rows += image_differences(
            a.run, b.run, pairing.places, chosen.scores[name], _bounds(name), by_category=categories
        )
    notes = list(_remarks(pairing))
    for name in chosen.whole_set:
        try:
            found, remarks = _set_rows(a.run, b.run, pairing, chosen, name, options, progress)
            rows += found
            notes += [remark for remark in remarks if remark not in notes]
        except InputError as error:
            skipped.append((name, str(error)))
    return Pair(
        a,
        b,
        pairing,
        overall=tuple(row for row in rows if row.category is None),
        by_category=tuple(row for row in rows if row.category is not None),
        skipped=tuple(skipped),
        notes=tuple(notes),
    )


def _common(a: RunView, b: RunView, wanted: Sequence[str] | None) -> tuple[list[str], list[tuple[str, str]]]:
    """The metrics that both runs have with one identity, and the others with the reason."""
    of_a, of_b = ({s.metric: s for s in run.scores if s.category is None} for run in (a, b))
    names: list[str] = []
    skipped: list[tuple[str, str]] = []
    for name in dict.fromkeys((*of_a, *of_b)):
        if wanted is not None and name not in wanted:
            continue
        if name not in of_a or name not in of_b:
            skipped.append((name, f"{(b if name in of_a else a).folder.name} is not scored by it"))
            continue
        try:
            check_identities(name, of_a[name].identity, of_b[name].identity)
            names.append(name)
        except NotComparable as error:
            skipped.append((name, str(error)))
    return names, skipped


def _set_rows(
    a: RunView,
    b: RunView,
    pairing: Pairing,
    chosen: Chosen,
    name: str,
    options: ScoreOptions,
    progress: Progress,
) -> tuple[list[Difference], list[str]]:
    from harness.difference_sets import set_differences
    from harness.scoring import make_scorer

    one = replace(options, metrics=(name,))
    plan = make_scorer(one, manifest_reference(a.manifest), a.prompts).plan
    return set_differences(a, b, pairing.places, chosen.scores, plan, progress)


def _bounds(name: str) -> tuple[float, float] | None:
    from harness.metrics import find_metric

    try:
        return find_metric(name).bounds
    except InputError:  # another package's metric, that is not here any more
        return None


def _remarks(pairing: Pairing) -> Iterable[str]:
    if pairing.other_noise:
        yield f"{pairing.other_noise} pairs do not share their noise, as one of the two was drawn again"
    if pairing.without_a or pairing.without_b:
        yield "samples without a picture are in no difference, which favours the run that fails more often"
