"""Small studies with their server running, invited raters and browser contexts for them."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, BrowserContext
from small_studies import small_design, write_study
from witness import Witness

from human_eval_app.simulated.browser_page import RatingPage
from human_eval_app.simulated.server_process import ServerProcess
from human_eval_app.store.rating_store import open_store
from human_eval_app.studies.questions import Kind
from human_eval_app.studies.study import Study


@dataclass
class Served:
    """A study that is being served. Everything opened through it is watched."""

    folder: Path
    server: ServerProcess
    browser: Browser
    witnesses: list[Witness] = field(default_factory=list)

    def invite(self, count: int = 1) -> list[str]:
        """Tokens of new invite links."""
        store = open_store(Study.open(self.folder).database_url)
        tokens = [invite.token for invite in store.invite(count)]
        store.close_connections()
        return tokens

    def context(self, **options: Any) -> tuple[BrowserContext, Witness]:
        """A browser of its own, as another person's would be."""
        context = self.browser.new_context(**{"viewport": {"width": 1280, "height": 800}, **options})
        witness = Witness()
        witness.watch(context)
        self.witnesses.append(witness)
        return context, witness

    def rater(self, token: str | None = None, **options: Any) -> tuple[RatingPage, Witness]:
        """A rater who has opened an invite link and begun."""
        context, witness = self.context(**options)
        page = RatingPage(context.new_page(), self.server.base)
        page.enter(token or self.invite()[0])
        return page, witness


def serve_study(folder: Path, browser: Browser, kind: Kind, **design: Any) -> Served:
    """Writes a small study of 64-pixel pictures and starts its server; stop `server` afterwards."""
    options = {"size": 64, "min_dwell_ms": 250, "controls": 2, "practice": 1, "prompts": 4, **design}
    write_study(folder, small_design(kind, **options))
    server = ServerProcess(folder, log=folder / "server.log")
    server.start()
    return Served(folder, server, browser)
