"""Reading data sets through the `datasets` package: from a folder on disk or from a hub, failing fast.

`datasets` is imported only when something is to be read. Before the network is tried at all, a
connection to the hub is attempted for a few seconds; HF_HUB_OFFLINE and HF_DATASETS_OFFLINE are honoured.
"""

from __future__ import annotations

import os
import queue
import socket
import threading
import urllib.request
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

from drawbench.errors import InputError

CONNECT_SECONDS = 3.0
"""How long the hub's answer to a first connection is waited for."""
LOAD_SECONDS = 60.0
"""How long a whole prompt list is waited for."""
_PLAIN = ("string", "large_string", "int64", "int32")
_PREFERRED_SPLITS = ("validation", "val", "test", "train")
_T = TypeVar("_T")


class NotReachable(Exception):
    """A data set could not be had; the message says why, in a few words."""


def records(source: str, *, offline: bool = False, seconds: float = LOAD_SECONDS) -> list[dict[str, Any]]:
    """The rows of a small data set, as mappings from column name to value; only plain values are kept.

    Raises:
        NotReachable: the data set cannot be had.
        InputError: it has several splits and none of the usual names.
    """

    def read() -> list[dict[str, Any]]:
        data = open_dataset(source, offline=offline)
        kinds = {name: getattr(feature, "dtype", "") for name, feature in data.features.items()}
        return list(data.select_columns([name for name, kind in kinds.items() if kind in _PLAIN]))

    return _within(seconds, read)


def open_dataset(source: str, *, offline: bool = False) -> Any:
    """A `datasets.Dataset`: `source` is a folder (saved to disk, or of data files) or a name on the hub.

    Of several splits the first of validation, val, test and train is taken.

    Raises:
        NotReachable: the data set cannot be had; without a connection this takes a few seconds at most.
        InputError: several splits, none of a usual name.
    """
    folder = Path(source).expanduser()
    local = folder.is_dir()
    if not local and not _held_locally(source) and (reason := why_offline(offline)):
        raise NotReachable(reason)
    try:
        import datasets
    except ImportError as error:
        raise NotReachable(f"the datasets package cannot be imported: {error}") from None
    bars = not datasets.are_progress_bars_disabled()
    datasets.disable_progress_bars()
    try:
        if local and is_saved_to_disk(folder):
            data = datasets.load_from_disk(str(folder))
        else:
            data = datasets.load_dataset(str(folder) if local else source)
    except Exception as error:  # the package raises many kinds, from many layers below it
        raise NotReachable(_first_line(error)) from None
    finally:
        if bars:
            datasets.enable_progress_bars()
    return _one_split(data, source)


def is_saved_to_disk(folder: Path) -> bool:
    """Whether a folder was written by `save_to_disk` of the datasets package."""
    return any((folder / name).is_file() for name in ("dataset_dict.json", "state.json"))


def why_offline(offline: bool = False, seconds: float = CONNECT_SECONDS) -> str:
    """Why the hub cannot be reached; "" if a connection can be made within `seconds`."""
    if offline:
        return "offline was asked for"
    for variable in ("HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE"):
        if os.environ.get(variable, "").strip().upper() in ("1", "ON", "YES", "TRUE"):
            return f"{variable} is set"
    try:
        from huggingface_hub import constants
    except ImportError as error:
        return f"the datasets package cannot be imported: {error}"
    address = urlsplit(constants.ENDPOINT)
    if proxy := urllib.request.getproxies().get(address.scheme):
        address = urlsplit(proxy if "//" in proxy else f"//{proxy}")
    host, port = address.hostname or "", address.port or (80 if address.scheme == "http" else 443)

    def connect() -> str:
        with socket.create_connection((host, port), timeout=seconds):
            return ""

    try:  # in a thread, because looking up the name has no time limit of its own
        return _within(seconds, connect)
    except (NotReachable, OSError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else _first_line(error)
        return f"no connection ({reason})"


def _within(seconds: float, function: Callable[[], _T]) -> _T:
    """The function's result, or NotReachable when it takes longer; it is then left to end by itself."""
    box: queue.Queue[tuple[_T | None, BaseException | None]] = queue.Queue(1)

    def work() -> None:
        try:
            box.put((function(), None))
        except BaseException as error:
            box.put((None, error))

    threading.Thread(target=work, daemon=True).start()
    try:
        result, error = box.get(timeout=seconds)
    except queue.Empty:
        raise NotReachable(f"no answer within {seconds:g} s") from None
    if error is not None:
        raise error
    return result  # type: ignore[return-value]


def _held_locally(name: str) -> bool:
    """Whether the datasets package already holds a downloaded copy, which it can use offline."""
    try:
        home = Path(os.environ.get("HF_HOME") or Path.home() / ".cache" / "huggingface")
    except RuntimeError:
        return False
    prepared = Path(os.environ.get("HF_DATASETS_CACHE") or home / "datasets")
    return (prepared / name.replace("/", "___").lower()).is_dir()


def _one_split(data: Any, source: str) -> Any:
    if not isinstance(data, Mapping):
        return data
    names = list(data)
    split = names[0] if len(names) == 1 else next((s for s in _PREFERRED_SPLITS if s in data), None)
    if split is None:
        raise InputError(f"{source}: has the splits {', '.join(names)}; save the one wanted by itself")
    return data[split]


def _first_line(error: BaseException) -> str:
    text = " ".join(str(error).split()) or type(error).__name__
    return text[:200]
