"""The cache on disk: exact to bfloat16, shared by processes, and never wrong after a kill or a torn write."""

import multiprocessing
import os
import random
import signal
import time
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from imagen.text import StateStore, TokenStates

FORK = multiprocessing.get_context("fork")


def states_of(text: str, dim: int = 8) -> TokenStates:
    """Any states, a function of the text alone, already in bfloat16's numbers."""
    generator = torch.Generator().manual_seed(sum(text.encode()) + 256 * len(text))
    states = torch.randn(1 + len(text) % 7, dim, generator=generator)
    pooled = torch.randn(5, generator=generator) if len(text) % 2 else None
    return TokenStates(states, len(text) % 3, pooled).to(torch.bfloat16).to(torch.float32)


def same(one: TokenStates | None, two: TokenStates) -> bool:
    assert one is not None
    return (
        torch.equal(one.states, two.states)
        and torch.equal(one.pooled, two.pooled)
        and one.truncated == two.truncated
        and (one.own_pooled is None) == (two.own_pooled is None)
    )


@given(st.dictionaries(st.text(max_size=20), st.integers(0, 3), max_size=8))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=15, deadline=None)
def test_what_is_put_comes_back_rounded_to_bfloat16(
    tmp_path_factory: pytest.TempPathFactory, texts: dict[str, int]
) -> None:
    folder = tmp_path_factory.mktemp("store")
    encoded = {
        text: TokenStates(torch.randn(1 + extra, 5), extra, torch.randn(3) if extra else None)
        for text, extra in texts.items()
    }
    store = StateStore(folder, "encoder")
    assert store.put(encoded)
    for reader in (store, StateStore(folder, "encoder")):
        for text, states in encoded.items():
            found = reader.get(text)
            assert found is not None
            assert found.states.dtype == torch.float32
            assert same(found, states.to(torch.bfloat16).to(torch.float32))
        assert reader.get("not " + "".join(encoded)) is None


def test_another_encoder_or_another_text_is_another_entry(tmp_path: Path) -> None:
    store = StateStore(tmp_path, "one")
    store.put({"a red car": states_of("a red car")})
    assert StateStore(tmp_path, "two").get("a red car") is None
    for text in ("a  red car", "a red car ", "A red car", "a red cár"):
        assert store.get(text) is None


def test_any_number_of_texts_is_a_handful_of_files_trimmed_to_their_lengths(tmp_path: Path) -> None:
    store = StateStore(tmp_path, "encoder")
    for part in range(20):
        store.put({f"text {part} {i}": states_of(f"text {part} {i}") for i in range(100)})
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(files) == 4
    numbers = sum(
        2 * (text.states.numel() + (0 if text.own_pooled is None else text.own_pooled.numel()))
        for text in (states_of(f"text {part} {i}") for part in range(20) for i in range(100))
    )
    assert sum(path.stat().st_size for path in files) < numbers + 2000 * (64 + 64) + 1000


def test_a_reader_sees_what_another_writes_later(tmp_path: Path) -> None:
    reader, writer = StateStore(tmp_path, "encoder"), StateStore(tmp_path, "encoder")
    assert reader.get("a") is None
    for text in ("a", "bb", "ccc"):
        writer.put({text: states_of(text)})
        assert same(reader.get(text), states_of(text))


@pytest.mark.parametrize("name", ["states.pack", "states.index"])
def test_a_file_cut_anywhere_loses_entries_and_never_gives_wrong_ones(tmp_path: Path, name: str) -> None:
    texts = ["a", "bb", "ccc"]
    StateStore(tmp_path, "encoder").put({text: states_of(text) for text in texts})
    (path,) = tmp_path.rglob(name)
    whole = path.read_bytes()
    lost = set()
    for length in range(0, len(whole), 5):
        path.write_bytes(whole[:length])
        store = StateStore(tmp_path, "encoder")
        missing = [text for text in texts if store.get(text) is None]
        lost.add(len(missing))
        assert all(same(store.get(text), states_of(text)) for text in texts if text not in missing)
    assert lost == {1, 2, 3}


def test_a_cut_file_is_written_on(tmp_path: Path) -> None:
    for name in ("states.pack", "states.index"):
        folder = tmp_path / name
        StateStore(folder, "encoder").put({"a": states_of("a"), "bb": states_of("bb")})
        (path,) = folder.rglob(name)
        path.write_bytes(path.read_bytes()[:-3])
        store = StateStore(folder, "encoder")
        assert store.get("bb") is None
        store.put({"bb": states_of("bb"), "ccc": states_of("ccc")})
        for reader in (store, StateStore(folder, "encoder")):
            for text in ("a", "bb", "ccc"):
                assert same(reader.get(text), states_of(text))


@pytest.mark.parametrize("name", ["states.pack", "states.index"])
def test_a_flipped_bit_anywhere_is_seen_and_the_entry_made_again(tmp_path: Path, name: str) -> None:
    StateStore(tmp_path, "encoder").put({"a": states_of("a")})
    (path,) = tmp_path.rglob(name)
    whole = path.read_bytes()
    for place in range(len(whole)):
        spoilt = bytearray(whole)
        spoilt[place] ^= 1 << (place % 8)
        path.write_bytes(spoilt)
        assert StateStore(tmp_path, "encoder").get("a") is None
    store = StateStore(tmp_path, "encoder")
    store.put({"a": states_of("a")})
    assert same(store.get("a"), states_of("a"))


def test_files_that_vanish_are_begun_anew(tmp_path: Path) -> None:
    store = StateStore(tmp_path, "encoder")
    store.put({"a": states_of("a")})
    assert store.get("a") is not None
    for path in tmp_path.rglob("states.*"):
        path.unlink()
    assert StateStore(tmp_path, "encoder").get("a") is None
    store.put({"bb": states_of("bb")})
    assert same(store.get("bb"), states_of("bb"))
    assert same(StateStore(tmp_path, "encoder").get("bb"), states_of("bb"))


def test_a_folder_that_cannot_be_written_to_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    store = StateStore(tmp_path / "file", "encoder")
    assert not store.put({"a": states_of("a")})
    assert store.get("a") is None


def _write_for_ever(folder: Path, seed: int) -> None:
    store, numbers = StateStore(folder, "encoder"), random.Random(seed)
    while True:
        texts = [f"text {numbers.randrange(300)}" for _ in range(5)]
        store.put({text: states_of(text, 64) for text in texts})


def test_killed_writers_leave_nothing_wrong_behind(tmp_path: Path) -> None:
    """Three processes write at once and are killed with SIGKILL wherever they are, five times over."""
    for again in range(5):
        writers = [FORK.Process(target=_write_for_ever, args=(tmp_path, 10 * again + i)) for i in range(3)]
        for writer in writers:
            writer.start()
        time.sleep(0.3)
        for writer in writers:
            assert writer.pid is not None
            assert writer.is_alive()
            os.kill(writer.pid, signal.SIGKILL)
        for writer in writers:
            writer.join()
        store = StateStore(tmp_path, "encoder")
        present = [text for i in range(300) if store.get(text := f"text {i}") is not None]
        assert present
        for text in present:
            assert same(store.get(text), states_of(text, 64))
    texts = [f"text {i}" for i in range(300)]
    store.put({text: states_of(text, 64) for text in texts})
    assert all(same(StateStore(tmp_path, "encoder").get(text), states_of(text, 64)) for text in texts)


def _write_once(folder: Path, own: int) -> None:
    store = StateStore(folder, "encoder")
    for i in range(40):
        store.put({text: states_of(text) for text in (f"{own} {i}", f"shared {i}")})


def test_several_processes_write_at_once_and_nothing_is_lost(tmp_path: Path) -> None:
    writers = [FORK.Process(target=_write_once, args=(tmp_path, own)) for own in range(4)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
        assert writer.exitcode == 0
    store = StateStore(tmp_path, "encoder")
    for text in (f"{own} {i}" for own in (0, 1, 2, 3, "shared") for i in range(40)):
        assert same(store.get(text), states_of(text))
