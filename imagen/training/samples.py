"""Sheets of sample pictures: fixed captions and noise, drawn with the averaged weights as a run goes on."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from imagen.lowres import shrink, to_uint8
from imagen.presets import StageConfig
from imagen.stage import Stage, StageSettings
from imagen.training.objective import FACTOR
from imagen.training.pairs import PairStore
from imagen.unet import build_unet

CELL: Final = 128
"""Least width in pixels of a picture on a sheet."""
COLUMNS: Final = 4
_LINE: Final = 12

Picture = NDArray[np.uint8]


def distinct(store: PairStore, count: int) -> list[int]:
    """The first pairs with captions of their own, at most `count`."""
    chosen: dict[int, int] = {}
    for index, caption in enumerate(store.caption.tolist()):
        chosen.setdefault(caption, index)
        if len(chosen) == count:
            break
    return list(chosen.values())


class SampleSheet:
    """Draws the captions of `indices`, pairs of the store; `crop` as in training, from the middle."""

    def __init__(self, stage: StageConfig, store: PairStore, indices: list[int], crop: int = 0) -> None:
        side = crop or store.side
        corner = (store.side - side) // 2 // FACTOR * FACTOR
        self.stage = replace(stage, size=side)
        self.true = store.batch_pictures(
            np.array(indices), side, np.full((len(indices), 2), corner) if side < store.side else None
        )
        self.texts = [store.text(i) for i in indices]
        self.captions = [store.captions[store.caption[i]] for i in indices]

    def draw(self, weights: dict[str, Tensor], device: torch.device) -> Image.Image:
        """The sheet: pictures over captions, for super-resolution low-resolution input | output | true."""
        with torch.random.fork_rng(devices=[]):  # first weights draw on the global one
            unet = build_unet(self.stage.unet)
        unet.load_state_dict(weights)
        stage = Stage(self.stage, unet.eval().requires_grad_(False), str(device), torch.float32)
        settings = StageSettings.of(self.stage)
        rows: list[list[Picture]] = []
        for seed, text in enumerate(self.texts):
            small = None
            if self.stage.unet.lowres:
                small = shrink(self.true[seed : seed + 1], FACTOR)
            given = None if small is None else small.to(device)
            x0 = stage.sample(text, seed, settings, given)
            drawn = _array(to_uint8(x0.nan_to_num()))
            rows.append(
                [drawn] if small is None else [_array(small), drawn, _array(self.true[seed : seed + 1])]
            )
        return sheet(rows, self.captions, 1 if self.stage.unet.lowres else COLUMNS)


def _array(picture: Tensor) -> Picture:
    """uint8 (1, 3, S, S) to (S, S, 3)."""
    return picture[0].permute(1, 2, 0).cpu().numpy()


def sheet(groups: list[list[Picture]], captions: list[str], columns: int) -> Image.Image:
    """Groups of pictures side by side, each over its caption, `columns` groups in a row.

    Pictures are shown at the size of the largest, enlarged without smoothing.
    """
    largest = max(len(picture) for group in groups for picture in group)
    cell = largest * -(-CELL // largest)
    width = len(groups[0]) * cell
    font = ImageFont.load_default(10)
    texts = [_wrap(caption, width, font) for caption in captions]
    height = cell + _LINE * max(len(lines) for lines in texts) + 4
    columns = min(columns, len(groups))
    out = Image.new("RGB", (columns * width, -(-len(groups) // columns) * height), "white")
    draw = ImageDraw.Draw(out)
    for i, (group, lines) in enumerate(zip(groups, texts, strict=True)):
        x, y = i % columns * width, i // columns * height
        for k, picture in enumerate(group):
            shown = Image.fromarray(picture).resize((cell, cell), Image.Resampling.NEAREST)
            out.paste(shown, (x + k * cell, y))
        for k, line in enumerate(lines):
            draw.text((x + 2, y + cell + k * _LINE), line, "black", font)
    return out


def _wrap(text: str, width: int, font: ImageFont.FreeTypeFont | ImageFont.ImageFont) -> list[str]:
    """At most three lines of words that fit the width."""
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if lines[-1] and font.getlength(longer) > width - 4:
            lines.append(word)
        else:
            lines[-1] = longer
    return lines if len(lines) <= 3 else [*lines[:2], lines[2] + " ..."]
