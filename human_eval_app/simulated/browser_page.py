"""Goes through the raters' pages in a real browser, as a person would. Needs playwright where it is used."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
"""Names under which the system's Chromium is looked for."""

Choose = Callable[[int], str]
Place = Literal["consent", "rate", "feedback", "practice_done", "break", "finished", "message", "nowhere"]
PATIENCE_MS = 60_000

WHERE = """
() => {
  const shown = (selector) => {
    const found = document.querySelector(selector);
    return found && found.checkVisibility() && !found.closest('[data-stale="true"]');
  };
  const host = [...document.querySelectorAll("*")].find((e) => e.shadowRoot?.querySelector("main.pane"));
  const pane = host?.shadowRoot.querySelector("main.pane");
  if (pane && host.checkVisibility()) {
    const feedback = pane.querySelector(".feedback button");
    if (feedback) return feedback.ariaDisabled === "true" ? "nowhere" : "feedback";
    return pane.dataset.state === "ready" ? "rate" : "nowhere";
  }
  if (shown(".st-key-begin button")) return "consent";
  if (shown(".st-key-start button")) return "practice_done";
  if (shown(".st-key-go_on button")) return "break";
  const title = document.querySelector("h1")?.textContent ?? "";
  if (title.includes("Thank you")) return "finished";
  return title && !shown('[data-testid="stSpinner"]') ? "message" : "nowhere";
}
"""

GONE_ON = f"""
(before) => {{
  const place = ({WHERE})();
  if (place !== "rate") return place !== "nowhere";
  const host = [...document.querySelectorAll("*")].find((e) => e.shadowRoot?.querySelector("main.pane"));
  return host.shadowRoot.querySelector(".count").textContent !== before;
}}
"""


def find_browser() -> str | None:
    """Path of the system's Chromium, or None."""
    return next((found for name in BROWSERS if (found := shutil.which(name))), None)


class RatingPage:
    """A tab of one rater, at the server `base` (such as "http://127.0.0.1:8501").

    What does not come within a minute raises playwright's TimeoutError.
    """

    def __init__(self, page: Page, base: str) -> None:
        self.page = page
        self.base = base
        page.set_default_timeout(PATIENCE_MS)

    def enter(self, token: str) -> None:
        """Opens the invite link and presses Begin."""
        self.page.goto(f"{self.base}/enter/{token}")
        self.page.click("#begin")
        self.page.wait_for_url(f"{self.base}/")

    def where(self) -> Place:
        """Which page is shown now."""
        place: Place = self.page.evaluate(WHERE)
        return place

    def wait_until(self, *places: Place) -> Place:
        """Waits for one of `places`, or with none for any place where something can be done."""
        wanted = places or ("consent", "rate", "feedback", "practice_done", "break", "finished")
        script = f"() => {{ const place = ({WHERE})(); return {list(wanted)!r}.includes(place) && place; }}"
        place: Place = self.page.wait_for_function(script, polling=50).json_value()
        return place

    def agree(self) -> None:
        """Gives consent."""
        self.wait_until("consent")
        # The box itself is invisible under the drawn one.
        self.page.locator(".st-key-agree label").click()
        self.page.locator(".st-key-begin button:not([disabled])").click()
        self._wait_until_gone("consent")

    def go_on(self, place: Place) -> None:
        """Presses the one button of a page between ratings."""
        button = {
            "feedback": ".feedback button.main",
            "practice_done": ".st-key-start button",
            "break": ".st-key-go_on button",
        }[place]
        self.page.locator(button).click()
        self._wait_until_gone(place)

    def _wait_until_gone(self, place: Place) -> None:
        """Waits until Streamlit has taken the old page away; a second click on it would meet nothing."""
        self.page.wait_for_function(f"() => ({WHERE})() !== {place!r}", polling=50)

    def to_rating(self) -> None:
        """Goes on until the first page that counts can be answered."""
        while (place := self.wait_until()) != "rate" or self.count.startswith("Practice"):
            if place == "consent":
                self.agree()
            elif place == "rate":
                self.answer()
            else:
                self.go_on(place)

    def finish(self, choose: Choose | None = None, on_place: Callable[[Place], None] | None = None) -> None:
        """Goes through everything up to the last page."""
        while (place := self.step(choose, on_place)) != "finished":
            assert place != "message", self.page.locator("h1").first.text_content()

    def step(self, choose: Choose | None = None, on_place: Callable[[Place], None] | None = None) -> Place:
        """Does what the page asks for; says which page it was."""
        place = self.wait_until()
        if on_place is not None:
            on_place(place)
        if place == "consent":
            self.agree()
        elif place == "rate":
            self.answer(choose)
        elif place != "finished":
            self.go_on(place)
        return place

    def answer(self, choose: Choose | None = None) -> None:
        """Answers every question of the page by clicking; `choose` gives a choice for a question's place."""
        for number in range(self.questions.count()):
            buttons = self.questions.nth(number).locator("button.choice")
            if choose is None:
                buttons.first.click()
            else:
                self.questions.nth(number).locator(f'button.choice[value="{choose(number)}"]').click()

    def wait_for_next(self, before: str) -> None:
        """Waits until the counter says other than `before` and the page can be answered, or it is over."""
        self.page.wait_for_function(GONE_ON, arg=before, polling=50)

    @property
    def questions(self) -> Locator:
        """The groups of answers."""
        return self.page.locator("main.pane .question")

    @property
    def count(self) -> str:
        """The counter, such as "3 of 20"."""
        return self.page.locator("main.pane .count").text_content() or ""

    @property
    def pictures(self) -> list[str]:
        """Picture paths on the page, without their signatures."""
        found: list[str] = self.page.locator("main.pane .stage img").evaluate_all(
            "images => images.map((image) => new URL(image.src, location.href).pathname)"
        )
        return found
