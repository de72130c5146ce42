"""The real server of a study as a process of its own, for simulated raters, tests and benchmarks."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import IO, Self

import httpx2 as httpx

from drawbench.errors import InputError

START_SECONDS = 120.0
STOP_SECONDS = 20.0


def free_port() -> int:
    """A port of 127.0.0.1 that nothing listens on now."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


class ServerProcess:
    """`drawbench rate STUDY` on 127.0.0.1. A context manager: starts on entry, stops on exit.

    The port stays the same over `kill` and `start`, so that raters who wait find it again. What the server
    prints goes to `log`.
    """

    def __init__(self, study: Path, *, port: int | None = None, log: Path | None = None) -> None:
        self.study = study
        self.port = port or free_port()
        self.log = log or Path(tempfile.mkstemp(prefix="drawbench-rate-", suffix=".log")[1])
        self._process: subprocess.Popen[bytes] | None = None
        self._output: IO[bytes] | None = None

    @property
    def base(self) -> str:
        """The address, without a slash at its end."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        """The process, which is the leader of its own group; raises RuntimeError while none runs."""
        if self._process is None:
            raise RuntimeError("the server does not run")
        return self._process.pid

    def start(self) -> None:
        """Starts the server and waits until it answers. Raises InputError where it ends or stays silent."""
        self._output = self.log.open("ab")
        command = [sys.executable, "-m", "harness.cli", "rate", str(self.study), "--port", str(self.port)]
        self._process = subprocess.Popen(
            command, stdout=self._output, stderr=subprocess.STDOUT, start_new_session=True
        )
        until = time.monotonic() + START_SECONDS
        while time.monotonic() < until:
            if self._process.poll() is not None:
                self._forget()
                raise InputError(f"the rating server ended: {self.last_words()}")
            if self.answers():
                return
            time.sleep(0.1)
        self.kill()
        raise InputError(f"the rating server did not answer within {START_SECONDS:g} s: {self.last_words()}")

    def answers(self) -> bool:
        """Whether the server answers now."""
        try:
            return httpx.get(f"{self.base}/robots.txt", timeout=2.0, trust_env=False).status_code == 200
        except httpx.TransportError:
            return False

    def kill(self) -> None:
        """SIGKILL to the server and whatever it started; nothing of it gets the chance to tidy up."""
        if self._process is not None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._forget()

    def stop(self) -> None:
        """SIGTERM, and SIGKILL where that is not enough."""
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self.kill()
            self._forget()

    def last_words(self) -> str:
        """The last line the server printed."""
        lines = self.log.read_text(errors="replace").strip().splitlines()
        return lines[-1] if lines else "it printed nothing"

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _forget(self) -> None:
        self._process = None
        if self._output is not None:
            self._output.close()
            self._output = None
