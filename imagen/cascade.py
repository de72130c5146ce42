"""The cascade: text -> 64 x 64 -> 256 x 256 -> 1024 x 1024 (Saharia et al. 2022, section 2)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any, Final, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from imagen.checkpoint import file_hash, load_unet
from imagen.lowres import to_uint8
from imagen.presets import (
    CASCADE_FILE,
    StageConfig,
    load_preset,
    preset_file,
    preset_names,
    preset_text_encoder,
)
from imagen.stage import Stage, StageSettings, fixed_threads
from imagen.text import EncoderFiles, PromptEncoder, TextPlaces, TokenStates, find_encoder

VERSION: Final = "2"
"""Raised whenever a change of code changes pictures; part of the model's identity."""


@dataclass(frozen=True, slots=True)
class Drawn:
    """One picture, uint8 (S, S, 3), or None with the reason. `notes` tell what a reader should know."""

    image: NDArray[np.uint8] | None
    reason: str = ""
    notes: tuple[str, ...] = ()


def default_settings(preset: str = "mini") -> dict[int, StageSettings]:
    """The preset's own sampling settings, by stage size, smallest first."""
    return {size: StageSettings.of(stage) for size, stage in load_preset(preset).items()}


class Encodes(Protocol):
    """Gives texts their states: an encoder, or `PromptEncoder` in front of one."""

    def encode(self, texts: Sequence[str]) -> list[TokenStates]: ...


class Cascade:
    """What encodes texts, and the stages up to a size."""

    def __init__(self, stages: Sequence[Stage], encoder: Encodes, identity: dict[str, Any]) -> None:
        self.stages, self.encoder, self._identity = tuple(stages), encoder, identity

    def identity(self) -> dict[str, Any]:
        """Name, code version, hashes of all weights, device kind and number type."""
        return dict(self._identity)

    def generate(
        self, texts: Sequence[str], seeds: Sequence[int], settings: dict[int, StageSettings]
    ) -> list[Drawn]:
        """One picture per text and seed, from the last of the loaded stages."""
        with fixed_threads():
            encoded = self.encoder.encode(texts)
            return [self._draw(text, seed, settings) for text, seed in zip(encoded, seeds, strict=True)]

    def _draw(self, text: TokenStates, seed: int, settings: dict[int, StageSettings]) -> Drawn:
        notes = (f"prompt truncated: {text.truncated} tokens cut off",) if text.truncated else ()
        picture: Tensor | None = None
        for stage in self.stages:
            size = stage.config.size
            x0 = stage.sample(text, seed, settings[size], picture)
            if not bool(torch.isfinite(x0).all()):
                return Drawn(None, f"the {size} px stage gave values that are not numbers", notes)
            picture = to_uint8(x0)
        if picture is None:
            return Drawn(None, "no stage is loaded", notes)
        return Drawn(picture[0].permute(1, 2, 0).cpu().numpy(), notes=notes)


def weights_path(preset: str, size: int) -> Path:
    """Where a preset's weights lie: in this package, or beside the preset's file as SIZE.safetensors."""
    if preset in preset_names():
        return Path(str(files("imagen") / "weights" / f"{preset}-{size}.safetensors"))
    return preset_file(preset).parent / f"{size}.safetensors"


def _own_identity(preset: str, last_stage: int) -> dict[str, Any]:
    """The name of a cascade; for one not of this package, what its weights leave open of each stage too."""
    if preset in preset_names():
        return {"name": f"imagen-{preset}"}
    path = preset_file(preset).resolve()
    return {
        "name": f"imagen-{path.parent.name if path.name == CASCADE_FILE else path.stem}",
        "stages": {
            str(size): f"{stage.schedule} {stage.prediction}"
            for size, stage in load_preset(preset).items()
            if size <= last_stage
        },
    }


def cascade_identity(
    preset: str, last_stage: int, device: str, dtype: str, text: TextPlaces | None = None
) -> dict[str, Any]:
    """What `Cascade.identity` gives, computed without loading a network.

    `text` says where text encoders may lie. Raises ValueError for an unknown preset or stage, weights or a
    text encoder that are missing, and a text encoder that is never run in `dtype` or does not fit the U-Nets.
    """
    text = text or TextPlaces()
    sizes = list(load_preset(preset))
    if last_stage not in sizes:
        raise ValueError(f"{preset} has the stages {', '.join(map(str, sizes))}, not {last_stage}")
    paths = {size: weights_path(preset, size) for size in sizes if size <= last_stage}
    missing = [str(path) for path in paths.values() if not path.is_file()]
    if missing:
        raise ValueError(f"weights missing: {', '.join(missing)}")
    return {
        **_own_identity(preset, last_stage),
        "version": VERSION,
        "weights": {str(size): file_hash(path) for size, path in paths.items()},
        "text_encoder": _encoder_files(preset, text).identity(dtype, text.hashes),
        "device": device,
        "dtype": dtype,
    }


def load_stage(path: Path, config: StageConfig, device: str, dtype: str) -> Stage:
    """A trained stage. Raises ValueError when the weights are missing or were trained for another stage."""
    unet, record = load_unet(path)
    if unet.config != config.unet:
        raise ValueError(f"{path} holds another network than the preset's {config.size} px stage")
    trained = record.get("stage", {})
    for name in ("size", "schedule", "prediction"):
        wanted = getattr(config, name)
        if trained.get(name, wanted) != wanted:
            raise ValueError(f"{path} was trained for {name} {trained[name]}, the preset says {wanted}")
    return Stage(config, unet, device, getattr(torch, dtype))


def load_cascade(
    preset: str,
    last_stage: int,
    device: str = "cpu",
    dtype: str = "float32",
    *,
    prompts: Sequence[str] | None = None,
    text: TextPlaces | None = None,
) -> Cascade:
    """Loads the stages up to `last_stage` pixels. Raises ValueError as `cascade_identity` and
    `load_stage` do.

    `prompts` are those to come: they are encoded first, and the encoder is freed before the U-Nets load.
    Another prompt still works, at the price of loading the encoder again. None: prompts come one by one, so
    the encoder stays.
    """
    identity = cascade_identity(preset, last_stage, device, dtype, text)
    encoder = PromptEncoder(
        _encoder_files(preset, text or TextPlaces()),
        device=device,
        dtype=dtype,
        places=text,
        keep=prompts is None,
    )
    with fixed_threads():
        encoder.prepare(prompts or ())
    stages = [
        load_stage(weights_path(preset, size), config, device, dtype)
        for size, config in load_preset(preset).items()
        if size <= last_stage
    ]
    return Cascade(stages, encoder, identity)


def _encoder_files(preset: str, text: TextPlaces) -> EncoderFiles:
    name = preset_text_encoder(preset)
    found = find_encoder(name, text.folders)
    for size, stage in load_preset(preset).items():
        if stage.unet.text_dim != found.dim:
            raise ValueError(
                f"{preset}: the stage of {size} pixels reads {stage.unet.text_dim} numbers a token, {name} "
                f"gives {found.dim}: name a text encoder that fits in the preset"
            )
    return found
