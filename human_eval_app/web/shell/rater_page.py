"""The raters' page: consent, practice, rating, breaks, the end. Which of them, the database says."""

from __future__ import annotations

import contextlib
import html
from urllib.parse import quote

import streamlit as st

from human_eval_app.database.connections import StoreUnavailable
from human_eval_app.store.records import Rater, Refused
from human_eval_app.web.serving import RatingService, current
from human_eval_app.web.shell import visitor
from human_eval_app.web.shell.pane import show_pane
from human_eval_app.web.shell.style import style

_SECONDS_BETWEEN_LOOKS = 10


def show() -> None:
    """Shows what the rater is at."""
    service = current()
    try:
        rater = visitor.rater()
        if rater is None:
            _stranger(service)
            return
        served = service.store.serve(rater.id)  # as the pane will: it alone knows whether one is left
        rater = service.store.rater(rater.id)  # which may just have finished
    except StoreUnavailable:
        _message("One moment", "The study cannot be reached right now. Your place is kept.")
        st.button("Try again", type="primary")
        return
    if not isinstance(served, str):
        style("bare", "rating")
        show_pane(service.study.design)
        return
    {
        "consent": _consent,
        "practice_done": _practice_done,
        "break": _break,
        "finished": _finished,
        "closed": _closed,
        "screened_out": _screened_out,
        "waiting": _waiting,
    }[served](service, rater)


def _stranger(service: RatingService) -> None:
    _message(
        service.study.design.title,
        "Open the invitation link that you were given. If you have begun already, open this page in the "
        "browser you began in.",
    )


def _consent(service: RatingService, rater: Rater) -> None:
    design = service.study.design
    _heading(design.title)
    _section("What you will do")
    _prose(design.instructions)
    _section("Taking part")
    _prose(design.consent)
    agreed = st.checkbox("I have read this and agree to take part.", key="agree")
    st.button(
        "Begin",
        type="primary",
        disabled=not agreed,
        on_click=service.store.consent,
        args=(rater.id,),
        key="begin",
    )


def _practice_done(service: RatingService, rater: Rater) -> None:
    _message(
        "The practice is over",
        f"From now on there is no feedback, and your answers count. {_pages(rater.total)} follow; you can "
        "stop at any time and go on later in this browser.",
    )
    st.button(
        "Start rating", type="primary", on_click=service.store.finish_practice, args=(rater.id,), key="start"
    )


def _break(service: RatingService, rater: Rater) -> None:
    left = rater.total - rater.done
    _message(
        "Time for a break",
        f"{_pages(rater.done)} done, {left} to go. Look away from the screen for a minute; tired eyes see "
        "less. Your place is kept for as long as you like.",
    )
    st.button("Go on", type="primary", on_click=service.store.finish_break, args=(rater.id,), key="go_on")


def _finished(service: RatingService, rater: Rater) -> None:
    design = service.study.design
    _message("Thank you", f"You have finished: {_pages(rater.done)} answered. All of it is saved.")
    if rater.completion_code:
        _section("Your completion code")
        st.html(f'<p class="code">{html.escape(rater.completion_code)}</p>')
    if design.completion_url:
        code = quote(rater.completion_code or "", safe="")
        address = design.completion_url.replace("{code}", code)
        st.link_button("Back to the recruiting site", address, type="primary")
    else:
        _prose("You can close this page.")
    if rater.done:
        st.button("Change my last answer", on_click=_go_back, args=(service, rater), key="go_back")


def _go_back(service: RatingService, rater: Rater) -> None:
    with contextlib.suppress(Refused):  # all was skipped, or the study was closed meanwhile: the page says so
        service.store.undo(rater.id)


def _closed(_service: RatingService, rater: Rater) -> None:
    _message(
        "The study is closed",
        f"No more answers are taken. {_pages(rater.done)} of yours are saved. Thank you for taking part.",
    )
    if rater.completion_code:
        st.html(f'<p class="code">{html.escape(rater.completion_code)}</p>')


def _screened_out(_service: RatingService, rater: Rater) -> None:
    _message(
        "Your part ends here",
        f"There is nothing more for you to rate in this study. {_pages(rater.done)} of yours are saved. "
        "Thank you for your time; please ask the study's team if you have questions.",
    )


def _waiting(_service: RatingService, _rater: Rater) -> None:
    _message(
        "A short wait",
        "All that is left is with other raters at the moment. This page looks again by itself; you may also "
        "close it and come back later.",
    )

    @st.fragment(run_every=_SECONDS_BETWEEN_LOOKS)
    def look_again() -> None:
        service, rater = current(), visitor.rater()
        if rater is None or service.store.serve(rater.id) != "waiting":
            st.rerun(scope="app")

    look_again()
    st.button("Look again", key="look")


def _pages(count: int) -> str:
    return "1 page" if count == 1 else f"{count} pages"


def _message(title: str, text: str) -> None:
    _heading(title)
    _prose(text)


def _heading(title: str) -> None:
    style("bare", "reading")
    st.html(f"<h1>{html.escape(title)}</h1>")


def _section(title: str) -> None:
    st.html(f"<h2>{html.escape(title)}</h2>")


def _prose(text: str) -> None:
    """Paragraphs of plain text: what the study's author wrote is shown as written, never as markup."""
    parts = [part.strip() for part in text.split("\n\n") if part.strip()]
    st.html('<div class="prose">' + "".join(f"<p>{html.escape(part)}</p>" for part in parts) + "</div>")
