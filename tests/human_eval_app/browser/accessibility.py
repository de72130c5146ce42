"""What axe-core finds on a page, and where the keyboard is."""

from __future__ import annotations

from playwright.sync_api import Page

SERIOUS = ("serious", "critical")

FOCUSED = """
() => {
  let element = document.activeElement;
  while (element?.shadowRoot?.activeElement) element = element.shadowRoot.activeElement;
  return element;
}
"""


def check_accessible(page: Page, name: str) -> None:
    """Fails with what axe-core calls serious or critical."""
    from axe_playwright_python.sync_playwright import Axe

    found = [
        f"{violation['id']}: {violation['help']} ({node['target']}: {node.get('failureSummary', '')})"
        for violation in Axe().run(page).response["violations"]
        if violation["impact"] in SERIOUS
        for node in violation["nodes"]
    ]
    assert not found, f"{name}:\n" + "\n".join(found)


def tab_to(page: Page, selector: str, most: int = 40) -> None:
    """Presses Tab until an element that matches `selector` has the focus."""
    for _ in range(most):
        if page.evaluate(f"(selector) => ({FOCUSED})()?.matches(selector) ?? false", selector):
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"{selector} cannot be reached with the keyboard")


def focus_is_visible(page: Page) -> bool:
    """Whether the focused element is marked by an outline, a border or a shadow that it lacks otherwise."""
    marked: bool = page.evaluate(
        f"""() => {{
          const element = ({FOCUSED})();
          const look = () => {{
            const style = getComputedStyle(element);
            return [style.outlineStyle, style.outlineWidth, style.boxShadow, style.borderColor].join();
          }};
          const focused = look();
          element.blur();
          const blurred = look();
          element.focus();
          return focused !== blurred;
        }}"""
    )
    return marked


def overflow(page: Page) -> int:
    """By how many pixels the page is wider than its window."""
    wider: int = page.evaluate("() => document.scrollingElement.scrollWidth - innerWidth")
    return wider
