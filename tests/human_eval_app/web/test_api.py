"""The JSON routes against the real store."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from served_studies import Served, serve_study
from small_studies import small_design
from sqlalchemy import event

from human_eval_app.studies.questions import KINDS, Kind


@pytest.fixture
def served(tmp_path: Path, database_url: str) -> Served:
    return serve_study(tmp_path / "study", database_url, small_design(min_dwell_ms=500))


@pytest.mark.parametrize("kind", KINDS)
def test_a_rater_finishes_a_study_of_each_kind(kind: Kind, tmp_path: Path, database_url: str) -> None:
    design = small_design(kind, break_every=2)
    served = serve_study(tmp_path / "study", database_url, design)
    rater = served.enter()
    items = rater.finish()
    wanted = len(design.items_of("rating")) + len(items) - len({item["presentation"] for item in items})
    controls = sum(item.role == "control" for item in design.items)
    assert wanted <= len(items) <= wanted + controls
    frame = served.service.store.ratings()
    rated = frame[frame["role"] == "rating"]
    assert len(rated) == len(design.items_of("rating")) * len(design.questions)
    state = rater.client.get("/api/state").json()
    assert state["phase"] == "finished"
    assert state["done"] == state["total"] == len(items)
    assert state["completion_code"]


def test_state_before_consent_and_nothing_is_shown_without_it(served: Served) -> None:
    client = served.browser()
    client.post(f"/enter/{served.invite()}", json={})
    assert client.get("/api/state").json()["phase"] == "consent"
    assert client.get("/api/item").json() == {"phase": "consent"}
    assert client.post("/api/consent", json={"agree": False}).status_code == 400
    assert client.get("/api/item").json() == {"phase": "consent"}
    assert client.post("/api/consent", json={"agree": True}).json() == {"ok": True}
    assert client.get("/api/item").json()["role"] == "practice"


def test_practice_gives_feedback_and_the_rating_none(served: Served) -> None:
    rater = served.enter()
    item = rater.item()
    assert item["role"] == "practice"
    left_is_right = rater.rate(item, choice=0)["feedback"]
    assert [question["name"] for question in left_is_right["questions"]] == ["quality", "text"]
    for question in left_is_right["questions"]:
        assert question["given"] == "left"
        assert question["given_label"] == "I prefer set A"
        assert question["correct"] == (question["expected"] == "left")
        assert (
            question["expected_label"]
            == {"left": "I prefer set A", "right": "I prefer set B"}[question["expected"]]
        )
    assert left_is_right["correct"] == all(question["correct"] for question in left_is_right["questions"])
    item = rater.practise()
    while "phase" not in item:
        reply = rater.rate(item)
        assert reply["feedback"] is None  # a control gives none either: it must not be told from the rest
        item = reply["next"]


def test_an_item_looks_the_same_whenever_it_is_asked_for(served: Served) -> None:
    rater = served.enter()
    first = rater.item()
    served.clock.wait(60)
    again = rater.item()
    assert again == first  # the same pictures, sides and addresses: F5, a second tab, another device


def test_what_is_preloaded_is_what_comes_next(served: Served) -> None:
    rater = served.enter()
    now = rater.practise()
    for _ in range(3):
        ahead = now["preload"]
        assert ahead
        for address in ahead:
            assert rater.client.get(address).status_code == 200
        now = rater.rate(now)["next"]
        assert [picture["url"] for side in now["sides"] for picture in side["pictures"]] == ahead


def test_the_same_answer_twice_is_one_rating(served: Served) -> None:
    rater = served.enter()
    item = rater.practise()
    rater.look(item)
    first, second = rater.answer(item), rater.answer(item)
    assert (first.status_code, second.status_code) == (200, 200)
    assert (first.json()["duplicate"], second.json()["duplicate"]) == (False, True)
    assert second.json()["next"] == first.json()["next"]
    frame = served.service.store.ratings()
    assert len(frame[frame["presentation"] == item["presentation"]]) == 2  # one for each question


def test_another_answer_to_an_answered_page_is_refused(served: Served) -> None:
    rater = served.enter()
    item = rater.practise()
    rater.rate(item, choice=0)
    reply = rater.answer(item, choice=2)
    assert (reply.status_code, reply.json()["error"]) == (409, "stale_revision")


def test_an_answer_about_pictures_that_were_not_fetched_is_refused(served: Served) -> None:
    rater = served.enter()
    item = rater.practise()
    ahead = rater.item()
    served.clock.wait(5)
    reply = rater.answer(ahead)
    assert (reply.status_code, reply.json()["error"]) == (409, "not_shown")
    assert rater.item()["presentation"] == item["presentation"]


def test_an_answer_that_comes_too_fast_is_refused(served: Served) -> None:
    rater = served.enter()
    item = rater.practise()
    rater.look(item, seconds=0.1)
    refused = rater.answer(item)  # by the server's clock
    # Not 429, which pages send again as it was: what came too fast by the page's clock would do so for ever.
    assert (refused.status_code, refused.json()["error"]) == (409, "too_fast")
    served.clock.wait(2)
    assert rater.answer(item, shown_ms=100).json()["error"] == "too_fast"  # by the page's
    assert rater.answer(item).status_code == 200


@pytest.mark.parametrize(
    "changes",
    [
        {"answers": {"quality": "left"}},
        {"answers": {"quality": "left", "text": "left", "more": "left"}},
        {"answers": {"quality": "a", "text": "left"}},
        {"answers": {"quality": "", "text": "left"}},
    ],
)
def test_answers_that_are_none_are_refused(served: Served, changes: dict[str, object]) -> None:
    rater = served.enter()
    item = rater.practise()
    rater.look(item)
    reply = rater.answer(item, **changes)
    assert (reply.status_code, reply.json()["error"]) == (422, "bad_answer")
    assert rater.item()["presentation"] == item["presentation"]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"nonsense",
        b"[]",
        b"null",
        b'{"answers": []}',
        b'{"answers": {"quality": 1}}',
        b"[" * 20_000,
        b" " * 20_000,
    ],
)
def test_bodies_that_are_none_are_refused_and_change_nothing(served: Served, body: bytes) -> None:
    rater = served.enter()
    item = rater.item()
    reply = rater.client.post("/api/rate", content=body)
    assert (reply.status_code, reply.json()["error"]) == (400, "bad_request")
    assert rater.item() == item


@pytest.mark.parametrize("field", ["revision", "shown_ms", "client_ms"])
@pytest.mark.parametrize("value", [-1, 1.5, "1", True, 2**60, None])
def test_numbers_that_are_none_are_refused(served: Served, field: str, value: object) -> None:
    rater = served.enter()
    item = rater.item()
    rater.look(item)
    assert rater.answer(item, **{field: value}).status_code == 400


def test_undo_goes_back_and_the_new_answer_replaces_the_old(served: Served) -> None:
    rater = served.enter()
    first = rater.practise()
    second = rater.rate(first, choice=0)["next"]
    back = rater.client.post("/api/undo", json={}).json()
    assert back["presentation"] == first["presentation"]
    assert back["answers"] == {"quality": "left", "text": "left"}
    assert back["revision"] == 2
    assert back["sides"] == first["sides"]
    after = rater.rate(back, choice=2)["next"]
    assert after["presentation"] == second["presentation"]
    frame = served.service.store.ratings()
    mine = frame[frame["presentation"] == first["presentation"]]
    assert list(mine["choice_shown"]) == ["right", "right"]
    assert list(mine["revision"]) == [2, 2]


def test_undo_with_nothing_answered_is_refused(served: Served) -> None:
    rater = served.enter()
    reply = rater.client.post("/api/undo", json={})
    assert (reply.status_code, reply.json()["error"]) == (409, "nothing_to_undo")


def test_skip_goes_on_and_flag_is_kept(served: Served) -> None:
    rater = served.enter()
    item = rater.practise()
    picture = item["sides"][0]["pictures"][0]["id"]
    told = {"presentation": item["presentation"], "picture": picture, "reason": "blurred <script>"}
    assert rater.client.post("/api/flag", json=told).json() == {"ok": True}
    after = rater.client.post(
        "/api/skip", json={"presentation": item["presentation"], "reason": "cannot decide"}
    )
    assert after.json()["presentation"] != item["presentation"]
    events = list(served.service.store.events())
    assert [event.detail["reason"] for event in events if event.kind == "flag"] == ["blurred <script>"]
    assert [event.detail["reason"] for event in events if event.kind == "skip"] == ["cannot decide"]


def test_another_device_goes_on_at_the_same_item(served: Served) -> None:
    rater = served.enter()
    item = rater.practise()
    address = rater.client.post("/api/continue", json={}).json()["url"]
    assert address.startswith("http://127.0.0.1/enter/")
    other = served.browser()
    assert other.post(address.removeprefix("http://127.0.0.1"), json={}).status_code == 303
    assert other.get("/api/item").json() == item
    assert rater.client.get("/api/item").json() == item  # the first device stays in


def test_a_link_opened_again_in_its_browser_goes_on(served: Served) -> None:
    token = served.invite()
    rater = served.enter(token)
    item = rater.item()
    assert "their place is kept" in rater.client.get(f"/enter/{token}").text
    assert rater.client.post(f"/enter/{token}", json={}).status_code == 303
    assert rater.item() == item


def test_two_people_may_share_a_browser_and_an_open_link(served: Served) -> None:
    token = served.invite(open_places=5)
    rater = served.enter(token)
    item = rater.item()
    rater.client.get(f"/enter/{token}")
    assert rater.client.post(f"/enter/{token}", json={}).status_code == 303
    assert rater.item() == item  # the same person, going on: no second place is taken
    assert len(served.service.store.raters()) == 1
    rater.client.get(f"/enter/{token}")
    assert rater.client.post(f"/enter/{token}", json={"anew": True}).status_code == 303
    assert rater.client.get("/api/state").json()["phase"] == "consent"
    assert len(served.service.store.raters()) == 2


def test_looking_at_a_link_uses_nothing_up(served: Served) -> None:
    token = served.invite()
    for _ in range(3):
        assert served.browser().get(f"/enter/{token}").status_code == 200
    assert served.browser().post(f"/enter/{token}", json={}).status_code == 303


def test_a_recruiting_sites_id_is_one_rater(served: Served) -> None:
    token = served.invite(open_places=3)
    assert served.browser().post(f"/enter/{token}", json={"external_id": "P1"}).status_code == 303
    again = served.browser().post(f"/enter/{token}", json={"external_id": "P1"})
    assert (again.status_code, again.json()["error"]) == (410, "used")
    assert served.browser().post(f"/enter/{token}", json={"external_id": "P2"}).status_code == 303
    assert [rater.external_id for rater in served.service.store.raters()] == ["P1", "P2"]


def test_a_closed_study_takes_nothing_and_says_so(served: Served) -> None:
    rater = served.enter()
    item = rater.practise()
    rater.look(item)
    served.service.store.close()
    reply = rater.answer(item)
    assert (reply.status_code, reply.json()["error"]) == (409, "closed")
    assert rater.item() == {"phase": "closed"}
    assert served.browser().post(f"/enter/{served.invite()}", json={}).json()["error"] == "closed"
    served.service.store.reopen()
    assert rater.rate(rater.item())["accepted"]


def test_a_database_that_refuses_is_told_and_nothing_is_acknowledged(tmp_path: Path) -> None:
    served = serve_study(tmp_path / "study", str(tmp_path / "ratings.db"))
    rater = served.enter()
    item = rater.practise()
    rater.look(item)

    def fill_disk(connection: sqlite3.Connection, *_: object) -> None:
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        connection.execute(f"PRAGMA max_page_count={pages}")

    event.listen(served.service.store.database.engine, "checkout", fill_disk)
    told = {"presentation": item["presentation"], "reason": "x" * 400}
    replies = iter(lambda: rater.client.post("/api/flag", json=told), None)
    refused = next(reply for reply in replies if reply.status_code != 200)
    assert (refused.status_code, refused.json()["error"]) == (503, "unavailable")
    assert refused.headers["retry-after"] == "2"
    assert str(tmp_path) not in refused.text
    before = len(served.service.store.ratings())
    answers = [rater.answer(item) for _ in range(3)]
    assert {reply.status_code for reply in answers} <= {200, 503}
    acknowledged = any(reply.status_code == 200 for reply in answers)
    assert len(served.service.store.ratings()) == before + 2 * acknowledged
    event.remove(served.service.store.database.engine, "checkout", fill_disk)
