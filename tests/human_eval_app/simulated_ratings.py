"""Tables of ratings by the latent threshold model, with all columns of an export."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from human_eval_app.planning.latent_model import LatentModel, dealt
from human_eval_app.studies.design import Arm, Item, ModelSource, Picture, StudyDesign
from human_eval_app.studies.questions import questions_of, shown

CATEGORIES = {"Colors": 12, "Counting": 8, "Text": 10}
PAIR_KEYS = {1.0: "a", 0.5: "indifferent", 0.0: "b"}
ALIGNMENT_KEYS = {1.0: "yes", 0.5: "somewhat", 0.0: "no"}


def study_design(
    kind: str = "side_by_side",
    *,
    categories: Mapping[str, int] | None = None,
    models: Sequence[str] = ("imagen", "glide"),
    controls: int = 4,
    strict: bool = False,
    nesting: str = "free",
    control_gate: float = 0.0,
    quota: int = 5,
) -> StudyDesign:
    """A design with one item for each prompt (alignment: and model); realism compares with "reference"."""
    if kind == "realism":
        models = (models[0], "reference")
    picture = Picture("0" * 32, "0" * 64, 8, 8, "image/png", 100)
    items = []
    for category, count in (categories or CATEGORIES).items():
        for number in range(count):
            prompt = f"{category}-{number:03d}"
            if kind == "alignment":
                sides = [(model,) for model in models]
            else:
                sides = [(a, b) for place, a in enumerate(models) for b in models[place + 1 :]]
            for side in sides:
                arms = tuple(Arm(model, (picture.id,)) for model in side)
                items.append(Item(f"item-{len(items):05d}", prompt, f"a {prompt}", category, "rating", arms))
    expected = {q.name: q.keys[0] for q in questions_of(kind, strict)}  # type: ignore[arg-type]
    arms = tuple(
        Arm(name, (picture.id,)) for name in (("made",) if kind == "alignment" else ("made", "noise"))
    )
    for number in range(controls):
        items.append(Item(f"control-{number}", f"c{number}", "a control", "", "control", arms, expected))
    sources = tuple(
        ModelSource(m, "reference" if m == "reference" else "run", {"run_hash": f"hash-{m}"}) for m in models
    )
    return StudyDesign(
        name=f"simulated-{kind.replace('_', '-')}",
        kind=kind,  # type: ignore[arg-type]
        title="Simulated",
        instructions="Look and answer.",
        consent="Voluntary.",
        models=sources,
        items=tuple(items),
        pictures=(picture,),
        strict=strict,
        nesting=nesting,  # type: ignore[arg-type]
        control_gate=control_gate,
        quota=quota,
        seed=3,
    )


def simulated_frame(
    design: StudyDesign,
    *,
    raters: int = 12,
    per_prompt: int = 6,
    lead: Mapping[str, float] | float = 0.5,
    model: LatentModel | None = None,
    careless: int = 0,
    seed: int = 0,
) -> pd.DataFrame:
    """Ratings of a design. `lead` is the first model's, by question or for all; in alignment by model.

    The last `careless` raters answer control trials by chance and are five times as fast. In a nested design
    each category has `raters` raters of its own.
    """
    rng = np.random.default_rng(seed)
    base = model or LatentModel()
    rows: list[dict[str, object]] = []
    rating = [item for item in design.items if item.role == "rating"]
    controls = [item for item in design.items if item.role == "control"]
    groups: dict[str, list[Item]] = {}
    for item in rating:
        groups.setdefault(item.category if design.nesting == "category" else "all", []).append(item)
    keys = ALIGNMENT_KEYS if design.kind == "alignment" else PAIR_KEYS
    for number, (cell, items) in enumerate(groups.items()):
        offset = number * raters if design.nesting == "category" else 0
        prompts = list(dict.fromkeys(item.prompt_id for item in items))
        who = dealt(rng, len(prompts), raters, per_prompt)
        sides = {item.id: rng.random(raters) < 0.5 for item in [*items, *controls]}
        tables: dict[tuple[str, tuple[str, ...]], np.ndarray] = {}
        for question in design.questions:
            for models in dict.fromkeys(item.models for item in items):
                name = models[0] if design.kind == "alignment" else question.name
                mu = lead if isinstance(lead, float | int) else lead.get(name, 0.0)
                cut = 0.0 if design.strict else base.cut
                tables[question.name, models] = replace(base, mu=float(mu), cut=cut).draw(
                    rng, len(prompts), raters
                )
        for item in items:
            place = prompts.index(item.prompt_id)
            for rater in np.flatnonzero(who[place]):
                answers = {
                    q.name: keys[float(tables[q.name, item.models][place, rater])] for q in design.questions
                }
                rows += _rows(
                    design, item, int(rater) + 1 + offset, cell, bool(sides[item.id][rater]), answers, rng
                )
        for item in controls:
            for rater in range(raters):
                chance = rater >= raters - careless
                right = rng.random() < (0.45 if chance else 0.97)
                answers = {q.name: item.expected[q.name] if right else q.keys[-1] for q in design.questions}
                rows += _rows(
                    design, item, rater + 1 + offset, cell, bool(sides[item.id][rater]), answers, rng
                )
    frame = pd.DataFrame(rows)
    fast = frame["rater"].isin(
        [
            r + 1 + n * raters
            for n in range(len(groups) if design.nesting == "category" else 1)
            for r in range(raters - careless, raters)
        ]
    )
    frame.loc[fast, "dwell_ms"] = frame.loc[fast, "dwell_ms"] // 5
    return frame


def _rows(
    design: StudyDesign,
    item: Item,
    rater: int,
    cell: str,
    swapped: bool,
    answers: Mapping[str, str],
    rng: np.random.Generator,
) -> list[dict[str, object]]:
    dwell = int(np.exp(rng.normal(8.6, 0.4)))
    minute = int(rng.integers(0, 600))
    at = f"2026-01-{1 + minute // 60:02d}T{minute % 24:02d}:{minute % 60:02d}:00.000000+00:00"
    side = swapped and design.kind != "alignment"
    made = []
    for question in design.questions:
        choice = answers[question.name]
        expected = item.expected.get(question.name, "")
        made.append(
            {
                "study": design.name,
                "design_digest": design.digest,
                "kind": design.kind,
                "role": item.role,
                "item": item.id,
                "prompt_id": item.prompt_id,
                "caption": item.caption,
                "category": item.category,
                "question": question.name,
                "model_a": item.models[0],
                "model_b": item.models[1] if len(item.models) > 1 else "",
                "rater": rater,
                "cell": cell,
                "presentation": f"{rater:04d}-{item.id}",
                "position": 1,
                "swapped": side,
                "choice_shown": shown(choice, side),
                "choice": choice,
                "value": question.value(choice),
                "expected": expected,
                "correct": (choice == expected) if expected else None,
                "revision": 1,
                "served_at": at,
                "shown_at": at,
                "submitted_at": at,
                "dwell_ms": dwell,
                "flagged": False,
                "excluded": False,
                "excluded_reason": "",
            }
        )
    return made
