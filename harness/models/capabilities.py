"""What a model may offer beyond `harness.types.Model`. Each is optional and found by its method's name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

from drawbench.types import Prompt
from harness.types import Request


@runtime_checkable
class ResolvesSettings(Protocol):
    """Knows its settings. Without this, a model gets exactly the settings that the user gave."""

    def resolve_settings(self, given: Mapping[str, Any]) -> Mapping[str, Any]:
        """`given` with every default filled in, so that a sample's key covers them.

        What changes no picture, such as a limit on calls, the model keeps to itself and leaves out; so it
        must be told what the user gave, in every process that draws with it.

        Raises InputError, naming what is allowed, on an unknown setting or a bad value.
        """
        ...


@runtime_checkable
class ReadsPrompts(Protocol):
    """Needs to see the bench's whole list of prompts before the run, such as a folder of pictures."""

    def read_prompts(self, prompts: Sequence[Prompt]) -> None:
        """Called once, before `identity`. Raises InputError where the prompts cannot be served."""
        ...


@runtime_checkable
class LooksAhead(Protocol):
    """Can use what it will be asked, such as by encoding all prompts while no other network is loaded."""

    def look_ahead(self, requests: Sequence[Request]) -> None:
        """Called once, before `load`, with all requests that are missing. Others may follow all the same."""
        ...


@runtime_checkable
class Loads(Protocol):
    """Has costly parts (weights). `load` is called once, and only when pictures are really missing."""

    def load(self) -> None:
        """Raises InputError where the parts cannot be had."""
        ...


@runtime_checkable
class KnowsSize(Protocol):
    """Knows its pictures' size. Without this, no picture is ever of the wrong size."""

    def picture_size(self, settings: Mapping[str, Any]) -> tuple[int, int] | None:
        """(width, height) in pixels that the settings lead to; None where any will do."""
        ...


@runtime_checkable
class EstimatesTime(Protocol):
    """Can say beforehand how long a picture takes on this machine."""

    def estimate_seconds(self, settings: Mapping[str, Any]) -> float | None:
        """Seconds for one picture, roughly; None where it cannot be said."""
        ...


@runtime_checkable
class CountsSteps(Protocol):
    """Can say how many evaluations of its networks a picture takes."""

    def network_evaluations(self, settings: Mapping[str, Any]) -> int | None:
        """Evaluations for one picture, all stages together; None where it cannot be said."""
        ...


@runtime_checkable
class Charges(Protocol):
    """Costs money for every picture, so that none must be drawn only to see how long it takes."""

    def price(self, settings: Mapping[str, Any]) -> float | None:
        """What a picture costs, in US dollars; None where it is not known."""
        ...


@runtime_checkable
class SuggestsBatch(Protocol):
    """Knows a good number of pictures to draw side by side on this machine."""

    def suggested_batch_size(self, settings: Mapping[str, Any]) -> int:
        """At least 1. Changes speed only, never a picture."""
        ...
