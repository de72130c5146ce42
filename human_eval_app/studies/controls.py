"""Control trials and practice items whose right answer is known because code made them so.

- realism: a reference picture against its plainly degraded self;
- alignment: a picture under its own caption (yes) or under one of another category (no);
- side by side: a model's set against noise (both questions), and true pictures of a caption against true
  pictures of another (the question about the text only).

A picture's own caption is sure to fit only where the picture is a reference or was drawn from the caption, so
without a reference the scenes world draws it. Prompts that the study does not ask about come first, so that a
control shows nothing of a page to be rated.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from drawbench.types import Prompt
from human_eval_app.pictures.made_pictures import DegradedSource, NoiseSource
from human_eval_app.pictures.sources import PictureSource, SceneSource
from human_eval_app.studies.design import Role
from human_eval_app.studies.item_plan import ItemPlan
from human_eval_app.studies.questions import Kind
from human_eval_app.studies.selection import draw_order, draw_samples, most_unlike
from human_eval_app.studies.stimuli import Slot

DEGRADED, NOISE, SCENES = "made:degraded", "made:noise", "made:scenes"
_SCENE_PROMPTS = 60
_SCENE_SEED = 10_000
"""Far from the seeds of benches, whose captions could be in the study."""


@dataclass(frozen=True)
class Material:
    """What control trials are made of. `prompts` stand in the study, `spare` do not; `samples` a side."""

    kind: Kind
    models: tuple[PictureSource, ...]
    reference: PictureSource | None
    prompts: tuple[Prompt, ...]
    spare: tuple[Prompt, ...]
    samples: int
    seed: int


@dataclass(frozen=True)
class Trials:
    """Practice and control items, and the sources of pictures made for them."""

    items: tuple[ItemPlan, ...]
    sources: Mapping[str, PictureSource]


def make_trials(material: Material, practice: int, controls: int) -> Trials:
    """`practice` practice items and `controls` control trials, no two alike; fewer where prompts run out.

    Equal arguments give equal trials.
    """
    if practice + controls == 0:
        return Trials((), {})
    makers: Mapping[Kind, Callable[[Material, dict[str, PictureSource]], Iterator[_Trial]]] = {
        "realism": _realism,
        "alignment": _alignment,
        "side_by_side": _side_by_side,
    }
    sources: dict[str, PictureSource] = {}
    made = list(islice(makers[material.kind](material, sources), practice + controls))
    items = tuple(
        trial.item("practice" if place < practice else "control") for place, trial in enumerate(made)
    )
    used = {slot.source for item in items for arm in item.arms for slot in arm}
    return Trials(items, {name: source for name, source in sources.items() if name in used})


@dataclass(frozen=True)
class _Trial:
    prompt_id: str
    caption: str
    arms: tuple[tuple[Slot, ...], ...]
    expected: Mapping[str, str]

    def item(self, role: Role) -> ItemPlan:
        return ItemPlan(role, self.prompt_id, self.caption, "", self.arms, self.expected)


def _realism(material: Material, sources: dict[str, PictureSource]) -> Iterator[_Trial]:
    reference = material.reference
    assert reference is not None
    sources[DEGRADED] = DegradedSource(DEGRADED, reference, material.seed)
    for prompt in _candidates(material, (reference,)):
        index = reference.indices(prompt.id)[0]
        arms = (Slot(DEGRADED, prompt.id, index),), (Slot(reference.name, prompt.id, index),)
        yield _Trial(prompt.id, prompt.text, arms, {"realism": "b"})


def _alignment(material: Material, sources: dict[str, PictureSource]) -> Iterator[_Trial]:
    shown: tuple[PictureSource, ...]
    fitting: PictureSource
    if material.reference is not None:
        shown, fitting = (material.reference,), material.reference
        fitting_prompts = list(_candidates(material, shown))
    else:
        shown, fitting = material.models, (scenes := _scenes(sources))
        fitting_prompts = list(scenes.prompts.values())
    every = (*material.prompts, *material.spare)
    for number, prompt in enumerate(_candidates(material, shown)):
        if number % 2 == 0 and number // 2 < len(fitting_prompts):
            own = prompt if material.reference is not None else fitting_prompts[number // 2]
            arm = (Slot(fitting.name, own.id, fitting.indices(own.id)[0]),)
            yield _Trial(own.id, own.text, (arm,), {"alignment": "yes"})
            continue
        other = most_unlike(prompt, every, material.seed)
        if other is not None:
            source = shown[number // 2 % len(shown)]
            arm = (Slot(source.name, prompt.id, source.indices(prompt.id)[0]),)
            yield _Trial(other.id, other.text, (arm,), {"alignment": "no"})


def _side_by_side(material: Material, sources: dict[str, PictureSource]) -> Iterator[_Trial]:
    n = material.samples
    sources[NOISE] = NoiseSource(NOISE, n, material.seed)
    scenes = _scenes(sources, n)
    drawn = list(scenes.prompts.values())
    for number, prompt in enumerate(_candidates(material, material.models)):
        if number % 2 == 0:
            source = material.models[number // 2 % len(material.models)]
            indices = draw_samples(material.seed, prompt.id, source.indices(prompt.id), n)
            noise = tuple(Slot(NOISE, prompt.id, place) for place in range(len(indices)))
            good = tuple(Slot(source.name, prompt.id, index) for index in indices)
            yield _Trial(prompt.id, prompt.text, (good, noise), {"quality": "a", "text": "a"})
        elif number // 2 < len(drawn):
            true = drawn[number // 2]
            other = most_unlike(true, drawn, material.seed)
            if other is not None:
                arms = tuple(tuple(Slot(SCENES, p.id, i) for i in range(n)) for p in (true, other))
                yield _Trial(true.id, true.text, arms, {"text": "a"})


def _candidates(material: Material, sources: Sequence[PictureSource]) -> Iterator[Prompt]:
    """Prompts that all `sources` have a picture of: those not in the study first, then the others."""
    for prompts in (material.spare, material.prompts):
        for prompt in draw_order(material.seed + 1, prompts):
            if all(source.indices(prompt.id) for source in sources):
                yield prompt


def _scenes(sources: dict[str, PictureSource], samples: int = 1) -> SceneSource:
    from drawbench.benches.scenes import load

    prompts = {f"made-{prompt.id}": prompt for prompt in load(_SCENE_PROMPTS, _SCENE_SEED).prompts}
    renamed = {
        name: Prompt(name, prompt.text, prompt.category, prompt.meta) for name, prompt in prompts.items()
    }
    found = SceneSource(SCENES, "made", renamed, samples)
    sources[SCENES] = found
    return found
