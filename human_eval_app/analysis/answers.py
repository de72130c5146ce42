"""From the ratings table to the answers that count, with everything left out counted by its reason."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from drawbench.errors import InputError
from human_eval_app.analysis.controls import low_control_raters

if TYPE_CHECKING:
    import pandas as pd

REFERENCE = "reference"
ALIGNMENT = "alignment"
COLUMNS = (
    "kind",
    "role",
    "item",
    "prompt_id",
    "category",
    "question",
    "model_a",
    "model_b",
    "rater",
    "presentation",
    "swapped",
    "choice_shown",
    "choice",
    "value",
    "correct",
    "revision",
    "dwell_ms",
    "flagged",
    "excluded",
    "excluded_reason",
)
MIRRORED = {"a": "b", "b": "a"}


@dataclass(frozen=True)
class Answers:
    """The answers that count, one row for each (item, rater, question), in an order of their own.

    `table` has the columns of the export; the models of a pair stand in one order throughout. `counts` maps
    words to numbers of answers: "all", then each reason for leaving some out, then "used"; what is left out
    for two reasons counts for the first. `kind` is "realism", "alignment" or "side_by_side"; `low_raters`
    are those left out for their control trials.
    """

    table: pd.DataFrame
    counts: Mapping[str, int]
    kind: str
    low_raters: tuple[str, ...] = ()

    @property
    def questions(self) -> list[str]:
        """Names of the questions, in order of name."""
        return sorted(set(self.table["question"]))

    @property
    def pairs(self) -> list[tuple[str, str]]:
        """(model a, model b) of the pairs compared; ("model", "") in an alignment study."""
        found = self.table[["model_a", "model_b"]].drop_duplicates()
        return sorted(map(tuple, found.itertuples(index=False, name=None)))


def answers_that_count(
    frame: pd.DataFrame,
    *,
    gate: float = 0.0,
    order: Sequence[str] = (),
    include_excluded: bool = False,
) -> Answers:
    """Sorts and selects: practice and control trials, superseded revisions, exclusions and raters below the
    gate are left out.

    `gate` is the least share of control trials right for a rater to count (0: all count; a rater without a
    control trial always counts). `order` are model names: of a pair, the one that comes first is model a; a
    reference is always model b; other names stand in alphabetical order. `include_excluded` keeps ratings
    that were excluded, for a comparison. Raises InputError for a table without a needed column, of several
    kinds of study, or with a choice or value that does not fit.
    """
    missing = [name for name in COLUMNS if name not in frame.columns]
    if missing:
        raise InputError(f"the ratings have no column {missing[0]!r}; export them again with this version")
    kinds = sorted(set(frame["kind"]))
    if len(kinds) > 1:
        raise InputError(
            f"the ratings are of several kinds of study ({', '.join(kinds)}); analyse one at a time"
        )
    low = low_control_raters(frame, gate)
    table = frame.copy()
    for name in ("prompt_id", "category", "question", "model_a", "model_b", "item", "choice"):
        table[name] = table[name].fillna("").astype(str)
    table["excluded"] = table["excluded"].fillna(False).astype(bool)
    table["value"] = table["value"].astype(float)
    table = table.sort_values(
        ["question", "category", "prompt_id", "item", "rater", "revision", "presentation"], kind="stable"
    )
    counts: dict[str, int] = {"all": len(table)}
    steps = {
        "practice trials": table["role"].eq("practice"),
        "control trials": table["role"].eq("control"),
        "changed by the rater later": table.duplicated(["item", "rater", "question"], keep="last"),
    }
    if not include_excluded:
        reasons = table["excluded_reason"].fillna("").astype(str)
        for reason in sorted(set(reasons[table["excluded"]])):
            steps[f"excluded: {reason or 'no reason given'}"] = table["excluded"] & reasons.eq(reason)
    steps[f"rater below {gate:.0%} of control trials"] = table["rater"].isin(low)
    kept = table["role"].notna()
    for words, out in steps.items():
        counts[words] = int((kept & out).sum())
        kept &= ~out
    counts["used"] = int(kept.sum())
    used = _oriented(table[kept], order).reset_index(drop=True)
    if not used["value"].notna().all():
        raise InputError("a rating has no value; export the ratings again")
    shown = {words: number for words, number in counts.items() if number or words in ("all", "used")}
    return Answers(used, shown, kinds[0] if kinds else "", tuple(map(str, low)))


def _oriented(table: pd.DataFrame, order: Sequence[str]) -> pd.DataFrame:
    """Pairs with their models in one order; where they change places, so do choices and values."""
    names = sorted(set(table["model_a"]) | set(table["model_b"]))
    rank = {name: place for place, name in enumerate([*order, *(n for n in names if n not in order)])}
    rank[REFERENCE] = len(rank) + 1
    pair = table["model_b"].ne("")
    turn = pair & (table["model_a"].map(rank) > table["model_b"].map(rank))
    if not turn.any():
        return table
    table = table.copy()
    table.loc[turn, ["model_a", "model_b"]] = table.loc[turn, ["model_b", "model_a"]].to_numpy()
    table.loc[turn, "choice"] = table.loc[turn, "choice"].map(lambda choice: MIRRORED.get(choice, choice))
    table.loc[turn, "value"] = 1.0 - table.loc[turn, "value"]
    table.loc[turn, "swapped"] = ~table.loc[turn, "swapped"].astype(bool)
    return table.sort_values(["question", "category", "prompt_id", "item", "rater"], kind="stable")
