"""The Streamlit pages around the pane: what they show is what the database says."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from served_studies import Browser, Served, serve_study
from small_studies import ADMIN_TOKEN, small_design
from streamlit.testing.v1 import AppTest

from human_eval_app.web import serving
from human_eval_app.web.admin_session import admin_cookie_value, end_admin_session
from human_eval_app.web.assembly import SCRIPT
from human_eval_app.web.shell import visitor

SECONDS = 60


@pytest.fixture(autouse=True)
def own_main(monkeypatch: pytest.MonkeyPatch) -> None:
    """AppTest leaves its script behind as `__main__`, and processes that are spawned later would run it."""
    monkeypatch.setitem(sys.modules, "__main__", sys.modules["__main__"])


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    design = small_design(
        break_every=2, control_gate=0, completion_url="https://recruiting.example/complete?cc={code}"
    )
    made = serve_study(tmp_path / "study", str(tmp_path / "ratings.db"), design)
    serving.serve(made.service)
    yield made
    serving.serve(None)


@pytest.fixture
def cookies(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The browser's cookies; AppTest has no connection that could bring any."""
    jar: dict[str, str] = {}
    monkeypatch.setattr(visitor, "cookies", lambda: jar)
    return jar


def page(path: str = "") -> AppTest:
    test = AppTest.from_file(str(SCRIPT), default_timeout=SECONDS)
    if path:
        test.switch_page(path)
    return test.run()


def text_of(test: AppTest) -> str:
    parts = [
        element.proto.body if element.type == "html" else getattr(element, "value", "")
        for element in test.main
    ]
    return "\n".join(str(part) for part in parts)


def come_in(served: Served, cookies: dict[str, str]) -> Browser:
    """A rater who has opened a link but agreed to nothing yet."""
    client = served.browser()
    client.post(f"/enter/{served.invite()}", json={})
    cookies[served.service.rater_cookie] = client.cookies[served.service.rater_cookie]
    return Browser(client, served.clock)


def shows_pane(test: AppTest) -> bool:
    return any(element.type == "bidi_component" for element in test.main)


def test_a_stranger_is_told_to_open_the_link(served: Served, cookies: dict[str, str]) -> None:
    test = page()
    assert not test.exception
    assert "Open the invitation link" in text_of(test)
    assert not test.button
    assert not shows_pane(test)


def test_the_pages_of_a_rater_from_consent_to_the_end(served: Served, cookies: dict[str, str]) -> None:
    rater = come_in(served, cookies)
    test = page()
    assert "A small study" in text_of(test)
    assert "Taking part is voluntary." in text_of(test)
    assert test.button(key="begin").disabled
    assert not shows_pane(test)

    test.checkbox(key="agree").check().run()
    assert not test.button(key="begin").disabled
    test.button(key="begin").click().run()
    assert shows_pane(test)

    item = rater.item()
    while "phase" not in item:
        item = rater.rate(item)["next"]
    test.run()
    assert "The practice is over" in text_of(test)
    test.button(key="start").click().run()
    assert shows_pane(test)

    item = rater.item()
    breaks = 0
    while item.get("phase") != "finished":
        if item.get("phase") == "break":
            breaks += 1
            test.run()
            assert "Time for a break" in text_of(test)
            assert not shows_pane(test)
            test.button(key="go_on").click().run()
            assert shows_pane(test)
            item = rater.item()
            continue
        item = rater.rate(item)["next"]
    assert breaks == 2
    test.run()
    code = rater.client.get("/api/state").json()["completion_code"]
    assert "Thank you" in text_of(test)
    assert code in text_of(test)
    assert not test.exception


def test_a_page_opened_anew_shows_the_same_place(served: Served, cookies: dict[str, str]) -> None:
    rater = come_in(served, cookies)
    served.service.store.consent(1)
    item = rater.item()
    while "phase" not in item:
        item = rater.rate(item)["next"]
    for _ in range(2):  # F5, another tab: nothing is in the session
        assert "The practice is over" in text_of(page())


def test_closed_excluded_and_revoked_raters_are_told(served: Served, cookies: dict[str, str]) -> None:
    come_in(served, cookies)
    served.service.store.consent(1)
    served.service.store.close()
    assert "The study is closed" in text_of(page())
    served.service.store.reopen()
    served.service.store.exclude("rater", 1, "tests")
    assert "Your part ends here" in text_of(page())
    served.service.store.include("rater", 1, "tests")
    assert shows_pane(page())
    served.service.store.revoke(1)
    assert "Open the invitation link" in text_of(page())


def test_a_rater_waits_while_others_hold_what_is_left(tmp_path: Path, cookies: dict[str, str]) -> None:
    design = small_design("realism", prompts=2, quota=1, controls=0, practice=0)
    served = serve_study(tmp_path / "study", str(tmp_path / "ratings.db"), design)
    serving.serve(served.service)
    try:
        bob = come_in(served, cookies)
        served.service.store.consent(1)
        ann = served.enter()
        item = ann.item()  # one is open, the other leased to be preloaded
        assert bob.item() == {"phase": "waiting"}
        test = page()
        assert not test.exception
        assert "A short wait" in text_of(test)
        after = ann.rate(item)["next"]
        ann.client.post("/api/skip", json={"presentation": after["presentation"]})
        test.button(key="look").click().run()
        assert shows_pane(test)
    finally:
        serving.serve(None)


def test_the_last_answer_can_be_changed_at_the_end(served: Served, cookies: dict[str, str]) -> None:
    rater = come_in(served, cookies)
    served.service.store.consent(1)
    items = rater.finish()
    test = page()
    test.button(key="go_back").click().run()
    assert shows_pane(test)
    back = rater.item()
    assert back["presentation"] == items[-1]["presentation"]
    assert rater.rate(back, choice=2)["next"] == {"phase": "finished"}


def test_texts_of_the_study_are_shown_as_text(tmp_path: Path, cookies: dict[str, str]) -> None:
    design = replace(
        small_design(), title="<b>T</b> *x*", instructions="<script>alert(1)</script> $y$", consent="<i>c</i>"
    )
    served = serve_study(tmp_path / "study", str(tmp_path / "ratings.db"), design)
    serving.serve(served.service)
    try:
        come_in(served, cookies)
        shown = text_of(page())
    finally:
        serving.serve(None)
    assert "&lt;script&gt;alert(1)&lt;/script&gt; $y$" in shown
    assert "&lt;b&gt;T&lt;/b&gt; *x*" in shown
    assert "<script>" not in shown


def test_the_component_is_told_nothing_but_the_studys_words(served: Served, cookies: dict[str, str]) -> None:
    come_in(served, cookies)
    served.service.store.consent(1)
    component = next(element for element in page().main if element.type == "bidi_component")
    sent = str(component.proto)
    assert "A small study" in sent
    for model in ("imagen-xl", "glide-base", served.service.study.design.digest):
        assert model not in sent


def test_administrators_pages_refuse_everyone_else(served: Served, cookies: dict[str, str]) -> None:
    rater = come_in(served, cookies)
    for value in (
        "",
        "x",
        f"{int(served.clock.seconds()) + 999}.{'0' * 64}",
        rater.client.cookies.get("x", ""),
    ):
        cookies[served.service.admin_cookie] = value
        test = admin_page()
        assert "Log in with the admin token" in text_of(test)
        assert not test.tabs
        assert not test.button
    cookies[served.service.admin_cookie] = cookies[served.service.rater_cookie]
    assert not admin_page().tabs


def admin_page(tab: str = "Progress") -> AppTest:
    """The administrators' page by itself: AppTest does not know addresses of pages made of functions."""

    def script() -> None:
        from human_eval_app.web.shell.admin_page import show

        show()

    test = AppTest.from_function(script, default_timeout=SECONDS)
    test.session_state["tab"] = tab
    return test.run()


@pytest.mark.parametrize("tab", ["Progress", "Results", "Raters", "Invite", "Flags and log", "Export"])
@pytest.mark.parametrize("rated", [False, True])
def test_every_tab_of_administrators(tab: str, rated: bool, served: Served, cookies: dict[str, str]) -> None:
    if rated:
        rater = served.enter()
        item = rater.item()
        rater.client.post("/api/flag", json={"presentation": item["presentation"], "reason": "<b>odd</b>"})
        rater.finish()
    cookies[served.service.admin_cookie] = admin_cookie_value(served.service)
    test = admin_page(tab)
    assert not test.exception
    assert not test.error
    assert [made.label for made in test.tabs] == [
        "Progress",
        "Results",
        "Raters",
        "Invite",
        "Flags and log",
        "Export",
    ]
    shown = text_of(test)
    assert "A small study" in shown
    if rated:
        assert {"Progress": "4 / 12", "Results": "imagen-xl over glide-base", "Raters": "<td>finished</td>",
                "Flags and log": "&lt;b&gt;odd&lt;/b&gt;"}.get(tab, "") in shown  # fmt: skip


def test_administrators_see_progress_and_intervene(served: Served, cookies: dict[str, str]) -> None:
    served.enter().finish()
    cookies[served.service.admin_cookie] = admin_cookie_value(served.service)
    test = admin_page("Raters")
    test.text_input(key="reason_1").input("answers at random")
    test.button[[button.label for button in test.button].index("Leave out")].click().run()
    assert served.service.store.rater(1).excluded_reason == "answers at random"
    test.text_input(key="reason_1").input("a mistake")
    test.button[[button.label for button in test.button].index("Take back")].click().run()
    assert served.service.store.rater(1).excluded_reason == ""
    assert [event.kind for event in served.service.store.events()][-2:] == ["exclude", "include"]
    test.button(key="close").click().run()
    assert not served.service.store.is_open
    test.button(key="reopen").click().run()
    assert served.service.store.is_open


def test_a_page_that_is_older_than_the_log_out_does_nothing(served: Served, cookies: dict[str, str]) -> None:
    value = admin_cookie_value(served.service)
    cookies[served.service.admin_cookie] = value
    test = admin_page("Progress")
    end_admin_session(served.service, value)
    test.button(key="close").click().run()
    assert served.service.store.is_open
    assert not test.tabs
    assert "Log in with the admin token" in text_of(test)


def test_administrators_make_links_that_work_once(served: Served, cookies: dict[str, str]) -> None:
    cookies[served.service.admin_cookie] = admin_cookie_value(served.service)
    test = admin_page("Invite")
    test.number_input(key="invite_count").set_value(2)
    test.button[[button.label for button in test.button].index("Make links")].click().run()
    links = test.code[0].value.splitlines()
    assert len(links) == 2
    token = links[0].rsplit("/", 1)[1]
    assert served.browser().post(f"/enter/{token}", json={}).status_code == 303
    assert served.browser().post(f"/enter/{token}", json={}).status_code == 410


def test_an_administrators_open_link_is_for_many_and_asks_for_their_ids(
    served: Served, cookies: dict[str, str]
) -> None:
    cookies[served.service.admin_cookie] = admin_cookie_value(served.service)
    test = admin_page("Invite")
    test.radio(key="invite_kind").set_value("open")
    test.number_input(key="invite_count").set_value(3)
    test.button[[button.label for button in test.button].index("Make links")].click().run()
    (link,) = test.code[0].value.splitlines()
    assert "?PROLIFIC_PID={{%PROLIFIC_PID%}}" in link
    assert any("3 raters" in caption.value for caption in test.caption)
    token = link.rsplit("/", 1)[1].partition("?")[0]
    for _ in range(2):
        assert served.browser().post(f"/enter/{token}", json={}).status_code == 303


def test_the_admin_token_is_the_studys(served: Served) -> None:
    assert served.service.study.is_admin(ADMIN_TOKEN)
