from pathlib import Path
from uuid import uuid4

import fsspec
import pytest

from drawbench.errors import InputError
from drawbench.types import Bench, Prompt
from harness.engines.local import LocalEngine
from harness.generate import generate_missing
from harness.models.dummy import DummyModel
from harness.picture_place import FolderPlace, PicturePlace, UrlPlace, place_for
from harness.plan import make_plan
from harness.progress import NoProgress
from harness.store import RunStore

NAMES = ("images/images-1/0.png", "images/p2/11.png")


@pytest.fixture(params=["folder", "memory"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> PicturePlace:
    if request.param == "folder":
        made: PicturePlace = FolderPlace(tmp_path / "run")
    else:
        made = UrlPlace(f"memory://{uuid4()}/images/run")
    made.make()
    return made


def test_what_is_written_is_held_and_read(place: PicturePlace) -> None:
    assert place.held() == frozenset()
    place.write([])
    place.write([(name, name.encode()) for name in NAMES])
    place.check()
    assert place.held() == set(NAMES)
    assert [place.read(name) for name in NAMES] == [name.encode() for name in NAMES]
    place.write([(NAMES[0], b"other")])
    assert place.read(NAMES[0]) == b"other"
    with pytest.raises(OSError, match="p3"):
        place.read("images/p3/0.png")


def test_where_a_runs_pictures_go(tmp_path: Path) -> None:
    run = tmp_path / "run"
    assert place_for(run, None) == FolderPlace(run)
    assert place_for(run, "memory://bucket/folder/") == UrlPlace("memory://bucket/folder/run")
    assert place_for(run, f"file://{tmp_path}/there") == FolderPlace(tmp_path / "there" / "run")


@pytest.mark.parametrize("url", ["folder", "://x", "nosuchscheme://bucket/x"])
def test_what_is_no_url(tmp_path: Path, url: str) -> None:
    with pytest.raises(InputError, match="--images-to") as caught:
        place_for(tmp_path / "run", url)
    assert "\n" not in str(caught.value)


def test_a_worker_that_does_not_see_the_folder(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"does not see .*/elsewhere: put --out on a disk that all"):
        FolderPlace(tmp_path / "elsewhere").check()


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "images").write_text("a file")
    with pytest.raises(InputError, match="cannot write to"):
        FolderPlace(tmp_path).write([(NAMES[0], b"png")])


def draw(run: Path, place: PicturePlace | None) -> int:
    """Draws ten samples, brings their pictures to the run folder, and says how many were drawn."""
    model = DummyModel()
    prompts = tuple(Prompt(f"p{i}", f"text {i}") for i in range(5))
    plan = make_plan(Bench("b", "1", prompts, 2), settings=model.resolve_settings({"size": 8}))
    with RunStore(run, place) as store:
        made = generate_missing(
            model,
            model.identity(),
            plan,
            store,
            LocalEngine(),
            batch_size=3,
            on_failure="count",
            progress=NoProgress(),
        )
        store.fetch(NoProgress())
        store.mark_checked()
    return made


def pictures(run: Path) -> dict[str, bytes]:
    return {path.relative_to(run).as_posix(): path.read_bytes() for path in run.glob("images/*/*.png")}


def test_a_run_whose_pictures_go_by_a_url(tmp_path: Path) -> None:
    place = UrlPlace(f"memory://{uuid4()}/run")
    assert draw(tmp_path / "run", place) == 10
    assert draw(tmp_path / "plain", None) == 10
    assert pictures(tmp_path / "run") == pictures(tmp_path / "plain")
    assert {name: place.read(name) for name in place.held()} == pictures(tmp_path / "run")
    for path in (tmp_path / "run").glob("images/*/0.png"):
        path.unlink()
    assert draw(tmp_path / "run", place) == 0, "what is at the URL is not drawn again"
    assert pictures(tmp_path / "run") == pictures(tmp_path / "plain")


def test_a_picture_that_is_gone_at_both_places_is_drawn_again(tmp_path: Path) -> None:
    place = UrlPlace(f"memory://{uuid4()}/run")
    draw(tmp_path / "run", place)
    whole = pictures(tmp_path / "run")
    (tmp_path / "run/images/p1/0.png").unlink()
    fsspec.filesystem("memory").rm(f"{place.url.removeprefix('memory:/')}/images/p1/0.png")
    assert draw(tmp_path / "run", place) == 1
    assert pictures(tmp_path / "run") == whole


def test_a_damaged_picture_at_the_url_is_named(tmp_path: Path) -> None:
    place = UrlPlace(f"memory://{uuid4()}/run")
    draw(tmp_path / "run", place)
    place.write([("images/p1/0.png", b"damaged")])
    (tmp_path / "run/images/p1/0.png").unlink()
    with pytest.raises(InputError, match=r"images/p1/0\.png at memory://.* is damaged; delete it there"):
        draw(tmp_path / "run", place)
