"""Where a diffusers pipeline lies on disk, what it is and what identifies it. Loads no weights.

A pipeline is a folder with a `model_index.json`: the one named, one of that name in the folder of weights, or
a snapshot in the hub's cache. Only under `--download` is it fetched.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from drawbench.errors import InputError
from harness.models.registry import ModelOptions
from harness.weights import file_sha256

INDEX_NAME = "model_index.json"
WEIGHT_SUFFIXES = (".safetensors", ".bin")
_WEIGHTS = re.compile(
    r"(?P<stem>[^.]+?)(?:\.(?P<variant>[^.]+?))?(?:-\d{5}-of-\d{5})?\.(?P<suffix>safetensors|bin)"
)


@dataclass(frozen=True, slots=True)
class PipelineFiles:
    """A saved pipeline. `kind` is its text-to-image class, `index` the content of its model_index.json.

    `variant` names the weights files to use where there are several, such as fp16.
    """

    folder: Path
    kind: type[Any]
    index: Mapping[str, Any]
    variant: str | None

    @property
    def components(self) -> dict[str, str]:
        """component -> name of its class, for those that are there."""
        parts = {name: entry for name, entry in self.index.items() if isinstance(entry, list)}
        return {name: str(entry[1]) for name, entry in parts.items() if entry[-1] is not None}

    @property
    def safetensors(self) -> bool:
        """Whether no component would be read from a pickle."""
        return not any(path.suffix == ".bin" for path in self._files())

    def hashes(self) -> dict[str, str]:
        """Path within the folder -> sha256, of each weights file; under "rest" of all other files together.

        Raises InputError where a file cannot be read.
        """
        rest = hashlib.sha256()
        weights = {}
        try:
            for path in self._files():
                name = path.relative_to(self.folder).as_posix()
                digest = file_sha256(path)
                if path.suffix in WEIGHT_SUFFIXES:
                    weights[name] = digest
                elif path.name != INDEX_NAME:  # it names versions and paths; what it says is in `components`
                    rest.update(f"{name}\0{digest}\n".encode())
        except OSError as error:
            raise InputError(f"cannot read {error.filename or self.folder}: {error.strerror}") from error
        return {**weights, "rest": rest.hexdigest()}

    def _files(self) -> list[Path]:
        """Every file that the pipeline is loaded from, in the order of their names."""
        found: list[Path] = []
        for name in sorted(self.components):
            inner = self.folder / name
            there = sorted(path for path in inner.rglob("*") if path.is_file()) if inner.is_dir() else []
            weights = [path for path in there if path.suffix in WEIGHT_SUFFIXES]
            found += [path for path in there if path.suffix in (".json", ".txt", ".model")]
            found += _chosen(weights, self.variant)
        return found


def _chosen(weights: list[Path], variant: str | None) -> list[Path]:
    """Those weights files that diffusers would load: of the variant, if any is; safetensors, if any is."""
    for wanted in dict.fromkeys((variant, None)):
        for suffix in WEIGHT_SUFFIXES:
            parts = [(path, _WEIGHTS.fullmatch(path.name)) for path in weights if path.suffix == suffix]
            chosen = [path for path, match in parts if match and match["variant"] == wanted]
            if chosen:
                return chosen
    return weights


def open_pipeline(
    name: str,
    options: ModelOptions,
    *,
    revision: str | None = None,
    variant: str | None = None,
    later: bool = False,
) -> PipelineFiles:
    """The pipeline in the folder or repository `name`; a `later` one draws from a picture too.

    Raises InputError where it is not on this machine and may not, or cannot, be fetched, and where it is no
    pipeline that draws from text.
    """
    folder = _find(name, options, revision, variant)
    try:
        index = json.loads((folder / INDEX_NAME).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"diffusers: {folder / INDEX_NAME} cannot be read: {error}") from error
    if not isinstance(index, dict) or not isinstance(index.get("_class_name"), str):
        raise InputError(f"diffusers: {folder / INDEX_NAME} names no pipeline class of the diffusers package")
    kind = _class_called(index["_class_name"], folder, later=later)
    return PipelineFiles(folder, kind, index, variant)


def _find(name: str, options: ModelOptions, revision: str | None, variant: str | None) -> Path:
    looked = [Path(name).expanduser()]
    if options.weights is not None:
        looked.append(options.weights / name)
    for folder in looked:
        if (folder / INDEX_NAME).is_file():
            return folder
        if folder.is_dir():
            raise InputError(
                f"diffusers: {folder} has no {INDEX_NAME}; give a folder that a pipeline was saved in"
            )
    if not re.fullmatch(r"[\w.-]+/[\w.-]+", name):
        raise InputError(
            f"diffusers: {name!r} is neither a folder nor a repository; use diffusers:FOLDER or "
            "diffusers:OWNER/NAME"
        )
    return _cached(name, revision) or _fetched(name, options, revision, variant)


def _cached(repository: str, revision: str | None) -> Path | None:
    """The snapshot in the hub's cache, None where there is none or it is not whole."""
    from huggingface_hub import snapshot_download

    try:
        folder = Path(snapshot_download(repository, revision=revision, local_files_only=True))
        index = json.loads((folder / INDEX_NAME).read_text(encoding="utf-8"))
    except Exception:  # the hub's package has many errors for "not there"
        return None
    parts = [name for name, entry in index.items() if isinstance(entry, list) and entry[-1] is not None]
    return folder if all((folder / name).is_dir() for name in parts) else None


def _fetched(repository: str, options: ModelOptions, revision: str | None, variant: str | None) -> Path:
    if options.offline or not options.download:
        raise InputError(
            f"diffusers: {repository} is neither a folder nor in the hub's cache; put it there, "
            "name its folder, or allow --download"
        )
    from diffusers import DiffusionPipeline

    try:
        return Path(DiffusionPipeline.download(repository, revision=revision, variant=variant))
    except Exception as error:  # network, access and repository layout fail in many ways
        reason = " ".join(str(error).split())[:300] or type(error).__name__
        raise InputError(f"diffusers: {repository} cannot be downloaded: {reason}") from error


def _class_called(name: str, folder: Path, *, later: bool) -> type[Any]:
    """The class to draw with: what AutoPipelineForText2Image makes of `name`, or that class where it draws
    from a prompt alone (such as LDMTextToImagePipeline). A `later` stage takes the class that was saved.
    """
    try:
        import diffusers
        from diffusers.pipelines import auto_pipeline
    except ImportError as error:
        raise InputError(f"model diffusers needs its package: pip install diffusers ({error})") from error
    if not later:
        from_text = auto_pipeline.AUTO_TEXT2IMAGE_PIPELINES_MAPPING
        tables = (
            from_text,
            auto_pipeline.AUTO_IMAGE2IMAGE_PIPELINES_MAPPING,
            auto_pipeline.AUTO_INPAINT_PIPELINES_MAPPING,
        )
        for table in tables:
            for key, kind in table.items():
                if kind.__name__ == name and key in from_text:
                    found: type[Any] = from_text[key]
                    return found
    named = getattr(diffusers, name, None)
    if not isinstance(named, type) or not issubclass(named, diffusers.DiffusionPipeline):
        raise InputError(
            f"diffusers: {folder} holds a {name}, which diffusers {diffusers.__version__} does not know"
        )
    if not later and not _draws_from_text(named):
        raise InputError(f"diffusers: {folder} holds a {name}, which does not draw from a prompt alone")
    return named


def _draws_from_text(kind: type[Any]) -> bool:
    import inspect

    parameters = inspect.signature(kind.__call__).parameters
    return "prompt" in parameters and not parameters.keys() & {"image", "video", "num_frames"}
