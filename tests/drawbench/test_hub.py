"""Failing fast: what is tried before a hub is, and how long it may take."""

from __future__ import annotations

import os
import socket
import time
from pathlib import Path

import pytest

from drawbench import hub
from drawbench.errors import InputError
from drawbench.prompt_files import Row
from drawbench.sources import Wanted, cache_dir, write_cache

constants = pytest.importorskip("huggingface_hub.constants")


@pytest.fixture
def direct(monkeypatch: pytest.MonkeyPatch) -> None:
    """No proxies and no offline switches, whatever this machine has."""
    for name in list(os.environ):
        if name.lower().endswith("_proxy") or name in ("HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE", "HF_HOME"):
            monkeypatch.delenv(name)


@pytest.mark.usefixtures("direct")
def test_a_hub_that_answers_and_one_that_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        monkeypatch.setattr(constants, "ENDPOINT", f"http://127.0.0.1:{port}")
        assert hub.why_offline() == ""
        monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{port}")
        monkeypatch.setattr(constants, "ENDPOINT", "http://hub.invalid")
        assert hub.why_offline() == ""
        monkeypatch.delenv("http_proxy")
    monkeypatch.setattr(constants, "ENDPOINT", f"http://127.0.0.1:{port}")
    assert hub.why_offline().startswith("no connection (")
    with pytest.raises(hub.NotReachable, match="no connection"):
        hub.open_dataset("someone/something")


@pytest.mark.usefixtures("direct")
@pytest.mark.parametrize("variable", ["HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE"])
def test_offline_switches(variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(variable, "true")
    assert hub.why_offline() == f"{variable} is set"
    monkeypatch.setenv(variable, "0")
    assert hub.why_offline(offline=True) == "offline was asked for"


@pytest.mark.usefixtures("direct")
def test_a_hub_that_keeps_silent_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "create_connection", lambda *a, **k: time.sleep(30))
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1")
    start = time.monotonic()
    assert hub.why_offline(seconds=0.2) == "no connection (no answer within 0.2 s)"
    assert time.monotonic() - start < 5


def test_a_folder_of_data_files_and_a_choice_of_splits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    datasets = pytest.importorskip("datasets")
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "hf")
    files = tmp_path / "files"
    files.mkdir()
    (files / "data.csv").write_text("Prompts,Category,x\nA shed.,Sheds,1.5\n")
    assert hub.records(str(files), offline=True) == [{"Prompts": "A shed.", "Category": "Sheds"}]

    one = datasets.Dataset.from_dict({"text": ["A shed."]})
    two = datasets.Dataset.from_dict({"text": ["A barn."]})
    datasets.DatasetDict({"train": one, "validation": two}).save_to_disk(str(tmp_path / "usual"))
    assert hub.records(str(tmp_path / "usual")) == [{"text": "A barn."}]
    datasets.DatasetDict({"red": one, "blue": two}).save_to_disk(str(tmp_path / "unusual"))
    with pytest.raises(InputError, match="has the splits red, blue"):
        hub.records(str(tmp_path / "unusual"))


def test_an_unreadable_folder_is_not_reachable(tmp_path: Path) -> None:
    pytest.importorskip("datasets")
    with pytest.raises(hub.NotReachable):
        hub.open_dataset(str(tmp_path))


def test_cache_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DRAWBENCH_CACHE", str(tmp_path / "own"))
    assert cache_dir() == tmp_path / "own"
    monkeypatch.delenv("DRAWBENCH_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert cache_dir() == tmp_path / "xdg" / "drawbench-suite"
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache_dir() == tmp_path / ".cache" / "drawbench-suite"
    monkeypatch.setenv("DRAWBENCH_CACHE", "/dev/null/cache")  # a place that cannot be a folder
    with pytest.raises(OSError, match="/dev/null"):
        write_cache(Wanted("x", "X", "x.csv"), [Row(1, "A shed.")])


def test_cache_as_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DRAWBENCH_CACHE", str(tmp_path / "cache"))
    rows = [Row(1, 'A "shed", red', "Sheds", None, {"Note": "two\tparts"}), Row(2, "A barn.")]
    columns = ("prompt", "category", "note")
    table = write_cache(Wanted("x", "X", "x.csv", columns=columns), rows)
    assert table.read_text() == 'prompt,category,note\n"A ""shed"", red",Sheds,two parts\nA barn.,,\n'
    table = write_cache(Wanted("x", "X", "x.tsv", columns=columns), rows)
    assert table.read_text() == 'prompt\tcategory\tnote\nA "shed", red\tSheds\ttwo parts\nA barn.\t\t\n'
    assert sorted(path.name for path in table.parent.iterdir()) == ["x.csv", "x.tsv"]
