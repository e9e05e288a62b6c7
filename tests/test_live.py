"""What changed is told after the commit and not otherwise; who waits is woken; who is slow loses old news only."""

from concurrent.futures import ThreadPoolExecutor
from threading import Event

import pytest
from sqlalchemy import func, select

from app.changes import Change, note
from app.db import Database
from app.live import Live
from app.models import Annotator, Label, Pool

from .factories import NOW, add_round, answer, ask_and_answer, image_ids, undo

ROUND_1 = Change("round", 1, 1)
LABELS = Change("labels", 1)


@pytest.fixture
def live(database: Database) -> Live:
    """The announcements of this database."""
    return Live(database)


@pytest.fixture
def heard(live: Live) -> list[Change]:
    """Everything that was announced."""
    heard: list[Change] = []
    live.listen(heard.append)
    return heard


def test_a_change_is_published_after_the_commit_and_not_before(database: Database, heard: list[Change]) -> None:
    with database.write() as session:
        note(session, LABELS)
        note(session, ROUND_1)
        session.flush()
        assert heard == []

    assert heard == [LABELS, ROUND_1]


def test_a_change_of_a_transaction_that_is_rolled_back_is_never_published(
    database: Database, heard: list[Change]
) -> None:
    with pytest.raises(RuntimeError), database.write() as session:
        note(session, LABELS)
        session.add(Annotator(name="ada", role="annotator", created_at=NOW))
        session.flush()
        raise RuntimeError
    with database.write():
        pass

    assert heard == []


def test_a_change_is_published_once(database: Database, heard: list[Change]) -> None:
    for _ in range(2):
        with database.write() as session:
            note(session, LABELS)

    assert heard == [LABELS, LABELS]


def test_a_savepoint_is_not_a_commit(database: Database, heard: list[Change]) -> None:
    with pytest.raises(RuntimeError), database.write() as session:
        note(session, LABELS)
        with session.begin_nested():
            session.add(Annotator(name="ada", role="annotator", created_at=NOW))
        raise RuntimeError

    assert heard == []


def test_a_savepoint_that_is_rolled_back_takes_no_earlier_change_with_it(
    database: Database, heard: list[Change]
) -> None:
    with database.write() as session:
        note(session, LABELS)
        with pytest.raises(RuntimeError), session.begin_nested():
            raise RuntimeError

    assert heard == [LABELS]


def test_whoever_is_told_finds_it_committed(database: Database, live: Live, pool: Pool, ada: Annotator) -> None:
    counts = []

    def look(_: Change) -> None:
        with database.read() as session:
            counts.append(session.scalar(select(func.count()).select_from(Label)))

    live.listen(look)
    ask_and_answer(database, pool, ada, 3)

    assert counts == [3]


def test_answers_undos_and_rounds_are_announced(
    database: Database, pool: Pool, ada: Annotator, heard: list[Change]
) -> None:
    answer(database, pool, ada, image_ids(database, pool, [0]))
    undo(database, pool, ada)
    add_round(database, pool)

    assert heard == [Change("labels", pool.id), Change("labels", pool.id), Change("round", pool.id, 1)]


# Waiting for a round


def test_waiting_ends_when_the_round_is_announced(live: Live) -> None:
    begun = Event()

    def wait() -> bool:
        begun.set()
        return live.wait_for_round(1, after=0, seconds=60)

    with ThreadPoolExecutor() as threads:
        waiting = threads.submit(wait)
        begun.wait()
        live.publish(Change("labels", 1))
        live.publish(Change("round", 2, 7))
        live.publish(ROUND_1)

        assert waiting.result(60)


def test_a_round_that_is_there_already_is_not_waited_for(live: Live) -> None:
    live.publish(Change("round", 1, 3))

    assert live.wait_for_round(1, after=2, seconds=0)


def test_waiting_ends_when_the_time_is_up(live: Live) -> None:
    live.publish(Change("round", 1, 3))
    live.publish(Change("round", 2, 9))

    assert not live.wait_for_round(1, after=3, seconds=0.01)
    assert not live.wait_for_round(5, after=-1, seconds=0)


def test_all_who_wait_are_woken(live: Live) -> None:
    with ThreadPoolExecutor(8) as threads:
        waiting = [threads.submit(live.wait_for_round, 1, after=0, seconds=60) for _ in range(8)]
        live.publish(ROUND_1)

        assert all(each.result(60) for each in waiting)
