"""grid.png: a page of a run's pictures with their prompts underneath, by category.

Nothing is picked: of every category the first prompts in the bench's order, and of every prompt the first
samples. A sample without a picture keeps its place as a grey tile that says why.
"""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from drawbench.errors import InputError
from drawbench.types import Prompt
from harness.atomic import write_atomic, writing_to
from harness.run_view import RunView, spread
from harness.types import Sample

PAPER = (252, 251, 249)
INK = (33, 33, 36)
MUTED = (104, 102, 98)
RULE = (222, 219, 213)
GREY = (208, 206, 202)
MAX_SAMPLES_PER_PROMPT = 4
MAX_CAPTION_LINES = 4


@dataclass(frozen=True)
class _Type:
    """The sizes and fonts of one page, all in proportion to the cell."""

    cell: int
    gap: int
    margin: int
    title: ImageFont.FreeTypeFont
    heading: ImageFont.FreeTypeFont
    caption: ImageFont.FreeTypeFont

    @classmethod
    def for_cell(cls, cell: int) -> _Type:
        size = max(10, round(cell / 14))
        return cls(
            cell=cell,
            gap=max(6, cell // 16),
            margin=max(16, cell // 6),
            title=_font(size * 1.7),
            heading=_font(size * 1.25, bold=True),
            caption=_font(size),
        )


@dataclass(frozen=True)
class _Card:
    prompt: Prompt
    samples: Sequence[Sample]


def write_grid(run_dir: Path, max_prompts: int = 48, cell: int = 192, *, run: RunView | None = None) -> Path:
    """Draws `run_dir/grid.png` and returns its path.

    At most `max_prompts` prompts are shown, spread evenly over the categories. Where there are few prompts
    with several samples, up to 4 samples stand side by side. `cell` is the side of a picture in pixels:
    smaller pictures are enlarged by whole factors (each pixel stays a square), larger ones are reduced by
    area averaging. `run` is the folder's content where it was read already. Raises InputError where
    `run_dir` is no run folder or nothing was drawn in it yet.
    """
    if max_prompts < 1 or cell < 32:
        raise InputError("A grid needs at least 1 prompt and cells of at least 32 pixels")
    run = RunView.load(run_dir) if run is None else run
    groups = list(run.by_category())
    if not groups:
        raise InputError(f"{run_dir} has no samples yet; there is nothing to put in a grid")
    quota = spread([len(prompts) for _, prompts in groups], max_prompts)
    shown = sum(quota)
    across = max(1, min(MAX_SAMPLES_PER_PROMPT, max_prompts // shown))
    page = [
        (category, [_Card(prompt, samples[:across]) for prompt, samples in prompts[:count]])
        for (category, prompts), count in zip(groups, quota, strict=True)
        if count
    ]
    across = max(len(card.samples) for _, cards in page for card in cards)
    image = _draw_page(run, page, across, _Type.for_cell(cell))
    target = run_dir / "grid.png"
    encoded = io.BytesIO()
    image.save(encoded, format="PNG")
    with writing_to(run_dir):
        write_atomic(target, encoded.getvalue())
    return target


def fit_picture(picture: Image.Image, cell: int) -> Image.Image:
    """The RGB `picture` made to fit a square of `cell` pixels, its proportions kept.

    Enlarged by the greatest whole factor that fits, nearest neighbour; or reduced, averaging areas.
    """
    width, height = picture.size
    longest = max(width, height)
    if longest <= cell:
        factor = cell // longest
        return picture.resize((width * factor, height * factor), Image.Resampling.NEAREST)
    scale = cell / longest
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return picture.resize(size, Image.Resampling.BOX)


def wrap(
    text: str, font: ImageFont.FreeTypeFont, width: float, max_lines: int = MAX_CAPTION_LINES
) -> list[str]:
    """Breaks `text` into at most `max_lines` lines of at most `width` pixels; what is cut ends in "…".

    Words longer than a line are broken. White space and control characters count as one space.
    """
    # No prompt needs more than this to fill the lines, and a prompt of 10,000 letters stays cheap.
    words = " ".join("".join(c if c.isprintable() else " " for c in text[:2000]).split()).split(" ")
    lines: list[str] = []
    line = ""
    for word in words:
        candidate = f"{line} {word}" if line else word
        if font.getlength(candidate) <= width:
            line = candidate
            continue
        if line:
            lines.append(line)
        while font.getlength(word) > width and len(word) > 1:
            head = _longest_prefix(word, font, width)
            lines.append(word[:head])
            word = word[head:]
        line = word
        if len(lines) > max_lines:
            break
    lines.append(line)
    if len(lines) <= max_lines:
        return lines
    last = lines[max_lines - 1]
    while last and font.getlength(last + "…") > width:
        last = last[:-1].rstrip()
    return [*lines[: max_lines - 1], last + "…"]


def _longest_prefix(word: str, font: ImageFont.FreeTypeFont, width: float) -> int:
    """How many letters of `word` fit `width`; at least 1."""
    fits, too_many = 1, len(word)
    while too_many - fits > 1:
        middle = (fits + too_many) // 2
        if font.getlength(word[:middle]) <= width:
            fits = middle
        else:
            too_many = middle
    return fits


def _columns(sizes: Sequence[int], across: int) -> int:
    """Columns of cards that leave few empty places on a page no wider than 8 pictures, not too long."""
    widest = max(1, min(8 // across, max(sizes)))
    narrowest = min(widest, max(1, 4 // across))

    def cost(columns: int) -> float:
        rows = sum(math.ceil(size / columns) for size in sizes)
        empty = rows * columns / sum(sizes) - 1
        return empty + 0.6 * abs(math.log(1.4 * rows / (1.3 * columns * across)))

    return min(range(narrowest, widest + 1), key=cost)


def _font(size: float, *, bold: bool = False) -> ImageFont.FreeTypeFont:
    """DejaVu Sans, which is installed with Matplotlib, so that every machine letters alike."""
    import matplotlib

    name = "DejaVuSans-Bold.ttf" if bold else "DejaVuSans.ttf"
    path = Path(matplotlib.get_data_path()) / "fonts" / "ttf" / name
    return ImageFont.truetype(str(path), round(size), layout_engine=ImageFont.Layout.BASIC)


def _line_height(font: ImageFont.FreeTypeFont) -> int:
    ascent, descent = font.getmetrics()
    return ascent + descent + 2


def _draw_page(
    run: RunView, page: Sequence[tuple[str, Sequence[_Card]]], across: int, type_: _Type
) -> Image.Image:
    columns = _columns([len(cards) for _, cards in page], across)
    card_width = across * type_.cell + (across - 1) * (type_.gap // 3)
    width = 2 * type_.margin + columns * card_width + (columns - 1) * type_.gap
    inner = width - 2 * type_.margin
    title, under_title = _title_lines(run, page, type_, inner)
    caption_line, heading_line = _line_height(type_.caption), _line_height(type_.heading)

    # First the heights of all rows, so that the page is made once at its full size.
    layout: list[tuple[str, list[tuple[list[tuple[_Card, list[str]]], int]]]] = []
    height = type_.margin + len(title) * _line_height(type_.title) + len(under_title) * caption_line
    for category, cards in page:
        captioned = [(card, wrap(card.prompt.text, type_.caption, card_width)) for card in cards]
        rows = []
        for start in range(0, len(captioned), columns):
            row = captioned[start : start + columns]
            row_height = type_.cell + 4 + max(len(lines) for _, lines in row) * caption_line + type_.gap
            rows.append((row, row_height))
        heading = category or ("No category" if len(page) > 1 else "")
        height += type_.gap + bool(heading) * heading_line + type_.gap + sum(h for _, h in rows)
        layout.append((heading, rows))

    image = Image.new("RGB", (width, height + type_.margin), PAPER)
    draw = ImageDraw.Draw(image)
    y = _draw_lines(draw, type_.margin, type_.margin, title, type_.title, INK)
    y = _draw_lines(draw, type_.margin, y, under_title, type_.caption, MUTED)
    for heading, rows in layout:
        y += type_.gap
        draw.line((type_.margin, y, width - type_.margin - 1, y), fill=RULE)
        y += type_.gap // 2
        if heading:
            draw.text((type_.margin, y), heading, font=type_.heading, fill=INK)
            y += heading_line
        y += type_.gap - type_.gap // 2
        for row, row_height in rows:
            for column, (card, lines) in enumerate(row):
                x = type_.margin + column * (card_width + type_.gap)
                for i, sample in enumerate(card.samples):
                    _draw_sample(image, run, sample, x + i * (type_.cell + type_.gap // 3), y, type_)
                _draw_lines(draw, x, y + type_.cell + 4, lines, type_.caption, INK)
            y += row_height
    return image


def _title_lines(
    run: RunView, page: Sequence[tuple[str, Sequence[_Card]]], type_: _Type, width: int
) -> tuple[list[str], list[str]]:
    shown = sum(len(cards) for _, cards in page)
    asked = len({s.prompt_id for s in run.samples})
    which = (
        f"all {asked} prompts"
        if shown == asked
        else f"the first prompts of each category, {shown} of {asked}"
    )
    facts = [f"{which}, not picked", f"run {str(run.manifest.get('run_hash', ''))[:8] or 'without a hash'}"]
    under = wrap("; ".join(facts), type_.caption, width)
    for notice in run.notices:
        under += wrap(notice, type_.caption, width)
    return wrap(f"{run.model_name} on {run.bench_name}", type_.title, width, 2), under


def _draw_lines(
    draw: ImageDraw.ImageDraw,
    x: int,
    y: int,
    lines: Sequence[str],
    font: ImageFont.FreeTypeFont,
    fill: tuple[int, int, int],
) -> int:
    """Draws lines downwards from (x, y); returns the y below them."""
    for line in lines:
        draw.text((x, y), line, font=font, fill=fill)
        y += _line_height(font)
    return y


def _draw_sample(image: Image.Image, run: RunView, sample: Sample, x: int, y: int, type_: _Type) -> None:
    picture = run.picture(sample)
    if picture is not None:
        fitted = fit_picture(picture, type_.cell)
        image.paste(fitted, (x + (type_.cell - fitted.width) // 2, y + (type_.cell - fitted.height) // 2))
        return
    draw = ImageDraw.Draw(image)
    draw.rectangle((x, y, x + type_.cell - 1, y + type_.cell - 1), fill=GREY)
    label, reason = failure_label(sample)
    inner = type_.cell - 2 * type_.gap
    lines = [(line, type_.heading, INK) for line in wrap(label, type_.heading, inner, 2)]
    lines += [(line, type_.caption, INK) for line in wrap(reason, type_.caption, inner, 4) if line]
    top = y + (type_.cell - sum(_line_height(font) for _, font, _ in lines)) // 2
    for line, font, fill in lines:
        draw.text((x + (type_.cell - font.getlength(line)) / 2, top), line, font=font, fill=fill)
        top += _line_height(font)


def failure_label(sample: Sample) -> tuple[str, str]:
    """What stands in a picture's place: the status in words, and the reason (may be empty)."""
    if sample.status == "ok":
        return "unreadable", "the picture's file is missing or damaged"
    return sample.status.replace("_", " "), sample.reason or ""
