"""`drawbench study invite`, `reissue`, `revoke`: links for raters."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from drawbench.errors import InputError
from harness.exits import BAD_INPUT, FINE, complain
from harness.flags import JsonFlag

if TYPE_CHECKING:
    from human_eval_app.store.records import Invite
    from human_eval_app.studies.study import Study

StudyFolder = Annotated[Path, typer.Argument(metavar="STUDY", help="A study folder.")]
BaseUrl = Annotated[
    str, typer.Option("--base-url", metavar="URL", help="The address raters reach the server at.")
]
LOCAL = "http://127.0.0.1:8501"
EVERY_CELL = "every"
BY = "command line"
_DURATION = re.compile(r"(\d+)([dhm])")
_UNITS = {"d": "days", "h": "hours", "m": "minutes"}


def invite(
    study: StudyFolder,
    raters: Annotated[int, typer.Option(min=1, help="How many raters.")] = 1,
    cell: Annotated[
        str | None,
        typer.Option(
            metavar="CATEGORY",
            help="In a study nested by category, the one they rate; 'every': so many raters for each. "
            "Without it each is given the one that lacks most when they enter.",
        ),
    ] = None,
    open_link: Annotated[
        bool, typer.Option("--open", help="One link with a place for each rater, as recruiting sites need.")
    ] = False,
    expires: Annotated[
        str | None, typer.Option(metavar="30d|12h|DATE", help="When the links end; default: never.")
    ] = None,
    label: Annotated[str | None, typer.Option(help="A note for administrators; raters never see it.")] = None,
    base_url: BaseUrl = LOCAL,
    out: Annotated[
        Path | None, typer.Option(help="A CSV file of the links, readable by you alone, instead of a list.")
    ] = None,
    as_json: JsonFlag = False,
) -> int:
    """Makes links for raters. Each works once, in the browser that opens it, and cannot be shown again."""
    from human_eval_app.store.opening import opened
    from human_eval_app.studies.writing import write_private

    base = _base(base_url)
    until = _expiry(expires, datetime.now(UTC))
    if out is not None and out.exists():
        raise InputError(f"{out} exists; links are never overwritten, so give another --out")
    if out is not None and not out.parent.is_dir():
        raise InputError(f"--out {out}: there is no folder {out.parent}")
    with opened(study) as (known, store):
        made: list[Invite] = []
        for place in _cells(known, cell):
            made += store.invite(
                1 if open_link else raters,
                cell=place,
                expires_at=until,
                label=label,
                open_places=raters if open_link else None,
            )
    rows = [_row(link, base) for link in made]
    if out is not None:
        try:
            write_private(out, _csv(rows))
        except OSError as error:  # the links are valid by now and can be shown only once
            complain(f"{out} cannot be written ({error.strerror}); these are the links:")
            print("\n".join(_line(row) for row in rows))
            return BAD_INPUT
        print(
            json.dumps({"links": len(rows), "file": str(out)}) if as_json else f"{len(rows)} links in {out}"
        )
    elif as_json:
        print(json.dumps(rows, indent=2))
    else:
        print("\n".join(_line(row) for row in rows))
    return FINE


def reissue(
    study: StudyFolder,
    rater: Annotated[int | None, typer.Argument(help="The rater's number.")] = None,
    admin: Annotated[
        bool, typer.Option("--admin", help="A new token for administrators; the old one and sessions end.")
    ] = False,
    base_url: BaseUrl = LOCAL,
    as_json: JsonFlag = False,
) -> int:
    """Makes a new link for a rater who lost theirs; their old links and sessions end, their ratings stay.

    With --admin: a new admin token instead, shown this once. A server that runs knows it at once.
    """
    from human_eval_app.store.opening import opened
    from human_eval_app.studies.writing import renew_admin_token

    if (rater is None) != admin:
        raise InputError("whose? Give a rater's number, or --admin for a new admin token")
    if rater is None:
        with opened(study) as (known, store):
            store.note_new_admin_token(BY)
            token = renew_admin_token(known)
        told = f"administrator's token, shown this once: {token}"
        print(json.dumps({"admin_token": token}) if as_json else told)
        return FINE
    base = _base(base_url)
    with opened(study) as (_, store):
        store.rater(rater)  # raises InputError where there is none
        row = _row(store.reissue(rater), base)
    print(json.dumps(row, indent=2) if as_json else _line(row))
    return FINE


def revoke(study: StudyFolder, rater: Annotated[int, typer.Argument(help="The rater's number.")]) -> int:
    """Ends a rater's links and sessions. Their ratings stay; `exclude` leaves those out."""
    from human_eval_app.store.opening import opened

    with opened(study) as (_, store):
        store.rater(rater)  # raises InputError where there is none
        store.revoke(rater)
    print(f"rater {rater} cannot enter any more")
    return FINE


def _cells(study: Study, cell: str | None) -> Sequence[str | None]:
    if cell != EVERY_CELL:
        return (cell,)
    if study.design.nesting == "free":
        raise InputError(
            "--cell every is for studies nested by category; in this one everyone rates everything"
        )
    return study.design.cells


def _base(url: str) -> str:
    if not re.fullmatch(r"https?://[^\s/?#@]+/?", url):
        raise InputError(f"--base-url {url} must look like https://ratings.example.org, without a path")
    return url.rstrip("/")


def _expiry(text: str | None, now: datetime) -> datetime | None:
    if text is None:
        return None
    if match := _DURATION.fullmatch(text):
        return now + timedelta(**{_UNITS[match[2]]: min(int(match[1]), 10_000)})
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise InputError(f"--expires {text} is neither 30d, 12h, 45m nor a date such as 2030-01-31") from None
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)


def _row(link: Invite, base: str) -> dict[str, Any]:
    return {
        "rater": link.rater_id,
        "cell": link.cell or "",
        "places": link.places,
        "expires": "" if link.expires_at is None else link.expires_at.isoformat(timespec="seconds"),
        "link": link.address(base),
    }


def _line(row: dict[str, Any]) -> str:
    who = f"rater {row['rater']}" if row["rater"] is not None else f"{row['places']} places"
    cell = f", {row['cell']}" if row["cell"] else ""
    until = f", until {row['expires']}" if row["expires"] else ""
    return f"{who}{cell}{until}: {row['link']}"


def _csv(rows: Sequence[dict[str, Any]]) -> bytes:
    text = io.StringIO()
    writer = csv.DictWriter(text, ["rater", "cell", "places", "expires", "link"], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()
