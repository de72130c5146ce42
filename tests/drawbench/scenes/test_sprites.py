from collections import Counter

import numpy as np
import pytest
from numpy.typing import NDArray

from drawbench.scenes import COLOURS, OBJECTS, set_sprite_cache, sprites
from drawbench.scenes.backgrounds import BACKGROUNDS, background_svg
from drawbench.scenes.objects import DRAWINGS, PAINTS
from drawbench.scenes.sprites import MARGIN, background_pixels, drawing_svg, shade, sign_svg, sprite


def rgba(svg: str, size: int) -> NDArray[np.uint8]:
    return np.asarray(sprites._rasterise(svg, size, size))


@pytest.mark.parametrize("name", OBJECTS)
def test_bounds_enclose_the_drawing_closely(name: str) -> None:
    alpha = rgba(drawing_svg(name, None), 288)[..., 3]
    ys, xs = np.nonzero(alpha > 8)
    found = (xs.min() / 4, ys.min() / 4, (xs.max() + 1) / 4, (ys.max() + 1) / 4)
    assert np.abs(np.subtract(found, DRAWINGS[name].bounds)).max() <= 0.75


@pytest.mark.parametrize("colour", COLOURS)
def test_the_commonest_paint_of_every_object_is_the_colour_asked_for(colour: str) -> None:
    for name in OBJECTS:
        pixels = np.asarray(sprite("drawing", name, colour, 96)).reshape(-1, 4)
        solid = [tuple(int(v) for v in p[:3]) for p in pixels[pixels[:, 3] == 255]]
        inks = {(0, 0, 0), (128, 128, 128)}
        paints = Counter(p for p in solid if p not in inks)
        # A bicycle's wheels and a boat's sails, in a tint, cover more than frame and hull.
        ranks = [p for p, _ in paints.most_common(2 if name in ("bicycle", "boat") else 1)]
        assert PAINTS[colour] in ranks, name


def test_natural_drawings_are_left_alone() -> None:
    assert "#ea5a47" in drawing_svg("car", None)
    assert "#ea5a47" not in drawing_svg("car", "blue")


@pytest.mark.parametrize(("name", "gone"), [("boat", "#92d3f5"), ("tennis racket", "m48.4009")])
def test_pieces_that_do_not_belong_are_dropped(name: str, gone: str) -> None:
    assert DRAWINGS[name].drop
    assert gone not in drawing_svg(name, None)


def test_shades_follow_luminance() -> None:
    light, main, dark = (220, 220, 220), (128, 128, 128), (40, 40, 40)
    for colour in COLOURS:
        assert shade(main, main, colour) == PAINTS[colour]
        assert sum(shade(light, main, colour)) > sum(PAINTS[colour]) or colour == "white"
        assert sum(shade(dark, main, colour)) < sum(PAINTS[colour])


def test_outlines_are_black_except_on_black_objects() -> None:
    assert "#000000" in drawing_svg("dog", "red")
    assert "#000000" not in drawing_svg("dog", "black")
    assert "#808080" in drawing_svg("dog", "black")


def test_a_sprite_has_its_size_and_a_clear_margin() -> None:
    picture = sprite("drawing", "car", "green", 192)
    assert picture.mode == "RGBa"
    assert picture.width == 192 + 2 * MARGIN
    assert picture.height == round(192 / DRAWINGS["car"].aspect) + 2 * MARGIN
    edge = np.asarray(picture)[: MARGIN - 2]
    assert not edge.any()


def test_signs_show_their_words() -> None:
    plain = np.asarray(sprite("sign", "HI", None, 192))
    other = np.asarray(sprite("sign", "NO", None, 192))
    assert "HI" in sign_svg("HI")
    assert (plain[MARGIN + 20 : -MARGIN - 20, ..., 0] < 80).mean() > 0.03
    assert np.abs(plain.astype(int) - other).mean() > 3


@pytest.mark.parametrize("name", [None, *BACKGROUNDS])
def test_backgrounds_are_pale_enough_for_black_and_colourful_things(name: str | None) -> None:
    pixels = background_pixels(name, 64).reshape(-1, 3).astype(float)
    assert pixels.max(axis=1).min() > 140
    for paint in PAINTS.values():
        if paint == PAINTS["white"]:
            continue
        assert np.linalg.norm(np.median(pixels, axis=0) - paint) > 60


def test_backgrounds_are_shared_and_read_only() -> None:
    first = background_pixels("grass", 64)
    assert first is background_pixels("grass", 64)
    with pytest.raises(ValueError, match="read-only"):
        first[0, 0, 0] = 1
    assert background_svg("grass") != background_svg("sand")


def test_the_sprite_cache_keeps_to_its_bound() -> None:
    cache = sprites._SpriteCache(200_000)
    keys = [("drawing", name, "red", 96) for name in OBJECTS[:12]]
    made = [cache.get(key) for key in keys]
    assert cache.get(keys[-1]) is made[-1]
    assert cache.get(keys[0]) is not made[0]
    assert 0 < cache._held <= 200_000
    assert cache._held == sum(sprites._bytes(p) for p in cache._sprites.values())


def test_set_sprite_cache_changes_the_bound() -> None:
    before = sprites._CACHE.budget
    try:
        set_sprite_cache(7)
        assert sprites._CACHE.budget == 7 * 2**20
    finally:
        set_sprite_cache(before >> 20)
