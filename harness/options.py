"""The options of a run, checked as far as they can be without a bench or a model."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from drawbench.errors import InputError
from harness.engines.registry import EngineOptions
from harness.generate import OnFailure
from harness.shard import Shard
from harness.types import canonical_json

SEED_LIMIT = 2**63
_PYTHONS = {"True": True, "False": False, "None": None}  # as text they would all count as true
NETWORKS = ("clip", "pick", "vqa", "detector")
"""What `--with` can replace."""


@dataclass(frozen=True)
class ScoreOptions:
    """What is measured and with what. `metrics` None is all that the bench and the machine allow.

    `reference` is as ReferenceSource.parse reads it, or None for the bench's own. `weights` is a folder to
    look for weights in; only `download` lets them be fetched. `networks` maps keys of NETWORKS to the
    networks to use instead of the usual ones.
    """

    metrics: tuple[str, ...] | None = None
    reference: str | None = None
    weights: Path | None = None
    download: bool = False
    device: str = "auto"
    networks: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.weights is not None and not self.weights.is_dir():
            raise InputError(f"--weights {self.weights} is no folder")
        unknown = next((key for key in self.networks if key not in NETWORKS), None)
        if unknown is not None:
            raise InputError(f"--with {unknown}=...: known are {', '.join(NETWORKS)}")


@dataclass(frozen=True)
class RunOptions:
    """Everything that `harness.run` can be told. `settings` are the model's own, as far as given.

    `seed` decides the noise; `bench_seed` and `bench_size` choose the prompts of benches that draw them.
    A `shard` of a run is drawn and never scored. `images_to` is an fsspec URL for the workers' pictures.

    `command` is the command line, for the record. Raises InputError on values that can never be right.
    """

    model: str
    bench: str
    prompts: Path | None = None
    strict: bool = False
    data_dir: Path | None = None
    limit: int | None = None
    bench_seed: int = 0
    bench_size: int | None = None
    samples_per_prompt: int | None = None
    seed: int = 0
    settings: Mapping[str, Any] = field(default_factory=dict)
    batch_size: int | None = None
    device: str = "auto"
    dtype: str = "auto"
    out: Path = Path("results")
    on_failure: OnFailure = "count"
    score: bool = True
    scoring: ScoreOptions = field(default_factory=ScoreOptions)
    offline: bool = False
    engine: EngineOptions = field(default_factory=EngineOptions)
    shard: Shard | None = None
    images_to: str | None = None
    command: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for flag, value in (
            ("--limit", self.limit),
            ("--bench-size", self.bench_size),
            ("--samples-per-prompt", self.samples_per_prompt),
            ("--batch-size", self.batch_size),
        ):
            if value is not None and value < 1:
                raise InputError(f"{flag} must be at least 1, not {value}")
        for flag, seed in (("--seed", self.seed), ("--bench-seed", self.bench_seed)):
            if not 0 <= seed < SEED_LIMIT:
                raise InputError(f"{flag} must be from 0 to 2^63 - 1, not {seed}")
        if not self.model or not self.bench:
            raise InputError("--model and --bench must not be empty")
        if self.offline and self.scoring.download:
            raise InputError("--offline and --download contradict each other; give one of them")
        guidance = self.settings.get("guidance_scale")
        if guidance is not None:
            _check_guidance(guidance)

    def resolved(self) -> dict[str, Any]:
        """Every option with its value, as plain JSON: what flags, file and defaults came to.

        Command and place are not among them: neither says what the run is.
        """
        plain: dict[str, Any] = json.loads(json.dumps(asdict(self), default=str))
        return {name: value for name, value in plain.items() if name not in ("command", "out")}


def _check_guidance(value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InputError(f"guidance_scale must be a number, not {value!r}")
    if not math.isfinite(value) or value < 0:
        raise InputError(f"--guidance-scale must be a finite number of at least 0, not {value}")


def collect_settings(
    pairs: Sequence[str],
    *,
    guidance_scale: float | None = None,
    stages: int | None = None,
    steps: int | None = None,
) -> dict[str, Any]:
    """The model's settings from their flags and from `--set key=value` pairs.

    A value is read as JSON where it is JSON (`0.5`, `true`, `[1, 2]`) or Python's spelling of such a word
    (`True`), else it is text. Raises InputError on a pair without "=", and on a setting that is given twice.
    """
    named = {"guidance_scale": guidance_scale, "stages": stages, "steps": steps}
    settings: dict[str, Any] = {name: value for name, value in named.items() if value is not None}
    for pair in pairs:
        name, equals, text = pair.partition("=")
        name = name.strip().replace("-", "_")
        if not equals or not name:
            raise InputError(f"--set {pair!r}: give it as key=value")
        if name in settings:
            raise InputError(f"setting {name!r} is given twice")
        settings[name] = setting_value(text)
    return settings


def setting_value(text: str) -> Any:
    """A setting as given on a command line: JSON where it is JSON, else the text. Raises InputError."""
    if text in _PYTHONS:
        return _PYTHONS[text]
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return text
    try:
        canonical_json(value)
    except ValueError:
        raise InputError(f"--set: {text} is, or holds, no finite number") from None
    return value


def split_networks(options: Sequence[str]) -> dict[str, str]:
    """The networks of `--with KEY=NETWORK,KEY=NETWORK` options by key.

    A comma parts two of them only where a known key and "=" follow, so that paths may hold commas. Raises
    InputError on anything without a key, an unknown key, and a key that is given twice.
    """
    networks: dict[str, str] = {}
    for part in (part for text in options for part in re.split(rf",(?=(?:{'|'.join(NETWORKS)})=)", text)):
        key, equals, network = (piece.strip() for piece in part.partition("="))
        if not equals or not network or key not in NETWORKS:
            raise InputError(f"--with {part!r}: give it as KEY=NETWORK; the keys are {', '.join(NETWORKS)}")
        if key in networks:
            raise InputError(f"--with names {key} twice")
        networks[key] = network
    return networks


def split_names(text: str | None, flag: str = "--metrics") -> tuple[str, ...] | None:
    """The names in a flag's comma-separated list; None for None. Raises InputError where it names nothing."""
    if text is None:
        return None
    names = tuple(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))
    if not names:
        what = flag.strip("-").removesuffix("s")
        raise InputError(f"{flag} names no {what}; leave it out for the usual ones")
    return names
