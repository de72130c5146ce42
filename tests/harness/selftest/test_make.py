"""The committed reference file is what the committed script makes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from drawbench.errors import InputError
from harness.selftest import reference_file
from harness.selftest.make import main, picture_files
from harness.selftest.reference_file import reference_path, reference_values


def test_the_committed_file_is_small_and_the_script_makes_it_again(tmp_path: Path) -> None:
    assert reference_path().stat().st_size < 200 * 1024
    out = tmp_path / "again.npz"
    assert main(["--out", str(out)]) == 0
    with np.load(out) as made:
        assert set(made.files) == set(reference_values())
        for name, expected in reference_values().items():
            if name.endswith("/pixels"):
                assert np.abs(made[name].astype(int) - expected).max() <= 1, name
            elif name.startswith("features/"):
                np.testing.assert_allclose(made[name], expected, atol=1e-3, rtol=1e-3)


def test_pixels_of_lossless_files_come_from_arithmetic_and_not_from_a_decoder(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(
        "harness.selftest.make.decode_rgb", lambda data: np.full((20, 28, 3), 7, dtype=np.uint8)
    )
    for kind, (_, pixels) in picture_files().items():
        if kind.startswith("jpeg"):
            assert (pixels == 7).all()
        else:
            np.testing.assert_array_equal(pixels, reference_values()[f"decode/{kind}/pixels"])


def test_a_damaged_file_is_one_clear_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = tmp_path / "selftest.npz"
    broken.write_bytes(b"PK rotten")
    monkeypatch.setattr(reference_file, "reference_path", lambda: broken)
    reference_values.cache_clear()
    with pytest.raises(InputError, match="install the package again"):
        reference_values()
    reference_values.cache_clear()
