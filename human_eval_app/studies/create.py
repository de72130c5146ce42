"""Makes a study from runs: first a plan that writes nothing, then the folder, which appears whole."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from drawbench.errors import InputError
from drawbench.types import Prompt
from harness.progress import NoProgress, Progress
from human_eval_app.pictures.framing import Frame, Resampling, choose_frame
from human_eval_app.pictures.model_folders import MADE, ModelGiven, Models, load_models
from human_eval_app.pictures.sources import PictureSource, reference_source
from human_eval_app.studies.controls import DEGRADED, Material, make_trials
from human_eval_app.studies.design import Arm, Item, LeftOut, ModelSource, StudyDesign
from human_eval_app.studies.design_checks import check_completion_url, check_name
from human_eval_app.studies.item_plan import (
    ItemPlan,
    Planned,
    alignment_items,
    pairs_of,
    realism_items,
    side_by_side_items,
)
from human_eval_app.studies.questions import Kind, questions_of
from human_eval_app.studies.reporting import NOTHING_TOLD, Reporting
from human_eval_app.studies.selection import common_prompts, draw_order, shuffled_by_id, without_people
from human_eval_app.studies.settings import StudySettings, raters_needed, settings_for, with_controls
from human_eval_app.studies.stimuli import Slot, native_sizes, opaque_id, register_pictures
from human_eval_app.studies.texts import CONSENT, TITLES, check_tells_no_model, instructions_for
from human_eval_app.studies.writing import Written, building


@dataclass(frozen=True)
class CreateOptions:
    """What a study is made from. `settings` has the `StudySettings` that were given, None for not given.

    `reference` is as `reference_source` reads it; None takes the runs' own, "none" goes without (alignment).
    `baseline` names the model that all others are compared with; None compares all pairs. Texts that are None
    are the suite's own.
    """

    kind: Kind
    models: tuple[ModelGiven, ...]
    reference: str | None = None
    baseline: str | None = None
    preset: str | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    bench: str | None = None
    no_people: bool = False
    unfinished: bool = False
    size: int | None = None
    resampling: Resampling = "lanczos"
    seed: int = 0
    name: str | None = None
    title: str | None = None
    instructions: str | None = None
    consent: str | None = None
    completion_url: str = ""
    completion_code: str = ""
    reporting: Reporting = NOTHING_TOLD


@dataclass(frozen=True)
class StudyPlan:
    """A study before anything is written: its items with slots for pictures, and all else that is fixed."""

    options: CreateOptions
    settings: StudySettings
    sources: Mapping[str, PictureSource]
    models: tuple[ModelSource, ...]
    items: tuple[ItemPlan, ...]
    frame: Frame
    pictures_are: str
    bench: str
    left_out: tuple[LeftOut, ...]
    fewer: tuple[LeftOut, ...]
    notices: tuple[str, ...]

    @property
    def slots(self) -> tuple[Slot, ...]:
        """Every picture once."""
        return tuple(sorted({slot for item in self.items for arm in item.arms for slot in arm}))

    @property
    def counts(self) -> Mapping[str, int]:
        """Role -> number of items."""
        return Counter(item.role for item in self.items)


def plan_study(options: CreateOptions) -> StudyPlan:
    """Reads the runs and decides everything but the pictures' ids. Equal options and runs give equal plans.

    Reads pictures' headers only. Raises InputError where the runs do not make a study.
    """
    settings_for(options.kind, options.preset, options.settings)  # what can be told without reading runs
    check_completion_url(options.completion_url)
    if options.name is not None:
        check_name(options.name)
    loaded = load_models(options.models, bench=options.bench, unfinished=options.unfinished)
    reference, notices = _reference(options, loaded)
    return plan_from(options, replace(loaded, notices=(*loaded.notices, *notices)), reference)


def plan_from(options: CreateOptions, loaded: Models, reference: PictureSource | None) -> StudyPlan:
    """Like `plan_study` with models and reference already opened; `options.models` is not looked at."""
    settings, departures = settings_for(options.kind, options.preset, options.settings)
    prompts, left_out = common_prompts(loaded.prompts)
    spare: list[Prompt] = []
    drawn_notices: tuple[str, ...] = ()
    if options.no_people:
        prompts, people = without_people(prompts)
        left_out += people
        if not prompts:
            raise InputError("every prompt names people; leave --no-people out")
    if settings.prompts:
        prompts, spare, drawn_notices = _drawn(prompts, settings.prompts, options.seed)
    planned = _rating_items(options, settings, loaded, reference, prompts)
    if not planned.items:
        first = planned.left_out[0]
        raise InputError(f"no prompt has the pictures it needs (first: {first.prompt_id}: {first.reason})")
    largest = max(Counter(_cell(settings, item) for item in planned.items).values())
    settings = with_controls(settings, largest)
    wanted = settings.controls or 0
    samples = settings.samples if options.kind == "side_by_side" else 1
    trials = make_trials(
        Material(options.kind, loaded.sources, reference, prompts, tuple(spare), samples, options.seed),
        settings.practice,
        wanted,
    )
    items = (*planned.items, *trials.items)
    made: Mapping[str, int] = Counter(item.role for item in trials.items)
    short = [
        f"Only {made[role]} of {number} {what} could be made from these prompts."
        for role, number, what in (
            ("practice", settings.practice, "practice items"),
            ("control", wanted, "control trials"),
        )
        if made[role] < number
    ]
    check_tells_no_model(_own_texts(options), (source.name for source in loaded.sources))
    rated = [*loaded.sources, *([reference] if reference is not None else [])]
    sources = {source.name: source for source in rated} | dict(trials.sources)
    frame, pictures_are = _frame(items, sources, options)
    order = shuffled_by_id(options.seed, [item.name for item in items])
    return StudyPlan(
        options=options,
        settings=settings,
        sources=sources,
        models=tuple(ModelSource(s.name, s.kind, dict(s.identity)) for s in rated),
        items=tuple(items[place] for place in order),
        frame=frame,
        pictures_are=pictures_are,
        bench=loaded.bench,
        left_out=(*left_out, *planned.left_out),
        fewer=planned.fewer,
        notices=(*loaded.notices, *drawn_notices, *short, *departures),
    )


def create_study(
    plan: StudyPlan,
    folder: Path,
    *,
    secret: bytes | None = None,
    database_url: str | None = None,
    progress: Progress | None = None,
) -> Written:
    """Writes the study folder, whole or not at all; returns the opened study and its admin token.

    `secret`: 32 bytes that ids are made with, random ones by default. Raises InputError where the folder
    exists, cannot be written, or a picture cannot be read.
    """
    texts = _texts(plan)
    with building(folder, secret, database_url) as place:
        slots = plan.slots
        with (progress or NoProgress()).stage("registering pictures", len(slots)) as advance:
            ids, pictures = register_pictures(
                slots, plan.sources, plan.frame, place.secret, place.pictures, advance=advance
            )
        items = tuple(_item(item, ids, place.secret) for item in plan.items)
        design = StudyDesign(
            name="study",
            kind=plan.options.kind,
            models=plan.models,
            items=items,
            pictures=pictures,
            strict=plan.settings.strict,
            nesting=plan.settings.nesting,
            quota=plan.settings.quota,
            items_per_rater=plan.settings.items_per_rater,
            control_every=plan.settings.control_every or 0,
            break_every=plan.settings.break_every,
            min_dwell_ms=plan.settings.min_dwell_ms,
            lease_seconds=plan.settings.lease_seconds,
            control_gate=plan.settings.control_gate,
            seed=plan.options.seed,
            bench=plan.bench,
            preset=plan.options.preset or "",
            pictures_are=plan.pictures_are,
            completion_url=plan.options.completion_url,
            completion_code=plan.options.completion_code,
            left_out=plan.left_out,
            shown_with_fewer=plan.fewer,
            notices=plan.notices,
            reporting=plan.options.reporting,
            title=texts["title"],
            instructions=texts["instructions"],
            consent=texts["consent"],
        )
        short_kind = plan.options.kind.replace("_", "-")
        name = plan.options.name or f"{short_kind}-{design.content_digest[:8]}"
        place.finish(replace(design, name=name, raters_per_cell=max(raters_needed(design).values())))
    return place.written


def _texts(plan: StudyPlan) -> dict[str, str]:
    options = plan.options
    return {
        "title": options.title or TITLES[options.kind],
        "instructions": options.instructions or instructions_for(options.kind, plan.settings.strict),
        "consent": options.consent or CONSENT,
    }


def _own_texts(options: CreateOptions) -> dict[str, str]:
    """What raters are shown in the researcher's own words."""
    given = {
        "name": options.name,
        "title": options.title,
        "instructions text": options.instructions,
        "consent text": options.consent,
        "completion URL": options.completion_url,
        "completion code": options.completion_code,
    }
    return {what: text for what, text in given.items() if text}


def _item(item: ItemPlan, ids: Mapping[Slot, str], secret: bytes) -> Item:
    arms = []
    for slots in item.arms:
        made = slots[0].source.startswith(MADE)
        samples = () if made else tuple(slot.index for slot in slots)
        arms.append(Arm(slots[0].source, tuple(ids[slot] for slot in slots), samples))
    return Item(
        id=opaque_id(secret, "item", item.name.encode())[:16],
        prompt_id=item.prompt_id,
        caption=item.caption,
        category=item.category,
        role=item.role,
        arms=tuple(arms),
        expected=dict(item.expected),
    )


def _reference(options: CreateOptions, loaded: Models) -> tuple[PictureSource | None, tuple[str, ...]]:
    if options.kind == "side_by_side":
        if options.reference not in (None, "none"):
            raise InputError("a side-by-side study compares models; --reference is for realism and alignment")
        return None, ()
    if options.reference == "none":
        if options.kind == "realism":
            raise InputError("a study of realism needs reference pictures; give --reference FOLDER")
        return None, ("Alignment of the reference is not rated.",)
    try:
        prompts = common_prompts(loaded.prompts)[0]
        return reference_source(options.reference, loaded.manifest, prompts), ()
    except InputError as error:
        if options.kind == "realism" or options.reference is not None:
            raise
        return None, (f"Alignment of the reference is not rated: {error}.",)


def _drawn(
    prompts: tuple[Prompt, ...], n: int, seed: int
) -> tuple[tuple[Prompt, ...], list[Prompt], tuple[str, ...]]:
    if n >= len(prompts):
        few = (f"{n} prompts were asked for; there are {len(prompts)}.",) if n > len(prompts) else ()
        return prompts, [], few
    drawn = {prompt.id for prompt in draw_order(seed, prompts)[:n]}
    notice = f"{n} of {len(prompts)} prompts, drawn at random with seed {seed}."
    return (
        tuple(prompt for prompt in prompts if prompt.id in drawn),
        [prompt for prompt in prompts if prompt.id not in drawn],
        (notice,),
    )


def _rating_items(
    options: CreateOptions,
    settings: StudySettings,
    loaded: Models,
    reference: PictureSource | None,
    prompts: tuple[Prompt, ...],
) -> Planned:
    questions_of(options.kind, settings.strict)
    if options.kind == "realism":
        assert reference is not None
        return realism_items(prompts, loaded.sources, reference, settings.samples, options.seed)
    if options.kind == "alignment":
        return alignment_items(prompts, loaded.sources, reference, settings.samples, options.seed)
    if len(loaded.sources) < 2:
        raise InputError("a side-by-side study compares models; name at least two runs")
    names = [source.name for source in loaded.sources]
    pairs = pairs_of(names, options.baseline)
    by_name = {source.name: source for source in loaded.sources}
    return side_by_side_items(prompts, by_name, pairs, settings.samples, options.seed)


def _cell(settings: StudySettings, item: ItemPlan) -> str:
    return item.category if settings.nesting == "category" else ""


def _frame(
    items: Sequence[ItemPlan], sources: Mapping[str, PictureSource], options: CreateOptions
) -> tuple[Frame, str]:
    """The frame, by the pictures as they are, and what was done to whose in words."""
    slots = {slot for item in items for arm in item.arms for slot in arm if slot.source != DEGRADED}
    frame, words = choose_frame(native_sizes(sorted(slots), sources), options.size, options.resampling)
    drawn = sorted(
        {
            s.source
            for s in slots
            if not s.source.startswith(MADE) and sources[s.source].size(s.prompt_id, s.index) is None
        }
    )
    return frame, "; ".join([words, *(f"{name} drawn at this size" for name in drawn)])
