from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from drawbench.errors import InputError
from harness.grid import GREY, PAPER, _font, fit_picture, wrap, write_grid
from harness.types import Failure

MakeRun = Callable[..., Path]


def _grid(run_dir: Path, **options: int) -> np.ndarray:
    path = write_grid(run_dir, **options)
    assert path == run_dir / "grid.png"
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"))


def _has_block(page: np.ndarray, block: np.ndarray) -> bool:
    """Whether `block` stands somewhere on `page`, pixel for pixel."""
    height, width = block.shape[:2]
    corners = np.argwhere((page[: -height + 1, : -width + 1] == block[0, 0]).all(-1))
    return any(np.array_equal(page[y : y + height, x : x + width], block) for y, x in corners)


def test_small_pictures_stand_on_the_page_enlarged_by_a_whole_factor(make_run: MakeRun) -> None:
    run_dir = make_run({"Colours": ["a", "b"], "Counts": ["c"]}, size=(64, 64))
    page = _grid(run_dir, cell=192)
    for id_ in ("p000", "p001", "p002"):
        with Image.open(run_dir / f"images/{id_}/0.png") as opened:
            original = np.asarray(opened)
        assert _has_block(page, original.repeat(3, axis=0).repeat(3, axis=1))


def test_large_pictures_are_reduced_to_the_cell(make_run: MakeRun) -> None:
    run_dir = make_run({"A": ["a"]}, size=(1024, 1024))
    page = _grid(run_dir, cell=128)
    with Image.open(run_dir / "images/p000/0.png") as opened:
        original = np.asarray(opened, dtype=np.float64)
    averaged = np.rint(original.reshape(128, 8, 128, 8, 3).mean((1, 3))).astype(np.uint8)
    assert _has_block(page, averaged)


def test_a_failed_sample_keeps_its_place_as_a_grey_tile(make_run: MakeRun) -> None:
    whole = _grid(make_run({"A": ["a", "b"]}, name="whole"))
    failed = _grid(
        make_run({"A": ["a", "b"]}, failures={"p001": Failure("nan", "not finite")}, name="failed")
    )
    assert failed.shape == whole.shape
    grey = (failed == GREY).all(-1)
    assert not (whole == GREY).all(-1).any()
    assert grey.sum() > 0.7 * 192 * 192
    rows, columns = np.nonzero(grey)
    assert (np.ptp(rows) + 1, np.ptp(columns) + 1) == (192, 192)


def test_a_damaged_picture_becomes_a_grey_tile(make_run: MakeRun) -> None:
    run_dir = make_run({"A": ["a", "b"]})
    (run_dir / "images/p000/0.png").write_bytes(b"no picture")
    assert (_grid(run_dir) == GREY).all(-1).sum() > 0.7 * 192 * 192


def test_prompts_are_spread_over_the_categories(make_run: MakeRun) -> None:
    run_dir = make_run({"A": ["a"] * 9, "B": ["b"] * 2, "C": ["c"] * 9})
    page = _grid(run_dir, max_prompts=6, cell=64)
    shown = []
    for number in range(20):
        with Image.open(run_dir / f"images/p{number:03d}/0.png") as opened:
            if _has_block(page, np.asarray(opened)):
                shown.append(number)
    assert shown == [0, 1, 9, 10, 11, 12]


def test_few_prompts_show_several_samples_side_by_side(make_run: MakeRun) -> None:
    run_dir = make_run({"A": ["a", "b"]}, samples_per_prompt=3)
    page = _grid(run_dir, cell=64)
    for id_ in ("p000", "p001"):
        for index in range(3):
            with Image.open(run_dir / f"images/{id_}/{index}.png") as opened:
                assert _has_block(page, np.asarray(opened))


def test_captions_and_headings_are_lettered(make_run: MakeRun) -> None:
    with_caption = _grid(make_run({"A": ["a long prompt of many words that fills some lines"]}, name="long"))
    without = _grid(make_run({"A": [" "]}, name="blank"))
    assert with_caption.shape[0] > without.shape[0]
    below = with_caption[-100:]
    assert (below.astype(int).sum(-1) < 300).sum() > 200
    assert tuple(with_caption[0, 0]) == PAPER


@pytest.mark.parametrize("text", ["", "\n\t\x00", "word " * 2000, "x" * 10_000, "紅色 🍎 ​", "a\u2028b"])
def test_any_prompt_can_be_a_caption(make_run: MakeRun, text: str) -> None:
    _grid(make_run({"": [text]}))


@given(st.text(max_size=300), st.integers(20, 200))
def test_wrapped_lines_fit_and_keep_the_words(text: str, width: int) -> None:
    font = _font(14)
    lines = wrap(text, font, width, max_lines=3)
    assert 1 <= len(lines) <= 3
    assert all(font.getlength(line) <= width or len(line) == 1 for line in lines)
    everything = "".join(wrap(text, font, width, max_lines=1000))
    assert everything.replace(" ", "") == "".join(c for c in text if c.isprintable() and not c.isspace())


@given(st.integers(1, 500), st.integers(1, 500), st.integers(32, 256))
def test_fitted_pictures_fill_the_cell_and_keep_their_proportions(width: int, height: int, cell: int) -> None:
    fitted = fit_picture(Image.new("RGB", (width, height)), cell)
    assert max(fitted.size) <= cell
    assert max(fitted.size) * 2 > cell
    if max(width, height) <= cell:
        assert fitted.width * height == fitted.height * width
        assert fitted.width % width == 0


def test_nothing_to_show_is_said_in_one_line(make_run: MakeRun, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no samples yet"):
        write_grid(make_run({"A": ["a"]}, unmade=["p000"]))
    with pytest.raises(InputError, match="no run folder"):
        write_grid(tmp_path)
    with pytest.raises(InputError, match="at least 1 prompt"):
        write_grid(tmp_path, max_prompts=0)
