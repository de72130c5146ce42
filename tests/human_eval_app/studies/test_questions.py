"""The paper's wording and values, and sides turned into arms and back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drawbench.errors import InputError
from human_eval_app.studies.questions import KINDS, canonical, questions_of, shown


def test_wording_is_the_papers() -> None:
    texts = {kind: [question.text for question in questions_of(kind)] for kind in KINDS}
    assert texts == {
        "realism": ["Which image is more photorealistic (looks more real)?"],
        "alignment": ["Does the caption accurately describe the above image?"],
        "side_by_side": [
            "Which set of images is of higher quality?",
            "Which set of images better represents the text caption: {caption}?",
        ],
    }


def test_alignment_is_worth_100_50_0() -> None:
    (question,) = questions_of("alignment")
    assert [question.value(key) for key in ("yes", "somewhat", "no")] == [100, 50, 0]
    assert question.shown_keys() == ("yes", "somewhat", "no")
    assert not question.is_pair


def test_pairs_are_worth_the_share_of_a_win_of_arm_a() -> None:
    for question in (*questions_of("realism"), *questions_of("side_by_side")):
        assert [question.value(key) for key in ("a", "indifferent", "b")] == [1, 0.5, 0]
        assert question.shown_keys() == ("left", "indifferent", "right")


def test_strict_realism_has_no_indifferent() -> None:
    (question,) = questions_of("realism", strict=True)
    assert question.keys == ("a", "b")
    assert question.shown_keys() == ("left", "right")
    assert question.shown_labels() == ("Image A", "Image B")
    with pytest.raises(InputError, match="no answer"):
        question.value("indifferent")


def test_captions_with_braces_stay_as_they_are() -> None:
    text = questions_of("side_by_side")[1].text_for("{caption} {0} $x$")
    assert text == "Which set of images better represents the text caption: {caption} {0} $x$?"


@pytest.mark.parametrize("kind", ["alignment", "side_by_side"])
def test_strict_is_refused_where_it_means_nothing(kind: str) -> None:
    with pytest.raises(InputError, match="realism"):
        questions_of(kind, strict=True)  # type: ignore[arg-type]


def test_unknown_names_are_refused() -> None:
    with pytest.raises(InputError, match="no kind of study"):
        questions_of("beauty")  # type: ignore[arg-type]


@given(st.sampled_from(["left", "indifferent", "right", "yes", "somewhat", "no"]), st.booleans())
def test_shown_undoes_canonical(key: str, swapped: bool) -> None:
    assert shown(canonical(key, swapped), swapped) == key


def test_swapping_turns_arms_and_nothing_else() -> None:
    assert [canonical("left", False), canonical("right", False)] == ["a", "b"]
    assert [canonical("left", True), canonical("right", True)] == ["b", "a"]
    assert canonical("indifferent", True) == canonical("indifferent", False) == "indifferent"
    assert canonical("yes", True) == "yes"
