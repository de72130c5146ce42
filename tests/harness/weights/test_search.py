"""Weights: where they are looked for, what a mismatch does, and that nothing is fetched unasked."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from drawbench.errors import InputError
from harness.assets import ASSETS, Asset, AssetFile
from harness.weights import WeightsPolicy, file_sha256, find, locate, looked_in, reachable, status

CONTENT = b"weights of a very small network"
ASSET = Asset(
    id="tiny",
    title="a tiny network",
    licence="CC0-1.0",
    files=(
        AssetFile("tiny.pt", sha256=hashlib.sha256(CONTENT).hexdigest(), size=len(CONTENT)),
        AssetFile("model.safetensors", hub="nobody/tiny", generic=True),
    ),
)


def _put(path: Path, content: bytes = CONTENT) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def test_nothing_is_found_on_an_empty_machine() -> None:
    assert locate(ASSET, WeightsPolicy()) is None
    with pytest.raises(
        InputError, match=r"tiny\.pt or tiny/model\.safetensors.*--weights.*downloading is off"
    ):
        find(ASSET, WeightsPolicy())


@pytest.mark.parametrize("inside", ["tiny.pt", "tiny/tiny.pt", "tiny/model.safetensors"])
def test_a_named_folder_is_searched(tmp_path: Path, inside: str) -> None:
    path = _put(tmp_path / "given" / inside)
    found = find(ASSET, WeightsPolicy(tmp_path / "given"))
    assert found.path == path
    assert found.where == "--weights folder"
    assert found.verified == inside.endswith(".pt")


def test_a_generic_name_is_not_taken_from_the_top_of_a_folder(tmp_path: Path) -> None:
    _put(tmp_path / "given" / "model.safetensors")
    assert locate(ASSET, WeightsPolicy(tmp_path / "given")) is None


def test_the_order_of_the_search(
    tmp_path: Path, empty_machine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    caches = empty_machine / ".cache"
    places = [
        ("torch.hub's cache", caches / "torch/hub/checkpoints/tiny.pt"),
        (
            "model hub's cache",
            caches / "huggingface/hub/models--nobody--tiny/snapshots/abc/model.safetensors",
        ),
        ("own cache", caches / "drawbench-suite/weights/tiny/tiny.pt"),
        ("$DRAWBENCH_WEIGHTS", tmp_path / "env" / "tiny.pt"),
        ("--weights folder", tmp_path / "flag" / "tiny.pt"),
    ]
    monkeypatch.setenv("DRAWBENCH_WEIGHTS", str(tmp_path / "env"))
    (tmp_path / "flag").mkdir()
    policy = WeightsPolicy(tmp_path / "flag")
    for where, path in places:
        _put(path)
        assert find(ASSET, policy).where == where
    assert looked_in(ASSET, policy) == tuple(where for where, _ in reversed(places))


@pytest.mark.parametrize(
    ("variable", "inside"),
    [
        ("HF_HUB_CACHE", "models--nobody--tiny/snapshots/abc/model.safetensors"),
        ("HF_HOME", "hub/models--nobody--tiny/snapshots/abc/model.safetensors"),
        ("TORCH_HOME", "hub/checkpoints/tiny.pt"),
        ("DRAWBENCH_CACHE", "weights/tiny/tiny.pt"),
        ("XDG_CACHE_HOME", "torch/hub/checkpoints/tiny.pt"),
    ],
)
def test_variables_move_the_caches(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str, inside: str
) -> None:
    monkeypatch.setenv(variable, str(tmp_path / "moved"))
    path = _put(tmp_path / "moved" / inside)
    assert find(ASSET, WeightsPolicy()).path == path


def test_a_hash_mismatch_stops_and_names_the_file(tmp_path: Path) -> None:
    _put(tmp_path / "given" / "tiny.pt", b"something else")
    _put(tmp_path / "home/.cache/drawbench-suite/weights/tiny/tiny.pt")  # a good one later does not heal it
    with pytest.raises(InputError, match=r"given/tiny\.pt is not the known tiny\.pt: sha256 .*expected"):
        find(ASSET, WeightsPolicy(tmp_path / "given"))


def test_a_changed_file_is_hashed_again(tmp_path: Path) -> None:
    path = _put(tmp_path / "a.bin", b"one")
    assert file_sha256(path) == hashlib.sha256(b"one").hexdigest() == file_sha256(path)
    path.write_bytes(b"three")
    assert file_sha256(path) == hashlib.sha256(b"three").hexdigest()


def test_damaged_memory_of_hashes_is_no_error(tmp_path: Path, empty_machine: Path) -> None:
    _put(empty_machine / ".cache/drawbench-suite/weights/hashes.json", b"{torn")
    path = _put(tmp_path / "a.bin", b"one")
    assert file_sha256(path) == hashlib.sha256(b"one").hexdigest()


def test_an_asset_used_as_a_folder_needs_all_its_files(tmp_path: Path) -> None:
    folder_asset = replace(ASSET, beside=("config.json",))
    given = tmp_path / "given" / "tiny"
    _put(given / "model.safetensors")
    assert locate(folder_asset, WeightsPolicy(tmp_path / "given")) is None
    _put(given / "config.json", b"{}")
    assert find(folder_asset, WeightsPolicy(tmp_path / "given")).path == given


def test_packages_serve_the_weights_that_ship_in_them() -> None:
    for name, is_folder in (("all-MiniLM-L6-v2", True), ("efficientnet-lite0", False)):
        found = find(name, WeightsPolicy())
        assert found.where.startswith("package ")
        assert found.verified
        assert found.path.is_dir() == is_folder


def test_status_has_a_row_for_every_asset_and_survives_a_mismatch(tmp_path: Path) -> None:
    _put(tmp_path / "given" / "inception-2015-12-05.pt", b"not it")
    rows = {row.asset.id: row for row in status(WeightsPolicy(tmp_path / "given"))}
    assert list(rows) == list(ASSETS)
    assert rows["efficientnet-lite0"].found
    assert "is not the known" in rows["inception-2015-12-05"].where
    assert rows["clip-ViT-L-14-openai"].where.startswith("not found, looked in --weights folder, own cache")


def test_user_mistakes_are_input_errors(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is not a folder"):
        WeightsPolicy(tmp_path / "missing")
    with pytest.raises(InputError, match="no weights are called 'inception'"):
        find("inception", WeightsPolicy())


def _served_from(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Asset:
    """The asset with a source that answers: a file of this machine. The hub's address leads nowhere."""
    monkeypatch.setenv("HF_ENDPOINT", (folder / "no-hub").as_uri())
    url = (folder / "tiny.pt").as_uri()
    return replace(ASSET, files=(replace(ASSET.files[0], url=url), ASSET.files[1]))


def test_download_only_when_allowed_and_then_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asset = _served_from(tmp_path, monkeypatch)
    _put(tmp_path / "tiny.pt")
    with pytest.raises(InputError, match="downloading is off"):
        find(asset, WeightsPolicy())
    assert reachable(asset)
    told: list[tuple[str, int, int]] = []
    found = find(asset, WeightsPolicy(download=True, progress=lambda *step: told.append(step)))
    assert found.where == "own cache"
    assert found.path.read_bytes() == CONTENT
    assert told[-1] == ("download tiny.pt", len(CONTENT), len(CONTENT))
    assert find(asset, WeightsPolicy()).path == found.path


def test_a_download_of_another_file_stops_and_leaves_nothing(
    tmp_path: Path, empty_machine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asset = _served_from(tmp_path, monkeypatch)
    _put(tmp_path / "tiny.pt", b"replaced on the way")
    with pytest.raises(InputError, match="another file than the known one"):
        find(asset, WeightsPolicy(download=True))
    assert not [p for p in empty_machine.rglob("*tiny.pt*") if p.is_file()]


def test_a_failed_download_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asset = _served_from(tmp_path, monkeypatch)
    assert not reachable(asset)
    with pytest.raises(InputError, match=r"put tiny\.pt.*the download failed"):
        find(asset, WeightsPolicy(download=True))


def test_being_told_to_stay_offline_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asset = _served_from(tmp_path, monkeypatch)
    _put(tmp_path / "tiny.pt")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert not reachable(asset)
    with pytest.raises(InputError, match="HF_HUB_OFFLINE"):
        find(asset, WeightsPolicy(download=True))


def test_import_loads_nothing_heavy_and_opens_no_connection() -> None:
    script = (
        "import socket, sys\n"
        "def refuse(*_, **__): raise SystemExit('a connection at import')\n"
        "socket.socket.connect = refuse\n"
        "socket.getaddrinfo = refuse\n"
        "import harness.weights, harness.score, harness.score_io, harness.reference\n"
        "import harness.extractors.clip, harness.extractors.inception, harness.extractors.minilm\n"
        "heavy = {'torch', 'transformers', 'open_clip', 'cleanfid', 'pandas'} & set(sys.modules)\n"
        "sys.exit(f'loaded at import: {heavy}' if heavy else 0)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_every_known_asset_says_its_licence_and_no_hash_is_malformed() -> None:
    for asset in ASSETS.values():
        assert asset.licence
        assert all(file.sha256 is None or len(file.sha256) == 64 for file in asset.files)


def test_the_hashes_in_openais_addresses_are_those_of_the_table() -> None:
    open_clip = pytest.importorskip("open_clip")
    checked = 0
    for asset in ASSETS.values():
        if asset.id.endswith("-openai"):
            config = open_clip.get_pretrained_cfg(
                asset.id.removeprefix("clip-").removesuffix("-openai"), "openai"
            )
            first = asset.files[0]
            assert first.url == config["url"]
            assert first.sha256 == config["url"].split("/")[-2]
            assert asset.files[1].hub == config["hf_hub"].rstrip("/")
            checked += 1
    assert checked == 4
