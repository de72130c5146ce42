"""`drawbench study create`: a study from runs."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from drawbench.errors import InputError
from harness.exits import FINE
from harness.flags import JsonFlag

if TYPE_CHECKING:
    from human_eval_app.studies.create import StudyPlan
    from human_eval_app.studies.study import Study
    from human_eval_app.studies.writing import Written


class KindChoice(StrEnum):
    """Kinds of study as typed."""

    REALISM = "realism"
    ALIGNMENT = "alignment"
    SIDE_BY_SIDE = "side-by-side"


class PresetChoice(StrEnum):
    """Presets as typed."""

    IMAGEN_COCO = "imagen-coco"
    IMAGEN_DRAWBENCH = "imagen-drawbench"


class NestingChoice(StrEnum):
    """Whether a rater rates everything or one category."""

    FREE = "free"
    CATEGORY = "category"


class ResamplingChoice(StrEnum):
    """Pillow's filters."""

    LANCZOS = "lanczos"
    BICUBIC = "bicubic"
    BILINEAR = "bilinear"
    BOX = "box"
    NEAREST = "nearest"


def create(
    kind: Annotated[KindChoice, typer.Argument(help="What raters judge.")],
    models: Annotated[
        list[str], typer.Argument(metavar="[NAME=]RUN...", help="Run folders, or folders of pictures.")
    ],
    out: Annotated[Path, typer.Option(help="The study folder to make.")],
    preset: Annotated[
        PresetChoice | None, typer.Option(help="The Imagen paper's protocol; flags stand above it.")
    ] = None,
    reference: Annotated[
        str | None,
        typer.Option(help="Real pictures of the prompts: a folder, scenes, or none; default: the runs' own."),
    ] = None,
    baseline: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Compare every model with this one; default: all pairs."),
    ] = None,
    prompts: Annotated[int | None, typer.Option(min=1, help="Draw so many prompts at random.")] = None,
    no_people: Annotated[
        bool, typer.Option("--no-people", help="Leave out prompts with the paper's words for people.")
    ] = False,
    samples: Annotated[
        int | None, typer.Option(min=1, help="Pictures a side (side-by-side, 8 at most), or pages a prompt.")
    ] = None,
    strict: Annotated[
        bool | None, typer.Option("--strict/--ties", help="Realism: pick one of two, or offer indifferent.")
    ] = None,
    nesting: Annotated[
        NestingChoice | None, typer.Option(help="category: each rater rates one category only.")
    ] = None,
    quota: Annotated[int | None, typer.Option(min=1, help="Ratings wanted of each page.")] = None,
    items_per_rater: Annotated[
        int | None, typer.Option(min=0, help="Most pages a rater rates; 0: all of them.")
    ] = None,
    control_every: Annotated[
        int | None, typer.Option(min=0, help="A control trial after so many pages; 0: none.")
    ] = None,
    controls: Annotated[int | None, typer.Option(min=0, help="How many control trials to make.")] = None,
    control_gate: Annotated[
        float | None, typer.Option(min=0, max=1, help="Keep raters with this share of controls right.")
    ] = None,
    practice: Annotated[int | None, typer.Option(min=0, help="Practice pages with feedback.")] = None,
    break_every: Annotated[int | None, typer.Option(min=0, help="Offer a break after so many pages.")] = None,
    min_dwell_ms: Annotated[
        int | None, typer.Option(min=0, help="Refuse answers given faster than this.")
    ] = None,
    lease_seconds: Annotated[
        int | None, typer.Option(min=1, help="How long an unanswered page is kept for its rater.")
    ] = None,
    size: Annotated[int | None, typer.Option(min=1, help="Shorter side of every picture, pixels.")] = None,
    resampling: Annotated[ResamplingChoice, typer.Option(help="How.")] = ResamplingChoice.LANCZOS,
    bench: Annotated[
        str | None, typer.Option(help="Plain folders only: the bench whose prompts they answer.")
    ] = None,
    unfinished: Annotated[
        bool, typer.Option("--unfinished", help="Use runs that are not finished as they are.")
    ] = False,
    seed: Annotated[int, typer.Option(min=0, help="Decides prompts, samples and every order.")] = 0,
    name: Annotated[str | None, typer.Option(help="The study's name. Raters may see it.")] = None,
    title: Annotated[str | None, typer.Option(help="What raters see at the top.")] = None,
    instructions: Annotated[Path | None, typer.Option(help="A text file of your own.")] = None,
    consent: Annotated[Path | None, typer.Option(help="A text file of your own.")] = None,
    completion_url: Annotated[
        str, typer.Option(help="Where raters return to, such as Prolific's; {code} becomes their code.")
    ] = "",
    completion_code: Annotated[str, typer.Option(help="One code for all; default: one for each.")] = "",
    recruitment: Annotated[
        str | None, typer.Option(help="For the reports: where raters are recruited.")
    ] = None,
    demographics: Annotated[
        str | None, typer.Option(help="For the reports: raters' language, country, expertise.")
    ] = None,
    compensation: Annotated[
        str | None, typer.Option(help="For the reports: pay, and the time it is for.")
    ] = None,
    ethics: Annotated[str | None, typer.Option(help="For the reports: ethical review.")] = None,
    reporting: Annotated[
        Path | None,
        typer.Option(help="A TOML file of these four; options stand above it. Raters see none of them."),
    ] = None,
    database: Annotated[
        str | None, typer.Option(metavar="URL", help="postgresql+psycopg://... instead of SQLite.")
    ] = None,
    secret_file: Annotated[
        Path | None, typer.Option(help="32 bytes to make picture ids with; default: random.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what the study would be, and stop.")
    ] = False,
    as_json: JsonFlag = False,
) -> int:
    """Makes a study from runs: prompts, pictures, sides, quotas and control trials, all fixed.

    Prints the administrator's token once; only a hash of it is kept.
    """
    from harness.progress import make_progress
    from human_eval_app.pictures.model_folders import ModelGiven
    from human_eval_app.store.opening import check_empty, opened
    from human_eval_app.studies.create import CreateOptions, create_study, plan_study
    from human_eval_app.studies.reporting import NOTHING_TOLD, read_reporting

    if out.exists() and not dry_run:
        raise InputError(f"{out} exists; a study is never overwritten, so give another --out")
    if database is not None and "://" not in database:
        raise InputError(f"--database {database} is no URL; give one such as postgresql+psycopg://host/name")
    given: dict[str, Any] = {
        "prompts": prompts,
        "samples": samples,
        "strict": strict,
        "nesting": None if nesting is None else nesting.value,
        "quota": quota,
        "items_per_rater": items_per_rater,
        "control_every": control_every,
        "controls": controls,
        "control_gate": control_gate,
        "practice": practice,
        "break_every": break_every,
        "min_dwell_ms": min_dwell_ms,
        "lease_seconds": lease_seconds,
    }
    told = {
        "recruitment": recruitment,
        "demographics": demographics,
        "compensation": compensation,
        "ethics": ethics,
    }
    options = CreateOptions(
        kind=kind.value.replace("-", "_"),  # type: ignore[arg-type]
        models=tuple(map(ModelGiven.parse, models)),
        reference=reference,
        baseline=baseline,
        preset=None if preset is None else preset.value,
        settings=given,
        bench=bench,
        no_people=no_people,
        unfinished=unfinished,
        size=size,
        resampling=resampling.value,
        seed=seed,
        name=name,
        title=title,
        instructions=_text(instructions),
        consent=_text(consent),
        completion_url=completion_url,
        completion_code=completion_code,
        reporting=replace(
            NOTHING_TOLD if reporting is None else read_reporting(reporting),
            **{name: text for name, text in told.items() if text is not None},
        ),
    )
    secret = _secret(secret_file)
    plan = plan_study(options)
    if dry_run:
        print(json.dumps(_plan_json(plan), indent=2) if as_json else "\n".join(_plan_lines(plan)))
        return FINE
    if database is not None:
        check_empty(database)
    written = create_study(plan, out, secret=secret, database_url=database, progress=make_progress())
    try:
        with opened(out):
            pass  # the database is made and told the design now, so that what is wrong with it is known now
    except BaseException:
        shutil.rmtree(out, ignore_errors=True)  # its administrator's token would never be shown
        raise
    if as_json:
        print(json.dumps(_written_json(plan, written), indent=2))
    else:
        print("\n".join([*_plan_lines(plan), "", *_written_lines(written)]))
    return FINE


def _text(path: Path | None) -> str | None:
    if path is None:
        return None
    try:
        text = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path} cannot be read as text: {error}") from None
    if not text:
        raise InputError(f"{path} is empty")
    return text


def _secret(path: Path | None) -> bytes | None:
    if path is None:
        return None
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError(f"--secret-file {path} cannot be read: {error.strerror}") from None
    if len(data) != 32:
        raise InputError(f"--secret-file {path} must hold 32 bytes, not {len(data)}")
    return data


def _plan_json(plan: StudyPlan) -> dict[str, Any]:
    return {
        "kind": plan.options.kind,
        "models": [model.name for model in plan.models],
        "bench": plan.bench,
        "items": dict(plan.counts),
        "pictures": len(plan.slots),
        "pictures_are": plan.pictures_are,
        "left_out": [[entry.prompt_id, entry.reason] for entry in plan.left_out],
        "shown_with_fewer": [[entry.prompt_id, entry.reason] for entry in plan.fewer],
        "notices": list(plan.notices),
    }


def _plan_lines(plan: StudyPlan) -> list[str]:
    settings, counts = plan.settings, plan.counts
    gate = (
        f"raters with {settings.control_gate:.0%} right are kept"
        if settings.control_gate
        else "no one is left out"
    )
    lines = [
        f"{plan.options.kind.replace('_', ' ')} of {', '.join(model.name for model in plan.models)}",
        f"{counts['rating']} pages to rate, {settings.quota} ratings each; {counts['practice']} for practice",
        f"{counts['control']} control trials, one after {settings.control_every} pages; {gate}"
        if counts["control"]
        else "no control trials",
        f"{len(plan.slots)} pictures: {plan.pictures_are}",
        *_listed("left out", plan.left_out),
        *_listed("shown with fewer pictures", plan.fewer),
    ]
    return [*lines, *plan.notices]


def _listed(what: str, entries: Any, most: int = 5) -> list[str]:
    lines = [f"  {entry.prompt_id}: {entry.reason}" for entry in entries[:most]]
    if len(entries) > most:
        lines.append(f"  and {len(entries) - most} more, all in design.json")
    return [f"{len(entries)} prompts {what}:", *lines] if entries else []


def _written_json(plan: StudyPlan, written: Written) -> dict[str, Any]:
    from human_eval_app.studies.settings import raters_needed

    design = written.study.design
    return {
        **_plan_json(plan),
        "study": str(written.study.folder),
        "name": design.name,
        "digest": design.digest,
        "content_digest": design.content_digest,
        "raters_needed": raters_needed(design),
        "admin_token": written.admin_token,
    }


def _written_lines(written: Written) -> list[str]:
    study = written.study
    return [
        f"study: {study.folder} ({study.design.name}, design {study.design.digest[:12]})",
        f"raters needed: {_raters_in_words(study)}",
        f"administrator's token, shown this once: {written.admin_token}",
        f"next: drawbench study invite {study.folder} --raters N, and drawbench rate {study.folder}",
    ]


def _raters_in_words(study: Study) -> str:
    from human_eval_app.studies.settings import raters_needed

    needed = raters_needed(study.design)
    if len(needed) == 1:
        return str(next(iter(needed.values())))
    numbers = sorted(set(needed.values()))
    each = str(numbers[0]) if len(numbers) == 1 else f"{numbers[0]} to {numbers[-1]}"
    return f"{sum(needed.values())} ({each} in each of {len(needed)} categories)"
