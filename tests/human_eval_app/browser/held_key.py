"""A key of the real keyboard, held down."""

from __future__ import annotations

from playwright.sync_api import CDPSession, Page


class HeldKey:
    """A digit key: the browser sees that it goes down, repeats (marked as such), and is let go."""

    def __init__(self, page: Page, key: str) -> None:
        self._session: CDPSession = page.context.new_cdp_session(page)
        self._event = {"key": key, "code": f"Digit{key}", "text": key, "windowsVirtualKeyCode": ord(key)}

    def down(self, repeat: bool = False) -> None:
        """The key goes down, or repeats."""
        self._session.send("Input.dispatchKeyEvent", {"type": "keyDown", "autoRepeat": repeat, **self._event})

    def up(self) -> None:
        """The key is let go."""
        self._session.send("Input.dispatchKeyEvent", {"type": "keyUp", **self._event})
