"""Every page: accessible in light and dark, usable by keyboard alone and on a phone, telling no model."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from accessibility import check_accessible, focus_is_visible, overflow, tab_to
from checking import check_blind, check_console, check_ratings
from serving import Served, serve_study
from small_studies import ADMIN_TOKEN

from human_eval_app.simulated.browser_page import RatingPage

BACKGROUND = """
() => {
  const host = [...document.querySelectorAll("*")].find((e) => e.shadowRoot?.querySelector("main.pane"));
  let element = host.shadowRoot.querySelector("main.pane");
  for (; element; element = element.parentElement ?? element.getRootNode().host) {
    const colour = getComputedStyle(element).backgroundColor;
    if (!colour.endsWith(", 0)")) return colour;
  }
  return "rgb(255, 255, 255)";
}
"""
PHONE = {"width": 390, "height": 844}


@pytest.fixture(scope="module")
def served(browser: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A study of sets of pictures: two questions a page, practice, controls and a break."""
    folder = tmp_path_factory.mktemp("pages") / "study"
    served = serve_study(
        folder, browser, "side_by_side", samples=8, prompts=3, quota=9, control_every=2, break_every=2
    )
    yield served
    served.server.stop()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_page_has_a_serious_fault_of_accessibility(scheme: str, served: Served) -> None:
    context, witness = served.context(color_scheme=scheme)
    page = RatingPage(context.new_page(), served.server.base)
    token = served.invite()[0]
    page.page.goto(f"{served.server.base}/enter/{token}")
    check_accessible(page.page, "enter")
    page.enter(token)
    seen: set[str] = set()
    contents: list[str] = []
    while (place := page.wait_until()) != "finished":
        contents.append(page.page.content())
        if place not in seen:
            check_accessible(page.page, place)
            seen.add(place)
        page.step()
    check_accessible(page.page, "finished")
    assert seen == {"consent", "rate", "feedback", "practice_done", "break"}
    check_blind(served.folder, witness, contents)
    check_console(witness)


def test_a_used_link_is_refused_in_words(served: Served) -> None:
    token = served.invite()[0]
    served.rater(token)
    context, witness = served.context()
    page = context.new_page()
    page.goto(f"{served.server.base}/enter/{token}")
    page.click("#begin")
    page.locator("#said", has_text="used").wait_for()
    check_accessible(page, "refused")
    check_console(witness, ("status of 410",))


def test_the_background_follows_the_colour_scheme(served: Served) -> None:
    brightness = {}
    for scheme in ("light", "dark"):
        page, _ = served.rater(color_scheme=scheme)
        page.to_rating()
        colour = page.page.evaluate(BACKGROUND)
        red, green, blue = (int(part) for part in colour.removeprefix("rgb(").rstrip(")").split(",")[:3])
        brightness[scheme] = (red + green + blue) / 3
    assert brightness["dark"] < 80 < 200 < brightness["light"]


def test_sets_of_pictures_say_when_the_screen_is_too_small(served: Served) -> None:
    page, witness = served.rater(viewport=PHONE)
    while page.page.locator("main.pane").count() == 0:
        page.agree()
        page.page.locator("main.pane").wait_for()
    page.page.locator("main.pane .small").wait_for(state="visible")
    assert "too small" in (page.page.locator("main.pane .small").text_content() or "")
    page.page.wait_for_timeout(500)
    page.page.keyboard.press("1")
    page.page.keyboard.press("1")
    page.page.wait_for_timeout(300)
    assert not witness.sent, "an answer was taken from a screen that is too small"
    assert overflow(page.page) <= 0
    page.page.set_viewport_size({"width": 1100, "height": 800})
    page.page.locator("main.pane .small").wait_for(state="hidden")
    page.wait_until("rate")
    page.answer()
    page.wait_until("feedback")
    check_ratings(served.folder, served.witnesses)


@pytest.mark.parametrize("kind", ["realism", "alignment"])
def test_one_and_two_pictures_fit_a_phone(kind: Any, browser: Any, tmp_path_factory: Any) -> None:
    folder = tmp_path_factory.mktemp("phone") / "study"
    served = serve_study(folder, browser, kind, prompts=2, size=256)
    try:
        page, witness = served.rater(viewport=PHONE, has_touch=True, is_mobile=True, device_scale_factor=2)
        while (place := page.wait_until()) != "finished":
            assert overflow(page.page) <= 0, place
            if place == "rate":
                _check_phone(page)
            page.step()
        check_ratings(served.folder, served.witnesses)
        check_console(witness)
    finally:
        served.server.stop()


def _check_phone(page: RatingPage) -> None:
    for picture in page.page.locator("main.pane .stage img").all():
        box = picture.bounding_box()
        assert box is not None
        assert box["width"] >= 160
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= PHONE["width"]
    for button in page.page.locator("main.pane button.choice").all():
        box = button.bounding_box()
        assert box is not None
        assert box["height"] >= 44, "a finger needs 44 pixels"
        assert box["x"] + box["width"] <= PHONE["width"]


def test_a_whole_study_with_the_keyboard_alone(served: Served) -> None:
    context, witness = served.context()
    page = RatingPage(context.new_page(), served.server.base)
    keyboard = page.page.keyboard
    page.page.goto(f"{served.server.base}/enter/{served.invite()[0]}")
    tab_to(page.page, "#begin")
    assert focus_is_visible(page.page)
    keyboard.press("Enter")
    pressed = 0
    while (place := page.wait_until()) != "finished":
        if place == "consent":
            tab_to(page.page, ".st-key-agree input")
            keyboard.press("Space")
            page.page.locator(".st-key-begin button:not([disabled])").wait_for()
            tab_to(page.page, ".st-key-begin button")
            assert focus_is_visible(page.page)
            keyboard.press("Enter")
            page.page.wait_for_function("() => !document.querySelector('.st-key-begin')")
        elif place == "rate":
            before = page.count
            if pressed % 3 == 2:  # by Tab and Enter, without shortcuts
                for question in ("quality", "text"):
                    tab_to(page.page, f'button.choice[data-question="{question}"][value="right"]')
                    assert focus_is_visible(page.page)
                    keyboard.press("Enter")
            else:
                keyboard.press("1")
                keyboard.press("3")
            pressed += 1
            page.wait_for_next(before) if not before.startswith("Practice") else page.wait_until("feedback")
        elif place == "feedback":  # the button has the focus
            keyboard.press("Enter")
            page.page.wait_for_timeout(100)
        else:
            tab_to(
                page.page, {"practice_done": ".st-key-start button", "break": ".st-key-go_on button"}[place]
            )
            keyboard.press("Enter")
            page.page.wait_for_timeout(500)
    assert pressed >= 5
    check_ratings(served.folder, served.witnesses)
    check_console(witness)


def test_undo_skip_flag_and_instructions_by_keyboard(served: Served) -> None:
    page, witness = served.rater()
    page.to_rating()
    keyboard = page.page.keyboard
    first = page.pictures
    keyboard.press("f")
    page.page.locator("dialog.ask").wait_for()
    check_accessible(page.page, "flag")
    keyboard.press("1")  # belongs to the dialog, rates nothing
    keyboard.press("Escape")
    page.page.locator("dialog").wait_for(state="detached")
    keyboard.press("h")
    page.page.locator("dialog.ask").wait_for()
    keyboard.press("Escape")
    page.page.locator("dialog").wait_for(state="detached")
    assert page.pictures == first
    before = page.count
    page.answer()
    page.wait_for_next(before)
    page.wait_until("rate")
    keyboard.press("u")
    page.page.wait_for_function("() => true")
    page.wait_for_next("2 of" + before.partition("of")[2])
    page.wait_until("rate")
    assert page.pictures == first, "undo shows the last item again, with the same sides"
    checked = page.page.locator('button.choice[aria-checked="true"]')
    assert checked.count() == 2, "the earlier answers are marked"
    keyboard.press("3")
    assert page.pictures == first, "both questions are to be answered anew"
    keyboard.press("3")
    page.wait_for_next(before)
    page.wait_until("rate")
    assert page.pictures != first
    check_console(witness)


def test_the_administrators_pages_refuse_others_and_are_accessible(served: Served) -> None:
    context, witness = served.context()
    page = context.new_page()
    page.goto(f"{served.server.base}/admin")
    page.get_by_text("Log in with the admin token").click()
    page.wait_for_url("**/admin/login")
    check_accessible(page, "admin login")
    page.fill("#token", "wrong-token")
    page.click("#login button")
    page.locator("#said", has_text="not the study's admin token").wait_for()
    page.fill("#token", ADMIN_TOKEN)
    page.click("#login button")
    page.wait_for_url("**/admin")
    for tab in page.get_by_role("tab").all():
        tab.click()
        page.wait_for_timeout(300)
        check_accessible(page, f"admin: {tab.text_content()}")
    # Streamlit looks for its own address below the page's first.
    check_console(witness, ("status of 403", "/admin/_stcore/"))
