"""`drawbench export`: what other libraries read is what the run holds."""

import hashlib
import os
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from harness import cli
from harness.types import Failure

Output = pytest.CaptureFixture[str]


@pytest.fixture
def run(make_run: Any) -> Path:
    folder: Path = make_run(
        {"Colors": ["a red cube", "ein grüner Ball"], "Text": ["a sign"]},
        samples_per_prompt=2,
        failures={"p001": Failure("filtered", "not allowed")},
        unmade=["p002"],
        values={"p000": 12.5},
    )
    return folder


def _check(run: Path, table: datasets.Dataset) -> None:
    assert table.num_rows == 6
    assert list(table["prompt"])[::2] == ["a red cube", "ein grüner Ball", "a sign"]
    assert list(table["status"]) == ["ok", "ok", "filtered", "filtered", "missing", "missing"]
    assert list(table["index"]) == [0, 1] * 3
    assert list(table["align_conse"]) == [12.5, None, None, None, None, None]
    assert list(table["reason"])[2] == "not allowed"
    first = run / "images" / "p000" / "0.png"
    np.testing.assert_array_equal(np.asarray(table[0]["image"]), np.asarray(Image.open(first)))
    assert table[2]["image"] is None
    assert table[0]["sha256"] == hashlib.sha256(first.read_bytes()).hexdigest()


def test_datasets_reads_the_folder(run: Path, tmp_path: Path, capsys: Output) -> None:
    out = tmp_path / "deep" / "set"
    assert cli.main(["export", str(run), "--out", str(out)]) == 0
    assert capsys.readouterr().out == f"6 rows in {out}\n"
    _check(run, datasets.load_from_disk(str(out)))


def test_datasets_and_pandas_read_the_parquet_file(run: Path, tmp_path: Path, capsys: Output) -> None:
    out = tmp_path / "run.parquet"
    assert cli.main(["export", str(run), "--out", str(out), "--format", "parquet"]) == 0
    table = datasets.load_dataset(
        "parquet", data_files=str(out), split="train", cache_dir=str(tmp_path / "cache")
    )
    _check(run, table)
    frame = pd.read_parquet(out)
    first = run / "images" / "p000" / "0.png"
    assert frame["image"][0]["bytes"] == first.read_bytes()


@pytest.mark.parametrize("kind", ["datasets", "parquet"])
def test_a_picture_that_is_gone_is_named_and_nothing_is_left(
    run: Path, tmp_path: Path, capsys: Output, kind: str
) -> None:
    (run / "images" / "p000" / "1.png").unlink()
    out = tmp_path / "out" / "set"
    assert cli.main(["export", str(run), "--out", str(out), "--format", kind]) == 2
    assert "1.png" in capsys.readouterr().err
    assert os.listdir(out.parent) == []  # noqa: PTH208


def test_what_is_there_is_not_overwritten(run: Path, tmp_path: Path, capsys: Output) -> None:
    out = tmp_path / "mine.parquet"
    out.write_text("precious")
    assert cli.main(["export", str(run), "--out", str(out), "--format", "parquet"]) == 2
    assert "is there already" in capsys.readouterr().err
    assert out.read_text() == "precious"
