"""What only the researcher knows and a paper must say: where raters came from, who they are, pay, ethics."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, fields
from pathlib import Path

from drawbench.errors import InputError
from human_eval_app.studies.typed_json import MalformedError, from_plain


@dataclass(frozen=True, slots=True)
class Reporting:
    """Free texts for the study's reports, never shown to raters. Empty: not stated.

    `demographics`: language, country and expertise of raters, as asked for or as found. `compensation`: pay,
    and the time it is for. `ethics`: which board reviewed the study, under which number, or why none did.
    """

    recruitment: str = ""
    demographics: str = ""
    compensation: str = ""
    ethics: str = ""


NOTHING_TOLD = Reporting()
FIELDS = tuple(field.name for field in fields(Reporting))


def read_reporting(path: Path) -> Reporting:
    """The texts of a TOML file with some of the fields. Raises InputError for anything else."""
    try:
        return from_plain(Reporting, tomllib.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise InputError(f"--reporting {path} cannot be read: {error.strerror}") from None
    except (ValueError, MalformedError) as error:
        why = " ".join(str(error).split())
        raise InputError(f"--reporting {path}: {why}; it holds texts: {', '.join(FIELDS)}") from None
