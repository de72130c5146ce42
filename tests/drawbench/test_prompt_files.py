"""Prompt files: round trips, clear errors with line numbers, and no surprise on arbitrary bytes."""

from __future__ import annotations

import csv
import io
import json
import unicodedata
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from drawbench.errors import InputError
from drawbench.prompt_files import (
    Row,
    is_control,
    is_safe_id,
    parse_csv,
    parse_jsonl,
    parse_tsv,
    parse_txt,
    prompts_of_rows,
    read_rows,
    read_text,
    safe_name,
    unique_prompts,
)

PARSERS = {"csv": parse_csv, "tsv": parse_tsv, "jsonl": parse_jsonl, "txt": parse_txt}
texts = st.text(min_size=1, max_size=40).filter(lambda t: t.strip() and not any(map(is_control, t)))
pairs = st.lists(st.tuples(texts, texts.map(str.strip)), min_size=1, max_size=8)


def rows_as_pairs(rows: list[Row]) -> list[tuple[str, str]]:
    return [(row.text, row.category) for row in rows]


@given(pairs, st.sampled_from(["\n", "\r\n"]))
def test_csv_gives_back_what_was_written(written: list[tuple[str, str]], end: str) -> None:
    buffer = io.StringIO(newline="")
    csv.writer(buffer, lineterminator=end).writerows([("Prompts", "Category"), *written])
    assert rows_as_pairs(parse_csv(buffer.getvalue(), "x")) == written


@given(pairs, st.sampled_from(["\n", "\r\n"]))
def test_tsv_gives_back_what_was_written_quotes_and_all(written: list[tuple[str, str]], end: str) -> None:
    lines = ["Prompt\tCategory", *("\t".join(pair) for pair in written)]
    assert rows_as_pairs(parse_tsv(end.join(lines) + end, "x")) == written


@given(pairs, st.booleans())
def test_jsonl_gives_back_what_was_written(written: list[tuple[str, str]], ascii_only: bool) -> None:
    lines = [json.dumps({"prompt": p, "category": c, "n": 3}, ensure_ascii=ascii_only) for p, c in written]
    rows = parse_jsonl("\n".join(lines), "x")
    assert rows_as_pairs(rows) == written
    assert all(row.meta == {"n": 3} for row in rows)


@given(st.lists(texts, min_size=1, max_size=8), st.sampled_from(["\n", "\r\n", "\r", "\n\n"]))
def test_txt_gives_back_what_was_written(written: list[str], end: str) -> None:
    assert [row.text for row in parse_txt(end.join(written), "x")] == written


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=200)
@given(
    st.sampled_from(sorted(PARSERS)),
    st.binary(max_size=200),
    st.sampled_from([b"", b"prompt,id\n", b"text\tid\n"]),
)
@example("csv", b'"a', b"prompt\n")
@example("csv", b"\xef\xbb\xbfprompt\na", b"")
@example("csv", b"a\x00b", b"prompt\n")
@example("jsonl", b'{"prompt": "\\ud800"}', b"")
@example("jsonl", b'{"prompt": "a", "x": {"\\udfff": 1}}', b"")
@example("jsonl", b'{"prompt": "a", "x": 1e999}', b"")
@example("jsonl", b'{"prompt": "a", "x": ' + b"9" * 5000 + b"}", b"")
@example("jsonl", b"[" * 100_000, b"")
@example("jsonl", b'{"prompt": NaN}', b"")
def test_any_bytes_are_prompts_or_an_input_error(
    tmp_path: Path, suffix: str, body: bytes, head: bytes
) -> None:
    path = tmp_path / f"x.{suffix}"
    path.write_bytes(head + body)
    try:
        rows = read_rows(path)
        unique_prompts(rows, "x")
        prompts = prompts_of_rows(rows, path.stem, "x")
    except InputError as error:
        prompts, message = (), str(error)
    else:
        assert prompts
        message = ""
    assert "\n" not in message
    assert message.encode() or prompts
    for prompt in prompts:
        assert prompt.text.strip()
        assert is_safe_id(prompt.id)
        json.dumps(
            [prompt.text, prompt.category, dict(prompt.meta)], allow_nan=False, ensure_ascii=False
        ).encode()


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.csv", b"", "empty"),
        ("a.csv", b" \n\n", "empty"),
        ("a.csv", b"prompt\n", "holds no prompts"),
        ("a.csv", b"prompt\nred \xe9 car\n", "not UTF-8 at byte 11 (0xe9)"),
        ("a.csv", "prompt\nä".encode("utf-16"), "not UTF-8 at byte 0"),
        ("a.csv", b'prompt\nok\n"open\nstill open\n', "line 4: malformed CSV"),
        ("a.csv", b'prompt\n"a"b\n', "line 2: malformed CSV"),
        ("a.csv", b"prompt,category\na,b\nc\n", "line 3: 1 fields where the header has 2"),
        (
            "a.csv",
            b"A red car\nA blue car\n",
            "line 1: no column named prompt, prompts, text or caption; found: 'A red car'",
        ),
        ("a.csv", b"prompt,Prompt \na,b\n", "two columns are named 'Prompt'"),
        ("a.csv", b'prompt,n\na,1\n" ",2\n', "line 3: the prompt is empty"),
        ("a.csv", b'prompt\nok\n"two\nlines"\n', "line 3: the prompt contains a line break"),
        ("a.csv", b"prompt\na\x00b\n", "line 2: the prompt contains the control character U+0000"),
        ("a.tsv", b"prompt\tcategory\nonly one\n", "line 2: 1 fields where the header has 2"),
        ("a.jsonl", b'{"prompt": "a"}\n{"prompt": \n', "line 2: not a line of JSON"),
        ("a.jsonl", b'["a"]\n', "line 1: not a JSON object"),
        ("a.jsonl", b'{"category": "a"}\n', "line 1: no column named prompt"),
        ("a.jsonl", b'{"prompt": 3}\n', "line 1: the prompt is not a text but '3'"),
        ("a.jsonl", b'{"prompt": "a", "category": []}\n', "line 1: the category is not a text"),
        ("a.txt", b"a\x1bb\n", "line 1: the prompt contains the control character U+001B"),
        ("a.docx", b"a\n", "cannot tell the format from the suffix '.docx'"),
        ("a", b"a\n", "cannot tell the format"),
    ],
)
def test_unusable_files_are_named_in_one_line(
    tmp_path: Path, name: str, content: bytes, message: str
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(InputError) as raised:
        read_rows(path)
    assert message in str(raised.value)
    assert str(path) in str(raised.value)
    assert "\n" not in str(raised.value)


def test_missing_file_folder_and_impossible_path(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        read_text(tmp_path / "none.csv")
    with pytest.raises(InputError, match="is a folder"):
        read_text(tmp_path)
    with pytest.raises(InputError, match="cannot be read"):
        read_text(Path("a\x00b.csv"))


def test_line_numbers_count_lines_not_records(tmp_path: Path) -> None:
    rows = parse_csv('note,prompt\n"two\nlines",first\n\nx,second\n', "x")
    assert [(row.line, row.text) for row in rows] == [(2, "first"), (5, "second")]
    assert rows[0].meta == {"note": "two\nlines"}


def test_a_byte_order_mark_is_no_part_of_the_first_column(tmp_path: Path) -> None:
    path = tmp_path / "x.CSV"
    path.write_bytes("\ufeffText,Category\nTwo cats., Counting \n".encode())
    assert read_rows(path) == [Row(2, "Two cats.", "Counting")]


def test_prompt_column_by_preference_and_text_kept_as_it_is() -> None:
    rows = parse_csv("caption,prompt,id\nb, a ,7\n", "x")
    assert rows == [Row(2, " a ", "", "7", {"caption": "b"})]


def test_long_prompts_load() -> None:
    text = "word " * 4000
    assert parse_txt(text, "x")[0].text == text


def test_duplicate_prompts_name_both_lines() -> None:
    rows = parse_csv("prompt\nA red  car.\nA dog.\nA red car. \n", "x.csv")
    with pytest.raises(InputError, match=r"x\.csv, line 4: the same prompt as in line 2 \('A red car\. '\)"):
        unique_prompts(rows, "x.csv")
    unique_prompts(parse_csv("prompt\n'Hello'\n'HELLO'\n", "x"), "x")


@pytest.mark.parametrize("bad", ["a/b", "..", "a b", ".hidden", "é", "x" * 129, "end.", "-rf", "a\\b"])
def test_ids_that_cannot_be_file_names_are_refused(bad: str) -> None:
    assert not is_safe_id(bad)
    with pytest.raises(InputError, match=r"line 1: the id .* cannot be a file name"):
        prompts_of_rows([Row(1, "a", id=bad)], "x", "x")


def test_duplicate_ids_are_refused_also_when_only_case_differs() -> None:
    with pytest.raises(InputError, match=r"line 9: the id 'A1' is also that of line 3"):
        prompts_of_rows([Row(3, "a", id="a1"), Row(9, "b", id="A1")], "x", "x")


def test_ids_by_position() -> None:
    prompts = prompts_of_rows([Row(1, "a"), Row(2, "b", id="own")], "My prompts (2)", "x")
    assert [p.id for p in prompts] == ["My-prompts-2-0000", "own"]


@given(st.text(max_size=80))
def test_safe_names_are_safe(text: str) -> None:
    assert is_safe_id(f"{safe_name(text)}-0000")


def test_control_characters_are_those_of_unicode() -> None:
    assert all(is_control(c) for c in "\x00\n\r\t\x7f\x85\u2028\u2029\ud800")
    assert not any(is_control(c) for c in "aé\u200d 漢🦊")
    assert unicodedata.category("\u200d") == "Cf"  # joins emoji: must stay allowed
