"""Three raters at once, each in a browser of their own, finish a study of each kind."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from checking import check_blind, check_console, check_ratings
from serving import serve_study

from human_eval_app.store.rating_store import open_store
from human_eval_app.studies.questions import Kind
from human_eval_app.studies.study import Study


@pytest.mark.parametrize("kind", ["realism", "alignment", "side_by_side"])
def test_three_raters_at_once_finish(kind: Kind, browser: Any, tmp_path: Path) -> None:
    served = serve_study(tmp_path / "study", browser, kind, quota=3, break_every=3)
    try:
        raters = [served.rater(token) for token in served.invite(3)]
        pages: list[str] = []
        places: list[set[str]] = [set(), set(), set()]
        open_ones = {0, 1, 2}
        while open_ones:
            for number in sorted(open_ones):
                page, _ = raters[number]
                place = page.step(on_place=lambda _: pages.append(page.page.content()))  # noqa: B023, now
                places[number].add(place)
                if place == "finished":
                    open_ones.discard(number)
        for (page, witness), seen in zip(raters, places, strict=True):
            assert {"consent", "rate", "feedback", "practice_done", "break", "finished"} <= seen
            check_console(witness)
            check_blind(served.folder, witness, pages)
            assert not witness.refusals
            code = page.page.locator("p.code").text_content()
            assert code
        ratings = check_ratings(served.folder, served.witnesses)
    finally:
        served.server.stop()
    design = Study.open(served.folder).design
    store = open_store(Study.open(served.folder).database_url)
    progress = store.progress()
    store.close_connections()
    assert progress.rated == progress.wanted == 3 * len(design.items_of("rating"))
    assert ratings >= progress.rated * len(design.questions)
