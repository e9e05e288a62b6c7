"""Small writes that wait for the disk share one transaction; what one of them does wrong is its own."""

import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

import pytest
from sqlalchemy import event, func, select, update
from sqlalchemy.exc import IntegrityError, OperationalError
from sqlalchemy.orm import Session

from app.changes import Change, note
from app.db import Database
from app.errors import DatabaseUnavailable, NameTaken
from app.live import Live
from app.models import Annotator

from .factories import NOW, race

T = TypeVar("T")


def add(session: Session, name: str) -> int:
    annotator = Annotator(name=name, role="annotator", created_at=NOW)
    session.add(annotator)
    session.flush()
    return annotator.id


def adding(name: str) -> Callable[[Session], int]:
    return lambda session: add(session, name)


def refusing(session: Session) -> int:
    add(session, "nobody")
    note(session, Change("labels", 1))
    raise NameTaken("Choose another.")


def names(database: Database) -> list[str]:
    with database.read() as session:
        return sorted(session.scalars(select(Annotator.name)))


@contextmanager
def counted_commits(database: Database) -> Iterator[list[None]]:
    commits: list[None] = []

    def count(_: object) -> None:
        commits.append(None)

    event.listen(database.engine, "commit", count)
    yield commits
    event.remove(database.engine, "commit", count)


def do_together(database: Database, works: Sequence[Callable[[Session], T]]) -> list[T | Exception]:
    """All of them in one group, for they queue up behind a writer; what each returned or raised."""
    with ThreadPoolExecutor(len(works)) as threads:
        futures: list[Future[T]] = []
        with database.write():
            for work in works:  # one after another, so that the group has this order
                futures.append(threads.submit(database.write_together, work))
                while len(database._waiting) < len(futures):
                    time.sleep(0.001)
        for future in futures:
            future.exception()
    return [error if isinstance(error := future.exception(), Exception) else future.result() for future in futures]


def test_works_that_wait_share_one_commit_and_each_gets_its_own_result(database: Database) -> None:
    with counted_commits(database) as commits:
        ids = do_together(database, [adding(f"annotator {number}") for number in range(8)])

    assert len(commits) == 1
    assert len(set(ids)) == 8
    assert names(database) == [f"annotator {number}" for number in range(8)]
    assert database._waiting == []


def test_one_that_fails_takes_nothing_of_the_others_with_it(database: Database) -> None:
    heard: list[Change] = []
    Live(database).listen(heard.append)

    outcomes = do_together(database, [adding("ada"), refusing, adding("ben")])

    assert [type(outcome) for outcome in outcomes] == [int, NameTaken, int]
    assert names(database) == ["ada", "ben"]
    assert heard == []


@pytest.mark.parametrize("place", [0, 1, 2])
def test_what_the_others_of_a_failed_group_noted_is_announced_once(database: Database, place: int) -> None:
    def noting(session: Session) -> int:
        note(session, Change("labels", 7))
        return add(session, f"annotator {session.scalar(select(func.count()).select_from(Annotator))}")

    heard: list[Change] = []
    Live(database).listen(heard.append)
    works = [noting, noting]
    works.insert(place, refusing)

    with counted_commits(database) as commits:
        outcomes = do_together(database, works)

    assert [type(outcome) for outcome in outcomes].index(NameTaken) == place
    assert heard == [Change("labels", 7)]  # of both, once
    assert len(commits) == 1  # theirs, without the one that failed


def test_each_is_done_once_however_many_of_its_group_fail(database: Database) -> None:
    done: list[str] = []

    def make(number: int) -> Callable[[Session], int]:
        def work(session: Session) -> int:
            done.append(f"annotator {number}")
            return refusing(session) if number % 3 else add(session, f"annotator {number}")

        return work

    do_together(database, [make(number) for number in range(12)])

    assert done == [f"annotator {number}" for number in range(12)]
    assert names(database) == [f"annotator {number}" for number in (0, 3, 6, 9)]


@pytest.mark.parametrize("place", [0, 1, 2])
def test_what_one_left_unflushed_is_its_own_failure(database: Database, place: int) -> None:
    def leave_a_double(session: Session) -> int:
        session.add_all([Annotator(name="twin", role="annotator", created_at=NOW) for _ in range(2)])
        note(session, Change("labels", 0))
        return 0

    def make(number: int, name: str) -> Callable[[Session], int]:
        def work(session: Session) -> int:
            note(session, Change("labels", number))
            return add(session, name)

        return work

    heard: list[Change] = []
    Live(database).listen(heard.append)
    works = [make(1, "ada"), make(2, "ben")]
    works.insert(place, leave_a_double)

    outcomes = do_together(database, works)

    assert [type(outcome) for outcome in outcomes].index(IntegrityError) == place
    assert names(database) == ["ada", "ben"]
    assert heard == [Change("labels", 1), Change("labels", 2)]


def test_two_of_a_group_that_want_the_same_are_told_apart(database: Database) -> None:
    def add_unless_there(session: Session) -> int:
        if session.scalar(select(Annotator.id).where(Annotator.name == "ada")) is not None:
            raise NameTaken("Choose another.")
        return add(session, "ada")

    outcomes = do_together(database, [add_unless_there, add_unless_there])

    assert [type(outcome) for outcome in outcomes] == [int, NameTaken]


def test_one_sees_what_another_of_its_group_changed(database: Database) -> None:
    def rename(session: Session) -> str:
        session.connection().execute(update(Annotator).values(name="grace"))
        return session.scalars(select(Annotator.name)).one()

    def read(session: Session) -> str:
        return session.scalars(select(Annotator)).one().name

    def add_ada(session: Session) -> str:
        add(session, "ada")
        return read(session)

    assert do_together(database, [add_ada, rename, read]) == ["ada", "grace", "grace"]


def test_where_the_database_fails_all_have_failed_and_nothing_is_stored(database: Database) -> None:
    def fail(session: Session) -> int:
        add(session, "ben")
        full = sqlite3.OperationalError("database or disk is full")
        full.sqlite_errorname = "SQLITE_FULL"
        raise OperationalError("INSERT", {}, full)

    outcomes = do_together(database, [adding("ada"), fail, adding("cleo")])

    assert [type(outcome) for outcome in outcomes] == [DatabaseUnavailable] * 3
    assert names(database) == []


def test_a_statement_with_a_mistake_is_its_own_failure_and_no_trouble_of_the_database(database: Database) -> None:
    def mistype(session: Session) -> int:
        session.connection().exec_driver_sql("SELECT nothing_of_this_name FROM annotator")
        return 0

    outcomes = do_together(database, [adding("ada"), mistype, adding("cleo")])

    assert [type(outcome) for outcome in outcomes] == [int, OperationalError, int]
    assert names(database) == ["ada", "cleo"]


def test_the_next_one_is_not_held_up_by_a_failure(database: Database) -> None:
    with pytest.raises(NameTaken):
        database.write_together(refusing)

    database.write_together(adding("ada"))

    assert names(database) == ["ada"]


def test_threads_that_come_at_any_moment_are_all_done_once(database: Database) -> None:
    def add_some(index: int) -> list[int]:
        return [database.write_together(adding(f"annotator {index}.{turn}")) for turn in range(10)]

    with counted_commits(database) as commits:
        outcomes = race(16, add_some)

    ids = [number for outcome in outcomes if isinstance(outcome, list) for number in outcome]
    assert len(ids) == len(set(ids)) == 160
    assert len(names(database)) == 160
    assert len(commits) < 160
