"""`drawbench rate`: bad input, and the real thing started, reached and stopped."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from served_studies import serve_study
from small_studies import ADMIN_TOKEN, small_design, write_study
from sqlalchemy import make_url
from sqlalchemy.engine import URL

from harness.cli import main
from human_eval_app.store.rating_store import open_store
from human_eval_app.studies.study import Study
from human_eval_app.web.assembly import announce
from human_eval_app.web.security import site_for
from human_eval_app.web.serving import open_service

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "which study"),
        (["nowhere"], "is no study"),
        (["--demo", "beauty"], "realism, alignment, side_by_side"),
        (["--demo", "--database", "postgresql://x/y"], "the demo keeps"),
        (["STUDY", "--host", "no.such.host.invalid"], "is no address of this machine"),
        (["STUDY", "--base-url", "ratings.example.org"], "base-url"),
        (["STUDY", "--port", "99999"], "port"),
        (["STUDY", "--database", "mysql://x/y"], "not supported"),
    ],
)
def test_bad_input_is_one_line_and_status_2(
    arguments: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    study = write_study(tmp_path / "study", small_design())
    before = sorted(path.name for path in study.iterdir())
    assert main(["rate", *(str(study) if argument == "STUDY" else argument for argument in arguments)]) == 2
    told = capsys.readouterr().err.strip()
    assert said in told
    assert "\n" not in told
    assert sorted(path.name for path in study.iterdir()) == before


@pytest.fixture
def hosted(monkeypatch: pytest.MonkeyPatch) -> list[URL]:
    """Where the ratings of each study that is served are kept; nothing is served."""
    kept: list[URL] = []

    def serve(folder: str, **_: object) -> None:
        service = open_service(folder, site_for("127.0.0.1", ""))
        kept.append(service.store.database.url)
        service.store.close_connections()

    monkeypatch.setattr("human_eval_app.web.hosting.host_study", serve)
    return kept


def test_every_command_reads_the_database_that_is_served(
    tmp_path: Path, database_url: str, hosted: list[URL], capsys: pytest.CaptureFixture[str]
) -> None:
    study = write_study(tmp_path / "study", small_design())
    assert main(["rate", str(study), "--database", database_url]) == 0
    assert main(["rate", str(study)]) == 0
    assert main(["rate", str(study), "--database", database_url]) == 0
    assert hosted == [make_url(database_url)] * 3
    assert make_url(Study.open(study).database_url) == make_url(database_url)
    assert (study / "database.url").stat().st_mode & 0o777 == 0o600
    store = open_store(database_url)
    store.invite(2)
    store.close_connections()
    capsys.readouterr()
    assert main(["study", "status", str(study), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["raters"]["invited"] == 2


def test_another_database_is_refused_once_there_are_links(
    tmp_path: Path, hosted: list[URL], capsys: pytest.CaptureFixture[str]
) -> None:
    study = write_study(tmp_path / "study", small_design())
    assert main(["study", "invite", str(study)]) == 0
    capsys.readouterr()
    other = f"sqlite:///{tmp_path / 'other.db'}"
    assert main(["rate", str(study), "--database", other]) == 2
    told = capsys.readouterr().err.strip()
    assert "\n" not in told
    assert "study.db" in told
    assert "leave --database out" in told
    assert hosted == []
    assert not (tmp_path / "other.db").exists()
    assert main(["rate", str(study), "--database", f"sqlite:///{study / 'study.db'}"]) == 0, "its own"


def test_a_database_of_another_study_is_refused_and_not_remembered(
    tmp_path: Path, hosted: list[URL], capsys: pytest.CaptureFixture[str]
) -> None:
    study = write_study(tmp_path / "study", small_design())
    other = write_study(tmp_path / "other", small_design("realism"))
    assert main(["study", "status", str(other)]) == 0
    assert main(["rate", str(study), "--database", f"sqlite:///{other / 'study.db'}"]) == 2
    assert "another design" in capsys.readouterr().err
    assert not (study / "database.url").exists()
    assert hosted == []


def test_a_taken_port_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    study = write_study(tmp_path / "study", small_design())
    with socket.create_server(("127.0.0.1", 0)) as taken:
        assert main(["rate", str(study), "--port", str(taken.getsockname()[1])]) == 2
    assert "another with --port" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("address", "base_url", "warned"),
    [
        ("127.0.0.1", "", False),
        ("0.0.0.0", "", True),
        ("192.168.1.7", "http://ratings.example.org", True),
        ("0.0.0.0", "https://ratings.example.org", False),
    ],
)
def test_being_reached_without_encryption_is_warned_of(
    address: str,
    base_url: str,
    warned: bool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    from streamlit import config

    served = serve_study(tmp_path / "study", str(tmp_path / "ratings.db"), site=site_for(address, base_url))
    monkeypatch.setattr(config, "get_option", {"server.address": address, "server.port": 8501}.get)
    announce(served.service)
    told = capsys.readouterr().err
    assert ("without TLS" in told) is warned
    assert (base_url or ":8501") in told


class Started:
    """The command in a process of its own."""

    def __init__(self, log: Path, *command: str, **environment: str) -> None:
        self.log = log
        with log.open("wb") as out:
            self.process = subprocess.Popen(
                [sys.executable, "-m", *command],
                cwd=ROOT,
                stdout=out,
                stderr=out,
                env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
            )

    @property
    def said(self) -> str:
        return self.log.read_text(errors="replace")

    def base(self) -> str:
        """The address that it prints, once it answers."""
        for _ in range(900):
            found = re.search(r"^study .*: (http\S+)$", self.said, re.MULTILINE)
            if found:
                return found[1]
            assert self.process.poll() is None, self.said
            time.sleep(0.2)
        raise AssertionError(f"it did not start: {self.said}")

    def stop(self, how: int = signal.SIGTERM) -> int:
        if self.process.poll() is None:
            self.process.send_signal(how)
        return self.process.wait(60)


@pytest.fixture
def started(tmp_path: Path) -> Iterator[Started]:
    study = write_study(tmp_path / "study", small_design())
    running = Started(tmp_path / "log", "harness.cli", "rate", str(study), "--port", "0")
    yield running
    running.stop(signal.SIGKILL)


def answer(url: str, **headers: str) -> tuple[int, dict[str, str], bytes]:
    request = urllib.request.Request(url, headers=headers)
    for _ in range(300):
        try:
            with urllib.request.urlopen(request, timeout=30) as reply:
                return reply.status, {k.lower(): v for k, v in reply.headers.items()}, reply.read()
        except urllib.error.HTTPError as error:
            return error.code, {k.lower(): v for k, v in error.headers.items()}, error.read()
        except urllib.error.URLError:
            time.sleep(0.2)  # it listens, but does not answer yet
    raise AssertionError(f"no answer from {url}")


def test_the_app_is_served_guarded_and_stopped(started: Started) -> None:
    base = started.base()
    assert base.startswith("http://127.0.0.1:")
    status, headers, page = answer(f"{base}/")
    assert status == 200
    assert b"streamlit" in page.lower()
    assert headers["x-frame-options"] == "DENY"
    assert "sha256-" in headers["content-security-policy"]
    assert "server" not in headers
    assert answer(f"{base}/enter/{'x' * 43}")[0] == 200
    assert answer(f"{base}/api/item")[0] == 401
    assert answer(f"{base}/_stcore/health")[0] == 200
    assert answer(f"{base}/_stcore/metrics")[0] == 404
    assert answer(f"{base}/", Host="evil.example")[0] == 421
    assert answer(f"{base}/admin/export/csv")[0] == 403
    for asset in re.findall(rb'(?:src|href)="\.(/static/[^"]+\.(?:js|css))"', page)[:3]:
        status, headers, _ = answer(base + asset.decode())
        assert status == 200
        assert "access-control-allow-origin" not in headers
    assert "warning" not in started.said
    assert started.stop(signal.SIGINT) == 0
    assert "every acknowledged answer is saved" in started.said
    assert ADMIN_TOKEN not in started.said


def test_streamlit_run_serves_the_same_app(tmp_path: Path) -> None:
    study = write_study(tmp_path / "study", small_design())
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    started = Started(
        tmp_path / "log",
        "streamlit",
        "run",
        "human_eval_app/app.py",
        "--server.port",
        str(port),
        "--",
        str(study),
    )
    try:
        base = started.base()
        assert base == f"http://127.0.0.1:{port}"
        assert answer(f"{base}/_stcore/health")[0] == 200
        assert answer(f"{base}/api/item")[0] == 401
        assert answer(f"{base}/")[1]["x-frame-options"] == "DENY"
        assert answer(f"{base}/", Host="evil.example")[0] == 421
    finally:
        started.stop()


def test_streamlit_run_without_a_study_says_what_to_do(tmp_path: Path) -> None:
    started = Started(
        tmp_path / "log",
        "streamlit",
        "run",
        "human_eval_app/app.py",
        "--server.port",
        "0",
        DRAWBENCH_STUDY="",
    )
    assert started.process.wait(180) == 2
    assert "which study? Give its folder after --, or set DRAWBENCH_STUDY" in started.said
    assert "Traceback" not in started.said


def test_the_demo_prints_links_that_work(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    started = Started(
        tmp_path / "log",
        "harness.cli",
        "rate",
        "--demo",
        "realism",
        "--port",
        str(port),
        TMPDIR=str(tmp_path),
    )
    try:
        base = started.base()
        links = re.findall(rf"^  ({re.escape(base)}/enter/\S+)$", started.said, re.MULTILINE)
        assert len(links) == 3
        assert answer(links[0])[0] == 200
        request = urllib.request.Request(
            links[0], data=b"{}", headers={"Origin": base, "X-Drawbench": "1"}, method="POST"
        )
        opener = urllib.request.build_opener(_NoRedirect)
        with pytest.raises(urllib.error.HTTPError) as redirected:
            opener.open(request, timeout=60)
        assert redirected.value.code == 303
        assert "HttpOnly" in redirected.value.headers["Set-Cookie"]
        assert list(tmp_path.glob("drawbench-demo-*"))
        assert started.stop(signal.SIGINT) == 0
        assert not list(tmp_path.glob("drawbench-demo-*"))  # the demo leaves nothing behind
    finally:
        started.stop(signal.SIGKILL)


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_arguments: object, **_more: object) -> None:
        return None
