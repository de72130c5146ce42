import json
import shutil
import sys
from pathlib import Path

import pytest

from imagen.text import MiniLM, find_encoder, load_encoder


@pytest.fixture
def t5(encoder_folders: dict[str, Path], tmp_path: Path) -> Path:
    """A copy that a test may spoil."""
    return Path(shutil.copytree(encoder_folders["t5"], tmp_path / "t5"))


@pytest.fixture(autouse=True)
def no_hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))


@pytest.mark.parametrize(("family", "layers", "tokens"), [("t5", 2, 128), ("bert", 2, 128), ("clip", 3, 77)])
def test_sizes_are_read_from_the_files(
    encoder_folders: dict[str, Path], family: str, layers: int, tokens: int
) -> None:
    found = find_encoder(f"{family}:{encoder_folders[family]}")
    assert (found.dim, found.layers, found.max_tokens) == (32, layers, tokens)
    assert found.identity().startswith(f"{family}-{layers}x32:")
    assert load_encoder(found).identity() == found.identity()


def test_minilm_has_its_two_layers_side_by_side(minilm: MiniLM) -> None:
    found = find_encoder("minilm")
    assert (found.dim, found.layers, found.max_tokens) == (768, 6, 128)
    assert found.identity() == minilm.identity() == MiniLM.identity_of(minilm.folder)
    assert found.identity().startswith("all-MiniLM-L6-v2:")
    assert found.identity("bfloat16") == found.identity("float32")


def test_identity_is_the_contents_not_the_place(t5: Path, encoder_folders: dict[str, Path]) -> None:
    def identity() -> str:
        return find_encoder(f"t5:{t5}").identity()

    before = identity()
    assert before == find_encoder(f"t5:{encoder_folders['t5']}").identity()
    assert before != find_encoder(f"t5:{t5}").identity("bfloat16")
    assert before != find_encoder(f"t5:{t5}", max_tokens=64).identity()
    (t5 / "README.md").write_text("words")
    assert identity() == before
    for name in ("tokenizer.json", "model.safetensors"):
        data = bytearray((t5 / name).read_bytes())
        data[-1] ^= 1
        (t5 / name).write_bytes(data)
        assert identity() != before
        before = identity()


def test_hashes_of_weights_are_remembered_until_the_file_changes(t5: Path, tmp_path: Path) -> None:
    memory = tmp_path / "cache" / "hashes.json"
    found = find_encoder(f"t5:{t5}")
    first = found.identity(memory=memory)
    assert first == found.identity()
    known = json.loads(memory.read_text())
    place = str((t5 / "model.safetensors").resolve())
    known[place][2] = "0" * 64
    memory.write_text(json.dumps(known))
    assert found.identity(memory=memory) != first  # the memory was believed
    (t5 / "model.safetensors").touch()
    assert found.identity(memory=memory) == first
    memory.write_text("{ torn")
    assert found.identity(memory=memory) == first


def test_no_network_is_loaded_for_size_and_identity(t5: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "transformers", None)  # an import of it raises
    assert find_encoder(f"t5:{t5}").identity()


def test_missing_weights_are_one_line_that_says_what_to_fetch_and_where_to_put_it(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="t5-v1_1-xxl is not in") as raised:
        find_encoder("t5-xxl", [tmp_path / "weights"])
    message = str(raised.value)
    assert "\n" not in message
    assert "`hf download google/t5-v1_1-xxl`" in message
    assert f"into {tmp_path / 'weights' / 'google' / 't5-v1_1-xxl'}" in message
    assert "spiece.model" in message
    with pytest.raises(ValueError, match=r"or put .* into a folder and name it bert:FOLDER"):
        find_encoder("bert-base")


@pytest.mark.parametrize("place", ["weights/google/t5-v1_1-small", "weights/t5-v1_1-small", "hub"])
def test_found_under_its_hub_id_in_a_folder_or_in_the_hubs_cache(
    t5: Path, tmp_path: Path, place: str
) -> None:
    target = tmp_path / place
    if place == "hub":
        snapshots = tmp_path / "hub" / "models--google--t5-v1_1-small"
        (snapshots / "refs").mkdir(parents=True)
        (snapshots / "refs" / "main").write_text("abc")
        (snapshots / "snapshots" / "000").mkdir(parents=True)
        target = snapshots / "snapshots" / "abc"
    shutil.copytree(t5, target)
    assert find_encoder("t5-small", [tmp_path / "weights"]).folder == target


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("config.json", "it lacks config.json"),
        ("model.safetensors", "it lacks model.safetensors or pytorch_model.bin"),
        ("tokenizer.json", "it lacks tokenizer.json or spiece.model"),
    ],
)
def test_incomplete_folders_name_what_they_lack(t5: Path, name: str, message: str) -> None:
    (t5 / name).unlink()
    with pytest.raises(ValueError, match=message):
        find_encoder(f"t5:{t5}")
    parent = t5.parent / "weights" / "google"
    shutil.copytree(t5, parent / "t5-v1_1-xl")
    with pytest.raises(ValueError, match=r"google/t5-v1_1-xl lacks .*hf download"):
        find_encoder("t5-xl", [parent.parent])


def test_every_part_of_sharded_weights_must_be_there(t5: Path) -> None:
    (t5 / "model.safetensors").rename(t5 / "model-00001-of-00002.safetensors")
    index = {"weight_map": {"a": "model-00001-of-00002.safetensors", "b": "model-00002-of-00002.safetensors"}}
    (t5 / "model.safetensors.index.json").write_text(json.dumps(index))
    with pytest.raises(ValueError, match=r"it lacks model-00002-of-00002\.safetensors"):
        find_encoder(f"t5:{t5}")
    (t5 / "model.safetensors.index.json").write_text("{}")
    with pytest.raises(ValueError, match="names no weight files"):
        find_encoder(f"t5:{t5}")


def test_another_familys_files_or_broken_ones_are_refused(t5: Path) -> None:
    (t5 / "vocab.txt").write_text("")
    with pytest.raises(ValueError, match="holds a model of type 't5', not bert"):
        find_encoder(f"bert:{t5}")
    config = json.loads((t5 / "config.json").read_text())
    (t5 / "config.json").write_text(json.dumps({**config, "d_model": None}))
    with pytest.raises(ValueError, match="does not say d_model and num_layers"):
        find_encoder(f"t5:{t5}")
    (t5 / "config.json").write_text("{")
    with pytest.raises(ValueError, match=r"config\.json cannot be read"):
        find_encoder(f"t5:{t5}")


def test_lengths_that_an_encoder_cannot_have(encoder_folders: dict[str, Path]) -> None:
    with pytest.raises(ValueError, match="max_tokens of clip must be from 2 to 77, not 78"):
        find_encoder(f"clip:{encoder_folders['clip']}", max_tokens=78)
    with pytest.raises(ValueError, match="max_tokens of t5 must be at least 2, not 1"):
        find_encoder(f"t5:{encoder_folders['t5']}", max_tokens=1)
    assert find_encoder(f"t5:{encoder_folders['t5']}", max_tokens=512).max_tokens == 512


def test_unknown_number_types_are_refused(t5: Path) -> None:
    with pytest.raises(ValueError, match="unknown number type 'int8': use one of float32"):
        find_encoder(f"t5:{t5}").identity("int8")
