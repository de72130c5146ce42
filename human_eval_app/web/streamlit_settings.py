"""How Streamlit is set up for raters, whichever command starts it.

`human_eval_app/.streamlit/config.toml` says the same for `streamlit run`; a test compares the two.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

_LIGHT = {
    "primaryColor": "#2f2f2f",
    "backgroundColor": "#f7f7f6",
    "secondaryBackgroundColor": "#ffffff",
    "textColor": "#222222",
    "borderColor": "#8a8a8a",
    "linkColor": "#24527a",
}
_DARK = {
    "primaryColor": "#e2e2e2",
    "backgroundColor": "#1b1b1b",
    "secondaryBackgroundColor": "#262626",
    "textColor": "#e6e6e6",
    "borderColor": "#767676",
    "linkColor": "#9cc4ea",
}
SETTINGS: Final[Mapping[str, Any]] = {
    "server.address": "127.0.0.1",
    "server.headless": True,
    "server.fileWatcherType": "none",
    "server.runOnSave": False,
    "server.enableXsrfProtection": True,
    "server.enableStaticServing": False,
    "server.allowedHosts": ["localhost", "127.0.0.1", "::1"],
    "server.maxUploadSize": 1,
    "browser.gatherUsageStats": False,
    "client.showErrorDetails": "none",
    "client.showErrorLinks": False,
    "client.toolbarMode": "minimal",
    "client.showSidebarNavigation": False,
    "logger.hideWelcomeMessage": True,
    "runner.magicEnabled": False,
    **{f"theme.light.{name}": value for name, value in _LIGHT.items()},
    **{f"theme.dark.{name}": value for name, value in _DARK.items()},
}
"""No telemetry, no error details, no menus, nothing reloaded; bound to this machine; neutral greys."""
