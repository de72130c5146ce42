"""What a simulated rater answers: a function of the crowd's seed, the rater, the item and the question.

The order of items, the driver and the number of other raters change nothing, so a study simulated over HTTP
and one simulated in the store hold the same canonical answers where sides have no effect.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from human_eval_app.planning.latent_model import place_of
from human_eval_app.simulated.crowd import Crowd
from human_eval_app.simulated.draws import normal, pick, uniform
from human_eval_app.studies.design import Item, StudyDesign
from human_eval_app.studies.questions import Question, shown


@dataclass(frozen=True)
class Judge:
    """Rater number `rater` of a crowd, at work on a study."""

    crowd: Crowd
    design: StudyDesign
    rater: int

    def answers(self, item: Item, swapped: bool, page: int) -> dict[str, str]:
        """Question name -> key as shown, for an item on page number `page` (from 0).

        `swapped` is whether arm b stands on the left.
        """
        return {
            question.name: shown(self._answer(item, question, swapped, page), swapped)
            for question in self.design.questions
        }

    def _answer(self, item: Item, question: Question, swapped: bool, page: int) -> str:
        names = (self.rater, item.id, question.name)
        seed, keys = self.crowd.seed, question.keys
        if uniform(seed, "lapse", *names) < self.crowd.lapse_at(self.rater, page):
            return pick(keys, seed, "any", *names)
        if question.name in item.expected:
            right = item.expected[question.name]
            if uniform(seed, "control", *names) < self.crowd.control_accuracy:
                return right
            return pick([key for key in keys if key != right], seed, "wrong", *names)
        has_middle = len(keys) == 3
        u = self._judgement(item, question, swapped)
        choice = place_of(u, self.crowd.threshold if has_middle else 0.0)
        return keys[choice if has_middle else choice // 2]

    def _judgement(self, item: Item, question: Question, swapped: bool) -> float:
        crowd, name = self.crowd, question.name
        noise = normal(crowd.seed, "noise", self.rater, item.id, name)
        u = self._strength(item.arms[0].model, name) + noise
        if question.is_pair:
            u -= self._strength(item.arms[1].model, name)
            u += crowd.prompt_sd * normal(crowd.seed, "prompt", item.prompt_id, *item.models, name)
            side = crowd.side_sd * normal(crowd.seed, "side", self.rater)
            taste = crowd.rater_sd * normal(crowd.seed, "rater", self.rater, *item.models, name)
            return u + taste + (-side if swapped else side)
        # Half of a prompt's variance is how hard it is for every model, half how one model draws it.
        hard = normal(crowd.seed, "prompt", item.prompt_id, name)
        own = normal(crowd.seed, "prompt", item.prompt_id, item.arms[0].model, name)
        u += crowd.prompt_sd * (hard + own) / math.sqrt(2)
        return u + crowd.rater_sd * normal(crowd.seed, "rater", self.rater, name)

    def _strength(self, model: str, question: str) -> float:
        return self._strengths[model, question]

    @cached_property
    def _strengths(self) -> Mapping[tuple[str, str], float]:
        models = {model for item in self.design.items for model in item.models}
        return {
            (model, question.name): self.crowd.strength(model, question.name)
            for model in models
            for question in self.design.questions
        }
