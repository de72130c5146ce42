"""`folder:PATH`: pictures that exist already, so that any model's output can be scored.

The layouts are those of `harness.models.folder_layouts`; the first that has a picture for a prompt is used.
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
from harness.models.folder_layouts import LAYOUTS, USUAL_NAMES
from harness.models.registry import ModelOptions
from harness.models.settings import fill_settings
from harness.types import Drawn, Failure, Request


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
            for layout, find in LAYOUTS.items():
                if found := find(self._folder, prompts):
                    self._files = found
                    digest = _content_digest(self._folder, found)
                    name = os.fsencode(self._folder.resolve().name).decode("utf-8", "replace")
                    self._identity = {"name": f"folder-{name}", "layout": layout}
                    self._identity |= {"version": 1, "pictures": len(found), "content_sha256": digest}
                    return
        except OSError as error:
            raise InputError(f"cannot read {error.filename or self._folder}: {error.strerror}") from error
        raise InputError(f"{self._folder} has no picture for any prompt; it needs files named {USUAL_NAMES}")

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


def _content_digest(folder: Path, files: Mapping[tuple[str, int], Path]) -> str:
    digest = hashlib.sha256()
    for (prompt_id, index), path in sorted(files.items()):
        with path.open("rb") as file:
            content = hashlib.file_digest(file, "sha256").hexdigest()
        name = os.fsencode(path.relative_to(folder) if path.is_relative_to(folder) else path.name)
        digest.update(f"{prompt_id}\0{index}\0{content}\0".encode() + name + b"\n")
    return digest.hexdigest()
