import builtins
import errno
import hashlib
import os
import resource
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from drawbench.errors import InputError
from drawbench.types import Prompt
from harness.atomic import write_atomic, writing_to
from harness.ledger import LEDGER_NAME, read_ledger
from harness.store import RunStore
from harness.types import Failure, Request

REQUEST = Request(Prompt("p1", "a cat"), 0, 5)


def test_picture_and_line(tmp_path: Path) -> None:
    with RunStore(tmp_path / "run") as store:
        sample = store.put_picture(REQUEST, "key", b"png", seconds=0.5, notes=("cut",))
        store.put_failure(Request(Prompt("p2", "a dog"), 1, 6), "key2", Failure("black", "dark"))
    assert sample.path == "images/p1/0.png"
    assert (tmp_path / "run" / sample.path).read_bytes() == b"png"
    assert sample.sha256 == hashlib.sha256(b"png").hexdigest()
    first, second = read_ledger(tmp_path / "run")
    assert first == sample
    assert (second.prompt_id, second.index, second.status, second.reason) == ("p2", 1, "black", "dark")


def test_opening_removes_half_written_files_and_the_torn_line(tmp_path: Path) -> None:
    with RunStore(tmp_path) as store:
        sample = store.put_picture(REQUEST, "key", b"png")
    part = tmp_path / "images" / ".parts" / "5f-0.part"
    part.write_bytes(b"half")
    with (tmp_path / LEDGER_NAME).open("ab") as file:
        file.write(b'{"key":"k')
    with RunStore(tmp_path) as store:
        assert list(store.lines) == [sample]
        assert store.settled() == {("p1", 0): sample}
    assert not part.exists()


def test_one_writer_at_a_time(tmp_path: Path) -> None:
    with RunStore(tmp_path):
        with pytest.raises(InputError, match="another process is writing"):
            RunStore(tmp_path)
        code = "import sys; from pathlib import Path; from harness.store import RunStore; "
        other = subprocess.run(
            [sys.executable, "-c", code + "RunStore(Path(sys.argv[1]))", str(tmp_path)],
            capture_output=True,
            text=True,
            cwd=Path(__file__).parents[2],
            check=False,
        )
        assert "another process is writing" in other.stderr
    RunStore(tmp_path).close()


def test_a_file_in_the_place_of_the_folder(tmp_path: Path) -> None:
    (tmp_path / "run").write_text("not a folder")
    with pytest.raises(InputError, match="cannot write"):
        RunStore(tmp_path / "run")


def test_a_folder_that_nobody_can_make() -> None:
    with pytest.raises(InputError, match="cannot write to /proc/"):
        RunStore(Path("/proc/none/run"))


def test_a_full_disk_loses_nothing_that_was_finished(tmp_path: Path) -> None:
    """The limit on file sizes stands in for a full disk: the write itself fails, half way."""
    with RunStore(tmp_path) as store:
        kept = store.put_picture(REQUEST, "key", b"x" * 1000)
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, hard))
        try:
            with pytest.raises(InputError, match=r"cannot write to .*what is finished is kept"):
                store.put_picture(Request(Prompt("p2", "a dog"), 0, 6), "key2", b"y" * 100_000)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert read_ledger(tmp_path) == (kept,)
    assert [path.name for path in tmp_path.rglob("*") if path.is_file() and path.suffix != ".jsonl"] == [
        ".lock",
        "0.png",
    ]


def test_every_oserror_becomes_one_clear_line(tmp_path: Path) -> None:
    full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "images/p/0.png")
    with pytest.raises(InputError) as caught, writing_to(tmp_path):
        raise full
    assert "images/p/0.png: No space left on device" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_failed_replacement_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "summary.json"
    write_atomic(path, b"old")
    path.with_name(".summary.json.part").mkdir()
    with pytest.raises(OSError, match="summary"):
        write_atomic(path, b"new")
    assert path.read_bytes() == b"old"


def test_what_was_checked_is_not_read_again_unless_it_was_touched(tmp_path: Path) -> None:
    """Without a picture's bytes on the disk, only its ctime can have said that it is sound."""
    requests = [Request(Prompt(f"p{i}", "a cat"), 0, i) for i in range(3)]
    with RunStore(tmp_path) as store:
        for request in requests:
            store.put_picture(request, "key", b"png")
        time.sleep(0.05)  # longer than the file system's clock ticks
        store.mark_checked()
    (tmp_path / "images/p1/0.png").write_bytes(b"gnp")
    (tmp_path / "images/p2/0.png").unlink()
    read: list[str] = []
    real = builtins.open
    with pytest.MonkeyPatch.context() as patch, RunStore(tmp_path) as store:
        patch.setattr(builtins, "open", lambda file, *rest: read.append(str(file)) or real(file, *rest))
        assert store.settled().keys() == {("p0", 0)}
    assert read == [str(tmp_path / "images/p1/0.png")]


def test_the_note_of_a_copied_folder_says_nothing(tmp_path: Path) -> None:
    with RunStore(tmp_path / "run") as store:
        store.put_picture(REQUEST, "key", b"png")
        time.sleep(0.05)
        store.mark_checked()
    (tmp_path / "copy/images/p1").mkdir(parents=True)
    (tmp_path / "copy/images/p1/0.png").write_bytes(b"gnp")
    time.sleep(0.05)
    for name in (LEDGER_NAME, ".checked"):
        shutil.copy(tmp_path / "run" / name, tmp_path / "copy" / name)
    with RunStore(tmp_path / "copy") as store:
        assert store.settled() == {}
