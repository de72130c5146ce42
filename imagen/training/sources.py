"""Where training pairs come from: `--data SPEC`.

- `MODULE:FUNCTION`: FUNCTION(seed=..., size=..., **arguments) yields (uint8 (S, S, 3), text) without end; the
  built-in world is `drawbench.scenes:training_pairs`. `size` is passed where the function has it.
- `folder:PATH`: pictures, each with its caption in a .txt file of the same name, or all of them in a manifest
  `metadata.jsonl` or `metadata.csv` in PATH, a row a picture: `file_name`, relative to PATH, and `text` (in
  JSON also a list of captions, which makes as many pairs). Argument: `caption`, the manifest's column.
- `webdataset:PATTERN`: tar shards, such as `shards/{000..009}.tar` or `shards/*.tar`, in which files of one
  name make a sample: jpg, jpeg, png or webp, and txt, or json with the caption in `caption` or `text`.
  Argument: `caption`, the JSON's key.
- `datasets:NAME_OR_PATH`: a data set of the `datasets` library: a hub name, a folder that it can load or has
  saved, or a parquet, csv or jsonl file. Arguments: `image`, `caption`, `split`, `config`, `streaming`.

A picture that cannot be read, or that has no caption, is left out and counted in a Tally.
"""

from __future__ import annotations

import csv
import importlib
import inspect
import io
import json
from collections.abc import Callable, Iterator, Mapping
from itertools import chain
from pathlib import Path
from typing import Any, Final

from PIL import Image

from imagen.training.pairs import Pair
from imagen.training.pictures import decode, fit
from imagen.training.shards import expand, samples
from imagen.training.tally import Tally

PICTURES: Final = ("jpg", "jpeg", "png", "webp", "bmp")
MANIFESTS: Final = ("metadata.jsonl", "metadata.csv")
_FILES: Final = {".parquet": "parquet", ".csv": "csv", ".json": "json", ".jsonl": "json", ".arrow": "arrow"}


def ends(spec: str) -> bool:
    """Whether a spec's data has an end; a function's has none."""
    return spec.partition(":")[0] in _SOURCES


def open_pairs(spec: str, size: int, seed: int, arguments: Mapping[str, Any], tally: Tally) -> Iterator[Pair]:
    """The pairs of a spec at `size` pixels.

    The first pair is made at once. Raises ValueError, in the midst of the data too, where the spec, its
    arguments or the data cannot be used, or no picture has both content and caption.
    """
    name, colon, rest = spec.partition(":")
    if not colon or not rest:
        raise ValueError(f"--data {spec}: want MODULE:FUNCTION, {', '.join(f'{k}:...' for k in _SOURCES)}")
    if name not in _SOURCES:
        return _begun(spec, _from_function(spec, size, seed, arguments), Tally())
    source = _SOURCES[name]
    known = [p.name for p in inspect.signature(source).parameters.values() if p.kind == p.KEYWORD_ONLY]
    unknown = [argument for argument in arguments if argument not in known]
    if unknown:
        raise ValueError(f"--data {name} has no argument {unknown[0]!r}; it has: {', '.join(known)}")
    return _begun(spec, source(rest, size, tally, **arguments), tally)


def _begun(spec: str, pairs: Iterator[Pair], tally: Tally) -> Iterator[Pair]:
    first = next(pairs, None)
    if first is None:
        left_out = "; ".join(tally.lines()) or "there is nothing in it"
        raise ValueError(f"--data {spec} gives no picture with a caption: {left_out}")
    return chain([first], pairs)


def _from_function(spec: str, size: int, seed: int, arguments: Mapping[str, Any]) -> Iterator[Pair]:
    module, _, name = spec.partition(":")
    try:
        function = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise ValueError(f"--data {spec}: {error}") from error
    given = {"seed": seed, **arguments}
    if "size" in inspect.signature(function).parameters:
        given.setdefault("size", size)
    try:
        yield from function(**given)
    except Exception as error:  # whatever the user's function raises is about the user's data
        raise ValueError(f"--data {spec}: {error or type(error).__name__}") from error


def _pairs_of(
    name: str, content: bytes, captions: list[str], size: int, tally: Tally
) -> Iterator[tuple[Any, str]]:
    """The pairs of one picture, or a note of why there are none."""
    if not captions:
        tally.note_captionless(name)
        return
    try:
        picture = decode(content)
    except ValueError as error:
        tally.note_broken(name, str(error))
        return
    tally.enlarged += min(picture.size) < size
    fitted = fit(picture, size)
    for caption in captions:
        tally.used += 1
        yield fitted, caption


def _captions(value: Any) -> list[str]:
    """The captions in a text or a list of texts, without those that say nothing."""
    texts = value if isinstance(value, (list, tuple)) else [value]
    return [" ".join(text.split()) for text in texts if isinstance(text, str) and text.strip()]


def _from_folder(path: str, size: int, tally: Tally, *, caption: str = "text") -> Iterator[Pair]:
    folder = Path(path)
    if not folder.is_dir():
        raise ValueError(f"--data folder:{path}: there is no such folder")
    files = sorted(
        file.relative_to(folder).as_posix()
        for file in folder.rglob("*")
        if file.is_file() and file.suffix.lower().removeprefix(".") in PICTURES
    )
    manifest = next((folder / name for name in MANIFESTS if (folder / name).is_file()), None)
    captions = _beside(folder, files) if manifest is None else _manifest(manifest, caption)
    for name in dict.fromkeys([*captions, *files]):
        try:
            content = (folder / name).read_bytes()
        except OSError as error:
            tally.note_broken(name, error.strerror or "cannot be read")
            continue
        yield from _pairs_of(name, content, captions.get(name, []), size, tally)


def _beside(folder: Path, files: list[str]) -> dict[str, list[str]]:
    """Captions from the .txt files beside the pictures."""
    found: dict[str, list[str]] = {}
    for name in files:
        text = (folder / name).with_suffix(".txt")
        found[name] = _captions(text.read_text("utf-8", "replace")) if text.is_file() else []
    return found


def _manifest(path: Path, column: str) -> dict[str, list[str]]:
    """Captions by picture from metadata.jsonl or metadata.csv. Raises ValueError naming the line at fault."""
    found: dict[str, list[str]] = {}
    text = path.read_text("utf-8-sig")
    if path.suffix == ".csv":
        rows: list[Any] = list(csv.DictReader(io.StringIO(text)))
        first_line = 2
    else:
        rows, first_line = [], 1
        for number, line in enumerate(text.splitlines(), 1):
            try:
                rows.append(json.loads(line))
            except ValueError as error:
                raise ValueError(f"{path}, line {number}: not JSON: {error}") from error
    for number, row in enumerate(rows, first_line):
        if not isinstance(row, dict) or not isinstance(row.get("file_name"), str):
            raise ValueError(f"{path}, line {number}: no file_name")
        if column not in row:
            has = ", ".join(map(str, row))
            raise ValueError(f'{path}, line {number}: no {column!r}; it has {has}: give {{"caption": NAME}}')
        found.setdefault(row["file_name"], []).extend(_captions(row[column]))
    return found


def _from_shards(pattern: str, size: int, tally: Tally, *, caption: str = "") -> Iterator[Pair]:
    paths = expand(pattern)
    if not paths:
        raise ValueError(f"--data webdataset:{pattern}: no such shards")
    for path in paths:
        for name, files in samples(path, tally):
            picture = next((files[kind] for kind in PICTURES if kind in files), None)
            if picture is None:
                tally.note_broken(name, f"no picture among {', '.join(sorted(files)) or 'its files'}")
                continue
            yield from _pairs_of(name, picture, _sample_captions(files, caption), size, tally)


def _sample_captions(files: Mapping[str, bytes], key: str) -> list[str]:
    """A sample's captions, from its .txt or from the key, or the usual keys, of its .json."""
    if "txt" in files and not key:
        return _captions(files["txt"].decode("utf-8", "replace"))
    try:
        content = json.loads(files.get("json", b"{}"))
    except ValueError:
        return []
    if not isinstance(content, dict):
        return []
    return _captions(
        next((content[k] for k in ([key] if key else ["caption", "text"]) if k in content), None)
    )


def _from_datasets(
    name: str,
    size: int,
    tally: Tally,
    *,
    image: str = "image",
    caption: str = "text",
    split: str = "train",
    config: str | None = None,
    streaming: bool = False,
) -> Iterator[Pair]:
    rows = _load_data_set(name, split, config, streaming)
    columns = list(rows.column_names or [])
    for column in (image, caption):
        if column not in columns:
            raise ValueError(f"--data datasets:{name} has no column {column!r}; it has: {', '.join(columns)}")
    import datasets

    if isinstance((rows.features or {}).get(image), datasets.Image):
        rows = rows.cast_column(image, datasets.Image(decode=False))
    for number, row in enumerate(rows):
        try:
            content = _content(row[image])
        except (OSError, ValueError) as error:
            tally.note_broken(f"row {number}", str(error))
            continue
        yield from _pairs_of(f"row {number}", content, _captions(row[caption]), size, tally)


def _load_data_set(name: str, split: str, config: str | None, streaming: bool) -> Any:
    import datasets

    path = Path(name)
    try:
        if (path / "dataset_dict.json").is_file():
            return datasets.load_from_disk(name)[split]
        if (path / "state.json").is_file():
            return datasets.load_from_disk(name)
        if path.is_file():
            if path.suffix not in _FILES:
                raise ValueError(f"want a file that ends in {', '.join(_FILES)}")
            kind = _FILES[path.suffix]
            return datasets.load_dataset(kind, data_files=name, split="train", streaming=streaming)
        return datasets.load_dataset(name, config, split=split, streaming=streaming)
    except Exception as error:  # the library raises errors of many kinds, its servers' among them
        reason = " ".join(str(error).split()) or type(error).__name__
        raise ValueError(f"--data datasets:{name} cannot be loaded: {reason}") from error


def _content(value: Any) -> bytes:
    """A picture's bytes from what a data set holds of it. Raises ValueError or OSError otherwise."""
    if isinstance(value, Mapping):
        value = value.get("bytes") or value.get("path")
    if isinstance(value, str):
        return Path(value).read_bytes()
    if isinstance(value, Image.Image):
        buffer = io.BytesIO()
        value.save(buffer, "PNG")
        return buffer.getvalue()
    if not isinstance(value, bytes):
        raise ValueError(f"no picture but {type(value).__name__}")
    return value


_SOURCES: Final[dict[str, Callable[..., Iterator[Pair]]]] = {
    "folder": _from_folder,
    "webdataset": _from_shards,
    "datasets": _from_datasets,
}
