"""The checks that do a part of the work again: scores from their table, pictures from the model."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from drawbench.errors import InputError
from drawbench.types import Prompt
from harness.engines import Job
from harness.engines.worker import Worker
from harness.manifest import first_difference, manifest_prompts
from harness.models.recipe import Recipe
from harness.models.registry import ModelOptions
from harness.picture_place import FolderPlace
from harness.progress import Progress
from harness.summary import read_summary
from harness.types import Model, Sample
from harness.verify import Finding, finding, request_of

SCORES_NAME = "scores.parquet"
DIGITS = 2e-6


def verify_scores(run_dir: Path) -> Finding:
    """Each mean of the summary against the mean of the run's own table of single pictures."""
    import pandas as pd

    try:
        summary = read_summary(run_dir)
    except InputError as error:
        return Finding("scores", "unchecked", 0, (str(error),))
    path = run_dir / SCORES_NAME
    if not summary["scores"] or not path.is_file():
        return Finding("scores", "unchecked", 0, ("the run was not scored",))
    try:
        table = pd.read_parquet(path)
        known = table[table["value"].notna()]
        groups = {str(name): rows for name, rows in known.groupby("metric")}
    except Exception as error:  # what a damaged table makes its reader raise has no bounds
        return finding("scores", 1, [f"{SCORES_NAME} cannot be read: {error}"])
    problems, checked = [], 0
    for score in summary["scores"]:
        rows = groups.get(score["metric"])
        if rows is None:
            continue  # a whole-set metric has no values of single pictures
        checked += 1
        if score["category"] is not None:
            rows = rows[rows["category"] == score["category"]]
        name = f"{score['metric']} of {score['category'] or 'all'}"
        if len(rows) != score["n"]:
            problems.append(f"{name}: n is {score['n']}, the table has {len(rows)} values")
        elif not math.isclose(float(rows["value"].mean()), score["value"], rel_tol=DIGITS, abs_tol=DIGITS):
            problems.append(
                f"{name}: {score['value']} in the summary, {rows['value'].mean():.7g} in the table"
            )
        if set(rows["identity"]) - {score["identity"]}:
            problems.append(f"{name}: the table's values are of another identity")
    return finding("scores", checked, problems)


def verify_redrawn(
    manifest: Mapping[str, Any], chosen: Sequence[Sample], options: ModelOptions, progress: Progress
) -> Finding:
    """Draws the chosen samples again and compares their PNG bytes with the ledger's sha256.

    Unchecked where the model is not here, or is another one by now, naming the field.
    """
    prompts = {prompt.id: prompt for prompt in manifest_prompts(manifest)}
    if not chosen:
        return Finding("pictures drawn again", "unchecked", 0, ("there is no picture to draw again",))
    requests = [request_of(sample, prompts[sample.prompt_id], manifest) for sample in chosen]
    problems = []
    with TemporaryDirectory() as folder:
        place = FolderPlace(Path(folder))
        place.make()
        try:
            model = _same_model(manifest, tuple(prompts.values()), options)
            worker = Worker(model, Job(manifest["model"]["identity"], None, place))
            worker.load(requests)
        except InputError as error:
            return Finding("pictures drawn again", "unchecked", len(chosen), (str(error),))
        with progress.stage("drawing again", len(chosen)) as advance:
            for sample, request in zip(chosen, requests, strict=True):
                (outcome,) = worker.answer([request])
                if outcome.status != "ok":
                    problems.append(f"{sample.path}: drawn again it is a failure: {outcome.reason}")
                elif outcome.sha256 != sample.sha256:
                    problems.append(f"{sample.path}: drawn again it is another picture")
                advance(1)
    return finding("pictures drawn again", len(chosen), problems)


def _same_model(manifest: Mapping[str, Any], prompts: Sequence[Prompt], options: ModelOptions) -> Model:
    """The manifest's model. Raises InputError where it cannot be had or is not the one of the run."""
    given = manifest.get("options", {}).get("settings", manifest["settings"])
    recipe = Recipe(manifest["model"]["spec"], options, given)
    model, settings = recipe.begin()
    recipe.read(model, prompts)
    now = {"identity": dict(model.identity()), "settings": dict(settings)}
    then = {"identity": dict(manifest["model"]["identity"]), "settings": dict(manifest["settings"])}
    difference = first_difference(then, now)
    if difference:
        field, there, here = difference
        raise InputError(f"the model is another one here: {field} is {here!r}, in the run {there!r}")
    return model
