"""The core values of what is asked: prompts, references and benches. Plain data, no torch."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Prompt:
    """One thing to draw. `id` is unique within its bench and safe as a file name."""

    id: str
    text: str
    category: str = ""
    meta: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Reference:
    """Real pictures to compare with: `kind` is "folder" or "scenes", `location` a path or a spec
    ("folder:PATH,size=256,crop=center", "scenes:n=1000").

    `digest` identifies the pictures' content as far as it is known without reading them all.
    """

    kind: str
    location: str
    digest: str = ""


@dataclass(frozen=True, slots=True)
class Bench:
    """A named, versioned list of prompts. Equal digests mean the same questions.

    `notices` are facts that every output of a run must show, such as a replaced prompt list.
    """

    name: str
    version: str
    prompts: tuple[Prompt, ...]
    samples_per_prompt: int = 1
    reference: Reference | None = None
    notices: tuple[str, ...] = ()
    source: str = ""

    @property
    def digest(self) -> str:
        """sha256 over name, version, every prompt and the reference; hexadecimal."""
        questions = [[p.id, p.text, p.category, dict(p.meta)] for p in self.prompts]
        reference = [self.reference.kind, self.reference.digest] if self.reference else None
        content = [self.name, self.version, questions, self.samples_per_prompt, reference]
        text = json.dumps(content, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()

    @property
    def categories(self) -> tuple[str, ...]:
        """Category names in order of first appearance."""
        return tuple(dict.fromkeys(p.category for p in self.prompts))
