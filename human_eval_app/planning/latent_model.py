"""The model of a rater that planning and simulations use: a latent impression and two thresholds.

What a rater feels about a pair is mu + prompt + rater + noise, with normal prompts (standard deviation
`prompt_sd`), normal raters (`rater_sd`) and standard normal noise. Above `cut` it is the first answer (A, or
yes), below -`cut` the last, between them the middle one. A `cut` of 0 leaves no middle answer. Answers are
worth 1, 1/2 and 0.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import ndtr, ndtri

Numbers = NDArray[np.float64]
_NODES = 60


@dataclass(frozen=True, slots=True)
class Components:
    """Variances of an answer's value that belong to prompts, to raters and to the single answer."""

    prompt: float
    rater: float
    answer: float

    @property
    def total(self) -> float:
        """Variance of a value."""
        return self.prompt + self.rater + self.answer

    @property
    def prompt_icc(self) -> float:
        """Correlation of two answers about one prompt."""
        return self.prompt / self.total if self.total else 0.0

    @property
    def rater_icc(self) -> float:
        """Correlation of two answers of one rater."""
        return self.rater / self.total if self.total else 0.0


@dataclass(frozen=True, slots=True)
class LatentModel:
    """See the module. `mu` is the first arm's lead in standard deviations of the noise."""

    mu: float = 0.0
    prompt_sd: float = 0.8
    rater_sd: float = 0.4
    cut: float = 0.5

    @property
    def spread(self) -> float:
        """Standard deviation of an impression."""
        return math.sqrt(1 + self.prompt_sd**2 + self.rater_sd**2)

    @property
    def shares(self) -> tuple[float, float, float]:
        """Shares of the first, the middle and the last answer."""
        first = float(ndtr((self.mu - self.cut) / self.spread))
        last = float(ndtr((-self.mu - self.cut) / self.spread))
        return first, max(0.0, 1 - first - last), last

    @property
    def mean(self) -> float:
        """Mean value of an answer, 0..1."""
        return mean_of(self.mu, self.cut, self.spread)

    @property
    def components(self) -> Components:
        """Variances of the value, by Gauss-Hermite quadrature over prompts and over raters.

        What belongs to a pair of prompt and rater together is counted with the single answer.
        """
        first, middle, _ = self.shares
        total = first + middle / 4 - self.mean**2
        by_prompt, by_rater = self._between(self.prompt_sd), self._between(self.rater_sd)
        return Components(by_prompt, by_rater, max(0.0, total - by_prompt - by_rater))

    def _between(self, deviation: float) -> float:
        """Variance over one factor of the mean value given its level."""
        nodes, weights = np.polynomial.hermite_e.hermegauss(_NODES)
        weights = weights / weights.sum()
        rest = math.sqrt(self.spread**2 - deviation**2)
        place = self.mu + deviation * nodes
        means = (ndtr((place - self.cut) / rest) + ndtr((place + self.cut) / rest)) / 2
        return float(weights @ (means - weights @ means) ** 2)

    def draw(self, rng: np.random.Generator, prompts: int, raters: int) -> Numbers:
        """(prompts, raters) values of everyone's answer to everything."""
        impression = (
            self.mu
            + self.prompt_sd * rng.normal(size=(prompts, 1))
            + self.rater_sd * rng.normal(size=(1, raters))
            + rng.normal(size=(prompts, raters))
        )
        return np.where(impression > self.cut, 1.0, np.where(impression < -self.cut, 0.0, 0.5))


def mean_of(mu: float, cut: float, spread: float) -> float:
    """Mean value of an answer, 0..1, where the impression has mean `mu` and standard deviation `spread`."""
    return float(1 + ndtr((mu - cut) / spread) - ndtr((-mu - cut) / spread)) / 2


def lead_for(mean: float, cut: float, spread: float) -> float:
    """The `mu` whose `mean_of` is `mean`. Raises ValueError for a mean that is not between 0 and 1."""
    if not 0 < mean < 1:
        raise ValueError(f"a mean value lies between 0 and 1, not at {mean:g}")
    reach = 12 * spread + cut
    return float(brentq(lambda mu: mean_of(mu, cut, spread) - mean, -reach, reach, xtol=1e-10))


def place_of(impression: float, cut: float) -> int:
    """0 for the first answer, 1 for the middle one, 2 for the last; without a middle one where `cut` is 0."""
    if impression > cut:
        return 0
    return 2 if impression <= -cut else 1


def latent_model(mean: float, ties: float, *, prompt_sd: float = 0.8, rater_sd: float = 0.4) -> LatentModel:
    """The model whose answers have this mean value (0..1, not at the ends) and which, were neither arm ahead,
    would have this share of middle answers (0..1).

    Raises ValueError for numbers outside.
    """
    if not 0 < mean < 1 or not 0 <= ties < 1 or prompt_sd < 0 or rater_sd < 0:
        raise ValueError("need a mean between 0 and 1, ties from 0 up to 1, and spreads of 0 or more")
    even = LatentModel(0.0, prompt_sd, rater_sd, 0.0)
    cut = float(ndtri(0.5 + ties / 2)) * even.spread
    return replace(even, cut=cut, mu=lead_for(mean, cut, even.spread))


def dealt(rng: np.random.Generator, prompts: int, raters: int, per_prompt: int) -> NDArray[np.bool_]:
    """(prompts, raters) who rates what: `per_prompt` raters for every prompt, equally often by each rater."""
    if not 0 < per_prompt <= raters:
        raise ValueError(f"{per_prompt} ratings a prompt need as many raters, and there are {raters}")
    if per_prompt == raters:
        return np.ones((prompts, raters), dtype=np.bool_)
    seen = np.zeros((prompts, raters), dtype=np.bool_)
    counts = np.zeros(raters)
    for prompt in rng.permutation(prompts):
        chosen = np.argsort(counts + rng.random(raters), kind="stable")[:per_prompt]
        seen[prompt, chosen] = True
        counts[chosen] += 1
    return seen
