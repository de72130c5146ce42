"""Watches browsers from outside the app's code: what stood on the screen, what was sent, what came.

A script in each page looks before every frame for pictures of the pane that are loaded, of some size and not
hidden, and reports the first moment of each: the page's own callbacks of that frame come later, so an app
that waits for its frames never is before the witness. The rest is read from the network.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import BrowserContext, ConsoleMessage, Page, Request, Response

WATCH = """
(() => {
  const seen = new Set();
  const now = performance.now.bind(performance); // tests may stop the page's own
  let root = null;
  const visible = (image) => {
    const box = image.getBoundingClientRect();
    return image.complete && image.naturalWidth > 0 && box.width > 8 && box.height > 8
      && image.checkVisibility({ opacityProperty: true, visibilityProperty: true });
  };
  const look = () => {
    if (!root?.host?.isConnected) {
      const host = [...document.querySelectorAll("*")].find((e) => e.shadowRoot?.querySelector("main.pane"));
      root = host ? host.shadowRoot : null;
    }
    for (const image of root ? root.querySelectorAll(".stage img") : []) {
      const path = new URL(image.src, location.href).pathname;
      if (!seen.has(path) && visible(image)) {
        seen.add(path);
        window.reportPainted?.(path, performance.timeOrigin + now());
      }
    }
    requestAnimationFrame(look);
  };
  requestAnimationFrame(look);
})();
"""


@dataclass(frozen=True)
class Sent:
    """An answer as it left the browser. `at`: milliseconds since 1970 by the browser's clock."""

    presentation: str
    revision: int
    answers: Mapping[str, str]
    at: float


@dataclass
class Witness:
    """What was seen of one browser context, over all of its pages and reloads."""

    painted: dict[str, float] = field(default_factory=dict)
    sent: list[Sent] = field(default_factory=list)
    refused: list[Sent] = field(default_factory=list)
    acknowledged: dict[tuple[str, int], Mapping[str, str]] = field(default_factory=dict)
    sides: dict[str, list[Any]] = field(default_factory=dict)
    pictures: dict[str, list[str]] = field(default_factory=dict)
    refusals: list[str] = field(default_factory=list)
    console: list[str] = field(default_factory=list)
    bodies: list[str] = field(default_factory=list)
    headers: list[str] = field(default_factory=list)
    addresses: set[str] = field(default_factory=set)

    def watch(self, context: BrowserContext) -> None:
        """Begins to watch a context, before it has pages."""
        context.expose_function("reportPainted", lambda path, at: self.painted.setdefault(path, at))
        context.add_init_script(WATCH)
        context.on("page", self._page)

    def _page(self, page: Page) -> None:
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.console.append(f"uncaught: {error}"))
        page.on("request", self._request)
        page.on("response", self._response)

    def _console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.console.append(f"{message.type}: {message.text} ({message.location.get('url', '')})")

    def _request(self, request: Request) -> None:
        self.addresses.add(request.url)
        if urlsplit(request.url).path == "/api/rate" and request.method == "POST":
            self.sent.append(_answer(request))

    def _response(self, response: Response) -> None:
        path = urlsplit(response.url).path
        self.headers.extend(f"{name}: {value}" for name, value in response.headers.items())
        if not path.startswith("/api/"):
            return
        try:
            body = response.json()
        except Exception:  # the page went away, or the connection broke, before the body was there
            return
        self.bodies.append(response.text())
        if response.status != 200:
            if path == "/api/rate":
                self.refused.append(_answer(response.request))
            self.refusals.append(f"{path} {response.status} {body.get('error')}")
            return
        if path == "/api/rate":
            sent = response.request.post_data_json
            self.acknowledged[sent["presentation"], sent["revision"]] = dict(sent["answers"])
        item = body.get("next", body)
        if isinstance(item, dict) and "presentation" in item:
            self.sides.setdefault(item["presentation"], []).append(
                [[picture["id"] for picture in side["pictures"]] for side in item["sides"]]
            )
            self.pictures[item["presentation"]] = [
                urlsplit(picture["url"]).path for side in item["sides"] for picture in side["pictures"]
            ]


def _answer(request: Request) -> Sent:
    body = request.post_data_json
    return Sent(body["presentation"], body["revision"], dict(body["answers"]), float(body["client_ms"]))
