"""`drawbench difference RUN_A RUN_B`: what changed between two scored runs, pair by pair."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from drawbench.errors import InputError
from harness.exits import FINE, NOT_COMPARABLE, complain
from harness.flags import Device, DeviceFlag, DownloadFlag, JsonFlag, MetricsFlag, ReferenceFlag, WeightsFlag

if TYPE_CHECKING:
    from harness.difference import Chosen, Comparison, Difference, Place
    from harness.options import ScoreOptions
    from harness.progress import Progress
    from harness.run_view import RunView


def difference(
    run_a: Annotated[Path, typer.Argument(metavar="RUN_A", help="A scored run folder, the one before.")],
    run_b: Annotated[Path, typer.Argument(metavar="RUN_B", help="A scored run folder, the one after.")],
    metrics: MetricsFlag = None,
    shared_seeds: Annotated[
        bool,
        typer.Option(
            "--shared-seeds",
            help="Sample i of every prompt was drawn from the same noise, as in other programs' pictures.",
        ),
    ] = False,
    plot: Annotated[Path | None, typer.Option(help="A PNG file to draw the differences in.")] = None,
    reference: ReferenceFlag = None,
    weights: WeightsFlag = None,
    download: DownloadFlag = False,
    device: DeviceFlag = Device.AUTO,
    as_json: JsonFlag = False,
) -> int:
    """Compares two scored runs of the same prompts and seeds: B minus A, with intervals."""
    from harness.atomic import write_atomic
    from harness.comparable import NotComparable
    from harness.difference import comparison_json
    from harness.difference_table import print_comparison
    from harness.options import ScoreOptions, split_names
    from harness.progress import make_progress

    if plot is not None and (plot.suffix.lower() != ".png" or not plot.parent.is_dir()):
        raise InputError(f"--plot {plot}: give a .png file in a folder that exists")
    options = ScoreOptions(split_names(metrics), reference, weights, download, device.value)
    try:
        result = compare(run_a, run_b, options, make_progress(), shared_seeds=shared_seeds)
    except NotComparable as error:
        complain(str(error))
        return NOT_COMPARABLE
    if plot is not None:
        from harness.forest_plot import forest_png

        write_atomic(plot, forest_png(result))
    if as_json:
        print(json.dumps(comparison_json(result), indent=2, ensure_ascii=False))
    else:
        print_comparison(result)
    return FINE


def compare(
    run_a: Path, run_b: Path, options: ScoreOptions, progress: Progress, *, shared_seeds: bool = False
) -> Comparison:
    """All differences between two run folders.

    Without named metrics, those that both are scored by; one of them that this machine cannot compute again
    is left out with its reason. Raises InputError where a folder is no scored run or a named metric is not
    there, NotComparable where the runs are not of one bench and seed or a metric's identities differ.
    """
    from harness import difference as pure
    from harness.metrics import find_metric
    from harness.run_view import RunView

    a, b = RunView.load(run_a), RunView.load(run_b)
    pairing = pure.pair_samples(a, b)
    if shared_seeds and len({index for _, index in pairing.places}) < 2:
        raise InputError("--shared-seeds needs runs with at least 2 samples a prompt")
    chosen = pure.choose(a, b, options.metrics)
    rows: list[Difference] = []
    for name in chosen.per_image:
        try:
            bounds = find_metric(name).bounds
        except InputError:  # another package's metric, that is not here any more
            bounds = None
        rows += pure.image_differences(
            a, b, pairing.places, chosen.scores[name], bounds, shared_seeds=shared_seeds
        )
    set_rows, skipped, notes = _sets(a, b, pairing.places, chosen, options, progress)
    return pure.comparison(a, b, pairing, chosen, [*rows, *set_rows], skipped, notes)


def _sets(
    a: RunView,
    b: RunView,
    places: Sequence[Place],
    chosen: Chosen,
    options: ScoreOptions,
    progress: Progress,
) -> tuple[list[Difference], list[tuple[str, str]], list[str]]:
    """Rows of the whole-set metrics, those that cannot be had with the reason, and remarks."""
    from dataclasses import replace

    from harness.comparable import NotComparable
    from harness.difference_sets import set_differences
    from harness.manifest import manifest_reference
    from harness.scoring import make_scorer

    rows: list[Difference] = []
    skipped: list[tuple[str, str]] = []
    notes: list[str] = []
    for name in chosen.whole_set:
        try:
            one = replace(options, metrics=(name,))
            plan = make_scorer(one, manifest_reference(a.manifest), a.prompts).plan
            found, remarks = set_differences(a, b, places, chosen.scores, plan, progress)
            rows += found
            notes += [remark for remark in remarks if remark not in notes]
        except NotComparable:
            raise
        except InputError as error:
            if options.metrics is not None:
                raise
            skipped.append((name, str(error)))
    return rows, skipped, notes
