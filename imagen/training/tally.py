"""What a source of training pairs left out, counted with examples: nothing is dropped silently."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

SHOWN: Final = 3


@dataclass(slots=True)
class Tally:
    """Counts over one pass through a source. `broken` and `captionless` keep the first few."""

    used: int = 0
    enlarged: int = 0
    broken_count: int = 0
    captionless_count: int = 0
    broken: list[str] = field(default_factory=list)
    captionless: list[str] = field(default_factory=list)

    def note_broken(self, name: str, reason: str) -> None:
        """A picture that cannot be read."""
        self.broken_count += 1
        if len(self.broken) < SHOWN:
            self.broken.append(f"{name}: {reason}")

    def note_captionless(self, name: str) -> None:
        """A picture without a caption."""
        self.captionless_count += 1
        if len(self.captionless) < SHOWN:
            self.captionless.append(name)

    def lines(self) -> list[str]:
        """One line for each kind of thing that a reader should know."""
        broken, nameless = self.broken_count, self.captionless_count
        lines = []
        if broken:
            lines.append(f"{broken} pictures could not be read: {_some(self.broken, broken)}")
        if nameless:
            lines.append(f"{nameless} pictures have no caption: {_some(self.captionless, nameless)}")
        if self.enlarged:
            lines.append(f"{self.enlarged} pictures are smaller than the stage and were enlarged")
        return lines

    def to_dict(self) -> dict[str, Any]:
        """The counts, for the training record."""
        return {
            "used": self.used,
            "broken": self.broken_count,
            "without_caption": self.captionless_count,
            "enlarged": self.enlarged,
        }


def _some(examples: list[str], count: int) -> str:
    return "; ".join([*examples, *(["..."] if count > len(examples) else [])])
