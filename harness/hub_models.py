"""Networks of transformers by a hub's name or by a folder: where they lie, whether whole, and what they are.

Loading then goes by folder alone and never asks the network. Code that comes with a model is never run.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from drawbench.errors import InputError
from harness.weights import WeightsPolicy, file_sha256, hub_snapshots, told_offline

_WEIGHTS = ("model.safetensors", "pytorch_model.bin")
_PATTERNS = ("*.json", "*.safetensors", "*.txt", "*.model", "*.jinja")


@dataclass(frozen=True, slots=True)
class HubModel:
    """A network on disk. `name` is what the user called it, `folder` holds config.json and all weights."""

    name: str
    folder: Path

    @property
    def identity(self) -> str:
        """`last part of the name@hash` over the configuration, the tokenizer and the weights that load."""
        digest = hashlib.sha256()
        for file in sorted([*_settings(self.folder), *_weight_files(self.folder)]):
            digest.update(f"{file.name}:{file_sha256(file)}\n".encode())
        return f"{shown(self.name)}@sha256:{digest.hexdigest()[:12]}"


def shown(name: str) -> str:
    """The name as an identity has it: a hub's name as it is, of a folder the last part."""
    last = Path(name).expanduser().name if _is_path(name) else name
    return last.replace("[", "(").replace("]", ")").replace("|", "_")


def find_model(name: str, policy: WeightsPolicy) -> HubModel | None:
    """The network on this machine, or None. Looks at no network.

    `name` is a folder or a hub's ORGANISATION/NAME, which is looked for in the weights folders (under its
    whole name or its last part) and in the hub's cache.
    """
    return next((HubModel(name, place) for place in _places(name, policy) if _whole(place)), None)


def missing_model(name: str, policy: WeightsPolicy, key: str, needed_for: str) -> str | None:
    """One line that says what lacks and what to do, or None where the network is there or may be fetched.

    `key` is the one that `--with` knows the network by.
    """
    if find_model(name, policy):
        return None
    if _is_path(name):
        return (
            f"{needed_for} {name} needs a folder with config.json and model.safetensors or pytorch_model.bin"
        )
    if policy.download and not told_offline():
        return None
    return (
        f"{needed_for} {name} is not on this machine (looked in {_looked_in(policy)}); fetch it with "
        f"--download or give a folder with --with {key}=FOLDER"
    )


def get_model(name: str, policy: WeightsPolicy, key: str, needed_for: str) -> HubModel:
    """The network, fetched into the hub's cache where it is not on this machine and the policy allows it.

    Raises InputError where it cannot be had.
    """
    found = find_model(name, policy)
    if found:
        return found
    problem = missing_model(name, policy, key, needed_for)
    if problem:
        raise InputError(problem)
    from huggingface_hub import snapshot_download

    try:
        folder = Path(snapshot_download(name, allow_patterns=list(_PATTERNS)))
        if not _whole(folder):
            folder = Path(snapshot_download(name, allow_patterns=[*_PATTERNS, "*.bin"]))
    except Exception as error:  # the hub's client raises what its transport does
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        raise InputError(f"{needed_for} {name} cannot be fetched: {reason}") from None
    if not _whole(folder):
        raise InputError(f"{needed_for} {name} has no weights that transformers loads")
    return HubModel(name, folder)


def load_network(kind: Any, found: HubModel, needed_for: str) -> Any:
    """The network by a class of transformers, in fp32, ready to be asked.

    Raises InputError where the class cannot load the folder, and where the folder lacks any of its weights:
    transformers would make them up at random with no more than a warning.
    """
    options = {"local_files_only": True, "trust_remote_code": False, "dtype": "float32"}
    with loading(found, needed_for):
        network, info = kind.from_pretrained(found.folder, output_loading_info=True, **options)
    lacking = [*info.get("missing_keys", ()), *(key[0] for key in info.get("mismatched_keys", ()))]
    if lacking:
        raise InputError(
            f"{needed_for} {found.name} cannot be loaded: its weights lack {len(lacking)} of a "
            f"{type(network).__name__}'s (first: {sorted(lacking)[0]})"
        )
    return network.eval()


@contextmanager
def loading(found: HubModel, needed_for: str) -> Iterator[None]:
    """Makes InputErrors of one line of whatever a folder of something else makes transformers raise."""
    from transformers.utils import logging

    logging.disable_progress_bar()  # the caller shows progress
    try:
        yield
    except Exception as error:
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        raise InputError(f"{needed_for} {found.name} cannot be loaded: {reason}") from None


def _is_path(name: str) -> bool:
    return name.startswith(("/", ".", "~")) or Path(name).is_dir()


def _places(name: str, policy: WeightsPolicy) -> list[Path]:
    if _is_path(name):
        return [Path(name).expanduser()]
    given = os.environ.get("DRAWBENCH_WEIGHTS")
    roots = [policy.folder, Path(given).expanduser() if given else None]
    inside = [root / part for root in roots if root for part in (name, name.rpartition("/")[2])]
    return [*inside, *hub_snapshots(name)]


def _looked_in(policy: WeightsPolicy) -> str:
    places = ["the --weights folder"] if policy.folder else []
    places += ["$DRAWBENCH_WEIGHTS"] if os.environ.get("DRAWBENCH_WEIGHTS") else []
    return ", ".join([*places, "the model hub's cache"])


def _whole(folder: Path) -> bool:
    if not (folder / "config.json").is_file():
        return False
    files = _weight_files(folder)
    return bool(files) and all(file.is_file() for file in files)


def _weight_files(folder: Path) -> list[Path]:
    """The files that the weights are in: one, or those that an index names, which need not all be there."""
    for name in _WEIGHTS:
        if (folder / name).is_file():
            return [folder / name]
        index = folder / f"{name}.index.json"
        if index.is_file():
            try:
                shards = set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values())
            except (OSError, ValueError, KeyError, TypeError, AttributeError):
                return []
            return [folder / str(shard) for shard in sorted(shards)]
    return []


def _settings(folder: Path) -> list[Path]:
    """What else decides the outcome: configuration, preprocessing, tokenizer, chat template."""
    kinds = {".json", ".txt", ".model", ".jinja"}
    return [p for p in folder.iterdir() if p.suffix in kinds and not p.name.endswith(".index.json")]
