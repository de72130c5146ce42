"""Promise 7: export, then import, gives identical rows and identical statistics."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from rating_steps import answer, enter, open_page, rate
from set_clock import SetClock
from small_studies import small_design

from drawbench.errors import InputError
from human_eval_app.exports.exporting import export_study
from human_eval_app.exports.importing import import_study, read_ratings
from human_eval_app.store.data_dictionary import TABLES
from human_eval_app.store.rating_store import RatingStore
from human_eval_app.store.records import Presentation
from human_eval_app.studies.design import StudyDesign
from human_eval_app.studies.questions import Kind

MakeStore = Callable[[StudyDesign], RatingStore]


def busy_store(make_store: MakeStore, clock: SetClock, kind: Kind = "side_by_side") -> RatingStore:
    """A store in which everything has happened that can happen."""
    design = small_design(
        kind, prompts=6, controls=2, practice=1, break_every=3, categories=('a,"b"', "c\nd", "ü")
    )
    store = make_store(design)
    raters = [enter(store) for _ in range(3)]
    store.invite(1, open_places=3, label="for a person")
    options = {question.name: question.shown_keys() for question in design.questions}
    for rater in raters:

        def choose(page: Presentation, rater: int = rater) -> dict[str, str]:
            return {name: keys[(page.position + rater) % len(keys)] for name, keys in options.items()}

        rate(store, rater, pages=3, choose=choose)
        clock.forward(rater + 0.001)
        answer(store, store.undo(rater))
        page = open_page(store, rater)
        if rater == 1:
            store.skip(rater, page.id, 'blank, "white"\nor so; =1+1')
        if rater == 2:
            store.flag(rater, page.id, None, "🙂")
            answer(store, page)
    store.exclude("rater", 3, "too quick; left, left")
    store.exclude("item", design.items[1].id, "text in it")
    store.exclude("rating", store.ratings().presentation.iloc[0], "slip")
    clock.forward(design.lease_seconds + 1)
    open_page(store, raters[0])
    return store


def test_a_narrower_export_leaves_no_older_table_beside_it(make_store: MakeStore, tmp_path: Path) -> None:
    store = make_store(small_design("realism"))
    rater = enter(store)
    export_study(store, tmp_path / "out")
    rate(store, rater)
    written = export_study(store, tmp_path / "out", formats=["csv"])
    assert sorted((tmp_path / "out").iterdir()) == sorted(written)
    pd.testing.assert_frame_equal(read_ratings(tmp_path / "out"), store.ratings())


def statistics(frame: pd.DataFrame) -> dict[str, object]:
    """Counts, means and spreads by question and model."""
    kept = frame[(frame.role == "rating") & ~frame.excluded]
    by = kept.groupby(["question", "model_a", "category"])["value"]
    return {"means": by.mean().to_dict(), "sd": by.std(ddof=0).to_dict(), "n": by.count().to_dict()}


@pytest.mark.parametrize("form", ["csv", "jsonl", "parquet"])
def test_an_export_comes_back_identical(
    make_store: MakeStore, clock: SetClock, tmp_path: Path, form: str
) -> None:
    store = busy_store(make_store, clock)
    exported = export_study(store, tmp_path / "one", formats=[form], private=True)
    again = import_study(tmp_path / "one", tmp_path / "again.db", clock=clock)
    for revisions in (False, True):
        frame = store.ratings(revisions=revisions)
        pd.testing.assert_frame_equal(again.ratings(revisions=revisions), frame)
    pd.testing.assert_frame_equal(read_ratings(tmp_path / "one"), store.ratings())
    assert statistics(again.ratings()) == statistics(store.ratings())
    assert again.raters() == store.raters()
    assert again.progress() == store.progress()
    assert [e.detail for e in again.events()] == [e.detail for e in store.events()]
    for path in exported:  # and out again: the same bytes
        export_study(again, tmp_path / "two", formats=[form], private=True)
        assert (tmp_path / "two" / path.name).read_bytes() == path.read_bytes(), path.name
    # The imported study goes on where it stood, on new links.
    link = again.reissue(1, "admin")
    assert again.rater_id_of(again.exchange(link.token)) == 1
    page = store.serve(1)
    assert isinstance(page, Presentation)
    assert again.serve(1) == page
    again.close_connections()


@pytest.mark.parametrize("kind", ["realism", "alignment"])
def test_other_kinds_come_back_too(
    make_store: MakeStore, clock: SetClock, tmp_path: Path, kind: Kind
) -> None:
    store = busy_store(make_store, clock, kind)
    export_study(store, tmp_path / "out")
    again = import_study(tmp_path / "out", tmp_path / "again.db")
    pd.testing.assert_frame_equal(again.ratings(revisions=True), store.ratings(revisions=True))
    again.close_connections()


def test_into_postgres_and_back(
    make_store: MakeStore, clock: SetClock, tmp_path: Path, postgres: object
) -> None:
    store = busy_store(make_store, clock)
    export_study(store, tmp_path / "out")
    url = postgres.url(postgres.new_database())  # type: ignore[attr-defined]
    again = import_study(tmp_path / "out", url, clock=clock)
    pd.testing.assert_frame_equal(again.ratings(revisions=True), store.ratings(revisions=True))
    page = again.serve(1)
    assert isinstance(page, Presentation)
    answer(again, page)  # its own numbering goes on after what was imported
    with pytest.raises(InputError, match="holds this study already"):
        import_study(tmp_path / "out", url)
    again.close_connections()


def test_every_column_is_described_and_nothing_private_goes_out_unasked(
    make_store: MakeStore, clock: SetClock, tmp_path: Path
) -> None:
    store = busy_store(make_store, clock)
    store.exchange(store.invite(1, open_places=1, label="Jane Doe")[0].token, external_id="5f3c-worker")
    export_study(store, tmp_path / "out")
    described = json.loads((tmp_path / "out" / "data_dictionary.json").read_text())
    for name in TABLES:
        header = pd.read_csv(tmp_path / "out" / f"{name}.csv").columns
        parquet = pd.read_parquet(tmp_path / "out" / f"{name}.parquet").columns
        first = (tmp_path / "out" / f"{name}.jsonl").read_text().split("\n")[0]
        open_columns = [c["name"] for c in described[name]["columns"] if not c["private"]]
        assert list(header) == list(parquet) == list(json.loads(first)) == open_columns
        assert all(c["meaning"] and c["type"] for c in described[name]["columns"])
        assert f"## {name}" in (tmp_path / "out" / "data_dictionary.md").read_text()
    codes = [rater.completion_code for rater in store.raters() if rater.completion_code]
    for path in (tmp_path / "out").iterdir():
        data = path.read_bytes()
        for secret in ("Jane Doe", "5f3c-worker", "for a person", *codes):
            assert secret.encode() not in data, path.name


def test_a_changed_or_partial_export_is_refused(
    make_store: MakeStore, clock: SetClock, tmp_path: Path
) -> None:
    store = busy_store(make_store, clock)
    out = tmp_path / "out"
    export_study(store, out, formats=["csv"])
    rows = (out / "revisions.csv").read_text()
    (out / "revisions.csv").write_text(rows.replace(",left,", ",right,", 1))
    with pytest.raises(InputError, match="changed after the export"):
        import_study(out, tmp_path / "again.db")
    (out / "revisions.csv").unlink()
    with pytest.raises(InputError, match="lacks"):
        import_study(out, tmp_path / "again.db")
    (out / "export.json").write_text("{}")
    with pytest.raises(InputError, match="no whole export"):
        import_study(out, tmp_path / "again.db")
    with pytest.raises(InputError, match="another study"):
        export_study(store, out)
    with pytest.raises(InputError, match="no export format"):
        export_study(store, tmp_path / "other", formats=["xlsx"])
    assert not (tmp_path / "again.db").exists()
    (tmp_path / "ratings.csv").write_text(rows.split("\n")[0].replace("caption", "prompt") + "\n" + "x," * 29)
    with pytest.raises(InputError):
        read_ratings(tmp_path / "ratings.csv")
    with pytest.raises(InputError, match="unknown format"):
        read_ratings(tmp_path / "ratings.txt")
