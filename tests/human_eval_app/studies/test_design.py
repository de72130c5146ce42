"""Designs: JSON and back, the digest, and every way in which the parts may not fit."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_studies import small_design

from drawbench.errors import InputError
from human_eval_app.studies.design import ALL_CELL, Arm, StudyDesign
from human_eval_app.studies.questions import KINDS, Kind
from human_eval_app.studies.reporting import Reporting


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("nesting", ["free", "category"])
def test_json_and_back_is_the_same_design(kind: Kind, nesting: Any) -> None:
    design = small_design(kind, nesting=nesting)
    again = StudyDesign.from_json(design.to_json())
    assert again == design
    assert again.digest == design.digest
    assert len(design.digest) == 64


def test_digest_does_not_depend_on_how_the_json_is_written() -> None:
    design = small_design()
    shuffled = json.dumps(dict(reversed(json.loads(design.to_json()).items())))
    assert StudyDesign.from_json(shuffled).digest == design.digest


@pytest.mark.parametrize(
    "change",
    [
        {"seed": 1}, {"quota": 4}, {"title": "Another"}, {"min_dwell_ms": 1}, {"nesting": "category"},
        {"control_gate": 0.5}, {"consent": "other"}, {"notices": ("a notice",)},
    ],
)  # fmt: skip
def test_every_field_is_in_the_digest(change: dict[str, Any]) -> None:
    design = small_design()
    assert replace(design, **change).digest != design.digest


def test_content_digest_does_not_depend_on_ids() -> None:
    design = small_design()
    renamed = {picture.id: picture.id[::-1] for picture in design.pictures}
    other = replace(
        design,
        pictures=tuple(replace(p, id=renamed[p.id]) for p in design.pictures),
        items=tuple(
            replace(
                item,
                id=item.id[::-1],
                arms=tuple(Arm(a.model, tuple(renamed[p] for p in a.pictures)) for a in item.arms),
            )
            for item in design.items
        ),
    )
    assert other.digest != design.digest
    assert other.content_digest == design.content_digest
    assert replace(design, seed=9).content_digest != design.content_digest


def test_cells_and_items_of_a_nested_study() -> None:
    design = small_design(nesting="category", prompts=5)
    assert design.cells == ("Colors", "Counting")
    assert {item.category for item in design.items_of("rating", "Colors")} == {"Colors"}
    assert len(design.items_of("rating", "Colors")) + len(design.items_of("rating", "Counting")) == 5
    assert len(design.items_of("control", "Colors")) == 1
    assert len(design.items_of("practice", "Counting")) == 1


def test_a_free_study_has_one_cell() -> None:
    design = small_design(prompts=5)
    assert design.cells == (ALL_CELL,)
    assert len(design.items_of("rating", ALL_CELL)) == len(design.items_of("rating")) == 5


def _edited(**fields: Any) -> str:
    return json.dumps({**json.loads(small_design().to_json()), **fields})


def _without(name: str) -> str:
    data = json.loads(small_design().to_json())
    del data[name]
    return json.dumps(data)


def _item(**fields: Any) -> str:
    data = json.loads(small_design().to_json())
    data["items"][0].update(fields)
    return json.dumps(data)


def _picture(**fields: Any) -> str:
    data = json.loads(small_design().to_json())
    data["pictures"][0].update(fields)
    return json.dumps(data)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "no JSON"),
        ("[]", "an object"),
        ("[" * 100_000, "no JSON"),
        ("null", "an object"),
        ("{}", "name is missing"),
        (_without("items"), "items is missing"),
        (_edited(colour="red"), "colour is no field"),
        (_edited(schema=99), "newer"),
        (_edited(kind="beauty"), "kind should be one of"),
        (_edited(quota="3"), "quota should be a whole number"),
        (_edited(quota=True), "quota should be a whole number"),
        (_edited(quota=0), "quota"),
        (_edited(control_gate=1.5), "control_gate"),
        (_edited(control_gate=float("nan")), "control_gate should be a number"),
        (_edited(strict=True), "strict"),
        (_edited(name="../up"), "name"),
        (_edited(items=[]), "nothing to rate"),
        (_edited(items={}), "items should be a list"),
        (_edited(seed=-1), "seed"),
        (_edited(lease_seconds=0), "lease_seconds"),
        (_edited(completion_url="javascript:alert(1)"), "completion_url"),
        (_item(id="../x"), "item id"),
        (_item(role="spy"), r"items\[0\].role"),
        (_item(caption=7), r"items\[0\].caption should be a text"),
        (_item(arms=[]), "0 arms"),
        (_item(arms=[{"model": "imagen-xl", "pictures": ["f" * 32]}] * 2), "not registered"),
        (_item(expected={"quality": "a"}), "can have no expected answer"),
        (_item(role="control"), "needs an expected answer"),
        (_item(role="control", expected={"quality": "left"}), "no answer to it"),
        (_item(role="control", expected={"beauty": "a"}), "no answer to it"),
        (_picture(id="X"), "32 hex digits"),
        (_picture(id="../../etc/passwd"), "32 hex digits"),
        (_picture(sha256="0"), "sha256"),
        (_picture(width=0), "no size"),
        (_picture(extra=1), r"pictures\[0\].extra is no field"),
    ],
)
def test_malformed_designs_are_refused_in_one_line(text: str, complaint: str) -> None:
    with pytest.raises(InputError, match=complaint) as error:
        StudyDesign.from_json(text)
    assert "\n" not in str(error.value)


def test_twice_the_same_id_is_refused() -> None:
    design = small_design()
    with pytest.raises(InputError, match=r"item id .* twice"):
        replace(design, items=(*design.items, design.items[0]))
    with pytest.raises(InputError, match=r"picture id .* twice"):
        replace(design, pictures=(*design.pictures, design.pictures[0]))
    with pytest.raises(InputError, match=r"model name .* twice"):
        replace(design, models=(*design.models, design.models[0]))


def test_arms_need_the_same_number_of_pictures() -> None:
    design = small_design()
    item = design.items[0]
    short = replace(item, arms=(item.arms[0], Arm(item.arms[1].model, item.arms[1].pictures[:1])))
    with pytest.raises(InputError, match="same number of pictures"):
        replace(design, items=(short, *design.items[1:]))


def test_a_model_is_not_compared_with_itself() -> None:
    design = small_design()
    item = design.items[0]
    with pytest.raises(InputError, match="with itself"):
        replace(design, items=(replace(item, arms=(item.arms[0], item.arms[0])), *design.items[1:]))


def test_nested_raters_need_categories() -> None:
    with pytest.raises(InputError, match="no category"):
        small_design(nesting="category", categories=("",))


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
_FIELDS = sorted(json.loads(small_design().to_json()))


@given(st.sampled_from(_FIELDS), _JSON)
def test_any_json_in_any_field_gives_a_design_or_one_error(field: str, value: Any) -> None:
    try:
        design = StudyDesign.from_json(_edited(**{field: value}))
    except InputError:
        return
    assert StudyDesign.from_json(design.to_json()) == design


def test_what_a_paper_must_say_is_fixed_with_the_study_and_older_designs_keep_their_digests() -> None:
    design = small_design()
    assert design.digest == "6435a8a213beaa99276192b4cc881c5b21bb7534e3bfb8e8dab84843b818fb0c"
    assert design.content_digest == "ae54d71672b4ee3c39b539f7e8c5a3f3c94db509f5dbff899041d0eba3802d1e"
    assert "reporting" not in json.loads(design.to_json()), "a design as it was written before"
    assert StudyDesign.from_json(design.to_json()) == design
    told = replace(design, reporting=Reporting(recruitment="a mailing list"))
    assert told.digest != design.digest
    assert told.content_digest != design.content_digest
    assert StudyDesign.from_json(told.to_json()) == told
