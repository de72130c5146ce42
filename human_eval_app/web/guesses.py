"""Slows down whoever guesses tokens: after some wrong ones an address has to wait.

Tokens have 256 random bits, so guessing is hopeless anyway; this keeps it from costing work as well.
"""

from __future__ import annotations

import ipaddress
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable


class GuessLimiter:
    """Counts wrong tokens by address: at most `most` within `window` seconds.

    An IPv6 address counts as its /64, which is what one subscriber has. `addresses` bounds the memory.
    """

    def __init__(
        self,
        most: int = 20,
        window: float = 300.0,
        addresses: int = 10_000,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._most, self._window, self._addresses, self._clock = most, window, addresses, clock
        self._wrong: OrderedDict[str, deque[float]] = OrderedDict()
        self._lock = threading.Lock()

    def seconds_to_wait(self, address: str) -> float:
        """How long an address must wait before its next try; 0 if it need not."""
        with self._lock:
            times = self._recent(_subscriber(address))
            if len(times) < self._most:
                return 0.0
            return max(0.0, times[0] + self._window - self._clock())

    def wrong(self, address: str) -> None:
        """Counts a wrong token from an address."""
        with self._lock:
            key = _subscriber(address)
            times = self._recent(key)
            times.append(self._clock())
            self._wrong[key] = times
            self._wrong.move_to_end(key)
            while len(times) > self._most:
                times.popleft()
            while len(self._wrong) > self._addresses:
                self._wrong.popitem(last=False)

    def _recent(self, key: str) -> deque[float]:
        times = self._wrong.get(key, deque())
        while times and times[0] <= self._clock() - self._window:
            times.popleft()
        return times


def _subscriber(address: str) -> str:
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped:
            return str(parsed.ipv4_mapped)
        return str(ipaddress.ip_network((parsed, 64), strict=False))
    return str(parsed)
