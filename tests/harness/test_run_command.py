"""The main command as a user meets it: what it refuses, and that a refusal leaves nothing behind."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from harness import cli
from harness.run import main

ROOT = Path(__file__).parents[2]
Output = pytest.CaptureFixture[str]

FLAKY = '''
import numpy as np
from harness.types import Failure

class Flaky:
    """Fails on every prompt with the word fail in it."""

    def identity(self):
        return {"name": "flaky"}

    def generate(self, requests):
        return [self.draw(r) for r in requests]

    def draw(self, request):
        if "fail" in request.prompt.text:
            return Failure("filtered", "not shown")
        return np.full((8, 8, 3), request.seed % 200 + 50, np.uint8)

class Options(Flaky):
    def __init__(self, options):
        assert options.device == "auto"

class Vague(Flaky):
    def identity(self):
        return {"name": object()}

ready = Flaky()
number = 5
'''


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working folder with two small prompt files and a model of the user's own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DRAWBENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("DRAWBENCH_PROMPTS", raising=False)
    (tmp_path / "p.txt").write_text("a red cube\na blue banana\nthree cats\n", encoding="utf-8")
    (tmp_path / "f.txt").write_text("a cat\nthis must fail\n", encoding="utf-8")
    (tmp_path / "flaky_model.py").write_text(FLAKY, encoding="utf-8")
    return tmp_path


def files(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and "__pycache__" not in path.parts
    }


def refused(arguments: list[str], output: Output, *said: str) -> str:
    """Runs the command, which must end with one line on stderr, status 2 and an untouched folder."""
    before = files(Path.cwd())
    status = main(arguments)
    out, err = output.readouterr()
    assert status == 2, err
    assert out == ""
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    assert "Traceback" not in err
    assert files(Path.cwd()) == before
    for words in said:
        assert words in err
    return err


DUMMY = ["--model", "dummy", "--bench", "file:p.txt", "--no-score"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "--model"),
        (["--model", "dummy"], "--bench"),
        (["--model", "", "--bench", "file:p.txt"], "must not be empty"),
        (
            ["--model", "imagine", "--bench", "file:p.txt"],
            "unknown model 'imagine'; known are imagen, diffusers",
        ),
        (["--model", "no.such:Model", "--bench", "file:p.txt"], "cannot import no.such"),
        (["--model", "json:Nothing", "--bench", "file:p.txt"], "has no 'Nothing'"),
        (
            ["--model", "flaky_model:number", "--bench", "file:p.txt"],
            "has no identity and no generate method",
        ),
        (
            ["--model", "flaky_model:Vague", "--bench", "file:p.txt", "--no-score"],
            "must be plain JSON values",
        ),
        (["--model", "folder:", "--bench", "file:p.txt"], "folder:PATH"),
        (["--model", "folder:nowhere", "--bench", "file:p.txt"], "nowhere is no folder"),
        (["--model", "dummy", "--bench", "drawbanch"], "drawbench"),
        (["--model", "dummy", "--bench", "file:nowhere.txt"], "nowhere.txt"),
        (["--model", "dummy", "--bench", "file:"], "file:PATH"),
        (
            [*DUMMY, "--guidance-scale", "nan"],
            "guidance-scale must be a finite number of at least 0, not nan",
        ),
        ([*DUMMY, "--guidance-scale", "inf"], "not inf"),
        ([*DUMMY, "--guidance-scale=-1"], "not -1"),
        ([*DUMMY, "--guidance-scale", "much"], "--guidance-scale"),
        ([*DUMMY, "--set", "guidance_scale=NaN"], "NaN is, or holds, no finite number"),
        ([*DUMMY, "--set", "size=[1, 1e999]"], "no finite number"),
        ([*DUMMY, "--out", "x" * 300], "File name too long"),
        ([*DUMMY, "--set", "guidance_scale=high"], "must be a number, not 'high'"),
        ([*DUMMY, "--stages", "0"], "size must be a whole number"),
        ([*DUMMY, "--stages", "big"], "--stages"),
        ([*DUMMY, "--steps", "5"], "no setting 'steps'; it has: delay, guidance_scale, size"),
        ([*DUMMY, "--set", "colour=red"], "no setting 'colour'"),
        ([*DUMMY, "--set", "size"], "key=value"),
        ([*DUMMY, "--set", "=3"], "key=value"),
        ([*DUMMY, "--set", "size=8", "--set", "size=9"], "given twice"),
        ([*DUMMY, "--limit", "0"], "--limit"),
        ([*DUMMY, "--limit", "two"], "--limit"),
        ([*DUMMY, "--samples-per-prompt", "0"], "--samples-per-prompt"),
        ([*DUMMY, "--batch-size", "0"], "--batch-size"),
        ([*DUMMY, "--seed=-1"], "--seed"),
        ([*DUMMY, "--seed", str(2**63)], "--seed must be from 0"),
        ([*DUMMY, "--device", "tpu"], "--device"),
        ([*DUMMY, "--dtype", "int4"], "--dtype"),
        ([*DUMMY, "--on-failure", "panic"], "--on-failure"),
        ([*DUMMY, "--offline", "--download"], "contradict"),
        ([*DUMMY, "--weights", "nowhere"], "nowhere is no folder"),
        ([*DUMMY, "--guidence-scale", "3"], "--guidence-scale"),
        ([*DUMMY, "--out", "p.txt"], "is a file"),
        ([*DUMMY, "--out", "p.txt/deeper"], "is a file"),
        ([*DUMMY[:-1], "--metrics", "fud"], "unknown metric 'fud'"),
        ([*DUMMY[:-1], "--metrics", ","], "names no metric"),
        ([*DUMMY[:-1], "--metrics", "fd_effnet_lite0"], "needs reference pictures"),
        ([*DUMMY[:-1], "--reference", "nowhere"], "nowhere is not a folder"),
        ([*DUMMY[:-1], "--reference", "scenes:n=many"], "not understood"),
    ],
)
def test_what_cannot_be_run_is_refused(arguments: list[str], said: str, capsys: Output) -> None:
    refused(arguments, capsys, said)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("empty.txt", b"", ""),
        ("blank.txt", b"\n \n", ""),
        ("latin.txt", "ein gr\xfcner Apfel\n".encode("latin-1"), "UTF-8"),
        ("picture.txt", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "UTF-8"),
        ("twice.txt", b"a cat\na dog\na cat\n", "a cat"),
        ("columns.csv", b"words,kind\na cat,animal\n", "prompt"),
        ("broken.jsonl", b'{"prompt": "a cat"}\n{"prompt": \n', "broken.jsonl"),
        ("list.jsonl", b'["a cat"]\n', "list.jsonl"),
        ("number.jsonl", b'{"prompt": 5}\n', "number.jsonl"),
        ("ids.jsonl", b'{"id": "../x", "prompt": "a cat"}\n', "ids.jsonl"),
        ("prompts.pdf", b"a cat\n", "pdf"),
        ("nan.jsonl", b'{"prompt": "a cat", "weight": NaN}\n', ""),
        ("half.jsonl", b'{"prompt": "a \\ud800 cat"}\n', ""),
    ],
)
def test_prompt_files_that_cannot_be_used(name: str, content: bytes, said: str, capsys: Output) -> None:
    Path(name).write_bytes(content)
    refused(["--model", "dummy", "--bench", f"file:{name}", "--no-score"], capsys, name.split(".")[0], said)


@pytest.mark.skipif(sys.platform != "linux", reason="file names of any bytes")
def test_file_names_that_are_no_unicode(capsys: Output) -> None:
    strange = os.fsdecode(b"p\xff.txt")
    Path(strange).write_text("a cat\n")
    Path(os.fsdecode(b"mine\xff")).mkdir()
    Image.new("RGB", (9, 9), "red").save(Path(os.fsdecode(b"mine\xff")) / "0.png")
    for model in ("dummy", os.fsdecode(b"folder:mine\xff")):
        assert main(["--model", model, "--bench", f"file:{strange}", "--no-score"]) == 0
        assert "1 planned = 1 ok" in capsys.readouterr().out


def test_a_folder_as_a_prompt_file(capsys: Output) -> None:
    Path("folder.txt").mkdir()
    refused(["--model", "dummy", "--bench", "file:folder.txt", "--no-score"], capsys, "folder.txt")


def run_folder(out: Path = Path("results")) -> Path:
    (found,) = out.iterdir()
    return found


def test_a_run_leaves_its_folder_and_a_table(capsys: Output) -> None:
    assert main(DUMMY) == 0
    out, err = capsys.readouterr()
    folder = run_folder()
    assert out == f"3 planned = 3 ok (on failure: count)\nrun folder: {folder}\n"
    assert "drawing: 0 of 3" in err
    names = {path.name for path in folder.iterdir()} - {".lock", ".checked"}
    assert names == {"manifest.json", "ledger.jsonl", "images", "summary.json", "grid.png", "report.html"}
    assert sorted(str(p.relative_to(folder)) for p in folder.rglob("images/*/*")) == [
        "images/p-0000/0.png",
        "images/p-0001/0.png",
        "images/p-0002/0.png",
    ]


def test_the_same_command_again_changes_no_picture_and_no_line(capsys: Output) -> None:
    assert main(DUMMY) == 0
    before = files(run_folder())
    assert main(DUMMY) == 0
    after = files(run_folder())
    changed = {name for name in {*before, *after} if before.get(name) != after.get(name)}
    assert changed <= {"summary.json", "report.html"}


def test_json_is_all_that_stdout_gets(capsys: Output) -> None:
    bench = ["--model", "dummy", "--bench", "drawbench", "--offline", "--limit", "12"]
    assert main([*bench, "--no-score", "--json"]) == 0
    out, err = capsys.readouterr()
    summary = json.loads(out)
    assert summary == json.loads((run_folder() / "summary.json").read_text())
    assert summary["counts"]["ok"] == 12
    assert summary["bench"]["name"] == "drawbench-open"
    assert err.startswith(summary["notices"][0])


def test_a_replaced_bench_is_said_first_and_refused_under_strict(capsys: Output) -> None:
    bench = ["--model", "dummy", "--bench", "drawbench", "--offline", "--limit", "1", "--no-score"]
    refused([*bench, "--strict"], capsys, "DRAWBENCH_PROMPTS")
    assert main(bench) == 0
    first = capsys.readouterr().out.splitlines()[0]
    assert "drawbench-open" in first
    manifest = json.loads((run_folder() / "manifest.json").read_text())
    assert manifest["bench"]["notices"] == [first]
    assert first[:60] in (run_folder() / "report.html").read_text()


def test_a_dry_run_writes_nothing(capsys: Output) -> None:
    before = files(Path.cwd())
    plan = ["--model", "dummy", "--bench", "drawbench-open", "--samples-per-prompt", "2", "--stages", "256"]
    assert main([*plan, "--set", "delay=3", "--no-score", "--dry-run"]) == 0
    out = capsys.readouterr().out
    assert "200: 25 Colors, 10 Conflicting, 19 Counting" in out
    assert "pictures: 400 (200 prompts x 2), 0 finished" in out
    assert "time: about 20 min (measured on 1 picture)" in out
    assert "disk: about 41.9 MB" in out
    assert main([*plan, "--no-score", "--dry-run", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["planned"] == 400
    assert files(Path.cwd()) == before


def test_a_dry_run_knows_what_is_finished(capsys: Output) -> None:
    assert main(DUMMY) == 0
    assert main([*DUMMY, "--dry-run"]) == 0
    assert "pictures: 3 (3 prompts x 1), 3 finished" in capsys.readouterr().out


def test_a_prompt_of_ten_thousand_characters(capsys: Output) -> None:
    Path("long.txt").write_text("very " * 2000 + "big cat\n", encoding="utf-8")
    assert main(["--model", "dummy", "--bench", "file:long.txt", "--no-score"]) == 0
    assert "1 planned = 1 ok" in capsys.readouterr().out


def test_a_run_folder_of_another_configuration(capsys: Output) -> None:
    assert main(DUMMY) == 0
    capsys.readouterr()
    folder = str(run_folder())
    assert main([*DUMMY, "--out", folder]) == 0
    capsys.readouterr()
    refused(
        [*DUMMY, "--out", folder, "--seed", "1"], capsys, "another configuration: seed is 0 there and 1 now"
    )
    refused([*DUMMY, "--out", folder, "--stages", "32"], capsys, "settings.size is 64 there and 32 now")
    refused([*DUMMY, "--out", folder, "--limit", "2"], capsys, "limit is null there and 2 now")
    other_bench = ["--model", "dummy", "--bench", "file:f.txt", "--no-score"]
    refused([*other_bench, "--out", folder], capsys, "bench.digest")


@pytest.mark.parametrize("content", ["", "[]", "{}", "nonsense", '{"run_hash": "x", "schema": 99}'])
def test_a_damaged_manifest(content: str, capsys: Output) -> None:
    assert main(DUMMY) == 0
    capsys.readouterr()
    (run_folder() / "manifest.json").write_text(content)
    refused(DUMMY, capsys, "manifest.json")


def test_a_damaged_ledger_line_is_named_and_nothing_is_lost(capsys: Output) -> None:
    assert main(DUMMY) == 0
    capsys.readouterr()
    ledger = run_folder() / "ledger.jsonl"
    lines = ledger.read_text().splitlines()
    ledger.write_text("\n".join([lines[0], "x" + lines[1], lines[2]]) + "\n")
    refused(DUMMY, capsys, "line 2, is damaged")
    ledger.write_text("\n".join([lines[0], lines[2]]) + "\n")
    assert main(DUMMY) == 0
    assert sorted(json.loads(line)["key"] for line in ledger.read_text().splitlines()) == sorted(
        json.loads(line)["key"] for line in lines
    )


def test_a_folder_that_cannot_be_written(capsys: Output) -> None:
    refused([*DUMMY, "--out", "/proc/none"], capsys, "cannot write to /proc/none")


@pytest.mark.skipif(sys.platform == "win32", reason="file size limits")
def test_a_full_disk_ends_the_run_in_one_line_and_loses_nothing(here: Path) -> None:
    """A limit on file sizes stands in for the full disk: large pictures fail to be written half way."""
    Path("sizes.txt").write_text("a red cube\n", encoding="utf-8")
    arguments = ["--model", "dummy", "--bench", "file:sizes.txt", "--no-score", "--stages", "256"]
    code = (
        "import resource, sys; sys.path.insert(0, sys.argv[1]);"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (8192, 8192));"
        "from harness.run import main; sys.exit(main(sys.argv[2:]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(ROOT), *arguments], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    last = done.stderr.splitlines()[-1]
    assert last.startswith("error: cannot write to")
    assert "run the same command again" in last
    assert not list(here.rglob("*.part"))
    assert main(arguments) == 0


def test_failures_are_counted_and_decide_the_status_only_under_fail(capsys: Output) -> None:
    arguments = ["--model", "flaky_model:Flaky", "--bench", "file:f.txt", "--no-score"]
    assert main(arguments) == 0
    out = capsys.readouterr().out
    assert "2 planned = 1 ok + 1 filtered (on failure: count)" in out
    assert "filtered f-0001/0: not shown" in out
    assert main([*arguments, "--on-failure", "fail"]) == 1
    assert main([*arguments, "--on-failure", "regenerate"]) == 0
    assert "1 ok + 1 filtered (on failure: regenerate), 3 drawn again" in capsys.readouterr().out


def test_a_run_without_a_single_picture_is_no_success(capsys: Output) -> None:
    Path("all.txt").write_text("fail one\nfail two\n", encoding="utf-8")
    assert main(["--model", "flaky_model:Flaky", "--bench", "file:all.txt", "--no-score"]) == 1
    assert "2 planned = 0 ok + 2 filtered" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["Flaky", "Options", "ready"])
def test_models_of_ones_own(name: str, capsys: Output) -> None:
    Path("one.txt").write_text("a cat\n", encoding="utf-8")
    assert main(["--model", f"flaky_model:{name}", "--bench", "file:one.txt", "--no-score"]) == 0
    assert "1 planned = 1 ok" in capsys.readouterr().out


def test_pictures_that_exist_already(capsys: Output) -> None:
    pictures = Path("mine")
    pictures.mkdir()
    for number in (0, 2):
        pixels = np.full((20, 30, 3), 90 + number, np.uint8)
        Image.fromarray(pixels).save(pictures / f"{number:05}.png")
    (pictures / "00001.png").write_bytes((pictures / "00000.png").read_bytes()[:60])
    assert main(["--model", "folder:mine", "--bench", "file:p.txt", "--no-score"]) == 0
    out = capsys.readouterr().out
    assert "3 planned = 2 ok + 1 error" in out
    assert "error p-0001/0: 00001.png" in out
    copied = np.asarray(Image.open(run_folder() / "images" / "p-0002" / "0.png"))
    assert copied.shape == (20, 30, 3)
    assert (copied == 92).all()


def test_a_folder_without_a_fitting_picture(capsys: Output) -> None:
    Path("mine").mkdir()
    Path("mine/cat.png").write_bytes(b"")
    refused(["--model", "folder:mine", "--bench", "file:p.txt", "--no-score"], capsys, "<prompt id>.png")


def test_help_needs_no_heavy_import() -> None:
    code = (
        "import sys\nfrom harness.cli import main\nfrom harness.run import main as run\n"
        "assert run(['--help']) == 0 and main(['run', '--help']) == 0\n"
        "heavy = {'torch', 'transformers', 'pandas', 'scipy', 'open_clip', 'datasets', 'matplotlib'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True)


def test_the_installed_command_has_the_main_command_and_more(capsys: Output) -> None:
    assert cli.main(["run", *DUMMY]) == 0
    folder = run_folder()
    (folder / "report.html").unlink()
    assert cli.main(["report", str(folder)]) == 0
    assert (folder / "report.html").is_file()
    assert str(folder / "report.html") in capsys.readouterr().out
    assert cli.main(["ls"]) == 0
    listed = capsys.readouterr().out
    for name in ("drawbench-open", "scenes", "imagen", "folder", "align_conse"):
        assert f"  {name} " in listed or f"  {name}\n" in listed
    for wrong in ([], ["report", "nowhere"], ["score", "nowhere"], ["rnu"], ["ls", "planets"]):
        assert cli.main(wrong) == 2
        err = capsys.readouterr().err
        assert err.count("\n") == 1
        assert err.startswith("error: ")
