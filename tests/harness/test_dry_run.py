"""The pace that a dry run states is measured, except where a picture costs money or drawing fails."""

import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from harness.dry_run import WARM_UP_PICTURES, measured_pace
from harness.options import RunOptions
from harness.pipeline import prepare
from harness.progress import NoProgress
from harness.types import Request


class Slow:
    """Says that it is quick, and is not; the first picture is slower still."""

    drawn = 0

    def identity(self) -> Mapping[str, Any]:
        return {"name": "slow"}

    def estimate_seconds(self, settings: Mapping[str, Any]) -> float:
        return 1e-6

    def generate(self, requests: Sequence[Request]) -> list[np.ndarray]:
        type(self).drawn += len(requests)
        time.sleep(0.05 if type(self).drawn > 1 else 2)
        return [np.full((8, 8, 3), 200, np.uint8) for _ in requests]


class Paid(Slow):
    """An endpoint that sends bills."""

    drawn = 0

    def price(self, settings: Mapping[str, Any]) -> float:
        return 0.04


class Broken(Slow):
    """Cannot draw."""

    drawn = 0

    def generate(self, requests: Sequence[Request]) -> list[np.ndarray]:
        raise RuntimeError("no")


@pytest.fixture
def options(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.chdir(tmp_path)
    Path("p.txt").write_text("\n".join(f"thing {n}" for n in range(40)), encoding="utf-8")

    def make(model: type) -> RunOptions:
        model.drawn = 0  # type: ignore[attr-defined]
        module = ModuleType("pace_models")
        setattr(module, model.__name__, model)
        monkeypatch.setitem(sys.modules, "pace_models", module)
        return RunOptions(model=f"pace_models:{model.__name__}", bench="file:p.txt", score=False)

    return make


def test_the_pace_is_measured_without_the_first_picture(options: Any) -> None:
    pace = measured_pace(prepare(options(Slow)), NoProgress())
    assert Slow.drawn == WARM_UP_PICTURES + 1
    assert pace.seconds is not None
    assert 0.05 <= pace.seconds < 2 / WARM_UP_PICTURES
    assert pace.source == f"measured on {WARM_UP_PICTURES} pictures"


@pytest.mark.parametrize("model", [Paid, Broken])
def test_what_must_not_or_cannot_be_drawn_is_estimated(options: Any, model: type) -> None:
    pace = measured_pace(prepare(options(model)), NoProgress())
    assert (pace.seconds, pace.source) == (1e-6, "the model's own estimate")
    assert model.drawn == 0  # type: ignore[attr-defined]
