"""Promise 4: no response, address, header, file name, page or picture tells a rater which model made what."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
import urllib.request
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from served_studies import Served, serve_study
from small_studies import ADMIN_TOKEN, MODELS, small_design, write_study
from starlette.testclient import TestClient

from human_eval_app.studies.design import StudyDesign
from human_eval_app.studies.questions import KINDS, Kind
from human_eval_app.web.pane_files import pane_address, pane_files

ROOT = Path(__file__).parents[3]


def secrets_of(design: StudyDesign, folder: Path) -> set[str]:
    """Everything that would tell a rater about models, files, or the design."""
    told = {
        *MODELS,
        "glide",
        "imagen",
        design.digest,
        design.content_digest,
        design.name,
        str(folder),
        folder.name,
    }
    told |= {model for item in design.items for model in item.models} - {"made", "noise"}
    told |= {item.id for item in design.items}  # an id in common would join two raters' pages
    told |= {picture.sha256 for picture in design.pictures}
    told |= {"study.db", "secret.key", "design.json", ADMIN_TOKEN}
    return {secret.lower() for secret in told if secret}


@dataclass
class Scanner:
    """Looks for secrets in everything it is shown, also compressed or percent-encoded."""

    secrets: set[str]
    seen: list[str] = field(default_factory=list)

    def look(self, where: str, content: str | bytes) -> None:
        text = content.decode("latin-1") if isinstance(content, bytes) else content
        text = re.sub(r"%([0-9a-fA-F]{2})", lambda match: chr(int(match[1], 16)), text).lower()
        self.seen.append(where)
        found = sorted(secret for secret in self.secrets if secret in text)
        assert not found, f"{where} holds {found}"

    def look_at_picture(self, where: str, content: bytes) -> None:
        self.look(where, content)
        offset = 8
        while offset < len(content):
            length, kind = int.from_bytes(content[offset : offset + 4]), content[offset + 4 : offset + 8]
            data = content[offset + 8 : offset + 8 + length]
            assert kind not in {b"tEXt", b"zTXt", b"iTXt", b"eXIf", b"tIME"}, f"{where} has a {kind!r} chunk"
            if kind == b"IDAT":
                self.look(f"{where} (decompressed)", zlib.decompressobj().decompress(data))
            offset += 12 + length


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> Kind:
    return request.param  # type: ignore[no-any-return]


def test_the_scanner_finds_what_is_there() -> None:
    scanner = Scanner({"imagen-xl"})
    for content in ("Imagen-XL", b"...imagen-xl...", "imagen%2Dxl", "IMAGEN%2dXL"):
        with pytest.raises(AssertionError, match="holds"):
            scanner.look("here", content)


def test_no_response_of_a_whole_session(kind: Kind, tmp_path: Path, database_url: str) -> None:
    folder = tmp_path / "imagen-xl-against-glide-base"
    design = small_design(kind, break_every=2)
    served = serve_study(folder, database_url, design)
    scanner = Scanner(secrets_of(design, folder))
    _watch(served, scanner)
    token = served.invite()
    served.browser().get(f"/enter/{token}")
    rater = served.enter(token)
    for item in rater.finish():
        rater.client.post("/api/flag", json={"presentation": item["presentation"], "reason": "odd"})
    client = rater.client
    client.get("/api/state")
    client.post("/api/undo", json={})
    client.post("/api/continue", json={})
    for path in ("/nothing", "/api/nothing", "/admin/login", "/admin/export/csv", "/img/a/b", "/favicon.png"):
        client.get(path)
    for name in pane_files():
        client.get(pane_address(name))
    for path in ("/api/rate", "/api/skip", "/api/flag", "/api/undo", f"/enter/{token}"):
        client.post(path, content=b"{")
        client.post(path, json={"presentation": "0" * 32, "answers": {"imagen": "x"}})
    assert sum("/img/" in where for where in scanner.seen) > 10
    assert len(scanner.seen) > 100


def test_a_control_is_not_to_be_told_from_the_rest(kind: Kind, tmp_path: Path) -> None:
    """Nothing but the pictures themselves differs between a control and a rating."""
    design = small_design(kind, controls=2)
    served = serve_study(tmp_path / "study", str(tmp_path / "ratings.db"), design)
    items = served.enter().finish()
    shapes = {
        re.sub(
            r"[0-9a-f]{32,64}|\d+",
            "#",
            str({k: v for k, v in item.items() if k not in {"preload", "caption"}}),
        )
        for item in items
    }
    assert len({shape.replace(design.items[0].caption, "") for shape in shapes}) == 1


def test_sizes_and_names_of_pictures_do_not_tell_the_sides_apart(tmp_path: Path) -> None:
    design = small_design("realism")
    served = serve_study(tmp_path / "study", str(tmp_path / "ratings.db"), design)
    rater = served.enter()
    for item in rater.finish():
        left, right = (side["pictures"][0] for side in item["sides"])
        assert (left["width"], left["height"]) == (right["width"], right["height"])
        assert re.fullmatch(r"[0-9a-f]{32}", left["id"])
        assert {left["alt"], right["alt"]} == {"Image A", "Image B"}


def _watch(served: Served, scanner: Scanner) -> None:
    """Every browser made from now on shows the scanner all it receives and all it asks for."""
    made = served.browser

    def browser(**headers: str) -> TestClient:
        client = made(**headers)

        def look(response: Any) -> None:
            where = f"{response.request.method} {response.request.url.path}"
            scanner.look(f"{where} (address)", str(response.request.url))
            scanner.look(
                f"{where} (headers)",
                "\n".join(f"{name}: {value}" for name, value in response.headers.items()),
            )
            response.read()
            if response.headers.get("content-type") == "image/png":
                scanner.look_at_picture(where, response.content)
            else:
                scanner.look(where, response.content)

        client.event_hooks = {"response": [look]}
        return client

    served.browser = browser  # type: ignore[method-assign]


# in a real browser, with Streamlit around it


@dataclass
class Running:
    base: str
    folder: Path
    design: StudyDesign
    tokens: list[str]


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    from human_eval_app.store.rating_store import open_store
    from human_eval_app.studies.study import Study

    folder = tmp_path / "imagen-xl-against-glide-base"
    design = small_design("side_by_side", size=64, min_dwell_ms=100)
    write_study(folder, design)
    store = open_store(Study.open(folder).database_url, create=True)
    store.register(design)
    tokens = [invite.token for invite in store.invite(1)]
    store.close_connections()
    log = (tmp_path / "log").open("wb")
    server = subprocess.Popen(
        [sys.executable, "-m", "harness.cli", "rate", str(folder), "--port", "0"],
        cwd=ROOT, stdout=log, stderr=log, env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    try:
        yield Running(_address(tmp_path / "log", server), folder, design, tokens)
    finally:
        server.terminate()
        server.wait(30)
        log.close()


def _address(log: Path, server: subprocess.Popen[bytes]) -> str:
    for _ in range(600):
        found = re.search(r"^study .*: (http://\S+)$", log.read_text(errors="replace"), re.MULTILINE)
        if found:
            try:
                urllib.request.urlopen(f"{found[1]}/_stcore/health", timeout=5).read()
            except OSError:
                pass
            else:
                return found[1]
        assert server.poll() is None, log.read_text(errors="replace")
        time.sleep(0.2)
    raise AssertionError(f"the app did not start: {log.read_text(errors='replace')}")


def test_no_page_message_or_address_in_a_real_browser(running: Running) -> None:
    sync_api = pytest.importorskip("playwright.sync_api")
    browser = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if browser is None:
        if os.environ.get("DRAWBENCH_REQUIRE_BROWSER") == "1":
            pytest.fail("no Chromium")
        pytest.skip("no Chromium")
    # The design's name is told nowhere either, but the server's own log is not the rater's.
    scanner = Scanner(secrets_of(running.design, running.folder))
    with sync_api.sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=browser, args=["--no-sandbox"])
        page = chromium.new_page()
        page.set_default_timeout(180_000)

        def look(response: Any) -> None:
            where = response.url.removeprefix(running.base)
            scanner.look(f"{where} (address)", response.url)
            scanner.look(f"{where} (headers)", str(response.all_headers()))

        responses: list[Any] = []
        frames: list[Any] = []
        page.on("response", lambda response: responses.append(response))
        page.on("websocket", lambda made: made.on("framereceived", lambda frame: frames.append(frame)))
        page.on("console", lambda message: frames.append(message.text))
        page.goto(f"{running.base}/enter/{running.tokens[0]}")
        page.click("#begin")
        page.get_by_text("I have read this and agree").click()
        page.get_by_role("button", name="Begin").click()
        for _ in range(2):
            page.locator(".pane[data-state=ready]").wait_for()
            _look_at_page(scanner, page)
            page.keyboard.press("1")
            page.keyboard.press("1")
            page.locator(".feedback, .st-key-start, .pane[data-state=ready]").first.wait_for()
            _look_at_page(scanner, page)
            for button in ("Go on", "Start rating"):
                if page.get_by_role("button", name=button).count():
                    page.get_by_role("button", name=button).click()
                    if button == "Go on":
                        page.locator(".st-key-start").wait_for()
        page.goto(f"{running.base}/admin")
        page.get_by_text("Log in with the admin token").wait_for()
        _look_at_page(scanner, page)
        for response in responses:
            look(response)
            if "/static/" not in response.url and response.status == 200:
                try:
                    body = response.body()
                except Exception:  # the page had gone on before its body could be asked for
                    continue
                scanner.look(response.url.removeprefix(running.base), body)
        for frame in frames:
            scanner.look("websocket or console", frame)
        chromium.close()
    assert len(frames) > 3
    assert sum("/img/" in where for where in scanner.seen) >= 8


def _look_at_page(scanner: Scanner, page: Any) -> None:
    whole = page.evaluate(
        """() => {
          const parts = [document.documentElement.outerHTML, document.title, location.href, document.cookie,
                         JSON.stringify([localStorage, sessionStorage, history.state])];
          for (const element of document.querySelectorAll("*")) {
            if (element.shadowRoot) parts.push(element.shadowRoot.innerHTML);
          }
          return parts.join("\\n");
        }"""
    )
    assert "<html" in whole
    scanner.look(f"page {page.url}", whole)
