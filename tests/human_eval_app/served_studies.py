"""A small study behind the app's real routes and guard, and a rater's browser that talks to them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from small_studies import ADMIN_TOKEN, small_design, write_study
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.testclient import TestClient

from human_eval_app.store.rating_store import open_store
from human_eval_app.studies.design import StudyDesign
from human_eval_app.studies.study import Study
from human_eval_app.web.assembly import own_routes
from human_eval_app.web.guesses import GuessLimiter
from human_eval_app.web.security import Guard, Site
from human_eval_app.web.serving import RatingService

ORIGIN = "http://127.0.0.1"
HEADERS = {"Origin": ORIGIN, "X-Drawbench": "1"}


@dataclass
class Clock:
    """A clock that is moved by hand."""

    now: datetime = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def seconds(self) -> float:
        return self.now.timestamp()

    def wait(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


@dataclass
class Served:
    """The study, its service, and browsers for it."""

    service: RatingService
    clock: Clock
    app: Starlette
    opened: list[TestClient] = field(default_factory=list)

    def browser(self, **headers: str) -> TestClient:
        client = TestClient(self.app, base_url=ORIGIN, headers={**HEADERS, **headers}, follow_redirects=False)
        self.opened.append(client)
        return client

    def invite(self, **options: Any) -> str:
        return self.service.store.invite(1, **options)[0].token

    def enter(self, token: str | None = None) -> Browser:
        """A rater who has followed a link and agreed."""
        client = self.browser()
        reply = client.post(f"/enter/{token or self.invite()}", json={})
        assert reply.status_code == 303, reply.text
        assert client.post("/api/consent", json={"agree": True}).status_code == 200
        return Browser(client, self.clock)

    def administrator(self) -> TestClient:
        client = self.browser()
        assert client.post("/admin/login", json={"token": ADMIN_TOKEN}).status_code == 303
        return client


@dataclass
class Browser:
    """What the pane does, without a screen."""

    client: TestClient
    clock: Clock

    def item(self) -> dict[str, Any]:
        reply = self.client.get("/api/item")
        assert reply.status_code == 200, reply.text
        return dict(reply.json())

    def look(self, item: dict[str, Any], seconds: float = 2.0) -> list[bytes]:
        """Fetches every picture of an item and looks at them."""
        seen = []
        for side in item["sides"]:
            for picture in side["pictures"]:
                reply = self.client.get(picture["url"])
                assert reply.status_code == 200, reply.text
                seen.append(reply.content)
        self.clock.wait(seconds)
        return seen

    def answer(self, item: dict[str, Any], choice: int = 0, **changes: Any) -> Any:
        """Sends the `choice`-th answer to every question; returns the raw reply."""
        body = {
            "presentation": item["presentation"],
            "revision": item["revision"],
            "answers": {
                question["name"]: question["choices"][choice]["key"] for question in item["questions"]
            },
            "shown_ms": 2000,
            "client_ms": 1,
            **changes,
        }
        return self.client.post("/api/rate", json=body)

    def rate(self, item: dict[str, Any], choice: int = 0) -> dict[str, Any]:
        self.look(item)
        reply = self.answer(item, choice)
        assert reply.status_code == 200, reply.text
        return dict(reply.json())

    def practise(self) -> dict[str, Any]:
        """Gets the practice over with; returns the first item of the rating."""
        now = self.item()
        while "phase" not in now:
            if now["role"] != "practice":
                return now
            now = self.rate(now)["next"]
        assert now == {"phase": "practice_done"}
        assert self.client.post("/api/practised", json={}).status_code == 200
        return self.item()

    def finish(self, choice: int = 0) -> list[dict[str, Any]]:
        """Rates all that is left, breaks included; returns the items."""
        items = []
        now = self.practise()
        while now.get("phase") != "finished":
            if now.get("phase") == "break":
                assert self.client.post("/api/break", json={}).status_code == 200
                now = self.item()
                continue
            assert "phase" not in now, now
            items.append(now)
            now = self.rate(now, choice)["next"]
        return items


def serve_study(
    folder: Path, database: str, design: StudyDesign | None = None, site: Site | None = None
) -> Served:
    """Writes a study and puts the app's own routes in front of it."""
    clock = Clock()
    write_study(folder, design or small_design())
    study = Study.open(folder)
    store = open_store(database, create=True, clock=clock)
    store.register(study.design)
    site = site or Site()
    service = RatingService(study, store, site, GuessLimiter(clock=clock.seconds), clock)
    return Served(
        service, clock, Starlette(routes=own_routes(service), middleware=[Middleware(Guard, site=site)])
    )
