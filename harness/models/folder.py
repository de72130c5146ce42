"""`folder:PATH`: pictures that exist already, so that any model's output can be scored.

Layouts, tried in this order; the first that has a picture for a prompt is used:

1. a run folder, or its `images`: `<prompt id>/<index>.png`;
2. one file a prompt: `<prompt id>.png`;
3. numbered files in the bench's order, with any number of leading zeros: `00000.png`, or `1.png`. Counting
   begins at 0 where there is a file of that number, and at 1 where there is none but one for the last prompt.

Extensions: png, jpg, jpeg, webp, bmp.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from drawbench.errors import InputError
from drawbench.types import Prompt
from harness.decode import PictureError, RgbImage, conversions, decode_rgb
from harness.models.registry import ModelOptions
from harness.models.settings import fill_settings
from harness.types import Drawn, Failure, Request

EXTENSIONS = (".png", ".jpg", ".jpeg", ".webp", ".bmp")
LAYOUTS = "<prompt id>/<index>.png, <prompt id>.png, or numbered in the bench's order as 00000.png or 1.png"


class FolderModel:
    """Answers each request with the picture that lies in a folder, at its own size, as RGB.

    Raises InputError where there is no such folder. A missing or broken picture is that sample's failure.
    """

    def __init__(self, options: ModelOptions) -> None:
        if not options.argument:
            raise InputError("model folder needs a path: --model folder:PATH")
        self._folder = Path(options.argument).expanduser()
        if not self._folder.is_dir():
            raise InputError(f"{self._folder} is no folder; --model folder:PATH wants one with pictures")
        if (self._folder / "manifest.json").is_file() and (self._folder / "images").is_dir():
            self._folder = self._folder / "images"
        self._files: dict[tuple[str, int], Path] = {}
        self._identity: dict[str, Any] = {}

    def read_prompts(self, prompts: Sequence[Prompt]) -> None:
        """Finds the pictures of `prompts`. Raises InputError where none fits any layout."""
        try:
            for layout, found in (
                ("prompt-id/index", _nested(self._folder, prompts)),
                ("prompt-id", _flat(self._folder, prompts)),
                ("number", _numbered(self._folder, prompts)),
            ):
                if found:
                    self._files = found
                    digest = _content_digest(self._folder, found)
                    name = os.fsencode(self._folder.resolve().name).decode("utf-8", "replace")
                    self._identity = {"name": f"folder-{name}", "layout": layout}
                    self._identity |= {"version": 1, "pictures": len(found), "content_sha256": digest}
                    return
        except OSError as error:
            raise InputError(f"cannot read {error.filename or self._folder}: {error.strerror}") from error
        raise InputError(f"{self._folder} has no picture for any prompt; it needs files named {LAYOUTS}")

    def identity(self) -> Mapping[str, Any]:
        """Name, layout and a sha256 over the names and bytes of the pictures that were found."""
        return self._identity

    def resolve_settings(self, given: Mapping[str, Any]) -> Mapping[str, Any]:
        return fill_settings("folder", {}, given)

    def estimate_seconds(self, settings: Mapping[str, Any]) -> float:
        return 0.05

    def generate(self, requests: Sequence[Request]) -> list[RgbImage | Drawn | Failure]:
        return [self._read(request) for request in requests]

    def _read(self, request: Request) -> RgbImage | Drawn | Failure:
        path = self._files.get((request.prompt.id, request.index))
        if path is None:
            return Failure("error", f"no picture of prompt {request.prompt.id}, index {request.index}")
        try:
            notes = tuple(f"converted {how}" for how in conversions(path))
            picture = decode_rgb(path.read_bytes())
            return Drawn(picture, notes) if notes else picture
        except PictureError as error:
            return Failure("error", f"{path.name}: {error}")
        except OSError as error:
            return Failure("error", f"{path.name} cannot be read: {error.strerror}")


def _pictures(folder: Path) -> dict[str, Path]:
    """stem -> picture file directly in `folder`. Of several with one stem the first by name is taken."""
    found: dict[str, Path] = {}
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() in EXTENSIONS and not path.name.startswith(".") and path.is_file():
            found.setdefault(path.stem, path)
    return found


def _nested(folder: Path, prompts: Sequence[Prompt]) -> dict[tuple[str, int], Path]:
    found: dict[tuple[str, int], Path] = {}
    for prompt in prompts:
        inner = folder / prompt.id
        if inner.is_dir():
            for stem, path in _pictures(inner).items():
                if stem.isascii() and stem.isdigit():
                    found.setdefault((prompt.id, int(stem)), path)
    return found


def _flat(folder: Path, prompts: Sequence[Prompt]) -> dict[tuple[str, int], Path]:
    pictures = _pictures(folder)
    return {(prompt.id, 0): pictures[prompt.id] for prompt in prompts if prompt.id in pictures}


def _numbered(folder: Path, prompts: Sequence[Prompt]) -> dict[tuple[str, int], Path]:
    pictures = {
        int(stem): path for stem, path in _pictures(folder).items() if stem.isascii() and stem.isdigit()
    }
    if not pictures:
        return {}
    if 0 in pictures:
        first = 0
    elif len(prompts) in pictures:
        first = 1
    else:
        raise InputError(
            f"{folder}: cannot tell whether its numbered pictures begin at 0 or 1, as there is neither a "
            f"number 0 nor a number {len(prompts)}; name them by prompt id"
        )
    numbered = {(prompt.id, 0): pictures.get(place) for place, prompt in enumerate(prompts, start=first)}
    return {place: path for place, path in numbered.items() if path is not None}


def _content_digest(folder: Path, files: Mapping[tuple[str, int], Path]) -> str:
    digest = hashlib.sha256()
    for (prompt_id, index), path in sorted(files.items()):
        with path.open("rb") as file:
            content = hashlib.file_digest(file, "sha256").hexdigest()
        name = os.fsencode(path.relative_to(folder))
        digest.update(f"{prompt_id}\0{index}\0{content}\0".encode() + name + b"\n")
    return digest.hexdigest()
