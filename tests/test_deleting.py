"""A pool is deleted whole, others keep all that is theirs, and events of others stay append-only."""

import hashlib

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError

from app import deleting
from app.audit import Actor
from app.db import Database
from app.deleting import NotConfirmed, PoolInUse, count_rows, delete_pool, delete_some
from app.errors import NotAllowed, NotFound
from app.events import LabelEventView
from app.models import Annotator, Base, Blob, Image, LabelEvent, Pool
from app.pools import get_pool

from .factories.acts import ask, ask_and_answer, undo
from .factories.hooked import add_webhook, send_test
from .factories.logins import add_account
from .factories.making import NOW, add_pool, add_round
from .factories.stored import check_whole, image_ids
from .factories.trained import add_model

SHARED, OWN = (hashlib.sha256(word).hexdigest() for word in (b"shared", b"own"))


def give_original(database: Database, pool: Pool, position: int, sha256: str) -> None:
    (image_id,) = image_ids(database, pool, [position])
    with database.write() as session:
        image = session.get_one(Image, image_id)
        image.name, image.sha256 = f"{position}.png", sha256
        if session.get(Blob, sha256) is None:
            session.add(Blob(sha256=sha256, media_type="image/png", width=1, height=1, n_bytes=1, content=b"x"))


def rows(database: Database) -> dict[str, int]:
    """How many rows each table has, but for the announcements."""
    names = [name for name in Base.metadata.tables if name != "change"]
    with database.read() as session:
        return {name: session.scalar(text(f"SELECT count(*) FROM {name}")) or 0 for name in names}


@pytest.fixture
def both(database: Database, ada: Annotator) -> tuple[Pool, Pool]:
    """Two pools in use, with one original in both of them and another one in the first."""
    pools = add_pool(database, slug="goes", name="Goes"), add_pool(database, slug="stays")
    for pool in pools:
        ask_and_answer(database, pool, ada, 12)
        undo(database, pool, ada)
        add_round(database, pool, image_ids(database, pool, [40, 41]))
        ask(database, pool, ada, 3)
        add_model(database, pool)
        send_test(database, add_webhook(database, pool))
        give_original(database, pool, 0, SHARED)
    give_original(database, pools[0], 1, OWN)
    return pools


def test_nothing_of_the_pool_is_left_and_all_of_the_others_is(database: Database, both: tuple[Pool, Pool]) -> None:
    before = rows(database)
    delete_pool(database, "goes", now=NOW)
    after = rows(database)

    with database.read() as session:
        assert session.scalars(select(Blob.sha256)).all() == [SHARED]
        assert get_pool(session, "stays").id == both[1].id
        with pytest.raises(NotFound):
            get_pool(session, "goes")
    twice = ["pool", "image", "label_event", "answer", "label", "lease", "round", "ranked_image", "trained_model"]
    twice += ["webhook", "delivery"]
    assert {name: after[name] for name in twice} == {name: before[name] // 2 for name in twice}
    check_whole(database)


def test_who_is_no_admin_any_more_deletes_nothing(database: Database, both: tuple[Pool, Pool]) -> None:
    account = add_account(database, "eve")
    with pytest.raises(NotAllowed):
        delete_pool(database, "goes", by=Actor(account.id, "eve"), now=NOW)

    with database.read() as session:
        assert get_pool(session, "goes").id == both[0].id


def test_the_events_of_others_stay_append_only(database: Database, both: tuple[Pool, Pool]) -> None:
    delete_pool(database, "goes", now=NOW)

    with pytest.raises(DBAPIError, match="append-only"), database.write() as session:
        session.execute(text("DELETE FROM label_event WHERE pool_id = :pool"), {"pool": both[1].id})


def test_bites_are_small_and_one_that_was_cut_off_is_gone_on_with(
    database: Database, both: tuple[Pool, Pool], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("ROWS", "IMAGES", "ROUNDS"):
        monkeypatch.setattr(deleting, name, 5)
    steps = list[int]()

    def cut_off(n_deleted: int) -> None:
        steps.append(n_deleted)
        if len(steps) == 8:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        delete_pool(database, "goes", now=NOW, on_step=cut_off)
    with database.read() as session, pytest.raises(NotFound):
        get_pool(session, "goes")  # out of sight, although most of it is there
    n_bites = 0
    while True:
        with database.write_unchecked() as session:
            if not delete_some(session, both[0].id):
                break
        n_bites += 1

    assert sum(n_deleted > 5 for n_deleted in steps) <= 1  # the rankings of a few rounds go together
    assert n_bites > 20
    assert rows(database)["pool"] == 1
    check_whole(database)


def test_what_is_written_as_the_pool_goes_out_of_sight_goes_too(
    database: Database, both: tuple[Pool, Pool], ada: Annotator
) -> None:
    late: list[list[LabelEventView]] = []

    def answer_late(_: int) -> None:
        if not late:
            late.append(ask_and_answer(database, both[0], ada, 2))

    delete_pool(database, "goes", now=NOW, on_step=answer_late)

    with database.read() as session:
        assert set(session.scalars(select(LabelEvent.pool_id))) == {both[1].id}
    check_whole(database)


def test_a_pool_whose_model_is_trained_stays(database: Database, pool: Pool) -> None:
    add_model(database, pool, status="queued")
    before = rows(database)

    with pytest.raises(PoolInUse, match="Stop it first"):
        delete_pool(database, "patterns", now=NOW)
    assert rows(database) == before


def test_a_slip_deletes_nothing(database: Database, pool: Pool) -> None:
    with pytest.raises(NotConfirmed, match="Nothing was deleted"):
        delete_pool(database, "patterns", confirm="other", now=NOW)
    with database.read() as session:
        assert count_rows(session, get_pool(session, pool.slug))["images"] == 110
