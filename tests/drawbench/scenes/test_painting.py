import numpy as np
import pytest
from numpy.typing import NDArray

from drawbench.errors import InputError
from drawbench.scenes import COLOURS, Scene, Thing, layout, render, sample_scene
from drawbench.scenes.sprites import background_pixels


def scenes(n: int, seed: int = 0) -> list[Scene]:
    rng = np.random.default_rng(seed)
    return [sample_scene(rng, "train") for _ in range(n)]


def averaged(picture: NDArray[np.uint8], size: int) -> NDArray[np.float64]:
    by = picture.shape[0] // size
    return picture.astype(np.float64).reshape(size, by, size, by, 3).mean((1, 3))


@pytest.mark.parametrize("size", [64, 100, 256, 1024])
def test_any_size_gives_a_picture(size: int) -> None:
    picture = render(Scene((Thing("car", "red"),), background="street"), size, 0)
    assert picture.shape == (size, size, 3)
    assert picture.dtype == np.uint8


def test_a_small_picture_is_a_large_one_averaged() -> None:
    for seed, scene in enumerate(scenes(30)):
        small, middle = render(scene, 64, seed), render(scene, 256, seed)
        assert np.abs(averaged(middle, 64) - small).mean() < 4
    for seed, scene in enumerate(scenes(5, seed=1)):
        large = render(scene, 1024, seed)
        assert np.abs(averaged(large, 64) - render(scene, 64, seed)).mean() < 4
        assert np.abs(averaged(large, 256) - render(scene, 256, seed)).mean() < 3


def test_a_window_is_that_part_of_the_whole() -> None:
    rng = np.random.default_rng(5)
    for seed, scene in enumerate(scenes(20, seed=2)):
        whole = render(scene, 256, seed)
        x, y = (int(v) for v in rng.integers(0, 256 - 96, 2))
        part = render(scene, 256, seed, (x, y, x + 96, y + 96))
        difference = np.abs(part.astype(int) - whole[y : y + 96, x : x + 96])
        assert difference.max() <= 4
        assert difference.mean() < 0.1


def test_a_picture_is_a_function_of_scene_size_and_seed() -> None:
    scene = Scene((Thing("dog"), Thing("cup", "blue")), "above", "table")
    assert np.array_equal(render(scene, 64, 1), render(scene, 64, 1))
    assert not np.array_equal(render(scene, 64, 1), render(scene, 64, 2))


@pytest.mark.parametrize("background", [None, "grass", "night", "snow", "sky"])
@pytest.mark.parametrize("colour", COLOURS)
def test_every_colour_stands_out_from_its_background(colour: str, background: str | None) -> None:
    scene = Scene((Thing("cat", colour),), background=background)
    picture = render(scene, 64, 3).astype(int)
    behind = background_pixels(background, 64)
    x0, y0, x1, y1 = (round(64 * v) for v in layout(scene, 3)[0].box)
    distance = np.abs(picture - behind).max(axis=2)[y0:y1, x0:x1]
    assert (distance > 60).mean() > 0.15
    outside = np.abs(picture - behind).max(axis=2)
    outside[max(0, y0 - 1) : y1 + 1, max(0, x0 - 1) : x1 + 1] = 0
    assert outside.max() == 0


def test_a_coloured_object_has_that_colour() -> None:
    pictures = {c: render(Scene((Thing("banana", c),)), 64, 0).reshape(-1, 3) for c in ("blue", "red")}
    blue = pictures["blue"][pictures["blue"][:, 2] > 180]
    assert len(blue[blue[:, 0] < 80]) > 100
    red = pictures["red"][pictures["red"][:, 0] > 180]
    assert len(red[red[:, 2] < 80]) > 100


def test_more_things_cover_more() -> None:
    plain = background_pixels(None, 64).astype(int)
    covered = [
        np.abs(render(Scene((Thing("spoon", "red", n),)), 64, 0) - plain).max(axis=2) > 60 for n in (2, 4, 5)
    ]
    # A column of pixels through each half of the picture shows one spoon, two spoons, ...
    runs = [int((np.diff(np.pad(c, 1).astype(int).max(axis=0)) == 1).sum()) for c in covered]
    assert runs == [2, 2, 3]


@pytest.mark.parametrize("size", [0, -64, 8, 5000])
def test_an_impossible_size_is_refused(size: int) -> None:
    with pytest.raises(InputError, match="size must lie in"):
        render(Scene((Thing("car"),)), size, 0)


def test_a_window_outside_is_refused() -> None:
    with pytest.raises(InputError, match="not inside"):
        render(Scene((Thing("car"),)), 64, 0, (0, 0, 65, 64))
