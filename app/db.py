"""The database: sessions, transactions, migrations. It and `sqlite` are the only files that know which one it is.

SQLite runs in WAL mode with `synchronous=FULL`: what is committed survives a power cut. It takes one writer at a time,
so writers queue at a lock of our own first. Most of a small write is the wait for the disk: what queues meanwhile can
share the next one.
"""

import secrets
import sqlite3
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session, sessionmaker

from app import private, sqlite
from app.changes import Change, noted
from app.errors import DatabaseUnusable
from app.limits import DATABASE_KEPT, DATABASE_MORE
from app.write_lock import WriteLock

T = TypeVar("T")

CHECKED_AT_START_BYTES = 100_000_000  # larger files are checked behind the first page
KEPT_CHANGES = 10_000  # for processes that look some seconds late
_RECORD = "INSERT INTO change (process, kind, pool_id, number) VALUES (?, ?, ?, ?)"


class Database:
    """Sessions on one database. `read`, `write` and `write_together` are the only ways to get one."""

    def __init__(self, url: str) -> None:
        """
        Raises:
            DatabaseUnusable: not a SQLite file, or its folder is not there.
        """
        self.path = sqlite.file_of(url)
        self.engine = create_engine(url, pool_size=DATABASE_KEPT, max_overflow=DATABASE_MORE)
        event.listen(self.engine, "do_connect", self._create)
        event.listen(self.engine, "connect", sqlite.configure)
        event.listen(self.engine, "begin", sqlite.begin)
        self._sessions = sessionmaker(self.engine, expire_on_commit=False)
        self._writers: Engine = self.engine.execution_options(inkling_begin="BEGIN IMMEDIATE")
        self._write_lock = WriteLock(self.path)
        self._waiting_lock = threading.Lock()
        self._waiting: list[_Work] = []
        self._process = secrets.randbits(62)  # whose changes these are: others have theirs
        self._listeners: list[Callable[[Change], None]] = []

    def on_commit(self, listener: Callable[[Change], None]) -> None:
        """Call `listener` with each change that was noted here, after its commit, when others may write again."""
        self._listeners.append(listener)

    def follow_changes(self) -> "ChangeLog":
        """What other processes note from now on."""
        return ChangeLog(self.engine, self._process)

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A session on one consistent state of the database; what is written in it is rolled back.

        Raises:
            DatabaseUnavailable: it cannot be read just now.
        """
        with _told_apart(), self._sessions() as session:
            yield session

    @contextmanager
    def write(self) -> Iterator[Session]:
        """One transaction, the only one that writes meanwhile: committed at the end, or rolled back whole.

        Raises:
            DatabaseUnavailable: it cannot be written just now.
        """
        with self._write_lock, self._transaction() as session:
            yield session
            changes = self._record(session)
        self._announce(changes)

    def write_together(self, work: Callable[[Session], T]) -> T:
        """Do `work` in one transaction with what other threads have waiting: they share one wait for the disk.

        It returns or raises once that is committed or rolled back. Each work has a savepoint of its own, so one that
        fails takes nothing of the others with it. If the database fails, all of them have failed.
        """
        mine: Future[T] = Future()
        with self._waiting_lock:
            is_first = not self._waiting
            self._waiting.append((work, mine))
        if is_first:  # it does them all; whoever comes behind has only to wait
            with self._write_lock:
                with self._waiting_lock:
                    group, self._waiting = self._waiting, []
                changes = self._do(group)
            self._announce(changes)
        return mine.result()

    def _do(self, group: list["_Work"]) -> list[Change]:
        """All of a group in one transaction; its changes. Each of them hears what became of it, whatever that is."""
        try:
            with self._transaction() as session:
                outcomes = [_try(session, work) for work, _ in group]
                changes = self._record(session)
        except BaseException as error:  # of the database or the commit: handed on to every caller
            for _, future in group:
                future.set_exception(error)
            return []
        for (_, future), (result, failure) in zip(group, outcomes, strict=True):
            if failure is None:
                future.set_result(result)
            else:
                future.set_exception(failure)
        return changes

    @contextmanager
    def _transaction(self) -> Iterator[Session]:
        with _told_apart(), self._sessions(bind=self._writers) as session, session.begin():
            yield session

    def _record(self, session: Session) -> list[Change]:
        """Write down for other processes what the session has noted, each change once."""
        changes = list(dict.fromkeys(noted(session)))
        if changes:
            rows = [(self._process, change.kind, change.pool_id, change.number) for change in changes]
            session.connection().exec_driver_sql(_RECORD, rows)
        return changes

    def _announce(self, changes: list[Change]) -> None:
        for change in changes:
            for listener in self._listeners:
                listener(change)

    def forget_old_changes(self) -> None:
        """Delete what every process has seen long ago."""
        with self.write() as session:
            newest = session.connection().exec_driver_sql("SELECT max(id) FROM change").scalar() or 0
            session.connection().exec_driver_sql("DELETE FROM change WHERE id <= ?", (newest - KEPT_CHANGES,))

    def migrate(self) -> None:
        """Bring the schema to the newest version, in one transaction; nothing is locked if it is there already.

        Raises:
            DatabaseUnusable: the file is not a database, is damaged, or is of a newer version than this program.
        """
        try:
            with self.engine.connect() as connection:
                if sqlite.find_revision(connection) == sqlite.newest_revision():
                    return
            self.check()
            with self._without_foreign_keys() as connection, connection.begin():
                self._upgrade(connection)
                sqlite.check_foreign_keys(connection)
        except DBAPIError as error:
            raise sqlite.unusable(self.path, error.orig) from error

    def _upgrade(self, connection: Connection) -> None:
        # Alembic takes longer to import than most commands take to run, and few of them migrate.
        from alembic import command
        from alembic.config import Config
        from alembic.util import CommandError

        config = Config(attributes={"connection": connection})
        config.set_main_option("script_location", str(sqlite.MIGRATIONS))
        try:
            command.upgrade(config, "head")
        except CommandError as error:
            raise DatabaseUnusable(
                f"{self.path} was written by a newer Inkling ({error}). Install that version, or set "
                "INKLING_DATABASE_URL to another file."
            ) from error

    def check_start(self) -> None:
        """See that the file can be written, and, unless it is large, that it is sound: see `check` for the others.

        A file that every user of the machine may open, as earlier versions made it, is left to its owner.

        Raises:
            DatabaseUnusable: it is damaged, read-only, or held by another process.
        """
        try:
            with self._writers.begin() as connection:
                connection.exec_driver_sql("PRAGMA user_version = 0")  # writes what stands there already
        except DBAPIError as error:
            raise sqlite.unusable(self.path, error.orig) from error
        private.tighten_database(self.path)
        if self.path.stat().st_size <= CHECKED_AT_START_BYTES:
            self.check()

    def _create(self, *_: object) -> None:
        with suppress(OSError):  # SQLite says what is wrong, and `sqlite.unusable` what to do
            private.create(self.path)

    def check(self) -> None:
        """Read the whole file and see that it is sound: a second for some hundred megabytes.

        Raises:
            DatabaseUnusable: it is damaged.
        """
        try:
            with self.engine.connect() as connection:
                answer = connection.exec_driver_sql("PRAGMA quick_check(1)").scalar_one()
        except DBAPIError as error:
            raise sqlite.unusable(self.path, error.orig) from error
        if answer != "ok":
            raise sqlite.unusable(self.path, sqlite3.DatabaseError(f"it is damaged ({answer})"))

    @contextmanager
    def _without_foreign_keys(self) -> Iterator[Connection]:
        """A migration that replaces a table drops it first. SQLite stops checking only outside a transaction."""
        with self._writers.connect() as connection:
            driver = connection.connection.driver_connection
            assert isinstance(driver, sqlite3.Connection)
            driver.execute("PRAGMA foreign_keys=OFF")
            try:
                yield connection
            finally:
                driver.execute("PRAGMA foreign_keys=ON")

    def close(self) -> None:
        """Give all connections back; the last one folds SQLite's log into the file."""
        self.engine.dispose()
        self._write_lock.close()


class ChangeLog:
    """The changes that other processes committed, as one connection sees them. For one thread."""

    def __init__(self, engine: Engine, process: int) -> None:
        self._connection = engine.raw_connection()
        self._process = process
        self._version: int | None = None
        (self._last,) = self._one("SELECT coalesce(max(id), 0) FROM change")

    def read(self) -> list[Change]:
        """What is new since the last time. SQLite counts commits in memory, so that looking costs next to nothing."""
        (version,) = self._one("PRAGMA data_version")
        if version == self._version:
            return []
        found = self._connection.cursor().execute(
            "SELECT id, process, kind, pool_id, number FROM change WHERE id > ? ORDER BY id", (self._last,)
        )
        rows = found.fetchall()
        self._version = version  # only now: what could not be read is new the next time, too
        if rows:
            self._last = rows[-1][0]
        return [Change(*told) for _, process, *told in rows if process != self._process]

    def close(self) -> None:
        """Give the connection back."""
        self._connection.close()

    def _one(self, statement: str) -> Any:
        return self._connection.cursor().execute(statement).fetchone()


_Work = tuple[Callable[[Session], Any], Future[Any]]


@contextmanager
def _told_apart() -> Iterator[None]:
    """A statement that failed for the state of the file or the disk is an expected failure; any other is a bug."""
    try:
        yield
    except DBAPIError as error:
        if unavailable := sqlite.as_unavailable(error):
            raise unavailable from error
        raise


def _try(session: Session, work: Callable[[Session], T]) -> tuple[T | None, Exception | None]:
    """The result of a work that shares its transaction, or what it failed of.

    Raises:
        DBAPIError: the database failed, not the work.
    """
    changes = noted(session)
    n_noted = len(changes)
    try:
        with session.begin_nested():
            return work(session), None
    except Exception as error:
        if isinstance(error, DBAPIError) and sqlite.as_unavailable(error):
            raise
        del changes[n_noted:]
        return None, error
    finally:
        session.expunge_all()  # the next work must not see rows as this one read them
