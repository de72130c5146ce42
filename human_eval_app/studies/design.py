"""A study's design: everything that is fixed before the first rating, and the digest that names it.

The design holds model names, so it stays on the server: raters are sent captions, questions and opaque
picture ids only. Its digest is in every rating; whoever changes the design changes the study.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Literal, NoReturn

from drawbench.errors import InputError
from human_eval_app.studies.questions import Kind, Question, questions_of
from human_eval_app.studies.reporting import NOTHING_TOLD, Reporting
from human_eval_app.studies.typed_json import MalformedError, canonical_json, from_plain, to_plain

SCHEMA = 1
Role = Literal["rating", "control", "practice"]
Nesting = Literal["free", "category"]
ALL_CELL = "all"


@dataclass(frozen=True, slots=True)
class Picture:
    """A registered picture. `id`: 32 opaque hex digits; `sha256` and `bytes`: of the served file."""

    id: str
    sha256: str
    width: int
    height: int
    media_type: str
    bytes: int


@dataclass(frozen=True, slots=True)
class Arm:
    """One side of an item: a model's name (secret) and the ids of its pictures, in the order shown.

    `samples`: the index that each picture has among its prompt's samples in the run, or none where pictures
    were made for a control trial.
    """

    model: str
    pictures: tuple[str, ...]
    samples: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Item:
    """What one rater judges on one page: one arm (alignment) or two, arm a first.

    `expected` maps a question's name to the canonical right answer; only control and practice items have it.
    """

    id: str
    prompt_id: str
    caption: str
    category: str
    role: Role
    arms: tuple[Arm, ...]
    expected: Mapping[str, str] = field(default_factory=dict)

    @property
    def models(self) -> tuple[str, ...]:
        """Model of each arm."""
        return tuple(arm.model for arm in self.arms)

    @property
    def pictures(self) -> tuple[str, ...]:
        """Picture ids of all arms."""
        return tuple(picture for arm in self.arms for picture in arm.pictures)


@dataclass(frozen=True, slots=True)
class ModelSource:
    """Where a model's pictures came from: a run, a reference or a plain folder, and what identifies it."""

    name: str
    source: Literal["run", "reference", "folder", "made"]
    identity: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A prompt of the runs that the study does not ask about, and why."""

    prompt_id: str
    reason: str


@dataclass(frozen=True)
class StudyDesign:
    """Everything fixed about a study.

    `quota` is the number of ratings each rating item should get, `items_per_rater` the most rating items one
    rater gets (0: all of the cell's). After each `control_every` rating items comes a control trial and
    after each `break_every` an offered break (0: never). `min_dwell_ms` is the least time between a page's
    paint and its answer. `control_gate` is the share of control trials a rater must answer rightly to be
    kept in the analysis (0: everyone is kept). In a study nested by category a rater rates one category
    only; `raters_per_cell` is how many are planned for each cell. `pictures_are` says what was done to the
    pictures, `left_out` which prompts are not asked about, `shown_with_fewer` which stand with fewer samples
    on their page than the others. `completion_url` and `completion_code` are for recruiting sites. `notices`
    say what every output must say, `reporting` what only the researcher knows. Raises InputError where the
    parts do not fit together.
    """

    name: str
    kind: Kind
    title: str
    instructions: str
    consent: str
    models: tuple[ModelSource, ...]
    items: tuple[Item, ...]
    pictures: tuple[Picture, ...]
    schema: int = SCHEMA
    strict: bool = False
    nesting: Nesting = "free"
    quota: int = 5
    items_per_rater: int = 50
    raters_per_cell: int = 0
    control_every: int = 10
    break_every: int = 50
    min_dwell_ms: int = 600
    lease_seconds: int = 1800
    seed: int = 0
    control_gate: float = 0.8
    bench: str = ""
    preset: str = ""
    pictures_are: str = ""
    completion_url: str = ""
    completion_code: str = ""
    left_out: tuple[LeftOut, ...] = ()
    shown_with_fewer: tuple[LeftOut, ...] = ()
    notices: tuple[str, ...] = ()
    reporting: Reporting = NOTHING_TOLD

    def __post_init__(self) -> None:
        from human_eval_app.studies.design_checks import check_design

        check_design(self)

    @cached_property
    def digest(self) -> str:
        """sha256 (64 hex digits) over the design's canonical JSON."""
        return hashlib.sha256(canonical_json(self._plain()).encode()).hexdigest()

    @cached_property
    def content_digest(self) -> str:
        """Like `digest`, with items and pictures named by what they are and not by the study's own ids.

        Two studies made from the same pictures with the same seed have the same, whatever their secrets.
        """
        files = {picture.id: picture.sha256 for picture in self.pictures}
        items = tuple(
            replace(
                item,
                id=str(number),
                arms=tuple(replace(arm, pictures=tuple(files[p] for p in arm.pictures)) for arm in item.arms),
            )
            for number, item in enumerate(self.items)
        )
        pictures = sorted({(p.sha256, p.width, p.height, p.media_type, p.bytes) for p in self.pictures})
        plain = {**self._plain(), "items": to_plain(items), "pictures": to_plain(pictures)}
        return hashlib.sha256(canonical_json(plain).encode()).hexdigest()

    @cached_property
    def questions(self) -> tuple[Question, ...]:
        """The questions asked about every item."""
        return questions_of(self.kind, self.strict)

    @cached_property
    def item_by_id(self) -> Mapping[str, Item]:
        """Item id -> item."""
        return {item.id: item for item in self.items}

    @cached_property
    def picture_by_id(self) -> Mapping[str, Picture]:
        """Picture id -> picture."""
        return {picture.id: picture for picture in self.pictures}

    @cached_property
    def cells(self) -> tuple[str, ...]:
        """What raters are assigned to: the categories of a nested study, sorted, else the one cell "all"."""
        if self.nesting == "free":
            return (ALL_CELL,)
        return tuple(sorted({item.category for item in self.items if item.role == "rating"}))

    def items_of(self, role: Role, cell: str | None = None) -> tuple[Item, ...]:
        """Items of a role; of a cell, the rating items of that category. Controls and practice are shared."""
        return tuple(
            item
            for item in self.items
            if item.role == role
            and (
                role != "rating"
                or cell in (None, ALL_CELL)
                or self.nesting == "free"
                or item.category == cell
            )
        )

    def to_json(self) -> str:
        """The design as indented JSON, the text of design.json."""
        return json.dumps(self._plain(), indent=1, ensure_ascii=False, allow_nan=False) + "\n"

    def _plain(self) -> dict[str, Any]:
        """The fields as JSON has them: those that older designs lack only where they say something, so that
        the digest of an older design is what it was.
        """
        plain: dict[str, Any] = to_plain(self)
        if self.reporting == NOTHING_TOLD:
            del plain["reporting"]
        return plain

    @classmethod
    def from_json(cls, text: str) -> StudyDesign:
        """The design a text of `to_json` holds. Raises InputError for anything malformed."""
        try:
            data = json.loads(text)
        except (ValueError, RecursionError) as error:
            _refuse(f"is no JSON: {error}")
        if isinstance(data, dict) and type(data.get("schema")) is int and data["schema"] > SCHEMA:
            _refuse(
                f"has schema {data['schema']}, newer than this version knows ({SCHEMA}); update the suite"
            )
        try:
            return from_plain(cls, data)
        except MalformedError as error:
            _refuse(str(error))


def _refuse(why: str) -> NoReturn:
    raise InputError(
        f"the study's design {why}" if why.startswith(("is ", "has ")) else f"the study's design: {why}"
    )
