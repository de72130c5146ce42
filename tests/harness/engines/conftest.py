"""Models that other processes can import, and a way to draw with any engine."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from drawbench.types import Bench, Prompt
from harness.engines import Engine
from harness.generate import generate_missing
from harness.ledger import read_ledger
from harness.models.recipe import Recipe
from harness.models.registry import ModelOptions
from harness.picture_place import PicturePlace
from harness.plan import Plan, make_plan
from harness.progress import NoProgress
from harness.store import RunStore
from harness.types import Sample

MODELS = '''
import os, signal, time
from pathlib import Path

import numpy as np

from drawbench.errors import InputError
from harness.types import Failure


class Moody:
    """Does what its prompts say. Notes beside itself each process that loads it."""

    here = Path(__file__).parent

    def identity(self):
        return {"name": "moody", "version": os.environ.get("MOODY_VERSION", "1")}

    def load(self):
        (self.here / f"loaded-{os.getpid()}").touch()

    def look_ahead(self, requests):
        self.known = {request.prompt.id for request in requests}

    def generate(self, requests):
        return [self.draw(request) for request in requests]

    def draw(self, request):
        assert request.prompt.id in self.known
        mood, _, rest = request.prompt.text.partition(" ")
        if mood == "slow" and "MOODY_HURRIES" not in os.environ:
            time.sleep(float(rest))
        if mood == "raises":
            raise RuntimeError("no")
        if mood == "filtered":
            return Failure("filtered", "not allowed")
        if mood == "refuses":
            raise InputError("the licence has run out")
        if mood == "leaves":
            raise SystemExit(3)
        if mood == "kills":
            os.kill(os.getpid(), signal.SIGKILL)
        if mood == "hangs":
            os.kill(os.getpid(), signal.SIGSTOP)
        if mood == "hangs-once":
            try:
                (self.here / f"hung-{request.prompt.id}").touch(exist_ok=False)
                os.kill(os.getpid(), signal.SIGSTOP)
            except FileExistsError:
                pass
        if mood == "kills-once":
            try:
                (self.here / f"killed-{request.prompt.id}").touch(exist_ok=False)
                os.kill(os.getpid(), signal.SIGKILL)
            except FileExistsError:
                pass
        return np.random.default_rng(request.seed).integers(9, 256, (16, 16, 3), dtype=np.uint8)


class Unloadable(Moody):
    def load(self):
        os.kill(os.getpid(), signal.SIGKILL)


class Broken(Moody):
    def load(self):
        raise ZeroDivisionError("a fault")
'''


@dataclass(frozen=True)
class Run:
    """A run that came to its end. `told` is what of its ledger must not depend on the engine; `pictures` maps
    the path of every file under `images` to its bytes."""

    lines: list[Sample]
    told: dict[tuple[str, int], tuple[str, str, str | None, int]]
    pictures: dict[str, bytes]


def look_at(folder: Path) -> Run:
    lines = list(read_ledger(folder))
    told = {(s.prompt_id, s.index): (s.key, s.status, s.sha256, s.seed) for s in lines}
    assert len(told) == len(lines), "a sample is doubled"
    files = [path for path in (folder / "images").rglob("*") if path.is_file()]
    return Run(lines, told, {path.relative_to(folder).as_posix(): path.read_bytes() for path in files})


@pytest.fixture
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of a module of models in the current folder."""
    name = "models_" + hashlib.sha256(str(tmp_path).encode()).hexdigest()[:8]
    (tmp_path / f"{name}.py").write_text(MODELS)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    return name


@pytest.fixture
def plan_of() -> Callable[..., Plan]:
    """Makes a plan with one prompt for each mood: p0, p1, ..."""

    def make(*moods: str, samples: int = 1) -> Plan:
        prompts = tuple(Prompt(f"p{i}", mood) for i, mood in enumerate(moods))
        return make_plan(Bench("moods", "1", prompts, samples), settings={})

    return make


@pytest.fixture
def draw(models: str) -> Callable[..., Run]:
    """Draws a plan with an engine and a model of the module `models`; returns the run."""

    def carry_out(
        engine: Engine,
        plan: Plan,
        folder: Path,
        *,
        model: str = "Moody",
        batch_size: int = 3,
        place: PicturePlace | None = None,
    ) -> Run:
        recipe = Recipe(f"{models}:{model}", ModelOptions())
        made = recipe.make()
        with RunStore(folder, place) as store:
            generate_missing(
                made,
                made.identity(),
                plan,
                store,
                engine,
                batch_size=batch_size,
                on_failure="count",
                progress=NoProgress(),
                recipe=recipe,
            )
            store.fetch(NoProgress())
        return look_at(folder)

    return carry_out
