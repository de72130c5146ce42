"""The adapter for programs, with real programs that crash, hang and talk nonsense."""

import gc
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from drawbench.errors import InputError
from drawbench.types import Prompt
from harness.models.command import CommandModel
from harness.models.registry import ModelOptions
from harness.run import main
from harness.types import Drawn, Failure, Request

PROGRAM = '''
"""Draws grey of the prompt's length; some prompts make it misbehave."""
import json, os, signal, sys, time
from PIL import Image

log = open(sys.argv[1], "a")
print("Loading weights...", flush=True)
print("listening", file=sys.stderr, flush=True)
waiting = []
for line in sys.stdin:
    asked = json.loads(line)
    prompt, out = asked["prompt"], asked["out"]
    print(prompt, file=log, flush=True)
    answer = {"id": asked["id"]}
    once = sys.argv[1] + ".once"
    if prompt == "crash":
        print("out of memory", file=sys.stderr, flush=True)
        sys.exit(3)
    if prompt == "crash once" and not os.path.exists(once):
        open(once, "w").close()
        os.kill(os.getpid(), signal.SIGKILL)
    if prompt == "hang":
        time.sleep(60)
    if prompt == "flagged":
        answer |= {"failure": "filtered", "reason": "no"}
    elif prompt == "odd":
        answer |= {"failure": "shy"}
    elif prompt == "broken":
        open(out, "wb").write(b"nothing")
    elif prompt == "elsewhere":
        answer["path"] = os.path.join(os.path.dirname(sys.argv[1]), "other.jpg")
        Image.new("RGB", (4, 4), (len(prompt),) * 3).save(answer["path"])
    elif prompt != "nothing":
        Image.new("RGB", (4, 4), (len(prompt) + asked["settings"].get("brighter", 0),) * 3).save(out)
    if prompt == "chatty":
        for nonsense in ("", "null", "[1]", "{", '{"id": 99999}', '{"id": "x"}', '{"no": 1}'):
            print(nonsense)
        print(json.dumps(answer))
        answer["failure"] = "error"
    if prompt == "costly":
        answer |= {"cost": 0.5, "notes": ["by hand"]}
    if prompt == "later":
        waiting.append(answer)
        continue
    for one in [answer, *waiting]:
        print(json.dumps(one), flush=True)
    waiting.clear()
'''

Ask = Callable[..., list[int | str]]


@pytest.fixture
def program(tmp_path: Path) -> Path:
    path = tmp_path / "draw.py"
    path.write_text(PROGRAM)
    return path


@pytest.fixture
def model(program: Path, tmp_path: Path) -> CommandModel:
    return CommandModel(ModelOptions(f"{sys.executable} {program} {tmp_path / 'log'}"))


def ask(one: CommandModel, prompts: list[str], **given: object) -> list[Drawn | Failure]:
    resolved = one.resolve_settings({"timeout": 20, **given})
    return one.generate([Request(Prompt(f"p-{i}", text), 0, i, resolved) for i, text in enumerate(prompts)])


def shown(results: list[Drawn | Failure]) -> list[int | str]:
    """Each picture's grey, or the failure's reason."""
    return [r.reason if isinstance(r, Failure) else int(np.asarray(r.picture)[0, 0, 0]) for r in results]


def asked(tmp_path: Path) -> list[str]:
    return (tmp_path / "log").read_text().splitlines()


def test_one_program_answers_batch_after_batch(model: CommandModel, tmp_path: Path) -> None:
    assert shown(ask(model, ["a cat", "elsewhere", "a red cat"])) == [5, 9, 9]
    assert shown(ask(model, ["a dog!"], brighter=50)) == [56]
    assert asked(tmp_path) == ["a cat", "elsewhere", "a red cat", "a dog!"]
    assert model._folder is not None
    assert list(model._folder.iterdir()) == []


def test_answers_come_in_any_order_among_nonsense(model: CommandModel, tmp_path: Path) -> None:
    prompts = ["later", "later", "chatty", "a cat"]
    assert shown(ask(model, prompts)) == [5, 5, 6, 5]
    assert asked(tmp_path) == prompts


def test_notes_costs_and_failures(model: CommandModel) -> None:
    costly, flagged, odd, broken, nothing = ask(model, ["costly", "flagged", "odd", "broken", "nothing"])
    assert isinstance(costly, Drawn)
    assert (costly.notes, costly.cost) == (("by hand",), 0.5)
    assert flagged == Failure("filtered", "no")
    reasons = shown([odd, broken, nothing])
    assert reasons[0] == "the program answers with the unknown failure 'shy': the program gives no reason"
    assert str(reasons[1]).endswith(".png: not a picture in a known format")
    assert str(reasons[2]).endswith(".png cannot be read: No such file or directory")


@pytest.mark.parametrize("lifetime", ["run", "batch"])
def test_a_crash_costs_the_prompt_that_causes_it(lifetime: str, model: CommandModel, tmp_path: Path) -> None:
    """What was answered is not asked again; the others are, alone."""
    prompts = ["a cat", "crash once", "crash", "a red cat", "a dog"]
    results = shown(ask(model, prompts, lifetime=lifetime))
    assert results == [5, 10, "the program ended with status 3: out of memory", 9, 5]
    assert asked(tmp_path) == ["a cat", "crash once", "crash once", "crash", "a red cat", "a dog"]


def test_a_single_crash_by_a_signal_is_told(model: CommandModel) -> None:
    (reason,) = shown(ask(model, ["crash once"]))
    assert reason == "the program was ended by signal 9: listening"
    assert shown(ask(model, ["crash once"])) == [10]


def test_silence_is_an_error_and_the_program_is_ended(model: CommandModel) -> None:
    start = time.monotonic()
    results = shown(ask(model, ["a cat", "hang", "a dog"], timeout=2))
    assert results == [5, "the program gave no answer in time: listening", 5]
    assert time.monotonic() - start < 15


def test_a_program_for_each_batch_sees_the_end_of_its_input(tmp_path: Path) -> None:
    """One that reads everything before it draws anything."""
    script = tmp_path / "all.py"
    script.write_text(
        "import json, sys\nfrom PIL import Image\n"
        "lines = [json.loads(line) for line in sys.stdin]\n"
        "for line in lines:\n"
        "    Image.new('RGB', (4, 4), (10 * len(lines),) * 3).save(line['out'])\n"
        "    print(json.dumps({'id': line['id']}))\n"
    )
    one = CommandModel(ModelOptions(f"{sys.executable} {script}"))
    assert shown(ask(one, ["a", "b"], lifetime="batch")) == [20, 20]
    assert shown(ask(one, ["a", "b", "c"], lifetime="batch")) == [30, 30, 30]


def test_the_program_ends_with_the_model(program: Path, tmp_path: Path) -> None:
    model = CommandModel(ModelOptions(f"{sys.executable} {program} {tmp_path / 'log'}"))
    ask(model, ["a cat"])
    assert model._running is not None
    process, folder = model._running._process, model._folder
    assert process.poll() is None
    del model
    gc.collect()
    assert process.poll() == 0
    assert folder is not None
    assert not folder.exists()


def test_identity_is_words_and_files(model: CommandModel, program: Path) -> None:
    first = model.identity()
    assert first["name"] == "command-draw"
    assert set(first["files"]) == {sys.executable, str(program)}
    program.write_text(PROGRAM + "\n")
    assert model.identity() != first


@pytest.mark.parametrize(
    ("argument", "message"),
    [("", "needs a program"), ("'a", "No closing quotation"), ("no-such-program x", "there is no program")],
)
def test_no_program(argument: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        CommandModel(ModelOptions(argument))


def test_settings(model: CommandModel, tmp_path: Path) -> None:
    kept = {"style": "x", "width": 4, "height": 5}
    resolved = model.resolve_settings({"lifetime": "batch", "timeout": 3, **kept})
    assert resolved == kept
    assert model.picture_size(resolved) == (4, 5)
    for bad, message in (
        ({"lifetime": "long"}, "lifetime must be run or batch"),
        ({"timeout": 0}, "timeout must be at least"),
        ({"width": "x"}, "width must be a whole number"),
    ):
        with pytest.raises(InputError, match=message):
            model.resolve_settings(bad)
    text = tmp_path / "text"
    text.write_text("not a program")
    text.chmod(0o755)
    with pytest.raises(InputError, match="cannot be run"):
        ask(CommandModel(ModelOptions(str(text))), ["a cat"])


def test_the_main_command(
    program: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    prompts = ["a cat", "crash once", "flagged", "costly", "crash"]
    Path("p.txt").write_text("\n".join(prompts) + "\n", encoding="utf-8")
    spec = f"command:{sys.executable} {program} {tmp_path / 'log'}"
    command = ["--model", spec, "--bench", "file:p.txt", "--no-score", "--json"]
    assert main(command) == 0
    summary = json.loads(capsys.readouterr().out)
    assert {n: c for n, c in summary["counts"].items() if c} == {
        "planned": 5, "ok": 3, "filtered": 1, "error": 1
    }  # fmt: skip
    assert summary["cost"] == 0.5
    assert (tmp_path / "log.once").exists()
