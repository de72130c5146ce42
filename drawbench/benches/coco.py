"""`coco`: captions of the COCO validation set, with its pictures as the reference (Imagen paper, section 3).

The paper's zero-shot FID-30K draws 30,000 prompts at random from the validation set and compares with the
pictures of the full validation set. Published numbers hide two protocols behind "30k", so the bench says in
its version which one it is:

- `coco`: 30,000 of all captions (about five a picture), without replacement; a picture may come up twice.
- `coco:one-per-image`: one caption of each of 30,000 pictures.

Sources: `coco` reads `annotations/captions_val2014.json` and `val2014/` in the folder given by data_dir, by
the environment variable DRAWBENCH_COCO or as `coco:FOLDER`; a folder saved to disk by the datasets package
is read as such, and `coco:hf:REPO` reads a data set of a hub.

The reference pictures are brought to 256 x 256 as the paper's are and most codes do it: the largest square is
cut out of the middle and scaled with Pillow's antialiased bicubic filter. A score's identity says so
("center256-bicubic"); `--reference folder:PATH` with other options compares in another way.

All forms take a number and a seed: `coco:n=5000,seed=1,one-per-image`.

The draw orders captions by sha256("coco|seed|id") and takes the first n: it is the same on every machine, and
a smaller draw is the beginning of a larger one.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from drawbench.benches.arguments import draw_of, refuse
from drawbench.coco_captions import Caption, captions_of_dataset, captions_of_folder
from drawbench.errors import InputError
from drawbench.hub import is_saved_to_disk
from drawbench.options import BenchOptions
from drawbench.prompt_files import quoted
from drawbench.reference_folders import folder_reference
from drawbench.types import Bench, Prompt

VARIABLE = "DRAWBENCH_COCO"
DEFAULT_N = 30_000
ONE_PER_IMAGE = "one-per-image"
FRAMING = "size=256,crop=center,resize=bicubic"
_MISSING_SHOWN = 3


def load(argument: str = "", options: BenchOptions | None = None) -> Bench:
    """Captions drawn with options.seed; ids "coco-<caption id>", `meta` with image_id and file_name.

    `argument` is a list with commas of any of "n=NUMBER", "seed=NUMBER", "one-per-image", and a folder or
    "hf:REPO". The number drawn is that of the argument, options.n, or 30,000.

    Raises:
        InputError: the source is not given, lacks its files or is malformed; it has fewer captions than are
            to be drawn; or pictures of drawn captions are missing.
    """
    options = options or BenchOptions()
    refuse("coco", argument="", options=options, unused=("prompts",))
    n, seed, rest = draw_of("coco", argument, options)
    parts = rest.split(",")
    one_per_image = ONE_PER_IMAGE in parts
    place = ",".join(part for part in parts if part != ONE_PER_IMAGE)
    captions, pictures, source = _read(place, options)
    drawn = draw(captions, seed, one_per_image=one_per_image)
    total, wanted = len(drawn), DEFAULT_N if n is None else n
    what = "captioned pictures" if one_per_image else "captions"
    if not 1 <= wanted <= total:
        raise InputError(f"{source} has {total} {what}, and {wanted} are to be drawn; write coco:n={total}")
    drawn = drawn[:wanted]
    if pictures is not None:
        _check_pictures(drawn, pictures)
    notices = (
        () if pictures is not None else (f"NOTICE: {source} has no pictures: no reference to compare with.",)
    )
    return Bench(
        name="coco",
        version=f"{wanted} of {total} {what}, seed {seed}, captions {_digest(captions)[:12]}",
        prompts=tuple(_prompt(caption) for caption in drawn),
        reference=None if pictures is None else folder_reference(pictures, FRAMING),
        notices=notices,
        source=source,
    )


def draw(captions: Sequence[Caption], seed: int, *, one_per_image: bool = False) -> list[Caption]:
    """All captions in the order of the draw, or with `one_per_image` the first of each picture."""

    def rank(caption: Caption) -> bytes:
        return hashlib.sha256(f"coco|{seed}|{caption.id}".encode()).digest()

    ordered = sorted(captions, key=rank)
    if not one_per_image:
        return ordered
    first: dict[str | int, Caption] = {}
    for caption in ordered:
        first.setdefault(caption.image_id, caption)
    return list(first.values())


def _read(place: str, options: BenchOptions) -> tuple[list[Caption], Path | None, str]:
    """Captions, the folder of pictures and the source in words."""
    if place.startswith("hf:"):
        if options.data_dir is not None:
            raise InputError("bench coco takes either hf:REPO or a data folder, not both")
        repo = place.removeprefix("hf:").strip()
        if not repo:
            raise InputError("bench coco needs the name of a data set; write coco:hf:REPO")
        captions, pictures = captions_of_dataset(repo, offline=options.offline)
        return captions, pictures, f"data set {repo}"
    folder = options.data_dir
    if place:
        if folder is not None:
            raise InputError("bench coco takes either coco:FOLDER or a data folder, not both")
        folder = Path(place)
    if folder is None and (value := os.environ.get(VARIABLE)):
        folder = Path(value)
    if folder is None:
        raise InputError(
            "bench coco needs a folder with annotations/captions_val2014.json and val2014/; give it with "
            f"--data-dir FOLDER or {VARIABLE}, or a data set with coco:hf:REPO"
        )
    folder = folder.expanduser()
    if not folder.is_dir():
        raise InputError(
            f"bench coco: no such folder: {quoted(folder)}; write coco:FOLDER or coco:hf:REPO, and with "
            f"commas n=NUMBER, seed=NUMBER and {ONE_PER_IMAGE}"
        )
    if is_saved_to_disk(folder):
        captions, pictures = captions_of_dataset(str(folder), offline=options.offline)
        return captions, pictures, f"data set {folder}"
    captions, pictures = captions_of_folder(folder)
    return captions, pictures, f"folder {folder}"


def _prompt(caption: Caption) -> Prompt:
    meta: dict[str, Any] = {"image_id": caption.image_id, "file_name": caption.file_name}
    return Prompt(id=f"coco-{caption.id}", text=caption.text, meta=meta)


def _check_pictures(drawn: Sequence[Caption], pictures: Path) -> None:
    wanted = sorted({caption.file_name for caption in drawn})
    there = {entry.name for entry in os.scandir(pictures)}
    missing = [name for name in wanted if name not in there]
    if missing:
        shown = ", ".join(quoted(name) for name in missing[:_MISSING_SHOWN])
        raise InputError(
            f"{quoted(pictures)}: {len(missing)} of {len(wanted)} pictures of the drawn captions are "
            f"missing, such as {shown}; complete the folder"
        )


def _digest(captions: Sequence[Caption]) -> str:
    content = sorted([str(c.id), str(c.image_id), c.text] for c in captions)
    return hashlib.sha256(json.dumps(content, ensure_ascii=False).encode()).hexdigest()
