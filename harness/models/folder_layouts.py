"""Which picture in a folder belongs to which prompt: our layouts, and those of other evaluation suites.

In the order in which they are tried:

1. a run folder, or its `images`: `<prompt id>/<index>.png`;
2. one file a prompt: `<prompt id>.png`;
3. GenEval: `00000/samples/0000.png` with the prompt in `00000/metadata.jsonl`; without that file the folders'
   numbers are the bench's order, from 0;
4. HEIM (HELM): a run's `scenario_state.json`, whose pictures are found by their paths, or by their names
   anywhere in the folder;
5. T2I-CompBench: `<prompt>_000123.png`, in the folder or its `samples`; a prompt's files in the order of
   their numbers are its samples;
6. numbered files in the bench's order, with any number of leading zeros: `00000.png`, or `1.png`. Counting
   begins at 0 where there is a file of that number, and at 1 where there is none but one for the last prompt.

Where a layout knows prompts by their text, upper case, spaces and punctuation do not count. Extensions: png,
jpg, jpeg, webp, bmp.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from drawbench.errors import InputError
from drawbench.types import Prompt

EXTENSIONS = (".png", ".jpg", ".jpeg", ".webp", ".bmp")
USUAL_NAMES = (
    "<prompt id>/<index>.png, <prompt id>.png, or numbered in the bench's order as 00000.png or 1.png, or "
    "named as by GenEval, T2I-CompBench or HEIM"
)

Place = tuple[str, int]
"""Prompt id and index of a sample."""


def pictures_in(folder: Path) -> dict[str, Path]:
    """stem -> picture file directly in `folder`. Of several with one stem the first by name is taken."""
    found: dict[str, Path] = {}
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() in EXTENSIONS and not path.name.startswith(".") and path.is_file():
            found.setdefault(path.stem, path)
    return found


def by_prompt_id_and_index(folder: Path, prompts: Sequence[Prompt]) -> dict[Place, Path]:
    """`<prompt id>/<index>.png`."""
    found: dict[Place, Path] = {}
    for prompt in prompts:
        inner = folder / prompt.id
        if inner.is_dir():
            for index, path in _numbered_in(inner):
                found.setdefault((prompt.id, index), path)
    return found


def by_prompt_id(folder: Path, prompts: Sequence[Prompt]) -> dict[Place, Path]:
    """`<prompt id>.png`."""
    pictures = pictures_in(folder)
    return {(prompt.id, 0): pictures[prompt.id] for prompt in prompts if prompt.id in pictures}


def geneval(folder: Path, prompts: Sequence[Prompt]) -> dict[Place, Path]:
    """`00000/samples/0000.png`, with or without `00000/metadata.jsonl`."""
    inner = [
        (int(path.name), path)
        for path in sorted(folder.iterdir())
        if _is_number(path.name) and (path / "samples").is_dir()
    ]
    texts = {number: _metadata_prompt(path) for number, path in inner}
    if any(texts.values()):
        owners = _owners(prompts, ((number, text) for number, text in sorted(texts.items()) if text))
    else:
        owners = {number: prompts[number].id for number, _ in inner if number < len(prompts)}
    return {
        (owners[number], index): path
        for number, sample_folder in inner
        if number in owners
        for index, path in _numbered_in(sample_folder / "samples")
    }


def heim(folder: Path, prompts: Sequence[Prompt]) -> dict[Place, Path]:
    """A HELM run folder with `scenario_state.json`. Raises InputError where that file is malformed."""
    state_file = folder / "scenario_state.json"
    if not state_file.is_file():
        return {}
    try:
        states = json.loads(state_file.read_text(encoding="utf-8"))["request_states"]
        asked = [(str(state["instance"]["input"]["text"]), list(_locations(state))) for state in states]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise InputError(f"{state_file} is not the state of a HEIM run: {error!r}") from error
    here = {path.name: path for path in sorted(folder.rglob("*"), reverse=True) if path.is_file()}
    ids = {_plain(prompt.text): prompt.id for prompt in reversed(prompts)}
    found: dict[Place, Path] = {}
    counts: dict[str, int] = {}
    for text, locations in asked:
        owner = ids.get(_plain(text))
        for location in locations if owner is not None else ():
            assert owner is not None
            index = counts.setdefault(owner, 0)
            counts[owner] += 1
            path = Path(location) if Path(location).is_file() else here.get(Path(location).name)
            if path is not None:
                found[owner, index] = path
    return found


def t2i_compbench(folder: Path, prompts: Sequence[Prompt]) -> dict[Place, Path]:
    """`<prompt>_000123.png`, in the folder or its `samples`."""
    inner = folder / "samples"
    pictures = pictures_in(inner if inner.is_dir() else folder)
    groups: dict[str, list[tuple[int, Path]]] = {}
    for stem, path in pictures.items():
        text, underscore, number = stem.rpartition("_")
        if underscore and text and _is_number(number):
            groups.setdefault(_plain(text), []).append((int(number), path))
    found: dict[Place, Path] = {}
    for prompt in prompts:
        for index, (_, path) in enumerate(sorted(groups.pop(_plain(prompt.text), ()))):
            found[prompt.id, index] = path
    return found


def numbered(folder: Path, prompts: Sequence[Prompt]) -> dict[Place, Path]:
    """`00000.png` or `1.png`. Raises InputError where it cannot be told at which number they begin."""
    pictures = dict(_numbered_in(folder))
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
    places = {(prompt.id, 0): pictures.get(place) for place, prompt in enumerate(prompts, start=first)}
    return {place: path for place, path in places.items() if path is not None}


LAYOUTS: Mapping[str, Callable[[Path, Sequence[Prompt]], dict[Place, Path]]] = {
    "prompt-id/index": by_prompt_id_and_index,
    "prompt-id": by_prompt_id,
    "geneval": geneval,
    "heim": heim,
    "t2i-compbench": t2i_compbench,
    "number": numbered,
}
"""Name, as it stands in a run's identity -> what finds the pictures, in the order of trying."""


def _numbered_in(folder: Path) -> Iterator[tuple[int, Path]]:
    """(number, picture) for each picture whose stem is one; of two of one number the last by name counts."""
    for stem, path in pictures_in(folder).items():
        if _is_number(stem):
            yield int(stem), path


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit()


def _plain(text: str) -> str:
    return " ".join(re.findall(r"\w+", text.casefold().replace("_", " ")))


def _owners(prompts: Sequence[Prompt], texts: Iterable[tuple[int, str]]) -> dict[int, str]:
    """number -> id of the prompt with that text. Prompts of one text are taken in turn."""
    waiting: dict[str, list[str]] = {}
    for prompt in reversed(prompts):
        waiting.setdefault(_plain(prompt.text), []).append(prompt.id)
    owners = {}
    for number, text in texts:
        if ids := waiting.get(_plain(text)):
            owners[number] = ids.pop()
    return owners


def _metadata_prompt(folder: Path) -> str:
    """The prompt in GenEval's metadata.jsonl; "" where there is none."""
    try:
        lines = (folder / "metadata.jsonl").read_text(encoding="utf-8").splitlines()
        return str(json.loads(lines[0])["prompt"])
    except (OSError, ValueError, KeyError, TypeError, IndexError, RecursionError):
        return ""


def _locations(state: Mapping[str, Any]) -> Iterator[str]:
    """Where the pictures of a HEIM request lie: in media objects, or in older versions `file_location`."""
    for completion in (state.get("result") or {}).get("completions", ()):
        media = (completion.get("multimodal_content") or {}).get("media_objects", ())
        for item in media:
            if str(item.get("content_type", "")).startswith("image/") and item.get("location"):
                yield str(item["location"])
        if not media and completion.get("file_location"):
            yield str(completion["file_location"])
