"""How a model was made, as plain data: what another process needs to make the same model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from drawbench.types import Prompt
from harness.models.capabilities import ReadsPrompts, ResolvesSettings
from harness.models.registry import ModelOptions, load_model
from harness.types import Model


@dataclass(frozen=True)
class Recipe:
    """A model's spec and options, the settings that the user gave it, and the prompts that it has to see.

    The two steps of `begin` and `read` are apart because a run checks the settings before it reads the bench.
    """

    spec: str
    options: ModelOptions
    given: Mapping[str, Any] = field(default_factory=dict)
    prompts: tuple[Prompt, ...] = ()

    def begin(self) -> tuple[Model, Mapping[str, Any]]:
        """The model, before it has seen any prompt, and its complete settings. Raises InputError."""
        model = load_model(self.spec, self.options)
        given = dict(self.given)
        return model, model.resolve_settings(given) if isinstance(model, ResolvesSettings) else given

    def read(self, model: Model, prompts: Sequence[Prompt]) -> Recipe:
        """Shows `prompts` to a model that wants them; returns the recipe of the model as it is then."""
        if not isinstance(model, ReadsPrompts):
            return self
        model.read_prompts(prompts)
        return replace(self, prompts=tuple(replace(p, meta=dict(p.meta)) for p in prompts))

    def make(self) -> Model:
        """The model, ready to be asked for its identity. Raises InputError where it cannot be had."""
        model, _ = self.begin()
        if isinstance(model, ReadsPrompts):
            model.read_prompts(self.prompts)
        return model
