"""Reading captions and their pictures: from COCO's own files, or from a data set of the datasets package."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from drawbench import hub
from drawbench.errors import InputError
from drawbench.prompt_files import is_control, is_safe_id, quoted, read_text
from drawbench.sources import cache_dir

ANNOTATIONS = Path("annotations", "captions_val2014.json")
PICTURES = "val2014"
_CAPTION_COLUMNS = ("captions", "caption", "sentences", "sentences_raw", "text")
_IMAGE_ID_COLUMNS = ("image_id", "cocoid", "imgid", "id")
_SIGNATURES = {b"\xff\xd8\xff": ".jpg", b"\x89PNG": ".png", b"RIFF": ".webp", b"BM": ".bmp", b"GIF8": ".gif"}


@dataclass(frozen=True, slots=True)
class Caption:
    """One caption of a picture. Runs of white space and control characters are made single spaces."""

    id: str | int
    image_id: str | int
    file_name: str
    text: str


def captions_of_folder(folder: Path) -> tuple[list[Caption], Path]:
    """All captions of COCO's val2014 in a folder, and the folder of its pictures.

    Blank captions are left out.

    Raises:
        InputError: a file or folder is missing, or the annotations are malformed.
    """
    path, pictures = folder / ANNOTATIONS, folder / PICTURES
    if not pictures.is_dir():
        raise InputError(
            f"{quoted(pictures)}: no such folder; bench coco needs the pictures of COCO val2014 there"
        )
    try:
        content = json.loads(read_text(path))
        names = {image["id"]: _plain_name(image["file_name"]) for image in content["images"]}
        captions = [
            Caption(_plain_id(a["id"]), a["image_id"], names[a["image_id"]], _plain_text(a["caption"]))
            for a in content["annotations"]
        ]
    except (ValueError, RecursionError) as error:
        raise InputError(f"{quoted(path)}: malformed: {' '.join(str(error).split())}") from None
    except (KeyError, TypeError, AttributeError) as error:
        raise InputError(
            f"{quoted(path)}: not COCO's caption format (images with id and file_name, annotations with id, "
            f"image_id and caption): {type(error).__name__} {error}"
        ) from None
    return _checked(captions, quoted(path)), pictures


def captions_of_dataset(source: str, *, offline: bool = False) -> tuple[list[Caption], Path | None]:
    """All captions of a data set, and the folder of its pictures; None if it has no column of pictures.

    A row is a picture with its captions (a text or a list of them), or with one of them. Caption ids are
    "<image id>-<number>". Pictures are written once, byte for byte, into the user's cache.

    Raises:
        InputError: the data set cannot be had or has no captions.
    """
    try:
        data = hub.open_dataset(source, offline=offline)
    except hub.NotReachable as error:
        raise InputError(f"data set {source}: {error}") from None
    texts = next((name for name in _CAPTION_COLUMNS if name in data.column_names), None)
    if texts is None:
        raise InputError(
            f"data set {source}: no column named {', '.join(_CAPTION_COLUMNS)}; found: "
            f"{', '.join(data.column_names)}"
        )
    ids = next((name for name in _IMAGE_ID_COLUMNS if name in data.column_names), None)
    image = next((n for n, feature in data.features.items() if type(feature).__name__ == "Image"), None)
    image_ids = [_plain_id(value) for value in (data[ids] if ids else range(len(data)))]
    names, pictures = _write_pictures(data, image, image_ids, source) if image else ({}, None)
    captions = []
    counts: dict[str | int, int] = {}
    for image_id, value in zip(image_ids, data[texts], strict=True):
        for text in _texts(value, source):
            number = counts[image_id] = counts.get(image_id, -1) + 1
            name = names.get(image_id, "")
            captions.append(Caption(f"{image_id}-{number}", image_id, name, _plain_text(text)))
    return _checked(captions, f"data set {source}"), pictures


def _checked(captions: list[Caption], where: str) -> list[Caption]:
    kept = [caption for caption in captions if caption.text]
    if not kept:
        raise InputError(f"{where}: has no captions")
    if len({str(caption.id) for caption in kept}) != len(kept):
        raise InputError(f"{where}: two captions have the same id")
    return kept


def _plain_text(text: str) -> str:
    if not text.isprintable():
        text = "".join(" " if is_control(character) else character for character in text)
    return " ".join(text.split())


def _texts(value: Any, source: str) -> Iterable[str]:
    for item in value if isinstance(value, list | tuple) else [value]:
        text = item.get("raw") if isinstance(item, Mapping) else item
        if not isinstance(text, str):
            raise InputError(f"data set {source}: the caption {quoted(text)} is not a text")
        yield text


def _plain_name(name: str) -> str:
    if Path(name).name != name:
        raise ValueError(f"the file name {quoted(name)} is not plain")
    return name


def _plain_id(value: Any) -> str | int:
    if isinstance(value, bool) or not isinstance(value, str | int) or not is_safe_id(str(value)):
        raise InputError(f"the id {quoted(value)} is neither a number nor safe as a file name")
    return value


def _write_pictures(
    data: Any, column: str, image_ids: list[str | int], source: str
) -> tuple[dict[str | int, str], Path]:
    """Writes each picture once; returns the file name of each image id and the folder."""
    folder = cache_dir() / "coco" / str(data._fingerprint)
    if not folder.is_dir():
        try:
            _fill(folder, data, column, image_ids, source)
        except OSError as error:
            raise InputError(
                f"data set {source}: its pictures cannot be written to {quoted(folder)}: {error.strerror}"
            ) from None
    found = {path.stem: path.name for path in folder.iterdir()}
    return {image_id: found[str(image_id)] for image_id in image_ids}, folder


def _fill(folder: Path, data: Any, column: str, image_ids: list[str | int], source: str) -> None:
    from datasets import Image

    folder.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}-"))
    try:
        written: set[str | int] = set()
        undecoded = data.select_columns([column]).cast_column(column, Image(decode=False))
        for image_id, row in zip(image_ids, undecoded, strict=True):
            if image_id in written:
                continue
            picture = row[column]
            content = picture["bytes"] if picture["bytes"] is not None else Path(picture["path"]).read_bytes()
            suffix = next((s for magic, s in _SIGNATURES.items() if content.startswith(magic)), None)
            if suffix is None:
                raise InputError(f"data set {source}: the picture of image {image_id} is of no known format")
            (temporary / f"{image_id}{suffix}").write_bytes(content)
            written.add(image_id)
        try:
            temporary.replace(folder)
        except OSError:
            if not folder.is_dir():  # else another process was faster
                raise
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
