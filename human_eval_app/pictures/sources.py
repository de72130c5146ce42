"""Where a study's pictures come from: runs, folders, the true pictures of the scenes world."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Final, Literal, Protocol

from PIL import Image

from drawbench.errors import InputError
from drawbench.types import Prompt
from harness.decode import PictureError, RgbImage, decode_rgb
from harness.models.folder_layouts import LAYOUTS, USUAL_NAMES
from harness.run_view import RunView
from human_eval_app.pictures.colour_profiles import to_srgb
from human_eval_app.pictures.framing import Frame, Size

SourceKind = Literal["run", "reference", "folder", "made"]
Place = tuple[str, int]
"""Prompt id and index of a sample."""

REFERENCE: Final = "reference"
_TURNED_SIDEWAYS = frozenset((5, 6, 7, 8))  # EXIF orientations that swap width and height
_ORIENTATION = 0x0112


class PictureSource(Protocol):
    """Pictures of one model, by prompt id and index."""

    @property
    def name(self) -> str:
        """The model's name in the study."""
        ...

    @property
    def kind(self) -> SourceKind:
        """What it is."""
        ...

    @property
    def identity(self) -> Mapping[str, str]:
        """What tells it from others, for the record."""
        ...

    def indices(self, prompt_id: str) -> tuple[int, ...]:
        """Indices of the prompt's samples that have a picture, ascending."""
        ...

    def size(self, prompt_id: str, index: int) -> Size | None:
        """Width and height, upright; None where it is drawn at any size. Raises InputError."""
        ...

    def pixels(self, prompt_id: str, index: int, frame: Frame) -> RgbImage:
        """The picture in the frame, uint8 (frame.height, frame.width, 3). Raises InputError."""
        ...


@dataclass(frozen=True)
class FileSource:
    """Picture files. `hashes` has the sha256 that a file must have, where one is known."""

    name: str
    kind: SourceKind
    files: Mapping[Place, Path]
    identity: Mapping[str, str] = field(default_factory=dict)
    hashes: Mapping[Place, str] = field(default_factory=dict)

    def indices(self, prompt_id: str) -> tuple[int, ...]:
        """See `PictureSource`."""
        return self._by_prompt.get(prompt_id, ())

    def size(self, prompt_id: str, index: int) -> Size:
        """See `PictureSource`. Reads the file's header only."""
        path = self.files[prompt_id, index]
        try:
            with Image.open(path) as opened:
                width, height = opened.size
                # A PNG without EXIF data in its header would be decoded to its end in search of some.
                has_exif = opened.format != "PNG" or "exif" in opened.info
                turned = has_exif and opened.getexif().get(_ORIENTATION) in _TURNED_SIDEWAYS
        except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
            raise InputError(f"{self.name}: {path} cannot be read as a picture: {error}") from None
        return (height, width) if turned else (width, height)

    def pixels(self, prompt_id: str, index: int, frame: Frame) -> RgbImage:
        """See `PictureSource`. A file with another sha256 than the recorded one is refused."""
        path = self.files[prompt_id, index]
        try:
            data = path.read_bytes()
            wanted = self.hashes.get((prompt_id, index))
            if wanted is not None and hashlib.sha256(data).hexdigest() != wanted:
                raise InputError(
                    f"{self.name}: {path} is not the picture of its ledger line (its sha256 differs); "
                    "run the run's own command again to have it made anew"
                )
            return frame.apply(to_srgb(decode_rgb(data), data))
        except PictureError as error:
            raise InputError(f"{self.name}: {path}: {error}") from None
        except OSError as error:
            raise InputError(f"{self.name}: {path} cannot be read: {error.strerror}") from None

    @cached_property
    def _by_prompt(self) -> Mapping[str, tuple[int, ...]]:
        found: dict[str, tuple[int, ...]] = {}
        for prompt_id, index in sorted(self.files):
            found[prompt_id] = (*found.get(prompt_id, ()), index)
        return found


@dataclass(frozen=True)
class SceneSource:
    """True pictures of prompts of the scenes world, drawn at the study's size.

    Sample i of a prompt is the scene in its i-th arrangement; the first is the bench's own.
    """

    name: str
    kind: SourceKind
    prompts: Mapping[str, Prompt]
    samples: int = 1

    @property
    def identity(self) -> Mapping[str, str]:
        """See `PictureSource`."""
        from drawbench.scenes import digest

        return {"pictures": "true pictures of the scenes world", "world": digest()[:12]}

    def indices(self, prompt_id: str) -> tuple[int, ...]:
        """See `PictureSource`."""
        return tuple(range(self.samples)) if prompt_id in self.prompts else ()

    def size(self, prompt_id: str, index: int) -> Size | None:
        """None: drawn at any size."""
        return None

    def pixels(self, prompt_id: str, index: int, frame: Frame) -> RgbImage:
        """See `PictureSource`."""
        from drawbench.scenes import render, scene_from_dict

        meta = self.prompts[prompt_id].meta
        side = max(frame.width, frame.height)
        return frame.apply(render(scene_from_dict(meta), side, meta["layout_seed"] + index))


def run_source(name: str, run: RunView, *, unfinished: bool = False) -> FileSource:
    """The pictures of a run. `name` is the model's in the study.

    Raises InputError where the run is not finished (unless `unfinished`), has no picture at all, or one that
    its ledger lists is not there.
    """
    counts = run.counts
    if counts["missing"] and not unfinished:
        raise InputError(
            f"{run.folder} is not finished: {counts['missing']} of {counts['planned']} samples are not made "
            "yet; run its command again, or give --unfinished to use what is there"
        )
    files: dict[Place, Path] = {}
    hashes: dict[Place, str] = {}
    for sample in run.samples:
        path = run.picture_path(sample)
        if path is not None:
            files[sample.prompt_id, sample.index] = run.folder / path
            if sample.sha256:
                hashes[sample.prompt_id, sample.index] = sample.sha256
    if not files:
        raise InputError(f"{run.folder} has no picture: none of its {counts['planned']} samples is ok")
    gone = [path for path in files.values() if not path.is_file()]
    if gone:
        raise InputError(
            f"{run.folder}: {len(gone)} of {len(files)} pictures are not there (first: {gone[0]})"
        )
    return FileSource(name, "run", files, _run_identity(run), hashes)


def folder_source(
    name: str, folder: Path, prompts: Sequence[Prompt], kind: SourceKind = "folder"
) -> FileSource:
    """Pictures in a plain folder, named after prompts as `harness.models.folder_layouts` describes.

    Pictures of COCO's prompts are found by their own file names too. Raises InputError where there is no such
    folder or none of the prompts has a picture in it.
    """
    if not folder.is_dir():
        raise InputError(f"{name}: {folder} is no folder")
    files = _by_file_name(folder, prompts)
    layout = "file-name"
    try:
        for other, find in LAYOUTS.items():
            if files:
                break
            layout, files = other, find(folder, prompts)
    except OSError as error:
        raise InputError(f"{name}: cannot read {error.filename or folder}: {error.strerror}") from None
    if not files:
        raise InputError(
            f"{name}: {folder} has no picture for any prompt; it needs files named {USUAL_NAMES}"
        )
    return FileSource(
        name, kind, files, {"folder": folder.name, "layout": layout, "pictures": str(len(files))}
    )


def reference_source(
    given: str | None, manifest: Mapping[str, Any] | None, prompts: Sequence[Prompt]
) -> PictureSource:
    """The reference picture of each prompt: what --reference says, else the run's own reference.

    "scenes" are the true pictures of prompts of the scenes bench; a run folder's or a plain folder's pictures
    are found by prompt. Raises InputError where there is none that goes with the prompts one by one.
    """
    if given is None:
        own = (manifest or {}).get("bench", {}).get("reference")
        if not own:
            raise InputError("the runs have no reference of their own; give --reference FOLDER")
        given = "scenes" if own["kind"] == "scenes" else str(own["location"])
    if given == "scenes" or given.startswith("scenes:"):
        drawn = {prompt.id: prompt for prompt in prompts if "layout_seed" in prompt.meta}
        if not drawn:
            raise InputError("--reference scenes is for runs of the scenes bench; give a folder of pictures")
        return SceneSource(REFERENCE, REFERENCE, drawn)
    folder = _folder_of(given)
    if (folder / "manifest.json").is_file():
        run = RunView.load(folder)
        found = run_source(REFERENCE, run)
        return FileSource(REFERENCE, REFERENCE, found.files, found.identity, found.hashes)
    return folder_source(REFERENCE, folder, prompts, REFERENCE)


def _folder_of(text: str) -> Path:
    """The path in "folder:PATH,size=256,..."; what is done to it is the study's own business."""
    text = text.removeprefix("folder:")
    path = Path(text).expanduser()
    while not path.is_dir() and "," in text:
        text = text.rpartition(",")[0]
        path = Path(text).expanduser()
    if not path.is_dir():
        raise InputError(f"--reference {path} is no folder of pictures; statistics files have none to show")
    return path


def _by_file_name(folder: Path, prompts: Sequence[Prompt]) -> dict[Place, Path]:
    found: dict[Place, Path] = {}
    for prompt in prompts:
        name = prompt.meta.get("file_name")
        if isinstance(name, str) and name and Path(name).name == name and (folder / name).is_file():
            found[prompt.id, 0] = folder / name
    return found


def _run_identity(run: RunView) -> dict[str, str]:
    manifest = run.manifest
    counts = {name: n for name, n in run.counts.items() if n}
    return {
        "run": str(manifest.get("name", run.folder.name)),
        "run_hash": str(manifest["run_hash"]),
        "model": run.model_name,
        "settings": json.dumps(manifest["settings"], sort_keys=True),
        "bench_digest": str(manifest["bench"]["digest"]),
        "run_seed": str(manifest["run_seed"]),
        "samples": ", ".join(f"{n} {name}" for name, n in counts.items()),
    }
