"""Who looks at a Streamlit page: told by the cookies of the browser's connection, checked in the database."""

from __future__ import annotations

from collections.abc import Callable
from typing import ParamSpec

import streamlit as st

from human_eval_app.store.records import Rater
from human_eval_app.web.admin_session import is_admin_cookie
from human_eval_app.web.serving import current

P = ParamSpec("P")


def cookies() -> dict[str, str]:
    """The cookies the browser sent when it connected."""
    return st.context.cookies.to_dict()


def rater() -> Rater | None:
    """The rater, or None for anyone else. Reads the database."""
    service = current()
    credential = cookies().get(service.rater_cookie, "")
    return service.store.rater_of(credential) if credential else None


def is_admin() -> bool:
    """Whether the visitor is logged in as an administrator. Reads the database."""
    service = current()
    value = cookies().get(service.admin_cookie, "")
    return is_admin_cookie(service, value)


def if_admin(act: Callable[P, None], *args: P.args, **kwargs: P.kwargs) -> None:
    """Does what a button of administrators is for, if the visitor still is one.

    Streamlit calls a button's function before the page looks who is there, and the page may be older than
    the log-out.
    """
    if is_admin():
        act(*args, **kwargs)
