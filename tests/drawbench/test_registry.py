"""The registry: names, suggestions, other packages' benches, and what an import does not do."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from drawbench.errors import InputError
from drawbench.options import BenchOptions
from drawbench.registry import available, load_bench

pytestmark = pytest.mark.usefixtures("bare_user")

PACKAGE = '''
from drawbench.types import Bench, Prompt

def load(argument, options):
    """Sheds of all kinds.

    More words.
    """
    return Bench("sheds", "1", (Prompt("a", f"A {argument} shed, seed {options.seed}."),))

def twins(argument, options):
    return Bench("twins", "1", (Prompt("a", "A shed."), Prompt("A", "A barn.")))

def unsafe(argument, options):
    return Bench("unsafe", "1", (Prompt("../a", "A shed."),))

def nothing(argument, options):
    return None

number = 3
'''
ENTRIES = """[drawbench.benches]
sheds = shed_benches:load
twins = shed_benches:twins
unsafe = shed_benches:unsafe
nothing = shed_benches:nothing
number = shed_benches:number
broken = no_such_module_at_all:load
drawbench-open = shed_benches:load
"""


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An installed package with benches, by the files that an installer would write."""
    site = tmp_path / "site"
    info = site / "shed_benches-1.0.dist-info"
    info.mkdir(parents=True)
    (site / "shed_benches.py").write_text(PACKAGE)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: shed-benches\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(ENTRIES)
    monkeypatch.syspath_prepend(str(site))
    monkeypatch.delitem(sys.modules, "shed_benches", raising=False)


def test_built_in_benches_are_listed() -> None:
    infos = {info.name: info for info in available()}
    names = {"drawbench", "drawbench-open", "scenes", "coco", "partiprompts", "geneval", "file"}
    assert names <= set(infos)
    assert all(
        info.summary and info.needs and info.source == "built-in" for n, info in infos.items() if n in names
    )


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("drawbnch", "no bench named 'drawbnch'; did you mean drawbench"),
        ("Coco", "did you mean coco"),
        ("zzz", r"no bench named 'zzz'; There are: drawbench, drawbench-open, scenes, coco"),
        ("", "no bench named ''"),
        ("prompts.csv", r"did you mean file:prompts\.csv\?"),
    ],
)
def test_unknown_names(spec: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        load_bench(spec)


def test_samples_per_prompt_is_applied_and_counts() -> None:
    one = load_bench("drawbench-open")
    four = load_bench("drawbench-open", BenchOptions(samples_per_prompt=4))
    assert (one.samples_per_prompt, four.samples_per_prompt) == (1, 4)
    assert one.digest != four.digest
    with pytest.raises(InputError, match="at least 1"):
        load_bench("drawbench-open", BenchOptions(samples_per_prompt=0))


def test_scenes_takes_a_number_and_a_seed() -> None:
    bench = load_bench("scenes:n=3,seed=5")
    assert len(bench.prompts) == 3
    assert load_bench("scenes", BenchOptions(n=3, seed=5)).digest == bench.digest
    assert load_bench("scenes:n=3", BenchOptions(seed=6)).digest != bench.digest
    with pytest.raises(InputError, match="3 prompts by its name and 4 by an option"):
        load_bench("scenes:n=3", BenchOptions(n=4))
    with pytest.raises(InputError, match="scenes takes no argument, but was given 'm=3'"):
        load_bench("scenes:m=3")
    with pytest.raises(InputError, match="at least 1"):
        load_bench("scenes", BenchOptions(n=0))


@pytest.mark.usefixtures("package")
def test_benches_of_other_packages() -> None:
    bench = load_bench("sheds:red", BenchOptions(seed=3))
    assert bench.prompts[0].text == "A red shed, seed 3."
    infos = {info.name: info for info in available()}
    assert (infos["sheds"].summary, infos["sheds"].source) == ("Sheds of all kinds.", "shed-benches")
    assert "cannot be imported" in infos["broken"].summary
    assert infos["drawbench-open"].source == "built-in"
    assert len(load_bench("drawbench-open").prompts) == 200
    with pytest.raises(InputError, match="did you mean sheds"):
        load_bench("shed")


@pytest.mark.usefixtures("package")
@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("broken", "broken .* cannot be imported"),
        ("number", "is no function"),
        ("nothing", "gave a NoneType where a Bench is needed"),
        ("twins", "two prompts have the id 'A'"),
        ("unsafe", "cannot be a file name"),
    ],
)
def test_faulty_benches_of_other_packages(spec: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        load_bench(spec)


def test_import_and_open_bench_need_no_network_and_nothing_heavy() -> None:
    code = """
import socket, sys
def refuse(*a, **k): raise AssertionError("network")
socket.socket.connect = socket.getaddrinfo = socket.create_connection = refuse
from drawbench.registry import available, load_bench
available()
assert len(load_bench("drawbench-open").prompts) == 200
heavy = {"datasets", "torch", "pandas", "huggingface_hub", "pyarrow", "transformers"} & set(sys.modules)
assert not heavy, heavy
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)
