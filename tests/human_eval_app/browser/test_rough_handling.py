"""Held keys, double clicks, reloads, two tabs, lost networks, restarts: no rating lost, doubled, invented."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
from checking import HARMLESS, check_console, check_ratings
from held_key import HeldKey
from serving import Served, serve_study

from human_eval_app.simulated.browser_page import RatingPage


@pytest.fixture(scope="module")
def served(browser: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """One study for the module, large enough for every test's rater."""
    folder = tmp_path_factory.mktemp("rough") / "study"
    served = serve_study(
        folder, browser, "realism", prompts=60, quota=50, control_every=20, lease_seconds=3600
    )
    yield served
    served.server.stop()


def _answered(served: Served, page: RatingPage) -> int:
    """How many pages the rater has answered, by the page's own counter."""
    return int(page.count.split()[0]) - 1


def test_a_key_held_for_five_seconds_rates_once(served: Served) -> None:
    page, witness = served.rater()
    page.to_rating()
    before = page.count
    key = HeldKey(page.page, "1")
    key.down()
    until = time.monotonic() + 5
    while time.monotonic() < until:
        page.page.wait_for_timeout(33)
        key.down(repeat=True)
    key.up()
    page.wait_for_next(before)
    page.wait_until("rate")
    assert page.count == "2 of" + before.removeprefix("1 of")
    page.page.keyboard.press("1")  # a press of its own counts again
    page.wait_for_next(page.count)
    assert _answered(served, page) == 2
    check_ratings(served.folder, [*served.witnesses])
    check_console(witness)


def test_enter_held_on_an_answer_rates_once(served: Served) -> None:
    page, witness = served.rater()
    page.to_rating()
    before = page.count
    page.page.locator("button.choice").first.focus()
    session = page.page.context.new_cdp_session(page.page)
    enter = {"key": "Enter", "code": "Enter", "text": "\r", "windowsVirtualKeyCode": 13}
    for repeat in [False] + [True] * 60:
        session.send("Input.dispatchKeyEvent", {"type": "keyDown", "autoRepeat": repeat, **enter})
        page.page.wait_for_timeout(33)
    session.send("Input.dispatchKeyEvent", {"type": "keyUp", **enter})
    page.wait_for_next(before)
    page.wait_until("rate")
    assert _answered(served, page) == 1
    check_ratings(served.folder, served.witnesses)
    check_console(witness)


def test_rapid_presses_never_rate_what_was_not_looked_at(served: Served) -> None:
    page, witness = served.rater()
    page.to_rating()
    began = page.page.evaluate("performance.now()")
    for _ in range(40):
        key = HeldKey(page.page, "3")
        key.down()
        key.up()
        page.page.wait_for_timeout(30)
    page.wait_until("rate")
    passed = page.page.evaluate("performance.now()") - began
    assert 1 <= _answered(served, page) <= 1 + passed / 250  # each page has to be looked at for 250 ms
    check_ratings(served.folder, served.witnesses)
    check_console(witness)


def test_an_answer_too_fast_by_the_browsers_clock_is_asked_for_again(served: Served) -> None:
    page, witness = served.rater()
    page.to_rating()
    before = page.count
    # Some browsers round their clock to foil tracking; this one stands still.
    page.page.evaluate("() => { const at = performance.now(); performance.now = () => at; }")
    page.answer()
    page.wait_for_next(before)
    page.wait_until("rate")
    pictures = page.pictures
    page.answer()
    page.page.locator("main.pane .note", has_text="very quick").wait_for()
    page.wait_until("rate")
    assert page.pictures == pictures
    page.page.evaluate("() => { delete performance.now; }")
    page.page.reload()
    page.wait_until("rate")
    before = page.count
    page.answer()
    page.wait_for_next(before)
    page.wait_until("rate")
    assert _answered(served, page) == 2
    check_console(witness, HARMLESS)


def test_double_and_triple_clicks_rate_once(served: Served) -> None:
    page, witness = served.rater()
    page.to_rating()
    for clicks in (2, 3):
        before = page.count
        answered = _answered(served, page)
        page.page.locator("button.choice").last.click(click_count=clicks, delay=5)
        page.wait_for_next(before)
        page.wait_until("rate")
        assert _answered(served, page) == answered + 1
    check_ratings(served.folder, served.witnesses)
    check_console(witness)


def test_a_reload_in_mid_item_shows_the_same_sides(served: Served) -> None:
    page, witness = served.rater()
    page.to_rating()
    for _ in range(2):
        pictures, count = page.pictures, page.count
        page.page.reload()
        page.wait_until("rate")
        assert (page.pictures, page.count) == (pictures, count)
        page.answer()
        page.wait_for_next(count)
        page.wait_until("rate")
    assert _answered(served, page) == 2
    check_ratings(served.folder, served.witnesses)
    check_console(witness)


def test_a_reload_right_after_an_answer_neither_loses_nor_doubles_it(served: Served) -> None:
    page, _ = served.rater()
    page.to_rating()
    for _ in range(3):
        page.answer()
        page.page.reload()
        page.wait_until("rate")
    assert 0 <= _answered(served, page) <= 3
    check_ratings(served.folder, served.witnesses)


def test_two_tabs_show_one_item_and_rate_it_once(served: Served) -> None:
    first, witness = served.rater()
    first.to_rating()
    second = RatingPage(first.page.context.new_page(), served.server.base)
    second.page.goto(served.server.base)
    second.wait_until("rate")
    assert second.pictures == first.pictures
    count = first.count
    second.answer()
    second.wait_for_next(count)
    first.page.bring_to_front()
    if first.where() == "rate" and first.count == count:
        first.page.locator("button.choice").last.click()  # the other answer, in the tab that lags behind
    first.wait_for_next(count)
    first.wait_until("rate")
    second.page.bring_to_front()
    second.wait_until("rate")
    assert _answered(served, first) == 1
    check_ratings(served.folder, served.witnesses)
    check_console(witness, HARMLESS)


def test_the_back_button_leaves_nothing_rated_twice(served: Served) -> None:
    page, witness = served.rater()
    page.to_rating()
    page.answer()
    page.wait_for_next("1 of" + page.count.partition("of")[2])
    page.wait_until("rate")
    here = page.pictures
    page.page.goto("about:blank")
    page.page.go_back()
    page.wait_until("rate")
    assert page.pictures == here
    page.page.go_back()
    page.page.wait_for_timeout(300)
    page.page.goto(served.server.base)
    page.wait_until("rate")
    assert page.pictures == here
    assert _answered(served, page) == 1
    check_ratings(served.folder, served.witnesses)
    check_console(witness, HARMLESS)


def test_an_answer_given_without_network_is_kept_and_sent(served: Served) -> None:
    page, witness = served.rater()
    page.to_rating()
    before = page.count
    page.page.context.set_offline(True)
    page.answer()
    page.page.locator("main.pane .banner").wait_for(state="visible")
    assert "connection" in (page.page.locator("main.pane .banner").text_content() or "")
    page.page.locator("button.choice").last.click(force=True)  # changes nothing: the first is on its way
    page.page.wait_for_timeout(1500)
    assert page.count == before
    page.page.context.set_offline(False)
    page.wait_for_next(before)
    page.wait_until("rate")
    assert not page.page.locator("main.pane .banner").is_visible()
    assert _answered(served, page) == 1
    check_ratings(served.folder, served.witnesses)
    check_console(witness, HARMLESS)


def test_the_server_restarts_in_mid_item(served: Served) -> None:
    page, witness = served.rater()
    page.to_rating()
    before, pictures = page.count, page.pictures
    served.server.kill()
    page.answer()
    page.page.locator("main.pane .banner").wait_for(state="visible")
    served.server.start()
    page.wait_for_next(before)
    page.wait_until("rate")
    assert page.pictures != pictures
    assert _answered(served, page) == 1
    page.page.reload()
    page.wait_until("rate")
    assert _answered(served, page) == 1
    check_ratings(served.folder, served.witnesses)
    check_console(witness, HARMLESS)


def test_another_device_goes_on_where_this_one_stood(served: Served) -> None:
    page, _ = served.rater()
    page.to_rating()
    page.answer()
    page.wait_for_next("1 of" + page.count.partition("of")[2])
    page.wait_until("rate")
    url = page.page.evaluate(
        "() => fetch('/api/continue', {method: 'POST', headers: {'X-Drawbench': '1',"
        " 'Content-Type': 'application/json'}, body: '{}'}).then((r) => r.json()).then((b) => b.url)"
    )
    context, _ = served.context()
    other = RatingPage(context.new_page(), served.server.base)
    other.enter(url.rpartition("/")[2])
    other.wait_until("rate")
    assert (other.pictures, other.count) == (page.pictures, page.count)
