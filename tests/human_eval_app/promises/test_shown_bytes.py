"""Promise 9: the bytes a rater sees are the registered bytes; other bytes are refused, never shown."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from small_studies import small_design, write_study

from human_eval_app.studies.study import Study, TamperedPictureError


@pytest.fixture
def study(tmp_path: Path) -> Study:
    return Study.open(write_study(tmp_path / "study", small_design()))


def test_every_picture_is_read_with_its_registered_hash(study: Study) -> None:
    for picture in study.design.pictures:
        data = study.picture_bytes(picture.id)
        assert hashlib.sha256(data).hexdigest() == picture.sha256
        assert len(data) == picture.bytes


@pytest.mark.parametrize("place", [0, 20, -1])
def test_one_changed_bit_is_refused_when_served(study: Study, place: int) -> None:
    picture = study.design.pictures[1]
    path = study.picture_path(picture.id)
    data = bytearray(path.read_bytes())
    data[place] ^= 1
    path.write_bytes(data)
    with pytest.raises(TamperedPictureError):
        study.picture_bytes(picture.id)
    reopened = Study.open(study.folder)
    with pytest.raises(TamperedPictureError):
        reopened.verify()


def test_pictures_swapped_with_each_other_are_refused(study: Study) -> None:
    first, second = (study.picture_path(picture.id) for picture in study.design.pictures[:2])
    kept = first.read_bytes()
    first.write_bytes(second.read_bytes())
    second.write_bytes(kept)
    with pytest.raises(TamperedPictureError):
        Study.open(study.folder).verify()


def test_another_length_is_refused_when_the_study_is_opened(study: Study) -> None:
    path = study.picture_path(study.design.pictures[0].id)
    path.write_bytes(path.read_bytes() + b"\0")
    with pytest.raises(TamperedPictureError, match="bytes"):
        Study.open(study.folder)
