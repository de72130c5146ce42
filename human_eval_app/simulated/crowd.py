"""Who the simulated raters are: what all of them see, how they differ, and how some go wrong."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from drawbench.errors import InputError
from human_eval_app.planning.latent_model import lead_for
from human_eval_app.simulated.draws import normal, uniform
from human_eval_app.studies.design import StudyDesign

NO_EFFECT = 50.0


@dataclass(frozen=True, slots=True)
class Crowd:
    """A population of raters; standard deviations are in units of the judgement's own noise (see
    `latent_model`).

    `effects` maps a model, or "model:question", to a percentage: in pairs its preference over a model with
    50, in alignment its mean score, both of an attentive rater and over all prompts, raters and sides.
    `lapse` is the share of answers given at random, `fatigue` what 100 pages add to it. A share `careless` of
    the raters lapses `careless_lapse` of the time and takes a quarter of the time. `seconds` is the median
    time for one page, `seconds_spread` the standard deviation of its logarithm.
    """

    effects: Mapping[str, float] = field(default_factory=dict)
    prompt_sd: float = 0.8
    rater_sd: float = 0.4
    side_sd: float = 0.1
    threshold: float = 0.3
    lapse: float = 0.02
    fatigue: float = 0.01
    careless: float = 0.0
    careless_lapse: float = 0.8
    control_accuracy: float = 0.97
    seconds: float = 6.0
    seconds_spread: float = 0.4
    seed: int = 0

    def __post_init__(self) -> None:
        shares = ("lapse", "fatigue", "careless", "careless_lapse", "control_accuracy")
        _check(self, shares, 0.0, 1.0)
        _check(self, ("prompt_sd", "rater_sd", "side_sd", "threshold", "seconds_spread"), 0.0, 10.0)
        _check(self, ("seconds",), 0.0, 3600.0)
        for name, percent in self.effects.items():
            if not 0.1 <= percent <= 99.9:
                raise InputError(
                    f"the effect of {name} must lie between 0.1 and 99.9 percent, not {percent:g}"
                )

    @property
    def spread(self) -> float:
        """Standard deviation of a judgement over prompts, raters, sides and noise."""
        return math.sqrt(1.0 + self.prompt_sd**2 + self.rater_sd**2 + self.side_sd**2)

    def strength(self, model: str, question: str) -> float:
        """The shift of a model's judgement that gives it its effect on a question."""
        percent = self.effects.get(f"{model}:{question}", self.effects.get(model, NO_EFFECT))
        return lead_for(percent / 100, self.threshold, self.spread)

    def is_careless(self, rater: int) -> bool:
        """Whether rater number `rater` is one of the careless."""
        return uniform(self.seed, "careless", rater) < self.careless

    def lapse_at(self, rater: int, page: int) -> float:
        """The probability, 0 to 1, that the rater answers page number `page` (from 0) at random."""
        base = self.careless_lapse if self.is_careless(rater) else self.lapse
        return min(1.0, base + self.fatigue * page / 100)

    def seconds_at(self, rater: int, page: int) -> float:
        """How long the rater looks at page number `page`, in seconds."""
        pace = normal(self.seed, "pace", rater) * self.seconds_spread / 2
        each = normal(self.seed, "seconds", rater, page) * self.seconds_spread
        return self.seconds * math.exp(pace + each) * (0.25 if self.is_careless(rater) else 1.0)


def read_effects(design: StudyDesign, texts: list[str]) -> dict[str, float]:
    """Effects from a command line: "60", "MODEL=60" or "MODEL:QUESTION=60".

    A bare number is the effect of the study's first model. Raises InputError for another shape, an unknown
    model or an unknown question.
    """
    models = [model.name for model in design.models]
    questions = [question.name for question in design.questions]
    found: dict[str, float] = {}
    for text in texts:
        name, _, number = text.rpartition("=")
        try:
            percent = float(number)
        except ValueError:
            raise InputError(
                f"--effect {text}: give PERCENT, MODEL=PERCENT or MODEL:QUESTION=PERCENT"
            ) from None
        name = name or models[0]
        model, _, question = name.rpartition(":") if name not in models else (name, "", "")
        if (model or name) not in models:
            raise InputError(
                f"--effect {text}: the study has no model {model or name}, but {', '.join(models)}"
            )
        if question and question not in questions:
            raise InputError(f"--effect {text}: the study asks {', '.join(questions)}, not {question}")
        found[name] = percent
    return found


def _check(crowd: Crowd, names: tuple[str, ...], low: float, high: float) -> None:
    for name in names:
        value = getattr(crowd, name)
        if not low <= value <= high:
            raise InputError(
                f"{name} of simulated raters must lie between {low:g} and {high:g}, not {value:g}"
            )
