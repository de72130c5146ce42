"""Promise 5, in the store: a rater cannot read or change another's data."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from rating_steps import answer, enter, first_answers, look, open_page
from small_studies import small_design

from human_eval_app.exports.exporting import study_tables
from human_eval_app.store.rating_store import RatingStore
from human_eval_app.store.records import Presentation, Refused
from human_eval_app.studies.design import StudyDesign
from human_eval_app.studies.tokens import picture_address, picture_allowed

MakeStore = Callable[[StudyDesign], RatingStore]


def everything(store: RatingStore) -> object:
    """All that is recorded."""
    with store.database.reading() as connection:
        return study_tables(connection, store.design, private=True)


def test_another_raters_page_is_refused_in_every_way(make_store: MakeStore) -> None:
    store = make_store(small_design(prompts=8))
    victim, intruder = enter(store), enter(store)
    answer(store, open_page(store, victim))
    answered = store.undo(victim)
    answer(store, answered)
    page, following = store.serve_two(victim)
    assert isinstance(page, Presentation)
    assert following is not None
    look(store, page)
    own = open_page(store, intruder)
    before = everything(store)
    pictures = store.design.item_by_id[page.item_id].pictures
    for theirs in (answered, page, following):
        for revision in (1, 2, 3):
            answers = first_answers(store, theirs)
            for attack in (
                lambda t=theirs, r=revision, a=answers: store.submit(
                    intruder, t.id, a, revision=r, shown_ms=9000
                ),
                lambda t=theirs: store.mark_shown(intruder, t.id, pictures),
                lambda t=theirs: store.skip(intruder, t.id),
                lambda t=theirs: store.flag(intruder, t.id, None, "spite"),
            ):
                with pytest.raises(Refused) as refused:
                    attack()
                assert refused.value.reason == "not_yours"
    with pytest.raises(Refused):
        store.undo(intruder)
    assert store.serve(intruder) == own
    assert everything(store) == before
    assert page.id not in {own.id, *(e.target_id for e in store.events() if e.by == f"rater {intruder}")}


def test_credentials_are_long_secret_and_not_in_the_database(make_store: MakeStore) -> None:
    store = make_store(small_design())
    link = store.invite(1)[0]
    credential = store.exchange(link.token)
    assert min(len(link.token), len(credential)) >= 43  # 256 bits
    tables = str(everything(store))
    with store.database.reading() as connection:
        for name in ("token", "session", "rater", "event"):
            tables += str(connection.exec_driver_sql(f'SELECT * FROM "{name}"').all())
    assert link.token not in tables
    assert credential not in tables
    for guess in (credential[:-1], credential + "A", credential.swapcase(), "", "a" * 43, link.token):
        assert store.rater_id_of(guess) is None
        assert store.rater_of(guess) is None


def test_a_pictures_address_is_good_for_one_page_and_picture_until_it_lapses() -> None:
    secret = bytes(32)
    address = picture_address(secret, "a" * 32, "b" * 32, 1000)
    assert address.startswith(f"/img/{'a' * 32}/{'b' * 32}?e=1000&s=")
    signature = address.split("s=")[1]

    def allowed(
        presentation: str = "a" * 32,
        picture: str = "b" * 32,
        expires: str = "1000",
        signed: str = signature,
        now: float = 999.0,
        key: bytes = secret,
    ) -> bool:
        return picture_allowed(key, presentation, picture, expires, signed, now)

    assert allowed()
    assert not allowed(now=1000.0)
    assert not allowed(presentation="c" * 32)
    assert not allowed(picture="c" * 32)
    assert not allowed(expires="2000")
    assert not allowed(key=b"1" * 32)
    for wrong in ("", "0" * 64, signature[:-1], signature.upper(), "é" * 64, "\ud800"):
        assert not allowed(signed=wrong)
    for wrong in ("", "-1", "1e9", "9" * 400, "１０００", " 1000", "\ud800"):
        assert not allowed(expires=wrong)
    assert not allowed(picture="\ud800")
