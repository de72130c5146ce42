"""What a rater's page is told about an item: caption, questions, picture addresses, nothing of any model.

Pure functions; everything a rater receives about an item goes through here.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final

from human_eval_app.store.records import Feedback, Presentation
from human_eval_app.studies.design import Item, StudyDesign
from human_eval_app.studies.tokens import picture_address

ADDRESS_SECONDS: Final = 6 * 3600
"""A picture's address lapses between one and two of these from now. The moment is rounded up, so that an item
has the same addresses when it is preloaded and when it is shown, and the browser fetches nothing twice."""


def item_json(
    design: StudyDesign, presentation: Presentation, secret: bytes, now: float, preload: list[str]
) -> dict[str, Any]:
    """The JSON of an open presentation. `now` in seconds since 1970; `preload` the next item's addresses."""
    item = design.item_by_id[presentation.item_id]
    return {
        "presentation": presentation.id,
        "revision": presentation.revision,
        "position": presentation.position,
        "total": presentation.total,
        "role": "practice" if presentation.role == "practice" else "rating",  # a control looks like any other
        "kind": design.kind,
        "caption": "" if design.kind == "realism" else item.caption,
        "questions": [
            {
                "name": question.name,
                "text": question.text_for(item.caption),
                "choices": [
                    {"key": key, "label": label}
                    for key, label in zip(question.shown_keys(), question.shown_labels(), strict=True)
                ],
            }
            for question in design.questions
        ],
        "sides": _sides(design, item, presentation, secret, now),
        "min_dwell_ms": design.min_dwell_ms,
        "answers": dict(presentation.answers),
        "preload": preload,
    }


def picture_addresses(
    design: StudyDesign, presentation: Presentation, secret: bytes, now: float
) -> list[str]:
    """Addresses of all pictures of a presentation, in the order shown."""
    item = design.item_by_id[presentation.item_id]
    sides = _sides(design, item, presentation, secret, now)
    return [picture["url"] for side in sides for picture in side["pictures"]]


def feedback_json(
    design: StudyDesign, answers: Mapping[str, str], feedback: Mapping[str, Feedback]
) -> dict[str, Any]:
    """What a rater hears after a practice item, in the words of the page."""
    questions = []
    for question in design.questions:
        if question.name not in feedback:
            continue
        labels = dict(zip(question.shown_keys(), question.shown_labels(), strict=True))
        said, told = answers[question.name], feedback[question.name]
        questions.append(
            {
                "name": question.name,
                "given": said,
                "given_label": labels[said],
                "expected": told.expected_shown,
                "expected_label": labels[told.expected_shown],
                "correct": told.correct,
            }
        )
    return {"correct": all(question["correct"] for question in questions), "questions": questions}


def expiry(now: float) -> int:
    """When an address made at `now` lapses, in seconds since 1970."""
    return (math.floor(now / ADDRESS_SECONDS) + 2) * ADDRESS_SECONDS


def _sides(
    design: StudyDesign, item: Item, presentation: Presentation, secret: bytes, now: float
) -> list[dict[str, Any]]:
    arms = item.arms[::-1] if presentation.swapped else item.arms
    labels = ("A", "B") if len(arms) == 2 else ("",)
    lapses = expiry(now)
    return [
        {
            "label": label,
            "pictures": [
                {
                    "id": picture,
                    "url": picture_address(secret, presentation.id, picture, lapses),
                    "alt": _alt(label, number, len(arm.pictures)),
                    "width": design.picture_by_id[picture].width,
                    "height": design.picture_by_id[picture].height,
                }
                for number, picture in enumerate(arm.pictures, start=1)
            ],
        }
        for label, arm in zip(labels, arms, strict=True)
    ]


def _alt(label: str, number: int, count: int) -> str:
    """Names a picture by its place; what it shows is what the rater judges, so that is not said."""
    if count == 1:
        return f"Image {label}".strip()
    return f"Image {number} of {count}, set {label}".removesuffix(", set ")
