"""Promise 5: a rater cannot read or change what is another's, whatever they send."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from served_studies import Browser, Served, serve_study
from small_studies import small_design

from human_eval_app.studies.questions import KINDS, Kind


@pytest.fixture
def served(tmp_path: Path, database_url: str) -> Served:
    return serve_study(tmp_path / "study", database_url, small_design())


def own_words(served: Served, rater: int) -> list[Any]:
    """All that the database holds of a rater's ratings."""
    frame = served.service.store.ratings(revisions=True)
    mine = frame[frame["rater"] == rater]
    return [tuple(map(str, row)) for row in mine.itertuples(index=False)]


@pytest.mark.parametrize("kind", KINDS)
def test_two_raters_at_once_leave_each_other_alone(kind: Kind, tmp_path: Path, database_url: str) -> None:
    served = serve_study(tmp_path / "study", database_url, small_design(kind))
    ann, bob = served.enter(), served.enter()
    now = [ann.practise(), bob.practise()]
    while any("phase" not in item for item in now):
        for number, rater in enumerate((ann, bob)):
            if "phase" not in now[number]:
                now[number] = rater.rate(now[number], choice=2 * number)["next"]
    frame = served.service.store.ratings()
    rated = frame[frame["role"] != "practice"]
    last = {"alignment": {"yes", "no"}}.get(kind, {"left", "right"})
    by_rater = {rater: set(rows["choice_shown"]) for rater, rows in rated.groupby("rater")}
    assert set.union(*by_rater.values()) == last
    assert len(by_rater[1]) == len(by_rater[2]) == 1
    assert by_rater[1].isdisjoint(by_rater[2])


def test_everything_of_ann_is_refused_to_bob(served: Served) -> None:
    ann, bob = served.enter(), served.enter()
    open_item = ann.practise()
    ann.rate(open_item)
    answered, open_item = open_item, ann.item()
    ann.look(open_item)
    before = own_words(served, 1)
    bob.practise()
    for item in (answered, open_item):
        for picture in [p for side in item["sides"] for p in side["pictures"]]:
            assert bob.client.get(picture["url"]).status_code == 403
        attempts = {
            "/api/rate": {
                "presentation": item["presentation"],
                "revision": item["revision"],
                "answers": {question["name"]: "right" for question in item["questions"]},
                "shown_ms": 9000,
            },
            "/api/skip": {"presentation": item["presentation"]},
            "/api/flag": {"presentation": item["presentation"], "reason": "x"},
        }
        for path, body in attempts.items():
            reply = bob.client.post(path, json=body)
            assert (reply.status_code, reply.json()["error"]) == (403, "not_yours"), path
    bob.client.post("/api/undo", json={"presentation": open_item["presentation"]})
    assert own_words(served, 1) == before
    assert ann.item() == open_item


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_whatever_bob_sends_ann_is_untouched(
    data: st.DataObject, hers: tuple[Served, Browser, Browser, Any]
) -> None:
    served, ann, bob, item = hers
    before = own_words(served, 1), ann.item()
    path = data.draw(
        st.sampled_from(["/api/rate", "/api/undo", "/api/skip", "/api/flag", "/api/break", "/api/practised"])
    )
    ids = st.sampled_from([item["presentation"], "", "0" * 32, "1", "*", "%", "' OR ''='"]) | st.text(
        max_size=40
    )
    body = data.draw(
        st.fixed_dictionaries(
            {},
            optional={
                "presentation": ids,
                "revision": st.integers(-1, 3),
                "answers": st.dictionaries(
                    st.sampled_from(["quality", "text", "x"]), st.sampled_from(["left", "right", "a", ""])
                ),
                "shown_ms": st.integers(0, 10_000),
                "picture": ids,
                "reason": st.text(max_size=20),
                "rater": st.just(1),
                "rater_id": st.just(1),
            },
        )
    )
    reply = bob.client.post(path, json=body)
    assert reply.status_code < 500
    assert (own_words(served, 1), ann.item()) == before


@pytest.fixture
def hers(tmp_path: Path, quick_folder: Path) -> tuple[Served, Browser, Browser, Any]:
    """Ann with one answer given and one page open, and Bob at his first page."""
    design = small_design(prompts=8, quota=2)
    served = serve_study(tmp_path / "study", str(quick_folder / "ratings.db"), design)
    ann, bob = served.enter(), served.enter()
    ann.rate(ann.practise())
    item = ann.item()
    ann.look(item)
    bob.practise()
    return served, ann, bob, item
