"""A machine without weights, a tiny asset, and a server on this machine that can misbehave on demand."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def empty_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home with nothing in it, so that the machine's own caches and settings play no part."""
    home = tmp_path / "home"
    home.mkdir()
    for name in (
        "DRAWBENCH_WEIGHTS",
        "DRAWBENCH_WEIGHTS_MIRROR",
        "DRAWBENCH_CACHE",
        "HF_HOME",
        "HF_HUB_CACHE",
        "HF_HUB_OFFLINE",
        "HF_ENDPOINT",
        "TORCH_HOME",
        "XDG_CACHE_HOME",
    ):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    return home


@dataclass
class Server:
    """Serves `files` by path. `cut` ends a transfer after so many bytes, `seconds` is the wait before each
    `chunk` bytes, `ranges` whether parts may be asked for. `asked` notes (path, the Range asked for)."""

    address: str = ""
    files: dict[str, bytes] = field(default_factory=dict)
    cut: int | None = None
    seconds: float = 0.0
    chunk: int = 1 << 14
    ranges: bool = True
    asked: list[tuple[str, str | None]] = field(default_factory=list)
    stop: threading.Event = field(default_factory=threading.Event)


@pytest.fixture
def server() -> Iterator[Server]:
    """An HTTP server on this machine."""
    state = Server()

    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self._head()

        def do_GET(self) -> None:
            state.asked.append((self.path, self.headers.get("Range")))
            body = self._head()
            body = body if state.cut is None else body[: state.cut]
            for start in range(0, len(body), state.chunk):
                if state.stop.wait(state.seconds):
                    return
                self.wfile.write(body[start : start + state.chunk])

        def _head(self) -> bytes:
            body = state.files.get(self.path)
            if body is None:
                self.send_error(404)
                return b""
            tag = f'"{hashlib.sha256(body).hexdigest()}"'
            asked, same = self.headers.get("Range"), self.headers.get("If-Range") == tag
            start = int(asked.removeprefix("bytes=").rstrip("-")) if asked and same and state.ranges else 0
            self.send_response(206 if start else 200)
            if start:
                self.send_header("Content-Range", f"bytes {start}-{len(body) - 1}/{len(body)}")
            self.send_header("Content-Length", str(len(body) - start))
            self.send_header("ETag", tag)
            self.end_headers()
            return body[start:]

        def log_message(self, format: str, *args: object) -> None:
            pass

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    http.daemon_threads = True
    state.address = f"http://127.0.0.1:{http.server_port}"
    thread = threading.Thread(target=http.serve_forever, args=(0.02,))
    thread.start()
    yield state
    state.stop.set()
    http.shutdown()
    http.server_close()
    thread.join()
