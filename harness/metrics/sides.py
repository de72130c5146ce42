"""What metrics of whole sets have in common: one extractor, some of its columns, perhaps a reference."""

from __future__ import annotations

from dataclasses import dataclass

from drawbench.errors import InputError
from harness.metrics.base import Inputs, ReferenceFeatures
from harness.rows import Rows, as_rows, columns
from harness.types import Direction


@dataclass(frozen=True, kw_only=True)
class OnFeatures:
    """A metric of a whole set that reads one extractor.

    `part` (start, stop) cuts the columns of the extractor's vector that are looked at, None takes them all.
    `summary` is its line in lists. `needs_reference_rows`: sums over the reference's features do not serve.
    """

    name: str
    extractor: str
    summary: str
    part: tuple[int, int] | None = None
    direction: Direction = "lower"
    text_extractors: tuple[str, ...] = ()
    needs_reference: bool = True
    needs_reference_rows: bool = True
    bounds: tuple[float, float] | None = None

    @property
    def image_extractors(self) -> tuple[str, ...]:
        """The one extractor that is needed."""
        return (self.extractor,)

    def protocol(self) -> tuple[str, ...]:
        """The settings that the number depends on, for its identity."""
        return ()

    def identity(self, inputs: Inputs) -> str:
        """`name[extractor|settings|reference|ref_n=..|file type]`."""
        parts = [inputs.identities[self.extractor], *self.protocol()]
        if self.needs_reference:
            reference = self.reference(inputs)
            n = len(self.reference_rows(inputs)) if self.needs_reference_rows else reference.n
            parts += [reference.identity, f"ref_n={n or 'unknown'}"]
        return f"{self.name}[{'|'.join([*parts, inputs.file_type])}]"

    def reference(self, inputs: Inputs) -> ReferenceFeatures:
        """The reference pictures. Raises InputError where there are none."""
        if inputs.reference is None:
            raise InputError(
                f"metric {self.name} needs reference pictures; give --reference FOLDER or --reference scenes"
            )
        return inputs.reference

    def generated_rows(self, inputs: Inputs) -> Rows:
        """The pictures' features, (n, d)."""
        return self._cut(as_rows(inputs.features[self.extractor]))

    def reference_rows(self, inputs: Inputs) -> Rows:
        """The reference's, (m, d). Raises ValueError where it is statistics only."""
        rows = self.reference(inputs).features.get(self.extractor)
        if rows is None:
            raise ValueError(
                f"{self.name} compares picture with picture, and the reference is statistics only; give a "
                f"folder of pictures"
            )
        return self._cut(as_rows(rows))

    def _cut(self, rows: Rows) -> Rows:
        return rows if self.part is None else columns(rows, *self.part)
