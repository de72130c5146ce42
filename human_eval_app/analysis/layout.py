"""Who rated what: prompts crossed with raters, in categories, and the means that a study asks for.

Every estimate of a study is a contrast: a sum of cell means with fixed coefficients, a cell being one
category of one arm (model). The mean over categories, the pooled mean of the paper and the difference of two
models are all of that form, so one variance and one bootstrap serve them all.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

Numbers = NDArray[np.float64]
Labels = NDArray[np.intp]
By = Literal["prompts", "ratings"]


@dataclass(frozen=True)
class Layout:
    """The places of n answers: prompt, rater, category and arm of each, all numbered from 0.

    A prompt lies in one category. `nested`: every rater rated in one category only, and there are several.
    """

    prompt: Labels
    rater: Labels
    category: Labels
    arm: Labels
    categories: tuple[str, ...]
    arms: tuple[str, ...]

    @classmethod
    def of(
        cls,
        prompts: ArrayLike,
        raters: ArrayLike,
        categories: ArrayLike,
        arms: ArrayLike,
    ) -> Layout:
        """Numbers labels (n,) in their sorted order; a prompt id in two categories is two prompts.

        Raises ValueError for unequal lengths or no answer.
        """
        given = [np.asarray(labels) for labels in (prompts, raters, categories, arms)]
        if len({labels.shape for labels in given}) > 1 or given[0].size == 0:
            raise ValueError("need as many prompts, raters, categories and arms, and at least one")
        (_, prompt), (_, rater), (names, category), (sides, arm) = (
            np.unique(labels, return_inverse=True) for labels in given
        )
        _, prompt = np.unique(category * (prompt.max() + 1) + prompt, return_inverse=True)
        return cls(prompt, rater, category, arm, tuple(map(str, names)), tuple(map(str, sides)))

    @property
    def size(self) -> int:
        """Number of answers."""
        return int(self.prompt.size)

    @cached_property
    def nested(self) -> bool:
        """Whether there are several categories and no rater rated in two."""
        pairs = np.unique(self.rater * len(self.categories) + self.category).size
        return len(self.categories) > 1 and pairs == int(self.rater.max()) + 1

    @cached_property
    def cell(self) -> Labels:
        """(n,) cell of each answer: category * arms + arm."""
        return np.asarray(self.category * len(self.arms) + self.arm)

    @cached_property
    def answers_of_prompt(self) -> Numbers:
        """(n,) how many answers the prompt of each answer has in its own arm."""
        return _sizes(self.prompt * len(self.arms) + self.arm)

    @cached_property
    def prompts_in_cell(self) -> Numbers:
        """(categories, arms) number of prompts."""
        _, first = np.unique(self.prompt * len(self.arms) + self.arm, return_index=True)
        return self._by_cell(self.cell[first])

    @cached_property
    def answers_in_cell(self) -> Numbers:
        """(categories, arms) number of answers."""
        return self._by_cell(self.cell)

    def _by_cell(self, cells: Labels) -> Numbers:
        shape = len(self.categories), len(self.arms)
        return np.bincount(cells, minlength=shape[0] * shape[1]).reshape(shape).astype(np.float64)


@dataclass(frozen=True)
class Contrast:
    """A sum of cell means: `coefficients` (categories, arms).

    `by` says what a cell's mean is: of its prompts' means, so that every prompt counts the same, or of its
    ratings.
    """

    coefficients: Numbers
    by: By

    def weights(self, layout: Layout) -> Numbers:
        """(n,) weight of each answer in the estimate."""
        share = self.coefficients.reshape(-1)[layout.cell]
        if self.by == "ratings":
            return np.asarray(share / layout.answers_in_cell.reshape(-1)[layout.cell])
        return np.asarray(share / layout.prompts_in_cell.reshape(-1)[layout.cell] / layout.answers_of_prompt)


def category_contrast(layout: Layout, category: int, arms: Sequence[float]) -> Contrast:
    """One category; `arms` are the arms' coefficients, (1,) for a single arm, (1, -1) for a difference."""
    coefficients = np.zeros((len(layout.categories), len(layout.arms)))
    coefficients[category] = arms
    return Contrast(coefficients, "prompts")


def macro_contrast(layout: Layout, arms: Sequence[float]) -> Contrast:
    """The mean over categories, each counting the same."""
    share = np.full((len(layout.categories), 1), 1 / len(layout.categories))
    return Contrast(share * np.asarray(arms, dtype=np.float64), "prompts")


def pooled_contrast(layout: Layout, arms: Sequence[float]) -> Contrast:
    """All ratings alike, as the paper aggregates: a category counts as much as it has ratings."""
    share = layout.answers_in_cell / layout.answers_in_cell.sum(axis=0)
    return Contrast(share * np.asarray(arms, dtype=np.float64), "ratings")


def _sizes(labels: Labels) -> Numbers:
    return np.bincount(labels)[labels].astype(np.float64)
