"""Items before their pictures are registered: the rating items of each kind of study."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from drawbench.errors import InputError
from drawbench.types import Prompt
from human_eval_app.pictures.sources import PictureSource
from human_eval_app.studies.design import LeftOut, Role
from human_eval_app.studies.selection import draw_samples
from human_eval_app.studies.stimuli import Slot

Pair = tuple[str, str]


@dataclass(frozen=True)
class ItemPlan:
    """An item whose arms are slots yet."""

    role: Role
    prompt_id: str
    caption: str
    category: str
    arms: tuple[tuple[Slot, ...], ...]
    expected: Mapping[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """What it is, in one line; no two items of a study share it."""
        # A control's caption may be another prompt's, so the pictures' own prompts name it too.
        sides = "/".join(",".join(f"{s.source}:{s.prompt_id}:{s.index}" for s in arm) for arm in self.arms)
        return f"{self.role}|{self.prompt_id}|{self.caption}|{sides}"


@dataclass(frozen=True)
class Planned:
    """Rating items, prompts left out, and those shown with fewer samples than asked for."""

    items: tuple[ItemPlan, ...]
    left_out: tuple[LeftOut, ...]
    fewer: tuple[LeftOut, ...] = ()


def pairs_of(models: Sequence[str], baseline: str | None) -> tuple[Pair, ...]:
    """All pairs of models, or each against the baseline. Raises InputError for an unknown baseline."""
    if baseline is None:
        return tuple(itertools.combinations(models, 2))
    if baseline not in models:
        raise InputError(f"--baseline {baseline} is none of the models ({', '.join(models)})")
    return tuple((model, baseline) for model in models if model != baseline)


def realism_items(
    prompts: Sequence[Prompt],
    models: Sequence[PictureSource],
    reference: PictureSource,
    samples: int,
    seed: int,
) -> Planned:
    """Each model's picture against the reference of its prompt; arm b is the reference."""
    return _singles(prompts, models, reference, samples, seed, paired=True)


def alignment_items(
    prompts: Sequence[Prompt],
    models: Sequence[PictureSource],
    reference: PictureSource | None,
    samples: int,
    seed: int,
) -> Planned:
    """Each model's picture by itself under its caption, and the reference's likewise."""
    return _singles(prompts, models, reference, samples, seed, paired=False)


def side_by_side_items(
    prompts: Sequence[Prompt],
    sources: Mapping[str, PictureSource],
    pairs: Sequence[Pair],
    samples: int,
    seed: int,
) -> Planned:
    """Sets of up to `samples` pictures of two models, as many on both sides.

    A prompt of which one model has fewer pictures is shown with so many on both sides; one of which a model
    has none is left out of the pairs with that model.
    """
    items: list[ItemPlan] = []
    left_out: list[LeftOut] = []
    fewer: list[LeftOut] = []
    for prompt in prompts:
        for a, b in pairs:
            found = {name: sources[name].indices(prompt.id) for name in (a, b)}
            n = min(samples, *(len(indices) for indices in found.values()))
            short = [
                f"{name} has {len(indices)}" for name, indices in found.items() if len(indices) < samples
            ]
            if n == 0:
                left_out.append(
                    LeftOut(prompt.id, f"{a} against {b}: {', '.join(short)} of {samples} pictures")
                )
                continue
            if short:
                why = f"{a} against {b}: {n} a side, as {', '.join(short)} of {samples} pictures"
                fewer.append(LeftOut(prompt.id, why))
            arms = tuple(
                tuple(Slot(name, prompt.id, i) for i in draw_samples(seed, prompt.id, indices, n))
                for name, indices in found.items()
            )
            items.append(ItemPlan("rating", prompt.id, prompt.text, prompt.category, arms))
    return Planned(tuple(items), tuple(left_out), tuple(fewer))


def _singles(
    prompts: Sequence[Prompt],
    models: Sequence[PictureSource],
    reference: PictureSource | None,
    samples: int,
    seed: int,
    *,
    paired: bool,
) -> Planned:
    items: list[ItemPlan] = []
    left_out: list[LeftOut] = []
    fewer: list[LeftOut] = []
    every = [*models, *([reference] if reference is not None else [])]
    for prompt in prompts:
        none = [source.name for source in every if not source.indices(prompt.id)]
        if none:
            left_out.append(LeftOut(prompt.id, f"no picture of {', '.join(none)}"))
            continue
        real = None if reference is None else _slots(reference, prompt, 1, seed)[0]
        for source in models:
            chosen = _slots(source, prompt, samples, seed)
            if len(chosen) < samples:
                fewer.append(LeftOut(prompt.id, f"{source.name} has {len(chosen)} of {samples} pictures"))
            for slot in chosen:
                arms = ((slot,), (real,)) if paired and real is not None else ((slot,),)
                items.append(ItemPlan("rating", prompt.id, prompt.text, prompt.category, arms))
        if real is not None and not paired:
            items.append(ItemPlan("rating", prompt.id, prompt.text, prompt.category, ((real,),)))
    return Planned(tuple(items), tuple(left_out), tuple(fewer))


def _slots(source: PictureSource, prompt: Prompt, n: int, seed: int) -> tuple[Slot, ...]:
    indices = draw_samples(seed, prompt.id, source.indices(prompt.id), n)
    return tuple(Slot(source.name, prompt.id, index) for index in indices)
