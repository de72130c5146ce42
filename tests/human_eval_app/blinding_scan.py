"""Looks for anything that could tell a rater which model made what they see.

`Secrets.of(design)` knows what must not be seen: model names, what identifies the models (run names and
hashes), and plain hashes of names. `Secrets.found_in(data)` looks through bytes of any kind: a response, an
address, headers, a page, a file.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

from human_eval_app.pictures.opaque_png import PADDING, chunks
from human_eval_app.studies.design import StudyDesign

ALLOWED_CHUNKS = (b"IHDR", b"IDAT", PADDING, b"IEND")
_SHORTEST = 4


@dataclass(frozen=True)
class Secrets:
    """What must not be seen: lower-case needles with the reason why."""

    needles: tuple[tuple[bytes, str], ...]

    @classmethod
    def of(cls, design: StudyDesign, more: Iterable[str] = ()) -> Secrets:
        """Names of all models, made ones too, their identities, `more` words, and hashes of all of these."""
        words = {model for item in design.items for model in item.models}
        words |= {model.name for model in design.models}
        for source in design.models:
            words |= {value for key, value in source.identity.items() if key in ("run", "run_hash", "model")}
        words |= set(more)
        words = {word for word in words if len(word) >= _SHORTEST}
        found: dict[bytes, str] = {}
        for word in sorted(words):
            raw = word.encode()
            found[raw.lower()] = f"the name {word!r}"
            found[base64.b64encode(raw).rstrip(b"=").lower()] = f"{word!r} in base64"
            found[binascii.hexlify(raw)] = f"{word!r} in hex"
            for name in ("md5", "sha1", "sha256"):
                digest = hashlib.new(name, raw).hexdigest().encode()
                for length in (8, 16, 32, len(digest)):
                    found[digest[:length]] = f"{name} of {word!r}"
        return cls(tuple(found.items()))

    def found_in(self, data: bytes | str) -> list[str]:
        """Why each secret that stands in `data`, in any case of letters, must not; empty where none does."""
        haystack = (data.encode() if isinstance(data, str) else data).lower()
        return [reason for needle, reason in self.needles if needle in haystack]


def png_faults(data: bytes) -> list[str]:
    """What a PNG file has that could tell something beside its pixels: metadata, other chunks, padding."""
    kinds = []
    faults = []
    for kind, content in chunks(data):
        kinds.append(kind)
        if kind not in ALLOWED_CHUNKS:
            faults.append(f"a {kind!r} chunk")
        if kind == PADDING and any(content):
            faults.append("padding that is not zeros")
    order = tuple(dict.fromkeys(kinds))
    if order != ALLOWED_CHUNKS:
        faults.append(f"chunks in the order {order}")
    return faults
