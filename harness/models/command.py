"""`command:'PROGRAM ARGUMENTS'`: a program in any language that draws.

The contract. The program reads one JSON object a line on its standard input, a line a sample:

    {"id": 7, "prompt": "a red cube", "prompt_id": "colours-003", "index": 0, "seed": 1234,
     "settings": {...}, "out": "/tmp/.../7.png"}

It writes the picture (PNG, JPEG, WebP) to the file `out`, or to another one, and then one line on its
standard output, flushed:

    {"id": 7}    {"id": 7, "path": "elsewhere.png", "notes": ["..."], "cost": 0.01}
    {"id": 7, "failure": "filtered", "reason": "the safety checker flagged it"}

where `failure` is filtered, nan or error. Answers may come in any order; lines that are no such object are
passed over. What the program writes on standard error is shown where it fails. It should end when its input
does.

Settings: `lifetime` is run (the default: one program for the whole run) or batch (one for each batch, whose
input ends after it). `timeout` is how many seconds it may go without an answer, 600 by default. Both change
no picture. All others go to the program, as they are; `version` is a good name for one that tells other
weights apart. `width` and `height` say which size the pictures must have.

Where a program ends or falls silent, the samples of the batch that it has not answered are asked for
again, each alone; so one bad prompt costs one sample.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
import os
import queue
import shlex
import shutil
import signal
import subprocess
import tempfile
import threading
import time
import weakref
from collections import deque
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any

from drawbench.errors import InputError
from harness.decode import PictureError, decode_rgb
from harness.models.registry import ModelOptions
from harness.models.settings import number
from harness.types import Drawn, Failure, Request, Status

ANSWERED_FAILURES: tuple[Status, ...] = ("filtered", "nan", "error")
DEFAULT_TIMEOUT = 600.0
LIFETIMES = ("run", "batch")
END_SECONDS = 10.0
"""How long a program may take to end after its input has."""
LONGEST_LINE = 1 << 20
SHOWN_STDERR = 300


class CommandModel:
    """Asks a program for each batch. Raises InputError where it cannot be found."""

    def __init__(self, options: ModelOptions) -> None:
        try:
            self._words = shlex.split(options.argument)
        except ValueError as error:
            raise InputError(f"model command: {options.argument!r}: {error}") from error
        if not self._words:
            raise InputError("model command needs a program: --model command:'PROGRAM ARGUMENTS'")
        program = shutil.which(self._words[0])
        if program is None:
            raise InputError(f"model command: there is no program {self._words[0]!r}")
        self._program = program
        self._lifetime, self._timeout = "run", DEFAULT_TIMEOUT
        self._running: _Program | None = None
        self._count = 0
        self._folder: Path | None = None

    def resolve_settings(self, given: Mapping[str, Any]) -> Mapping[str, Any]:
        """All settings but `lifetime` and `timeout`, as they are: the program knows what they mean."""
        rest = dict(given)
        self._lifetime = rest.pop("lifetime", "run")
        if self._lifetime not in LIFETIMES:
            raise InputError(f"command: lifetime must be run or batch, not {self._lifetime!r}")
        self._timeout = number("command", "timeout", rest.pop("timeout", DEFAULT_TIMEOUT), low=0.01)
        for name in ("width", "height"):
            if name in rest and (type(rest[name]) is not int or rest[name] < 1):
                raise InputError(f"command: {name} must be a whole number of at least 1, not {rest[name]!r}")
        return rest

    def identity(self) -> Mapping[str, Any]:
        """The command's words, and the sha256 of each of them that is a file."""
        files = {}
        for word in self._words:
            path = Path(self._program if word == self._words[0] else word)
            with contextlib.suppress(OSError, ValueError):
                if path.is_file():
                    with path.open("rb") as file:
                        files[word] = hashlib.file_digest(file, "sha256").hexdigest()
        name = Path(self._words[0]).name
        script = next((Path(w).stem for w in self._words[1:] if w in files), None)
        return {"name": f"command-{script or name}", "version": 1, "command": self._words, "files": files}

    def picture_size(self, settings: Mapping[str, Any]) -> tuple[int, int] | None:
        width, height = settings.get("width"), settings.get("height")
        return (width, height) if width and height else None

    def generate(self, requests: Sequence[Request]) -> list[Drawn | Failure]:
        results = self._ask(requests)
        for place, result in enumerate(results):
            if isinstance(result, str):
                alone = self._ask(requests[place : place + 1])[0] if len(requests) > 1 else result
                results[place] = Failure("error", alone) if isinstance(alone, str) else alone
        return [result for result in results if not isinstance(result, str)]

    def _ask(self, requests: Sequence[Request]) -> list[Drawn | Failure | str]:
        """A result for each request, or why the program was no use before it had answered."""
        if self._folder is None:
            self._folder = Path(tempfile.mkdtemp(prefix="drawbench-command-"))
            weakref.finalize(self, shutil.rmtree, self._folder, True)
        if self._running is None:
            self._running = _Program(self._program, self._words)
            weakref.finalize(self, self._running.end)
        lines, places = [], {}
        for place, request in enumerate(requests):
            self._count += 1
            places[self._count] = place
            lines.append(json.dumps(self._line(request, self._count, self._folder)).encode() + b"\n")
        results: dict[int, Drawn | Failure | str] = {}
        program, last = self._running, self._lifetime == "batch"
        program.send(b"".join(lines), last=last)
        until = time.monotonic() + self._timeout
        while places:
            answer = program.answer(until)
            if isinstance(answer, str):
                results.update(dict.fromkeys(places.values(), answer))
                program.kill()
                self._running = None
                break
            number_ = answer.get("id")
            if type(number_) is int and number_ in places:
                results[places.pop(number_)] = _result(answer, self._folder / f"{number_}.png")
                until = time.monotonic() + self._timeout
        if last and self._running is not None:
            program.end()
            self._running = None
        for path in self._folder.iterdir():
            with contextlib.suppress(OSError):
                path.unlink()
        return [results[place] for place in range(len(requests))]

    def _line(self, request: Request, number_: int, folder: Path) -> dict[str, Any]:
        return {
            "id": number_,
            "prompt": request.prompt.text,
            "prompt_id": request.prompt.id,
            "index": request.index,
            "seed": request.seed,
            "settings": dict(request.settings),
            "out": str(folder / f"{number_}.png"),
        }


class _Program:
    """A running program: lines go in, JSON objects come out. All its children are in one process group."""

    def __init__(self, program: str, words: Sequence[str]) -> None:
        try:
            self._process = subprocess.Popen(
                [program, *words[1:]],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=True,
            )
        except OSError as error:
            raise InputError(f"model command: {program} cannot be run: {error.strerror}") from error
        assert self._process.stdout is not None
        assert self._process.stderr is not None
        self._answers: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()
        self._errors: deque[bytes] = deque(maxlen=20)
        self._readers = [
            threading.Thread(target=self._read, args=(self._process.stdout,), daemon=True),
            threading.Thread(target=self._listen, args=(self._process.stderr,), daemon=True),
        ]
        for reader in self._readers:
            reader.start()

    def send(self, lines: bytes, *, last: bool) -> None:
        """Gives the program its input, without waiting for it to be read; `last` ends the input."""
        threading.Thread(target=self._write, args=(lines, last), daemon=True).start()

    def answer(self, until: float) -> dict[str, Any] | str:
        """The next JSON object that the program writes, or why none comes."""
        try:
            answer = self._answers.get(timeout=max(0.0, until - time.monotonic()))
        except queue.Empty:
            return f"the program gave no answer in time{self._last_words()}"
        if answer is not None:
            return answer
        try:
            status = self._process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            return f"the program closed its output{self._last_words()}"
        self._readers[1].join(1.0)
        how = f"was ended by signal {-status}" if status < 0 else f"ended with status {status}"
        return f"the program {how}{self._last_words()}"

    def end(self) -> None:
        """Ends the input, and the program with it; kills one that takes too long over it."""
        threading.Thread(target=self._write, args=(b"", True), daemon=True).start()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(END_SECONDS)
        self.kill()

    def kill(self) -> None:
        """Ends the program and its children at once, unless it has ended already."""
        if self._process.poll() is None:
            with contextlib.suppress(OSError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()

    def _write(self, lines: bytes, last: bool) -> None:
        assert self._process.stdin is not None
        with contextlib.suppress(OSError, ValueError):
            self._process.stdin.write(lines)
            self._process.stdin.flush()
        if last:
            with contextlib.suppress(OSError, ValueError):
                self._process.stdin.close()

    def _read(self, stream: IO[bytes]) -> None:
        with contextlib.suppress(OSError, ValueError):
            while line := stream.readline(LONGEST_LINE):
                try:
                    answer = json.loads(line)
                except (ValueError, RecursionError):
                    continue
                if isinstance(answer, dict):
                    self._answers.put(answer)
        self._answers.put(None)

    def _listen(self, stream: IO[bytes]) -> None:
        with contextlib.suppress(OSError, ValueError):
            while line := stream.readline(LONGEST_LINE):
                if line.strip():
                    self._errors.append(line)

    def _last_words(self) -> str:
        if not self._errors:
            return ""
        text = " ".join(self._errors[-1].decode("utf-8", "replace").split())
        return f": {text[:SHOWN_STDERR]}"


def _result(answer: Mapping[str, Any], out: Path) -> Drawn | Failure:
    cost = answer.get("cost")
    if isinstance(cost, bool) or not isinstance(cost, int | float) or not math.isfinite(cost) or cost < 0:
        cost = None
    if "failure" in answer:
        status, reason = answer["failure"], str(answer.get("reason") or "the program gives no reason")
        if status not in ANSWERED_FAILURES:
            return Failure(
                "error", f"the program answers with the unknown failure {status!r}: {reason}", cost
            )
        return Failure(status, " ".join(reason.split())[:500], cost)
    path, notes = answer.get("path"), answer.get("notes")
    picture = Path(path) if isinstance(path, str) and path else out
    try:
        pixels = decode_rgb(picture.read_bytes())
    except PictureError as error:
        return Failure("error", f"{picture.name}: {error}", cost)
    except OSError as error:
        return Failure("error", f"{picture.name} cannot be read: {error.strerror}", cost)
    except ValueError:  # a NUL in the path
        return Failure("error", "the program answers with a path that is none", cost)
    return Drawn(pixels, tuple(map(str, notes)) if isinstance(notes, list) else (), cost)
