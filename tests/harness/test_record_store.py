"""Records on disk: whole or absent, whatever happens to the files."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.record_store import RecordStore


def _key(number: int) -> str:
    return hashlib.sha256(str(number).encode()).hexdigest()


def _segment(folder: Path) -> Path:
    (segment,) = folder.glob("*.records")
    return segment


@given(st.lists(st.tuples(st.integers(0, 5), st.binary(max_size=40)), max_size=12), st.data())
def test_what_was_put_last_is_found_and_a_cut_loses_only_the_end(
    tmp_path_factory: pytest.TempPathFactory, records: list[tuple[int, bytes]], data: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("store")
    store = RecordStore(folder)
    assert store.put_many([(_key(n), value) for n, value in records])
    keys = [_key(n) for n in range(6)]
    expected = [dict(records).get(n) for n in range(6)]
    assert store.get_many(keys) == expected
    assert RecordStore(folder).get_many(keys) == expected
    segment = _segment(folder)
    whole = segment.read_bytes()
    segment.write_bytes(whole[: data.draw(st.integers(0, len(whole)))])
    for value, n in zip(RecordStore(folder).get_many(keys), range(6), strict=True):
        assert value is None or value in [v for m, v in records if m == n]


@given(st.data())
def test_an_altered_byte_is_never_read_as_a_value(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("store")
    values = [bytes([n]) * 9 for n in range(4)]
    RecordStore(folder).put_many([(_key(n), value) for n, value in enumerate(values)])
    segment = _segment(folder)
    altered = bytearray(segment.read_bytes())
    altered[data.draw(st.integers(0, len(altered) - 1))] ^= data.draw(st.integers(1, 255))
    segment.write_bytes(altered)
    found = RecordStore(folder).get_many([_key(n) for n in range(4)])
    assert all(value in (None, right) for value, right in zip(found, values, strict=True))
    assert found != values


def test_a_record_written_again_repairs_a_damaged_one(tmp_path: Path) -> None:
    first = RecordStore(tmp_path, "what made it")
    first.put_many([(_key(0), b"zero"), (_key(1), b"one")])
    segment = _segment(tmp_path)
    segment.write_bytes(segment.read_bytes().replace(b"zero", b"zera"))
    second = RecordStore(tmp_path)
    assert second.get_many([_key(0), _key(1)]) == [None, b"one"]
    second.put_many([(_key(0), b"zero")])
    assert RecordStore(tmp_path).get_many([_key(0), _key(1)]) == [b"zero", b"one"]
    assert (tmp_path / "identity.txt").read_text() == "what made it\n"


def test_a_segment_that_vanishes_is_absent(tmp_path: Path) -> None:
    store = RecordStore(tmp_path)
    store.put_many([(_key(0), b"zero")])
    _segment(tmp_path).unlink()
    assert store.get_many([_key(0)]) == [None]


def test_a_folder_that_cannot_be_written_is_only_read(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    store = RecordStore(blocked / "inside")
    assert not store.put_many([(_key(0), b"zero")])
    assert not store.put_many([(_key(0), b"zero")])
    assert store.get_many([_key(0)]) == [None]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_full_disk_stores_nothing_and_is_no_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = RecordStore(tmp_path)
    monkeypatch.setattr(store, "_own", Path("/dev/full"))
    assert not store.put_many([(_key(0), b"zero" * 1000)])
    assert store.get_many([_key(0)]) == [None]


WRITER = """
import sys, hashlib, pathlib
from harness.record_store import RecordStore
store = RecordStore(pathlib.Path(sys.argv[1]))
for n in range(int(sys.argv[2]), 200, 3):
    assert store.put_many([(hashlib.sha256(str(n).encode()).hexdigest(), str(n).encode() * 50)])
"""


def test_processes_write_at_once_and_lose_nothing(tmp_path: Path) -> None:
    writers = [subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path), str(n)]) for n in range(3)]
    assert [writer.wait(60) for writer in writers] == [0, 0, 0]
    found = RecordStore(tmp_path).get_many([_key(n) for n in range(200)])
    assert found == [str(n).encode() * 50 for n in range(200)]
    assert len(list(tmp_path.glob("*.records"))) == 3
