"""Writing a study's design into an empty store."""

from __future__ import annotations

from sqlalchemy import Connection, insert, select, text

from drawbench.errors import InputError
from human_eval_app.database.schema import item, study
from human_eval_app.studies.design import StudyDesign

_REGISTRATION_LOCK = 0x64726178


def register(connection: Connection, design: StudyDesign, now: int, *, status: str = "open") -> bool:
    """Writes the design and its items; False where the same design is there already.

    Raises InputError where another one is.
    """
    if connection.dialect.name == "postgresql":  # there is no row of the study to lock yet
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _REGISTRATION_LOCK})
    found = connection.execute(select(study.c.digest)).scalar()
    if found == design.digest:
        return False
    if found is not None:
        raise InputError(
            f"the database holds ratings of another design ({found[:12]}, not {design.digest[:12]}); "
            "give each study a database of its own"
        )
    connection.execute(
        insert(study).values(
            id=1, digest=design.digest, design=design.to_json(), status=status, registered_at=now
        )
    )
    connection.execute(
        insert(item),
        [
            {
                "id": known.id,
                "number": number,
                "role": known.role,
                "cell": known.category if design.nesting == "category" else design.cells[0],
                "prompt_id": known.prompt_id,
            }
            for number, known in enumerate(design.items)
        ],
    )
    return True
