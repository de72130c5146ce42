"""Bundles: they make a machine without anything work, survive being broken off, and tell when they rot."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

import pytest

from drawbench.errors import InputError
from harness.assets import ASSETS, Asset, AssetFile
from harness.weights import WeightsPolicy, find, locate
from harness.weights.bundle import check_bundle, make_bundle

CONTENT = b"weights " * 1000
PLAIN = Asset("plain", "a plain network", "MIT", (AssetFile("p.pt", hashlib.sha256(CONTENT).hexdigest()),))
FOLDER = Asset(
    "folded", "a network in a folder", "CC0-1.0", (AssetFile("m.bin", generic=True),), beside=("c.json",)
)
ABSENT = Asset("absent", "nowhere", "MIT", (AssetFile("a.pt"),))


@pytest.fixture
def owner(tmp_path: Path) -> WeightsPolicy:
    """A machine that has two of the three."""
    given = tmp_path / "given"
    (given / "folded").mkdir(parents=True)
    (given / "p.pt").write_bytes(CONTENT)
    (given / "folded" / "m.bin").write_bytes(CONTENT[:-1])
    (given / "folded" / "c.json").write_text("{}")
    return WeightsPolicy(given)


def test_a_bundle_serves_a_machine_that_has_nothing(
    tmp_path: Path, owner: WeightsPolicy, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle = tmp_path / "bundle"
    made = make_bundle(bundle, (PLAIN, FOLDER, ABSENT), owner)
    assert (made.copied, made.there, made.missing) == (("plain", "folded"), (), ("absent",))
    assert check_bundle(bundle) == {"folded/m.bin": "ok", "folded/c.json": "ok", "plain/p.pt": "ok"}
    for policy, variable in ((WeightsPolicy(bundle), ""), (WeightsPolicy(), str(bundle))):
        monkeypatch.setenv("DRAWBENCH_WEIGHTS", variable)
        found = find(FOLDER, policy)
        assert found.path == bundle / "folded"
        assert found.verified, "the list in the bundle knows the hash that the publisher does not name"
        assert find(PLAIN, policy).path == bundle / "plain" / "p.pt"
    assert "plain: a plain network. Licence: MIT" in (bundle / "LICENCES.txt").read_text()
    listed = json.loads((bundle / "weights.json").read_text())["weights"]
    assert listed["plain"]["published_sha256"]
    assert not listed["folded"]["published_sha256"]


def test_making_it_again_copies_nothing_and_keeps_what_other_calls_brought(
    tmp_path: Path, owner: WeightsPolicy
) -> None:
    bundle = tmp_path / "bundle"
    make_bundle(bundle, (PLAIN,), owner)
    before = (bundle / "plain" / "p.pt").stat().st_mtime_ns
    again = make_bundle(bundle, (PLAIN, FOLDER), owner)
    assert (again.copied, again.there) == (("folded",), ("plain",))
    assert (bundle / "plain" / "p.pt").stat().st_mtime_ns == before
    make_bundle(bundle, (FOLDER,), owner)
    assert set(check_bundle(bundle).values()) == {"ok"}
    assert len(check_bundle(bundle)) == 3
    itself = make_bundle(bundle, (PLAIN, FOLDER), WeightsPolicy(bundle))
    assert (itself.copied, itself.there) == ((), ("plain", "folded"))


def test_a_broken_off_bundle_is_finished(
    tmp_path: Path, owner: WeightsPolicy, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle = tmp_path / "bundle"

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="No space left"):
            make_bundle(bundle, (PLAIN,), owner)
    assert not [path for path in bundle.rglob("*") if path.is_file()]
    (bundle / "plain" / "p.pt").write_bytes(CONTENT[:100])
    assert make_bundle(bundle, (PLAIN,), owner).copied == ("plain",)
    assert check_bundle(bundle) == {"plain/p.pt": "ok"}


@pytest.mark.parametrize("damage", ["m.bin", "c.json"])
def test_rot_is_found_by_the_check_and_stops_the_use(
    tmp_path: Path, owner: WeightsPolicy, damage: str
) -> None:
    bundle = tmp_path / "bundle"
    make_bundle(bundle, (PLAIN, FOLDER), owner)
    path = bundle / "folded" / damage
    path.write_bytes(b"?" + path.read_bytes()[1:])
    states = check_bundle(bundle)
    assert states[f"folded/{damage}"].startswith("damaged: sha256")
    assert sum(state != "ok" for state in states.values()) == 1
    with pytest.raises(InputError, match=f"{damage}: sha256 .*expected"):
        locate(FOLDER, WeightsPolicy(bundle))
    path.write_bytes(b"")
    assert check_bundle(bundle)[f"folded/{damage}"].startswith("damaged: 0 bytes")
    path.unlink()
    assert check_bundle(bundle)[f"folded/{damage}"] == "missing"


@pytest.mark.parametrize(
    ("text", "message"),
    [("{torn", "is no list of weights"), ("[]", "is no list"), ('{"schema": 9}', "has schema 9")],
)
def test_a_list_that_cannot_be_read_is_one_clear_line(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "weights.json").write_text(text)
    with pytest.raises(InputError, match=message):
        check_bundle(tmp_path)


def test_what_cannot_be_a_bundle(tmp_path: Path, owner: WeightsPolicy) -> None:
    with pytest.raises(InputError, match=r"has no weights\.json"):
        check_bundle(tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="is not a folder"):
        make_bundle(tmp_path / "file", (PLAIN,), owner)
    assert owner.folder
    (owner.folder / "p.pt").write_bytes(b"something else")
    with pytest.raises(InputError, match="is not the known"):
        make_bundle(tmp_path / "bundle", (PLAIN,), owner)
    assert not (tmp_path / "bundle").exists()


def test_the_shipped_weights_make_a_bundle_that_the_extractors_run_on(tmp_path: Path) -> None:
    from harness.extractors.base import Setting
    from harness.extractors.minilm import build

    bundle = tmp_path / "bundle"
    made = make_bundle(bundle, [ASSETS["all-MiniLM-L6-v2"]], WeightsPolicy())
    assert made.copied == ("all-MiniLM-L6-v2",)
    found = find("all-MiniLM-L6-v2", WeightsPolicy(bundle))
    assert found.where == "--weights folder"
    encoder = build(Setting(WeightsPolicy(bundle)))
    assert encoder.extract_texts(["a cat"]).shape == (1, 384)
