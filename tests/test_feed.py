"""What one process commits is told in another, once, in order, and not in its own by this way."""

import sqlite3
import threading
from collections.abc import Iterator

import pytest

import app.feed
from app import db
from app.changes import Change, note
from app.db import Database
from app.feed import Feed

from .factories.files import opened

LABELS, ROUND_1 = Change("labels", 1), Change("round", 1, 1)


def commit(database: Database, *changes: Change) -> None:
    """Note these in one transaction."""
    with database.write() as session:
        for change in changes:
            note(session, change)


@pytest.fixture
def other(database: Database) -> Iterator[Database]:
    """The same file, as another process has it."""
    with opened(database.path) as other:
        yield other


@pytest.fixture
def heard() -> list[Change]:
    """Everything that the feed told."""
    return []


@pytest.fixture
def feed(database: Database, heard: list[Change]) -> Iterator[Feed]:
    """Read by the test itself."""
    feed = Feed(database, heard.append)
    feed.open()
    yield feed
    feed.stop()


def test_what_another_process_commits_is_told_once_and_in_order(
    other: Database, feed: Feed, heard: list[Change]
) -> None:
    commit(other, LABELS, ROUND_1)
    commit(other, LABELS)

    assert feed.read()
    assert not feed.read()
    assert heard == [LABELS, ROUND_1, LABELS]


def test_what_this_process_commits_is_not_told_again(database: Database, feed: Feed, heard: list[Change]) -> None:
    commit(database, LABELS)

    assert not feed.read()
    assert heard == []


def test_what_is_rolled_back_is_never_told(other: Database, feed: Feed, heard: list[Change]) -> None:
    with pytest.raises(RuntimeError), other.write() as session:
        note(session, LABELS)
        raise RuntimeError

    assert not feed.read()
    assert heard == []


def test_what_came_before_the_feed_is_not_told(database: Database, other: Database, heard: list[Change]) -> None:
    commit(other, LABELS)
    late = Feed(database, heard.append)
    late.open()
    commit(other, ROUND_1)
    late.read()
    late.stop()

    assert heard == [ROUND_1]


def test_a_change_that_is_noted_twice_in_a_transaction_is_told_once(
    other: Database, feed: Feed, heard: list[Change]
) -> None:
    commit(other, LABELS, LABELS)
    feed.read()

    assert heard == [LABELS]


def test_the_thread_tells_of_it_as_soon_as_it_is_committed(database: Database, other: Database) -> None:
    told = threading.Event()
    feed = Feed(database, lambda _: told.set())
    feed.start()
    try:
        commit(other, LABELS)
        assert told.wait(60)
    finally:
        feed.stop()


def test_a_change_that_could_not_be_read_is_told_the_next_time(
    database: Database, other: Database, feed: Feed, heard: list[Change]
) -> None:
    with database.write() as session:
        session.connection().exec_driver_sql("ALTER TABLE change RENAME COLUMN number TO lost")
    with pytest.raises(sqlite3.OperationalError, match="no such column"):
        feed.read()
    with database.write() as session:
        session.connection().exec_driver_sql("ALTER TABLE change RENAME COLUMN lost TO number")
    commit(other, LABELS)
    feed.read()

    assert heard == [LABELS]


def test_a_quiet_feed_looks_rarely_and_is_awake_as_soon_as_this_process_does_something(
    database: Database, other: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app.feed, "QUIET_AFTER_SECONDS", 0.0)
    monkeypatch.setattr(app.feed, "QUIET_POLL_SECONDS", 3600.0)
    told = threading.Event()
    feed = Feed(database, lambda _: told.set())
    feed.start()
    try:
        while feed._loop.poll_seconds != 3600.0:
            told.wait(0.005)
        commit(other, LABELS)
        assert not told.wait(0.1)
        commit(database, LABELS)
        assert told.wait(60)
    finally:
        feed.stop()


def test_old_changes_are_deleted_and_new_ones_are_told(
    other: Database, feed: Feed, heard: list[Change], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(db, "KEPT_CHANGES", 20)
    monkeypatch.setattr(db, "PRUNED_AFTER", 10)
    for number in range(100):
        commit(other, Change("round", 1, number))
    with other.read() as session:
        n_left = session.connection().exec_driver_sql("SELECT count(*) FROM change").scalar_one()
    feed.read()

    assert 20 <= n_left < 30
    assert heard[-1] == Change("round", 1, 99)
