from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drawbench.errors import InputError
from harness.ledger import (
    LEDGER_NAME,
    LedgerWriter,
    count_statuses,
    from_line,
    latest,
    parse_ledger,
    read_ledger,
    to_line,
)
from harness.types import FAILURES, Sample

TEXT = st.text(max_size=30)
HASHES = st.text("0123456789abcdef", min_size=64, max_size=64)
SECONDS = st.none() | st.floats(0, 1e6)
SEEDS = st.integers(0, 2**63 - 1)
OK = st.builds(
    Sample,
    key=HASHES,
    prompt_id=TEXT,
    index=st.integers(0, 99),
    seed=SEEDS,
    status=st.just("ok"),
    path=TEXT,
    sha256=HASHES,
    seconds=SECONDS,
    notes=st.lists(TEXT, max_size=3).map(tuple),
)
FAILED = st.builds(
    Sample,
    key=HASHES,
    prompt_id=TEXT,
    index=st.integers(0, 99),
    seed=SEEDS,
    status=st.sampled_from(FAILURES),
    seconds=SECONDS,
    reason=TEXT,
)


def failure(number: int) -> Sample:
    return Sample(f"key{number}", f"p{number}", 0, number, "error", reason="line\nbreak \u2028 and more")


@given(OK | FAILED)
def test_a_line_comes_back_as_it_was(sample: Sample) -> None:
    line = to_line(sample)
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    assert len(line.decode().splitlines()) == 1
    assert from_line(line.decode()[:-1]) == sample


@given(st.lists(OK | FAILED, max_size=4))
def test_torn_at_every_byte(samples: list[Sample]) -> None:
    lines = [to_line(sample) for sample in samples]
    data = b"".join(lines)
    ends = [sum(map(len, lines[:n])) for n in range(len(lines) + 1)]
    for cut in range(len(data) + 1):
        content = parse_ledger(data[:cut])
        whole = sum(end <= cut for end in ends) - 1
        assert content.samples == tuple(samples[:whole])
        assert content.whole_bytes == ends[whole]
        assert content.torn_bytes == cut - ends[whole]


def test_writer_cuts_a_torn_line_at_every_byte(tmp_path: Path) -> None:
    whole, torn = to_line(failure(1)), to_line(failure(2))
    for cut in range(len(torn)):
        path = tmp_path / f"{cut}.jsonl"
        path.write_bytes(whole + torn[:cut])
        with LedgerWriter(path) as ledger:
            assert ledger.samples == [failure(1)]
            assert path.read_bytes() == whole
            ledger.extend([failure(3)])
        assert path.read_bytes() == whole + to_line(failure(3))


def test_a_tail_of_zeros_is_torn(tmp_path: Path) -> None:
    path = tmp_path / LEDGER_NAME
    path.write_bytes(to_line(failure(1)) + b"\0" * 4096)
    with LedgerWriter(path) as ledger:
        ledger.extend([failure(2)])
    assert read_ledger(tmp_path) == (failure(1), failure(2))


def test_reading_leaves_a_torn_line_alone(tmp_path: Path) -> None:
    data = to_line(failure(1)) + b'{"key":'
    (tmp_path / LEDGER_NAME).write_bytes(data)
    assert read_ledger(tmp_path) == (failure(1),)
    assert (tmp_path / LEDGER_NAME).read_bytes() == data


def test_no_ledger_has_no_samples(tmp_path: Path) -> None:
    assert read_ledger(tmp_path) == ()


GOOD = '"key":"k","prompt_id":"p","index":0,"seed":1'


@pytest.mark.parametrize(
    "line",
    [
        "",
        "nonsense",
        "[]",
        "null",
        "{}",
        f'{{{GOOD},"status":"fine"}}',
        f'{{{GOOD},"status":"ok"}}',
        f'{{{GOOD},"status":"error","extra":1}}',
        f'{{{GOOD},"status":"error","reason":5}}',
        '{"key":"k","prompt_id":"p","index":"0","seed":1,"status":"error"}',
        '{"key":"k","prompt_id":"p","index":true,"seed":1,"status":"error"}',
        "[" * 100_000,
    ],
)
def test_a_damaged_line_is_named(line: str) -> None:
    data = to_line(failure(1)) + line.encode() + b"\n" + to_line(failure(2))
    with pytest.raises(InputError, match="line 2, is damaged"):
        parse_ledger(data)


def test_the_last_line_about_a_sample_counts() -> None:
    first = Sample("k", "p", 0, 1, "error", reason="no memory")
    then = Sample("k", "p", 0, 1, "ok", path="images/p/0.png", sha256="00")
    found = latest([first, failure(2), then])
    assert found == {("p", 0): then, ("p2", 0): failure(2)}
    assert count_statuses(found.values()) == {
        "ok": 1,
        "filtered": 0,
        "black": 0,
        "nan": 0,
        "wrong_size": 0,
        "error": 1,
    }
