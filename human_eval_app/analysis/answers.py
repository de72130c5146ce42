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
TEXTS = (
    "role",
    "item",
    "prompt_id",
    "category",
    "question",
    "model_a",
    "model_b",
    "presentation",
    "choice_shown",
    "choice",
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


@dataclass(frozen=True)
class Sorted:
    """The whole table made ready: known columns, one type each, one order, pairs turned one way."""

    table: pd.DataFrame
    kind: str


def sorted_answers(frame: pd.DataFrame, order: Sequence[str] = ()) -> Sorted:
    """Makes a table of ratings ready for `answers_that_count`.

    `order` are model names: of a pair, the one that comes first is model a; a reference is always model b;
    other names stand in alphabetical order. Raises InputError for a table without a needed column, of several
    kinds of study, or with an answer that has no value.
    """
    missing = [name for name in COLUMNS if name not in frame.columns]
    if missing:
        raise InputError(f"the ratings have no column {missing[0]!r}; export them again with this version")
    kinds = sorted(set(frame["kind"]))
    if len(kinds) > 1:
        raise InputError(f"ratings of several kinds of study ({', '.join(kinds)}); analyse one at a time")
    table = frame[[name for name in (*COLUMNS, "submitted_at") if name in frame.columns]].copy()
    for name in TEXTS:
        table[name] = table[name].astype(object).fillna("").map(str)
    for name in ("excluded", "flagged", "swapped"):
        table[name] = table[name].fillna(False).astype(bool)
    table["value"] = table["value"].astype(float)
    if table["value"].isna().any():
        raise InputError("a rating has no value; export the ratings again")
    table = _oriented(table, order)
    by = ["question", "category", "prompt_id", "item", "rater", "revision", "presentation"]
    return Sorted(table.sort_values(by, kind="stable"), kinds[0] if kinds else "")


def answers_that_count(ready: Sorted, *, gate: float = 0.0, include_excluded: bool = False) -> Answers:
    """Leaves out practice and control trials, superseded revisions, exclusions and raters below the gate.

    `gate` is the least share of control trials right for a rater to count (0: all count; a rater without a
    control trial always counts). `include_excluded` keeps ratings that were excluded, for a comparison.
    """
    table = ready.table
    low = low_control_raters(table, gate)
    counts: dict[str, int] = {"all": len(table)}
    steps = {
        "practice trials": table["role"].eq("practice"),
        "control trials": table["role"].eq("control"),
        "changed by the rater later": table.duplicated(["item", "rater", "question"], keep="last"),
    }
    if not include_excluded:
        reasons = table["excluded_reason"]
        for reason in sorted(set(reasons[table["excluded"]])):
            steps[f"excluded: {reason or 'no reason given'}"] = table["excluded"] & reasons.eq(reason)
    steps[f"rater below {gate:.0%} of control trials"] = table["rater"].isin(low)
    kept = table["role"].notna()
    for words, out in steps.items():
        counts[words] = int((kept & out).sum())
        kept &= ~out
    counts["used"] = int(kept.sum())
    shown = {words: number for words, number in counts.items() if number or words in ("all", "used")}
    return Answers(table[kept].reset_index(drop=True), shown, ready.kind, tuple(map(str, low)))


def _oriented(table: pd.DataFrame, order: Sequence[str]) -> pd.DataFrame:
    """Pairs with their models in one order; where they change places, so do choices and values."""
    names = sorted(set(table["model_a"]) | set(table["model_b"]))
    rank = {name: place for place, name in enumerate([*order, *(n for n in names if n not in order)])}
    rank[REFERENCE] = len(rank) + 1
    pair = table["model_b"].ne("")
    turn = pair & (table["model_a"].map(rank) > table["model_b"].map(rank))
    if not turn.any():
        return table
    table.loc[turn, ["model_a", "model_b"]] = table.loc[turn, ["model_b", "model_a"]].to_numpy()
    table.loc[turn, "choice"] = table.loc[turn, "choice"].map(lambda choice: MIRRORED.get(choice, choice))
    table.loc[turn, "value"] = 1.0 - table.loc[turn, "value"]
    table.loc[turn, "swapped"] = ~table.loc[turn, "swapped"]
    return table
