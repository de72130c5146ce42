"""Embedded colour profiles are applied before they are stripped."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image, ImageCms

from harness.decode import decode_rgb
from human_eval_app.pictures.colour_profiles import to_srgb


def _png(pixels: np.ndarray, profile: bytes | None) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG", icc_profile=profile)
    return file.getvalue()


def _wide_gamut() -> bytes:
    """sRGB's profile with its red and blue columns exchanged under another name: unlike sRGB, yet valid."""
    data = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    count = int.from_bytes(data[128:132], "big")
    at = {bytes(data[132 + 12 * n : 136 + 12 * n]): 132 + 12 * n for n in range(count)}
    red, blue = at[b"rXYZ"], at[b"bXYZ"]
    data[red : red + 4], data[blue : blue + 4] = b"bXYZ", b"rXYZ"
    return (
        bytes(data).replace(b"sRGB", b"odd!").replace("sRGB".encode("utf-16-be"), "odd!".encode("utf-16-be"))
    )


@pytest.fixture
def pixels() -> np.ndarray:
    return np.full((4, 4, 3), (200, 60, 20), np.uint8)


def test_another_profile_changes_the_numbers_to_srgbs(pixels: np.ndarray) -> None:
    data = _png(pixels, _wide_gamut())
    red, _, blue = to_srgb(decode_rgb(data), data)[0, 0].astype(int)
    assert abs(red - 20) <= 6, "what the profile calls red is sRGB's blue"
    assert abs(blue - 200) <= 6


@pytest.mark.parametrize(
    "profile", [None, b"no profile", ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()]
)
def test_without_another_profile_nothing_changes(pixels: np.ndarray, profile: bytes | None) -> None:
    data = _png(pixels, profile)
    decoded = decode_rgb(data)
    assert to_srgb(decoded, data) is decoded


def test_profiles_of_other_spaces_are_left_alone(pixels: np.ndarray) -> None:
    lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    data = _png(pixels, lab)
    decoded = decode_rgb(data)
    assert to_srgb(decoded, data) is decoded
