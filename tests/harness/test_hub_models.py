"""Networks by name or folder: where they are looked for, what makes them whole, and their identity."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from drawbench.errors import InputError
from harness.hub_models import find_model, get_model, missing_model, shown
from harness.weights import WeightsPolicy

NAME = "somebody/Some-Net-3B"


@pytest.fixture(autouse=True)
def bare_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HOME", "HF_HOME", "XDG_CACHE_HOME", "DRAWBENCH_CACHE"):
        monkeypatch.setenv(name, str(tmp_path / "home"))
    for name in ("HF_HUB_CACHE", "DRAWBENCH_WEIGHTS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")


def _make(folder: Path, weights: bytes = b"w", config: str = "{}") -> Path:
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(config)
    (folder / "model.safetensors").write_bytes(weights)
    return folder


def test_a_folder_is_used_as_it_is(tmp_path: Path) -> None:
    folder = _make(tmp_path / "my net")
    found = find_model(str(folder), WeightsPolicy())
    assert found is not None
    assert found.folder == folder
    assert found.identity.startswith("my net@sha256:")
    assert missing_model(str(folder), WeightsPolicy(), "vqa", "the model") is None


def test_a_hubs_name_is_looked_for_in_the_weights_folders_and_the_hubs_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert find_model(NAME, WeightsPolicy()) is None
    cache = tmp_path / "home" / "hub" / "models--somebody--Some-Net-3B" / "snapshots" / "abc"
    places = [_make(cache), _make(tmp_path / "env" / "Some-Net-3B"), _make(tmp_path / "given" / NAME)]
    found = [find_model(NAME, WeightsPolicy())]
    monkeypatch.setenv("DRAWBENCH_WEIGHTS", str(tmp_path / "env"))
    found.append(find_model(NAME, WeightsPolicy()))
    found.append(find_model(NAME, WeightsPolicy(tmp_path / "given")))
    assert [one.folder if one else None for one in found] == places
    assert {one.identity if one else "" for one in found} == {found[0].identity if found[0] else "x"}
    assert found[0] is not None
    assert found[0].identity.startswith(f"{NAME}@sha256:")


def test_weights_in_parts_must_all_be_there(tmp_path: Path) -> None:
    folder = _make(tmp_path / "net")
    (folder / "model.safetensors").unlink()
    parts = {"a": "model-00001-of-00002.safetensors", "b": "model-00002-of-00002.safetensors"}
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": parts}))
    (folder / parts["a"]).write_bytes(b"1")
    assert find_model(str(folder), WeightsPolicy()) is None
    (folder / parts["b"]).write_bytes(b"2")
    found = find_model(str(folder), WeightsPolicy())
    assert found is not None
    before = found.identity
    (folder / parts["b"]).write_bytes(b"33")
    assert found.identity != before
    (folder / "model.safetensors.index.json").write_text("{")
    assert find_model(str(folder), WeightsPolicy()) is None


def test_what_decides_the_outcome_is_in_the_identity_and_nothing_else(tmp_path: Path) -> None:
    one = find_model(str(_make(tmp_path / "a" / "net")), WeightsPolicy())
    same = find_model(str(_make(tmp_path / "b" / "net")), WeightsPolicy())
    other = find_model(str(_make(tmp_path / "c" / "net", b"x")), WeightsPolicy())
    configured = find_model(str(_make(tmp_path / "d" / "net", config='{"x": 1}')), WeightsPolicy())
    assert one is not None
    assert same is not None
    assert other is not None
    assert configured is not None
    assert one.identity == same.identity
    assert len({one.identity, other.identity, configured.identity}) == 3
    before = one.identity
    (one.folder / "README.md").write_text("words")
    (one.folder / "pytorch_model.bin").write_bytes(b"not what is loaded")
    assert one.identity == before
    (one.folder / "preprocessor_config.json").write_text("{}")
    assert one.identity != before
    assert shown("~/my[odd]|name") == "my(odd)_name"


def test_what_is_missing_is_one_line_that_says_what_to_do(tmp_path: Path) -> None:
    lacking = missing_model(NAME, WeightsPolicy(), "vqa", "VQAScore's model")
    assert lacking == (
        f"VQAScore's model {NAME} is not on this machine (looked in the model hub's cache); fetch it with "
        "--download or give a folder with --with vqa=FOLDER"
    )
    assert "the --weights folder" in str(missing_model(NAME, WeightsPolicy(tmp_path), "vqa", "x"))
    with pytest.raises(InputError, match="is not on this machine"):  # told to stay offline
        get_model(NAME, WeightsPolicy(download=True), "vqa", "VQAScore's model")
    empty = tmp_path / "empty"
    empty.mkdir()
    assert "needs a folder with config.json" in str(missing_model(str(empty), WeightsPolicy(), "vqa", "x"))


def test_a_download_that_fails_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """The hub's real client with an address at which nobody answers."""
    constants = pytest.importorskip("huggingface_hub.constants")
    monkeypatch.delenv("HF_HUB_OFFLINE")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    assert missing_model(NAME, WeightsPolicy(download=True), "vqa", "the model") is None
    with pytest.raises(InputError, match=f"the model {NAME} cannot be fetched: ") as caught:
        get_model(NAME, WeightsPolicy(download=True), "vqa", "the model")
    assert "\n" not in str(caught.value)
