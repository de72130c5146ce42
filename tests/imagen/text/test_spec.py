from pathlib import Path

import pytest

from imagen.text import KNOWN, EncoderSpec, parse_encoder


def test_short_names_are_the_sizes_that_the_paper_tried() -> None:
    assert {name for name in KNOWN if name != "minilm"} == {
        *(f"t5-{size}" for size in ("small", "base", "large", "xl", "xxl")),
        *("bert-base", "bert-large", "clip-l"),
    }
    assert parse_encoder("t5-xxl") == parse_encoder("t5:google/t5-v1_1-xxl")
    assert (KNOWN["t5-xxl"].dim, KNOWN["t5-xxl"].layers) == (4096, 24)
    assert parse_encoder("bert-large") == parse_encoder("bert:bert-large-uncased")
    assert parse_encoder("clip-l") == parse_encoder("clip:openai/clip-vit-large-patch14")
    assert parse_encoder("minilm") == EncoderSpec("minilm")


def test_a_folder_is_a_source(tmp_path: Path) -> None:
    assert parse_encoder(f"t5:{tmp_path}").folder == tmp_path
    assert parse_encoder("t5:google/t5-v1_1-xxl").folder is None


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("t6", "unknown text encoder 't6': use one of minilm, t5-small, .*FAMILY:HUB_ID"),
        ("gpt:gpt2", "unknown family of text encoders 'gpt': use one of t5, bert, clip, minilm"),
        ("t5:/no/such/folder", "'/no/such/folder' is no folder and no hub id: write t5:FOLDER"),
        ("bert:", "'' is no folder and no hub id"),
        ("minilm:other", "minilm comes with its package: leave 'other' away"),
    ],
)
def test_names_that_make_no_sense(name: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse_encoder(name)
