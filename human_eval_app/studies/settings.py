"""Numbers of a study: the defaults of each kind, and the Imagen paper's protocols as presets.

Paper presets (Saharia et al. 2022, section 4.3, appendix C): what the paper states is set as stated; what it
does not state (how often control trials come, breaks, the least time on a page) keeps our defaults.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from drawbench.errors import InputError
from human_eval_app.studies.design import ALL_CELL, Nesting, StudyDesign
from human_eval_app.studies.questions import Kind

MAX_SAMPLES = 8
_MOST_CONTROLS = 20
_USUAL_CONTROLS = 5
_SELDOMEST, _OFTENEST = 10, 3


@dataclass(frozen=True, slots=True)
class StudySettings:
    """See `StudyDesign` for most of them. `prompts`: how many are drawn (0: all). `samples`: pictures a side
    and page (side by side), or pages a prompt (the others). `controls` and `practice`: how many are made.
    None for `control_every`: so often that a rater meets about five; for `controls`: as many as that.
    """

    prompts: int = 0
    samples: int = 1
    strict: bool = False
    nesting: Nesting = "free"
    quota: int = 5
    items_per_rater: int = 50
    control_every: int | None = None
    controls: int | None = None
    practice: int = 3
    control_gate: float = 0.8
    break_every: int = 50
    min_dwell_ms: int = 600
    lease_seconds: int = 1800


@dataclass(frozen=True, slots=True)
class Preset:
    """A paper's protocol: its settings for each kind of study that it has."""

    name: str
    summary: str
    settings: Mapping[Kind, StudySettings]


_SETS = StudySettings(samples=MAX_SAMPLES, items_per_rater=25, break_every=20, min_dwell_ms=1000)
_DEFAULTS: Mapping[Kind, StudySettings] = {
    "realism": StudySettings(),
    "alignment": StudySettings(),
    "side_by_side": _SETS,
}
_COCO = StudySettings(prompts=200, items_per_rater=50, control_gate=0.8)

PRESETS: Mapping[str, Preset] = {
    preset.name: preset
    for preset in (
        Preset(
            "imagen-coco",
            "200 random captions, batches of 50 with control trials, raters at 80% or more of them kept",
            {"realism": replace(_COCO, strict=True, quota=73), "alignment": replace(_COCO, quota=51)},
        ),
        Preset(
            "imagen-drawbench",
            "8 samples a side, two questions, 25 raters in each category, every rater kept",
            {
                "side_by_side": replace(
                    _SETS,
                    nesting="category",
                    quota=25,
                    items_per_rater=0,
                    control_every=0,
                    controls=0,
                    practice=0,
                    control_gate=0.0,
                )
            },
        ),
    )
}


def settings_for(
    kind: Kind, preset: str | None, given: Mapping[str, Any]
) -> tuple[StudySettings, tuple[str, ...]]:
    """The settings of a kind under a preset, with what was given (None: not given), and where that departs
    from the preset, in words. Raises InputError for an unknown preset or one without this kind of study.
    """
    if preset is None:
        settings = _DEFAULTS[kind]
    elif preset not in PRESETS:
        raise InputError(f"there is no preset {preset!r}; there are {', '.join(PRESETS)}")
    elif kind not in PRESETS[preset].settings:
        kinds = " and ".join(PRESETS[preset].settings)
        raise InputError(f"preset {preset} is for {kinds}, not for {kind}")
    else:
        settings = PRESETS[preset].settings[kind]
    chosen = {name: value for name, value in given.items() if value is not None}
    final = replace(settings, **chosen)
    _check(kind, final)
    before, after = asdict(settings), asdict(final)
    departures = tuple(
        f"Departs from {preset}: {name} is {_said(name, after[name])}, not {_said(name, before[name])}."
        for name in before
        if preset is not None and before[name] != after[name]
    )
    return final, departures


def with_controls(settings: StudySettings, largest_cell: int) -> StudySettings:
    """The settings with `control_every` and `controls` decided, for raters of `largest_cell` pages.

    A gate on one or two control trials would keep or lose raters by luck, so in short studies they come more
    often than after every tenth page.
    """
    pages = min(settings.items_per_rater or largest_cell, largest_cell)
    every = settings.control_every
    if every is None:
        every = max(_OFTENEST, min(_SELDOMEST, pages // _USUAL_CONTROLS))
    controls = settings.controls
    if controls is None:
        controls = min(_MOST_CONTROLS, math.ceil(pages / every)) if every else 0
    return replace(settings, control_every=every, controls=controls)


def raters_needed(design: StudyDesign) -> dict[str, int]:
    """Cell -> raters that fill its quotas where each rates as many pages as a rater may."""
    needed = {}
    for cell in design.cells:
        items = len(design.items_of("rating", None if cell == ALL_CELL else cell))
        pages = min(design.items_per_rater or items, items)
        needed[cell] = max(design.quota, math.ceil(items * design.quota / pages))
    return needed


def _said(name: str, value: object) -> str:
    if value is None:
        return "left to the suite"
    return "all" if name in ("prompts", "items_per_rater") and value == 0 else str(value)


def _check(kind: Kind, settings: StudySettings) -> None:
    most = MAX_SAMPLES if kind == "side_by_side" else 1000
    if not 1 <= settings.samples <= most:
        raise InputError(f"--samples must be 1 to {most} for {kind}, not {settings.samples}")
    if settings.strict and kind != "realism":
        raise InputError("--strict is for studies of realism")
    if settings.controls and settings.control_every == 0:
        raise InputError("--controls need --control-every: without it no rater is given one")
