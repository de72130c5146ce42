"""Tables as files: what is written is what is read, and what does not fit is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from drawbench.errors import InputError
from human_eval_app.exports.table_files import FORMATS, read_table, table_bytes
from human_eval_app.store.data_dictionary import Column

COLUMNS = (
    Column("name", "text", "", "any text"),
    Column("count", "integer", "", "a number"),
    Column("share", "number", "", "another"),
    Column("right", "boolean", "", "yes or no", empty=True),
    Column("at", "time", "", "when", empty=True),
)
TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=20)
ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "name": TEXT,
            "count": st.integers(-(2**63), 2**63 - 1),
            "share": st.floats(allow_nan=False),
            "right": st.one_of(st.none(), st.booleans()),
            "at": st.one_of(st.none(), st.just("2026-03-01T09:00:00.250Z")),
        }
    ),
    max_size=8,
)


@pytest.mark.parametrize("form", FORMATS)
@given(rows=ROWS)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30, deadline=None)
def test_rows_come_back_as_they_were(tmp_path: Path, form: str, rows: list[dict[str, Any]]) -> None:
    path = tmp_path / f"table.{form}"
    path.write_bytes(table_bytes(rows, COLUMNS, form))
    assert read_table(path, COLUMNS) == rows
    assert table_bytes(rows, COLUMNS, form) == path.read_bytes()


@pytest.mark.parametrize(
    ("name", "text", "why"),
    [
        ("t.csv", "name,count,share,right\na,1,2,true\n", "no column 'at'"),
        ("t.csv", "name,count,share,right,at\na,one,2,true,\n", "cannot be read"),
        ("t.csv", "name,count,share,right,at\na,1,2,perhaps,\n", "'perhaps' is no boolean"),
        ("t.csv", "name,count,share,right,at\na,,2,true,\n", "cannot be read"),
        ("t.csv", "name,count,share,right,at\na,1,2\n", "another number of fields"),
        ("t.csv", "name,count,share,right,at\na,1,2,,,,\n", "another number of fields"),
        (
            "t.jsonl",
            '{"name": "a", "count": true, "share": 1, "right": null, "at": null}\n',
            "True is no integer",
        ),
        ("t.jsonl", '{"name": null, "count": 1, "share": 1, "right": null, "at": null}\n', "None is no text"),
        ("t.jsonl", "[1]\n", "no JSON object"),
        ("t.jsonl", "{\n", "cannot be read"),
        ("t.parquet", "not parquet", "cannot be read"),
        ("t.xlsx", "", "unknown format"),
    ],
)
def test_what_does_not_fit_is_refused(tmp_path: Path, name: str, text: str, why: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(InputError, match=why):
        read_table(tmp_path / name, COLUMNS)


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        read_table(tmp_path / "none.csv", COLUMNS)
