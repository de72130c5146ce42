"""Small studies for tests: a design of any kind, and a whole study folder with real pictures."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path

from PIL import Image

from human_eval_app.studies.design import Arm, Item, ModelSource, Nesting, Picture, Role, StudyDesign
from human_eval_app.studies.questions import Kind, questions_of
from human_eval_app.studies.study import ADMIN_FILE, DESIGN_FILE, PICTURES_FOLDER, SECRET_FILE, admin_hash

SECRET = bytes(range(32))
ADMIN_TOKEN = "admin-token-of-the-tests"
MODELS = ("imagen-xl", "glide-base")


def small_design(
    kind: Kind = "side_by_side",
    *,
    prompts: int = 4,
    samples: int = 2,
    categories: tuple[str, ...] = ("Colors", "Counting"),
    models: tuple[str, ...] = MODELS,
    controls: int = 1,
    practice: int = 1,
    strict: bool = False,
    nesting: Nesting = "free",
    size: int = 8,
    quota: int = 3,
    items_per_rater: int = 0,
    control_every: int = 2,
    break_every: int = 0,
    min_dwell_ms: int = 0,
    lease_seconds: int = 600,
    control_gate: float = 0.8,
    seed: int = 0,
    completion_url: str = "",
    completion_code: str = "",
) -> StudyDesign:
    """A design whose pictures are those of `picture_data`; nothing is written."""
    samples = samples if kind == "side_by_side" else 1
    pictures: dict[str, Picture] = {}
    items: list[Item] = []

    def arm(model: str, prompt: int) -> Arm:
        ids = []
        for index in range(samples):
            identity = hashlib.sha256(f"{model}/{prompt}/{index}".encode()).hexdigest()[:32]
            data = picture_data(identity, size)
            pictures[identity] = Picture(
                identity, hashlib.sha256(data).hexdigest(), size, size, "image/png", len(data)
            )
            ids.append(identity)
        return Arm(model, tuple(ids))

    def add(role: Role, number: int, arm_models: tuple[str, ...]) -> None:
        expected = {q.name: q.keys[0] for q in questions_of(kind, strict)} if role != "rating" else {}
        name = f"{role}-{number}-{'+'.join(arm_models)}"
        items.append(
            Item(
                id=hashlib.sha256(name.encode()).hexdigest()[:16],
                prompt_id=f"p{number}",
                caption=f"a photo of {number + 1} red apples",
                category=categories[number % len(categories)],
                role=role,
                arms=tuple(arm(model, number) for model in arm_models),
                expected=expected,
            )
        )

    for number in range(prompts):
        if kind == "alignment":
            for model in models:
                add("rating", number, (model,))
        else:
            add("rating", number, models[:2])
    made = ("made",) if kind == "alignment" else ("made", "noise")
    for number in range(controls):
        add("control", 1000 + number, made)
    for number in range(practice):
        add("practice", 2000 + number, made)
    return StudyDesign(
        name=f"small-{kind.replace('_', '-')}",
        kind=kind,
        title="A small study",
        instructions="Look at the pictures and answer.",
        consent="Taking part is voluntary.",
        models=tuple(ModelSource(model, "run") for model in models),
        items=tuple(items),
        pictures=tuple(pictures[key] for key in sorted(pictures)),
        strict=strict,
        nesting=nesting,
        quota=quota,
        items_per_rater=items_per_rater,
        control_every=control_every,
        break_every=break_every,
        min_dwell_ms=min_dwell_ms,
        lease_seconds=lease_seconds,
        control_gate=control_gate,
        seed=seed,
        completion_url=completion_url,
        completion_code=completion_code,
    )


def picture_data(picture_id: str, size: int = 8) -> bytes:
    """PNG bytes of a one-colour picture that `picture_id` decides."""
    red, green, blue = bytes.fromhex(picture_id[:6])
    file = io.BytesIO()
    Image.new("RGB", (size, size), (red, green, blue)).save(file, "PNG")
    return file.getvalue()


def write_study(folder: Path, design: StudyDesign, database_url: str | None = None) -> Path:
    """Writes the design of `small_design` and its pictures as a study folder; returns the folder."""
    (folder / PICTURES_FOLDER).mkdir(parents=True)
    for picture in design.pictures:
        path = folder / PICTURES_FOLDER / f"{picture.id}.png"
        path.write_bytes(picture_data(picture.id, picture.width))
    (folder / SECRET_FILE).write_bytes(SECRET)
    (folder / ADMIN_FILE).write_text(admin_hash(SECRET, ADMIN_TOKEN))
    if database_url:
        (folder / "database.url").write_text(database_url)
    (folder / DESIGN_FILE).write_text(design.to_json(), encoding="utf-8")
    return folder
