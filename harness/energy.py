"""Energy used by processors that count it: Intel's and AMD's RAPL counters, and NVIDIA's GPUs.

The counters are of whole devices, so what other processes use meanwhile is in the number: an estimate.
"""

from __future__ import annotations

import importlib
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

POWERCAP = Path("/sys/class/powercap")


@dataclass(frozen=True, slots=True)
class Counter:
    """A device's counter: joules since some beginning, and the joules after which it starts anew."""

    joules: float
    wraps_at: float | None = None


class EnergyMeter:
    """Joules from its construction to each `read`."""

    def __init__(self, root: Path = POWERCAP) -> None:
        self._root = root
        self._start = _counters(root)

    def read(self) -> dict[str, Any]:
        """`joules` (None where no device counts them) and `energy_from`, the kinds of device that do."""
        now = _counters(self._root)
        known = [name for name in self._start if name in now]
        if not known:
            return {"joules": None, "energy_from": None}
        used = sum(spent(self._start[name], now[name]) for name in known)
        kinds = dict.fromkeys(name.partition(" ")[0] for name in known)
        return {"joules": round(used, 1), "energy_from": "+".join(kinds)}


def spent(before: Counter, after: Counter) -> float:
    """Joules between two readings, over one turn of the counter at most."""
    used = after.joules - before.joules
    return used + (after.wraps_at or 0.0) if used < 0 else used


def _counters(root: Path) -> dict[str, Counter]:
    return {**_rapl(root), **_nvidia()}


def _rapl(root: Path) -> dict[str, Counter]:
    """The processors' packages; their parts (cores, memory) lie within and are left out."""
    found = {}
    try:
        zones = sorted(root.glob("intel-rapl:[0-9]*"))
    except OSError:
        return {}
    for zone in zones:
        if zone.name.count(":") != 1:
            continue
        try:
            now = int((zone / "energy_uj").read_text()) / 1e6
            most = int((zone / "max_energy_range_uj").read_text()) / 1e6
        except (OSError, ValueError):
            continue  # readable by root alone on many systems
        found[f"CPU {zone.name}"] = Counter(now, most)
    return found


def _nvidia() -> dict[str, Counter]:
    """Through NVIDIA's own library, where torch uses a GPU and the library is installed."""
    torch = sys.modules.get("torch")
    cuda = getattr(torch, "cuda", None)
    if cuda is None or not cuda.is_available():
        return {}
    try:
        pynvml = importlib.import_module("pynvml")
        pynvml.nvmlInit()
        handles = [pynvml.nvmlDeviceGetHandleByIndex(i) for i in range(pynvml.nvmlDeviceGetCount())]
        return {
            f"GPU {i}": Counter(pynvml.nvmlDeviceGetTotalEnergyConsumption(handle) / 1e3)
            for i, handle in enumerate(handles)
        }
    except Exception:  # an old driver, a card that does not count, no library
        return {}
