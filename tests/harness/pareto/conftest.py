"""A made-up result of a sweep: curves with known fronts, for what is drawn and written from them."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest

from harness.pareto.curves import Curve, Measure, Pareto, Point, Value
from harness.score import seven_digits

GROUPS = 40
WEIGHTS = (1, 1.25, 1.5, 1.75, 2, 3, 4, 5, 6, 7, 8, 9, 10)


def value(centre: float, half: float, n: int) -> Value:
    return Value(centre, seven_digits(centre - half), seven_digits(centre + half), n, "made up")


@pytest.fixture
def make_pareto() -> Callable[..., Pareto]:
    """Makes curves named by `labels` over the paper's weights, each a little worse than the one before.

    `failed` maps (label, weight) to how many of 150 pictures are missing, 150 for all.
    """

    def make(
        labels: tuple[str, ...] = ("static",), failed: dict[tuple[str, float], int] | None = None
    ) -> Pareto:
        shared = np.random.default_rng(0).normal(size=(GROUPS, 2)) @ [[0.02, 1.0], [0.0, 3.5]]
        curves = []
        for number, label in enumerate(labels):
            points = []
            for weight in WEIGHTS:
                u = math.log(weight)
                x, y = 0.6 + 0.3 * u - 0.1 * u * u - 0.03 * number, 220 + 15 * (u - 0.9) ** 2 + 4 * number
                missing = (failed or {}).get((label, weight), 0)
                counts = {"planned": 150, "ok": 150 - missing, "error": missing, "missing": 0}
                common = {
                    "at": weight,
                    "run": f"run-{label}-{weight}",
                    "run_hash": f"{label}{weight}",
                    "pictures": "0" * 16,
                    "settings": {"guidance_scale": weight, "thresholding": label},
                    "model": {"name": "made up"},
                    "counts": counts,
                }
                if missing == 150:
                    points.append(Point(**common, reason="there is no picture to score"))
                    continue
                x, y = seven_digits(x), seven_digits(y)
                left_out = np.array([x, y]) + shared / math.sqrt(GROUPS)
                points.append(
                    Point(
                        **common,
                        failures=("p-1/0 error: it broke",) if missing else (),
                        alignment=Value(
                            x, seven_digits(x - 0.04), seven_digits(x + 0.04), 150 - missing, "made up"
                        ),
                        quality=Value(y, seven_digits(y - 8), seven_digits(y + 8), 150 - missing, "made up"),
                        left_out=tuple((float(a), float(b)) for a, b in left_out),
                    )
                )
            curves.append(Curve(label, {"thresholding": label}, tuple(points)))
        return Pareto(
            name="pareto-0123abcd",
            along="guidance_scale",
            alignment=Measure("scenes_accuracy", "scenes_accuracy[made|up]", "higher"),
            quality=Measure("fd_effnet_lite0", "fd_effnet_lite0[made|up]", "lower"),
            reference=(0.45, 290.0),
            curves=tuple(curves),
            about={"model": "imagen", "command": "drawbench pareto"},
        )

    return make
