"""What a command asks for, checked before anything is written, and the run's folder made ready."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

from imagen.presets import CASCADE_FILE, StageConfig, load_preset, preset_file, preset_text_encoder
from imagen.text import find_encoder, load_encoder
from imagen.training.config import TrainConfig
from imagen.training.pairs import PairStore, write_pairs
from imagen.training.record import check_folder, make_record
from imagen.training.sources import ends, open_pairs
from imagen.training.tally import Tally
from imagen.training.trainer import Execution, check_sizes, check_split


@dataclass(frozen=True, slots=True)
class Data:
    """Where pairs come from and where they are kept; `pairs` None takes all.

    `encoders` are folders in which the text encoder may lie, beside the places where it is looked for anyway.
    Raises ValueError where the data has no end and no number says how much of it to take.
    """

    spec: str
    arguments: Mapping[str, Any]
    pairs: int | None
    folder: Path
    encoders: tuple[Path, ...] = ()

    def __post_init__(self) -> None:
        if not isinstance(self.arguments, dict):
            raise ValueError(f"--data-args must be a JSON object, not {self.arguments!r}")
        if self.pairs is not None and self.pairs < 1:
            raise ValueError(f"--pairs must be at least 1, got {self.pairs}")
        if self.pairs is None and not ends(self.spec) and not self.made:
            raise ValueError("--pairs is needed: how many pairs of this endless data to put on disk")

    @property
    def made(self) -> bool:
        """Whether the pairs are on disk."""
        return (self.folder / "meta.json").exists()

    def origin(self, size: int, seed: int) -> dict[str, Any]:
        """What decides which pairs these are."""
        return {
            "data": self.spec,
            "data_args": dict(self.arguments),
            "size": size,
            "pairs_asked": self.pairs,
            "data_seed": None if ends(self.spec) else self.arguments.get("seed", seed),
        }


@dataclass(frozen=True, slots=True)
class Plan:
    """One stage of a preset, how it is trained, on what, and where to. `cascade` is a folder or None."""

    preset: str
    stage: StageConfig
    config: TrainConfig
    execution: Execution
    data: Data
    init: Path | None
    out: Path
    cascade: Path | None

    @property
    def origin(self) -> dict[str, Any]:
        """Where the pairs come from, and what encoded their captions."""
        made = self.data.origin(self.stage.size, self.config.seed)
        return {**made, "text_encoder": preset_text_encoder(self.preset)}

    @property
    def record(self) -> dict[str, Any]:
        """What config.json holds."""
        return make_record(self.stage, self.config, self.origin, self.init)


def choose_stage(preset: str, size: int) -> StageConfig:
    """A preset's stage. Raises ValueError where it has none of that size."""
    stages = load_preset(preset)
    if size not in stages:
        raise ValueError(f"preset {preset} has the stages {', '.join(map(str, stages))}, not {size}")
    return stages[size]


def prepare(plan: Plan) -> None:
    """Makes the run's folder, its pairs and the cascade's preset, where they are not there.

    Raises ValueError, mostly before it has written anything, where something cannot be used.
    """
    check_folder(plan.out, plan.record)
    check_split(plan.config, plan.execution)
    if plan.cascade is not None:
        _check_cascade(plan.cascade, plan.preset)
    if plan.data.made:
        store = PairStore.open(plan.data.folder)
        _check_origin(plan, store)
        check_sizes(plan.stage, plan.config, store.side)
    else:
        _make_pairs(plan)
    plan.out.mkdir(parents=True, exist_ok=True)
    if plan.cascade is not None and not (plan.cascade / CASCADE_FILE).exists():
        plan.cascade.mkdir(parents=True, exist_ok=True)
        text = preset_file(plan.preset).read_text("utf-8")
        (plan.cascade / CASCADE_FILE).write_text(text, "utf-8")


def _make_pairs(plan: Plan) -> None:
    """Puts the pairs on disk, after a look at the first, and tells what was left out."""
    tally = Tally()
    pairs = open_pairs(plan.data.spec, plan.stage.size, plan.config.seed, plan.data.arguments, tally)
    first = next(pairs)
    check_sizes(plan.stage, plan.config, len(first[0]))
    name = preset_text_encoder(plan.preset)
    encoder = load_encoder(find_encoder(name, plan.data.encoders), plan.execution.device.type)
    if encoder.dim != plan.stage.unet.text_dim:
        raise ValueError(
            f"the stage reads {plan.stage.unet.text_dim} numbers a token, {name} gives {encoder.dim}"
        )
    write_pairs(
        chain([first], pairs),
        plan.data.pairs,
        plan.data.folder,
        encoder,
        _report,
        lambda: {**plan.origin, "left_out": tally.to_dict()},
    )
    for line in tally.lines():
        print(line, file=sys.stderr)


def _report(what: str, done: int, of: int | None) -> None:
    print(f"{what}: {done}{'' if of is None else f' of {of}'}", file=sys.stderr, flush=True)


def _check_cascade(folder: Path, preset: str) -> None:
    """Raises ValueError when the cascade's folder is that of another preset, or no folder."""
    if folder.exists() and not folder.is_dir():
        raise ValueError(f"--cascade {folder} is no folder")
    if (folder / CASCADE_FILE).exists() and load_preset(str(folder)) != load_preset(preset):
        raise ValueError(f"{folder / CASCADE_FILE} is another preset than {preset}: use another --cascade")


def _check_origin(plan: Plan, store: PairStore) -> None:
    """Raises ValueError when pairs on disk came from elsewhere. What they do not tell is taken as it is."""
    for name, wanted in plan.origin.items():
        held = store.about.get(name, wanted)
        if held != wanted and not (name == "pairs_asked" and wanted is None):
            raise ValueError(
                f"{plan.data.folder} holds other pairs: {name} is {held!r} there, {wanted!r} here; "
                "use another folder"
            )
