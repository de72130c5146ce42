import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drawbench.scenes import BACKGROUNDS, COLOURS, OBJECTS, Scene, Thing, caption, sample_scene
from drawbench.scenes.captions import NUMBER_WORDS, with_article
from drawbench.scenes.objects import DRAWINGS

PLACE_WORDS = {
    "grass": ("grass",),
    "street": ("street", "road"),
    "sand": ("sand", "beach"),
    "sky": ("in the sky", "in front of the sky", "against the sky"),
    "snow": ("snow",),
    "night": ("night",),
    "table": ("table",),
}
RELATION_WORDS = {
    "left of": ("left",),
    "right of": ("right",),
    "above": ("above", "over"),
    "below": ("below", "under", "underneath", "beneath"),
    "on top of": ("on top of",),
}


def words(text: str) -> list[str]:
    return re.findall(r"[a-z0-9]+", text.lower())


def has(text: str, phrase: str) -> bool:
    return re.search(rf"\b{re.escape(phrase)}\b", text.lower()) is not None


@settings(max_examples=400, deadline=None)
@given(st.integers(0, 2**32), st.integers(0, 2**32))
def test_a_caption_says_all_of_the_scene_and_no_more(scene_seed: int, seed: int) -> None:
    scene = sample_scene(np.random.default_rng(scene_seed), "train")
    text = caption(scene, seed)
    for thing in scene.things:
        noun = thing.object if thing.count == 1 else DRAWINGS[thing.object].plural
        assert has(text, noun)
        if thing.count > 1:
            assert has(text, NUMBER_WORDS[thing.count - 1]) or has(text, str(thing.count))
    told = [w for w in words(text) if w in COLOURS]
    assert told == [t.colour for t in scene.things if t.colour is not None]
    counts = {NUMBER_WORDS[t.count - 1] for t in scene.things} | {str(t.count) for t in scene.things}
    assert all(w in counts for w in words(text) if w in NUMBER_WORDS or w.isdigit())
    for place in BACKGROUNDS:
        assert any(has(text, w) for w in PLACE_WORDS[place]) == (place == scene.background)
    for relation, names in RELATION_WORDS.items():
        if scene.relation == relation:
            assert any(has(text, w) for w in names)
        elif scene.word is None and relation in ("left of", "right of", "on top of"):
            assert not any(has(text, w) for w in names)
    if scene.word is not None:
        assert f'"{scene.word}"' in text
    else:
        assert '"' not in text


@settings(max_examples=300, deadline=None)
@given(st.integers(0, 2**32), st.integers(0, 2**32))
def test_articles_and_spaces_are_right(scene_seed: int, seed: int) -> None:
    text = caption(sample_scene(np.random.default_rng(scene_seed), "test"), seed)
    for article, following in re.findall(r"\b(an?) (\w)", text.lower()):
        assert article == ("an" if following in "aeiou" else "a")
    assert text == text.strip()
    assert "  " not in text
    assert not re.search(r"\s[,.]", text)


@pytest.mark.parametrize(("phrase", "expected"), [("orange car", "an orange car"), ("car", "a car")])
def test_with_article(phrase: str, expected: str) -> None:
    assert with_article(phrase) == expected


@pytest.mark.parametrize(
    ("name", "plural"),
    [("sheep", "sheep"), ("bus", "buses"), ("wine glass", "wine glasses"), ("sandwich", "sandwiches")],
)
def test_plurals(name: str, plural: str) -> None:
    texts = {caption(Scene((Thing(name, count=3),)), seed).lower() for seed in range(200)}
    assert {f"three {plural}", f"3 {plural}", f"a photo of three {plural}."} <= texts


def test_a_scene_has_many_wordings_and_each_seed_one() -> None:
    scene = Scene((Thing("car", "red"), Thing("dog")), "left of", "grass")
    texts = [caption(scene, seed) for seed in range(100)]
    assert texts == [caption(scene, seed) for seed in range(100)]
    assert len(set(texts)) > 50
    assert any("on the left of" in t for t in texts)
    assert any("red colored car" in t for t in texts)


def test_the_first_thing_is_the_first_named() -> None:
    for first, second in (("car", "dog"), ("dog", "car")):
        scene = Scene((Thing(first), Thing(second)), "right of")
        for seed in range(20):
            text = caption(scene, seed)
            assert text.index(first) < text.index("right") < text.index(second)


def test_every_object_has_a_plural() -> None:
    assert all(DRAWINGS[name].plural for name in OBJECTS)
