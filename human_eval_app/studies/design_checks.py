"""Whether the parts of a study's design fit together."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING

from drawbench.errors import InputError
from human_eval_app.studies.questions import Question, questions_of

if TYPE_CHECKING:
    from human_eval_app.studies.design import Item, StudyDesign

_PICTURE_ID = re.compile(r"[0-9a-f]{32}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_ITEM_ID = re.compile(r"[0-9a-zA-Z_-]{1,64}")
_NAME = re.compile(r"[0-9a-zA-Z][0-9a-zA-Z._-]{0,99}")


def check_design(design: StudyDesign) -> None:
    """Raises InputError, in one line, for the first thing that does not fit."""
    questions = questions_of(design.kind, design.strict)
    check_name(design.name)
    check_completion_url(design.completion_url)
    _check_numbers(design)
    _once("the picture id", (picture.id for picture in design.pictures))
    _once("the item id", (item.id for item in design.items))
    _once("the model name", (model.name for model in design.models))
    for picture in design.pictures:
        if not _PICTURE_ID.fullmatch(picture.id):
            _refuse(f"the picture id {picture.id!r} must be 32 hex digits")
        if not _SHA256.fullmatch(picture.sha256):
            _refuse(f"picture {picture.id} has no sha256 of 64 hex digits")
        if min(picture.width, picture.height, picture.bytes) < 1:
            _refuse(f"picture {picture.id} has no size")
    pictures = {picture.id for picture in design.pictures}
    models = {model.name for model in design.models}
    for item in design.items:
        _check_item(item, design.kind, questions, pictures, models)
    if not any(item.role == "rating" for item in design.items):
        _refuse("it has nothing to rate")
    if design.nesting == "category" and any(not i.category for i in design.items if i.role == "rating"):
        _refuse("raters are nested in categories, but some prompts have no category")


def check_name(name: str) -> None:
    """Raises InputError where a study cannot be called `name`."""
    if not _NAME.fullmatch(name):
        _refuse(f"the name {name!r} must be letters, digits, '.', '_' and '-'")


def check_completion_url(url: str) -> None:
    """Raises InputError where raters cannot be sent to `url`, which may be empty."""
    if url and not url.startswith(("https://", "http://")):
        _refuse("completion_url must start with https:// or http://")


def _check_numbers(design: StudyDesign) -> None:
    if design.quota < 1:
        _refuse("quota must be at least 1 rating per item")
    for name in (
        "items_per_rater", "raters_per_cell", "control_every", "break_every", "min_dwell_ms", "seed",
    ):  # fmt: skip
        if getattr(design, name) < 0:
            _refuse(f"{name} must not be negative")
    if design.lease_seconds < 1:
        _refuse("lease_seconds must be at least 1")
    if not 0.0 <= design.control_gate <= 1.0:
        _refuse("control_gate must be between 0 and 1")


def _check_item(
    item: Item, kind: str, questions: tuple[Question, ...], pictures: set[str], models: set[str]
) -> None:
    arms = 1 if kind == "alignment" else 2
    if not _ITEM_ID.fullmatch(item.id):
        _refuse(f"the item id {item.id!r} must be letters, digits, '_' and '-'")
    if len(item.arms) != arms:
        _refuse(f"item {item.id} has {len(item.arms)} arms; {kind} needs {arms}")
    sizes = {len(arm.pictures) for arm in item.arms}
    if len(sizes) != 1 or 0 in sizes:
        _refuse(f"item {item.id} must have the same number of pictures on both sides, at least one")
    if any(arm.samples and len(arm.samples) != len(arm.pictures) for arm in item.arms):
        _refuse(f"item {item.id} must name a sample for each picture, or none")
    if kind != "side_by_side" and sizes != {1}:
        _refuse(f"item {item.id} must show one picture a side")
    for picture in item.pictures:
        if picture not in pictures:
            _refuse(f"item {item.id} shows picture {picture}, which is not registered")
    if item.role == "rating":
        if unknown := [model for model in item.models if model not in models]:
            _refuse(f"item {item.id} shows the model {unknown[0]!r}, which is not listed")
        if item.expected:
            _refuse(f"item {item.id} is for rating and can have no expected answer")
        if len(set(item.models)) != arms:
            _refuse(f"item {item.id} compares {item.models[0]!r} with itself")
        return
    keys = {question.name: question.keys for question in questions}
    if not item.expected:
        _refuse(f"item {item.id} is for {item.role} and needs an expected answer")
    for name, key in item.expected.items():
        if name not in keys or key not in keys[name]:
            _refuse(f"item {item.id} expects {key!r} of the question {name!r}, which is no answer to it")


def _once(what: str, values: Iterable[str]) -> None:
    counts = Counter(values)
    if counts and (twice := counts.most_common(1)[0])[1] > 1:
        _refuse(f"{what} {twice[0]!r} is there twice")


def _refuse(why: str) -> None:
    raise InputError(f"the study's design: {why}")
