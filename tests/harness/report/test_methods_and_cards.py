from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from pair_of_runs import make_scored
from PIL import Image

from harness.pictures import encode_png
from harness.progress import NoProgress
from harness.report import cards as cards_module
from harness.report.cards import link_to, make_cards, script_json
from harness.report.lineup import Lineup
from harness.report.methods import methods

MakeRun = Callable[..., Path]


def test_what_differs_comes_first_and_what_agrees_is_said_once(make_run: MakeRun) -> None:
    a = make_scored(make_run, "a", 0, settings={"steps": 4, "sampler": "ddim"})
    b = make_scored(make_run, "b", 0, settings={"steps": 8, "sampler": "ddim"})
    b = replace(b, manifest={**b.manifest, "versions": {**b.manifest["versions"], "numpy": "9.9"}})
    parts = {
        part.heading: {fact.name: fact.values for fact in part.facts} for part in methods(Lineup.of([a, b]))
    }
    differing = next(iter(parts.items()))
    assert differing[0] == "What differs between the runs"
    assert differing[1]["Settings: steps"] == (("A", "4"), ("B", "8"))
    assert differing[1]["Versions: numpy"][1] == ("B", "9.9")
    assert not any("created" in name or "hash" in name for name in differing[1])
    assert parts["Settings"]["sampler"] == (("", "ddim"),)
    assert parts["Bench"]["digest"] == (("", a.manifest["bench"]["digest"]),)
    assert {letters for letters, _ in parts["Run"]["run hash"]} == {"A", "B"}


def test_cards_put_the_runs_side_by_side(make_run: MakeRun, tmp_path: Path) -> None:
    a = make_scored(make_run, "a", 0, settings={"x": 1})
    b = make_scored(make_run, "b", 0.1, settings={"x": 2}, unmade=["p001"])
    cards = make_cards(Lineup.of([a, b]), tmp_path, NoProgress())
    assert [name for name, _ in cards.groups] == ["Colours", "Counts"]
    assert (cards.count, cards.asked, cards.across) == (5, 5, 2)
    for card in cards.all:
        assert [strip.letter for strip in card.strips] == ["A", "B"]
        assert [len(strip.tiles) for strip in card.strips] == [2, 0 if card.prompt.id == "p001" else 2]
    data = cards.as_data()
    assert data["cards"][0] == [[[0.5], [0.51]], [[0.6], [0.61]]]
    assert data["cards"][1][1] == []
    tile = cards.groups[0][1][0].strips[1].tiles[0]
    assert tile.link == "b/images/p000/0.png"


def test_all_thumbnails_together_keep_to_their_budget(
    make_run: MakeRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = make_scored(make_run, "a", 0)
    noise = np.random.default_rng(0).integers(0, 256, (300, 300, 3)).astype(np.uint8)
    for picture in run.folder.glob("images/*/*.png"):
        picture.write_bytes(encode_png(Image.fromarray(noise)))
    sizes = []
    for budget in (400_000, 200_000, 80_000):
        monkeypatch.setattr(cards_module, "PICTURES_BYTES", budget)
        made = make_cards(Lineup.of([run]), tmp_path, NoProgress())
        sizes.append(sum(len(t.picture.uri) for c in made.all for t in c.tiles if t.picture))
        assert sizes[-1] <= budget + 10 * len("data:image/webp;base64,  ")
    assert sizes == sorted(sizes, reverse=True)


def test_no_text_ends_the_element_that_holds_the_data() -> None:
    hostile = {"</script><script>": "<!-- \u2028\u2029", "plain": [1.5, None, "é"]}
    text = script_json(hostile)
    assert not set(text) & set("<\u2028\u2029")
    assert json.loads(text) == hostile


def test_links_are_relative_and_quoted(tmp_path: Path) -> None:
    assert link_to(tmp_path / "a b#c", tmp_path) == "a%20b%23c/"
    assert link_to(tmp_path, tmp_path) == ""
    assert link_to(tmp_path / "x", tmp_path / "pages" / "deep") == "../../x/"
