"""Study folders: what opens, what is refused, and whose token is the admin's."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_studies import ADMIN_TOKEN, SECRET, small_design, write_study

from drawbench.errors import InputError
from human_eval_app.studies.study import Study, TamperedPictureError, admin_hash


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_study(tmp_path / "study", small_design())


def test_open_gives_back_what_was_written(folder: Path) -> None:
    study = Study.open(folder)
    assert study.design == small_design()
    assert study.secret == SECRET
    assert study.database_url == f"sqlite:///{folder.absolute()}/study.db"
    seen: list[tuple[int, int]] = []
    study.verify(lambda done, total: seen.append((done, total)))
    assert seen[-1] == (len(study.design.pictures), len(study.design.pictures))


def test_a_database_url_wins(folder: Path) -> None:
    (folder / "database.url").write_text("postgresql+psycopg://localhost/ratings\n")
    assert Study.open(folder).database_url == "postgresql+psycopg://localhost/ratings"
    (folder / "database.url").write_text("what")
    with pytest.raises(InputError, match="database URL"):
        Study.open(folder)


def test_only_the_admins_token_is_the_admins(folder: Path) -> None:
    study = Study.open(folder)
    assert study.is_admin(ADMIN_TOKEN)
    for token in ("", "x", ADMIN_TOKEN + " ", ADMIN_TOKEN[:-1], study.admin_hash, "é\0"):
        assert not study.is_admin(token)
    assert admin_hash(bytes(32), ADMIN_TOKEN) != study.admin_hash


@pytest.mark.parametrize("name", ["design.json", "secret.key", "admin.hash"])
def test_a_missing_file_is_named(folder: Path, name: str) -> None:
    (folder / name).unlink()
    with pytest.raises(InputError, match=name):
        Study.open(folder)


@pytest.mark.parametrize("secret", [b"", b"short", bytes(33)])
def test_a_secret_of_another_length_is_refused(folder: Path, secret: bytes) -> None:
    (folder / "secret.key").write_bytes(secret)
    with pytest.raises(InputError, match="32 bytes"):
        Study.open(folder)


def test_a_folder_that_is_no_study(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "absent"):
        with pytest.raises(InputError, match="no study"):
            Study.open(folder)


def test_a_malformed_design_is_named_with_its_file(folder: Path) -> None:
    for data in (b"\xff\xfe", b"{}"):
        (folder / "design.json").write_bytes(data)
        with pytest.raises(InputError, match=r"design\.json"):
            Study.open(folder)


def test_ids_that_are_not_registered_reach_no_file(folder: Path) -> None:
    study = Study.open(folder)
    for name in ("../secret", "../../etc/passwd", "", "0" * 32, "%2e%2e/secret.key"):
        with pytest.raises(InputError, match="no such picture"):
            study.picture_bytes(name)


def test_a_missing_picture_is_refused(folder: Path) -> None:
    study = Study.open(folder)
    picture = study.design.pictures[0].id
    study.picture_path(picture).unlink()
    with pytest.raises(TamperedPictureError):
        study.picture_bytes(picture)
    with pytest.raises(TamperedPictureError):
        Study.open(folder)
