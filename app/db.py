"""The database: sessions, transactions, migrations. Few files know which one it is: this, `sqlite`, `write_lock`,
`schema` and `backup`.

SQLite runs in WAL mode with `synchronous=FULL`: what is committed survives a power cut. It takes one writer at a time,
so writers queue at a lock of our own first. So the order of ids is the order of commits, on which rounds, `verify` and
all cursors rest. A small write mostly waits for the disk: writes that queue meanwhile can share the next commit.
"""

import secrets
import sqlite3
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from typing import Any, Protocol, TypeVar

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
PRUNED_AFTER = 1000  # changes of this process: older ones are deleted now and then
_PRUNE = "DELETE FROM change WHERE id <= (SELECT max(id) FROM change) - ?"
_RECORD = "INSERT INTO change (process, kind, pool_id, number) VALUES (?, ?, ?, ?)"


class Write(Protocol):
    """Does a work in a transaction, as `Database.write_together` does; what it returns is committed."""

    def __call__(self, work: Callable[[Session], T], /) -> T: ...


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
        self._process = secrets.randbits(62)  # marks the changes of this process
        self._listeners: list[Callable[[Change], None]] = []
        self._n_recorded = 0

    def on_commit(self, listener: Callable[[Change], None]) -> None:
        """Call `listener` with each change noted here, after its commit and after the write lock is released."""
        self._listeners.append(listener)

    def follow_changes(self) -> "ChangeLog":
        """The changes that other processes commit from now on."""
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

    @contextmanager
    def write_unchecked(self) -> Iterator[Session]:
        """As `write`, but SQLite looks for no rows that refer to what is deleted: the caller sees to it that none do.

        Several foreign keys have no index, so that deleting one row would read a whole table.

        Raises:
            DatabaseUnavailable: it cannot be written just now.
        """
        with (
            self._write_lock,
            _told_apart(),
            self._without_foreign_keys() as connection,
            connection.begin(),
            Session(connection, expire_on_commit=False) as session,
        ):
            yield session
            session.flush()
            changes = self._record(session)
        self._announce(changes)

    def write_together(self, work: Callable[[Session], T]) -> T:
        """Do `work` in one transaction with the works that other threads have queued: they share one commit.

        Returns or raises once that is committed or rolled back. Each work has a savepoint of its own, so one that fails
        is rolled back alone. If the database fails, all works of the transaction fail.
        """
        mine: Future[T] = Future()
        with self._waiting_lock:
            is_first = not self._waiting
            self._waiting.append((work, mine))
        if is_first:  # this thread does the works of all; the others wait for their result
            with self._write_lock:
                with self._waiting_lock:
                    group, self._waiting = self._waiting, []
                changes = self._do(group)
            self._announce(changes)
        return mine.result()

    def _do(self, group: list["_Work"]) -> list[Change]:
        """Do a group of works in one transaction; return its changes. Each future gets a result or an error."""
        try:
            with self._transaction() as session:
                outcomes = [_try(session, work) for work, _ in group]
                changes = self._record(session)
        except BaseException as error:  # of the database or the commit: passed on to every caller
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
        """Store the noted changes for other processes, each once."""
        changes = list(dict.fromkeys(noted(session)))
        if changes:
            rows = [(self._process, change.kind, change.pool_id, change.number) for change in changes]
            session.connection().exec_driver_sql(_RECORD, rows)
            self._n_recorded += len(rows)
            if self._n_recorded >= PRUNED_AFTER:
                self._n_recorded = 0
                session.connection().exec_driver_sql(_PRUNE, (KEPT_CHANGES,))
        return changes

    def _announce(self, changes: list[Change]) -> None:
        for change in changes:
            for listener in self._listeners:
                listener(change)

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
        """Check that the file can be written and, unless it is large, that it is intact; `check` is for large ones.

        A file that every user of the machine may open, as earlier versions made it, is restricted to its owner.

        Raises:
            DatabaseUnusable: it is damaged, read-only, or held by another process.
        """
        try:
            with self._writers.begin() as connection:
                connection.exec_driver_sql("PRAGMA user_version = 0")  # writes the value that it has
        except DBAPIError as error:
            raise sqlite.unusable(self.path, error.orig) from error
        private.tighten_database(self.path)
        if self.path.stat().st_size <= CHECKED_AT_START_BYTES:
            self.check()

    def _create(self, *_: object) -> None:
        with suppress(OSError):  # SQLite names the fault when it opens the file, and `sqlite.unusable` the remedy
            private.create(self.path)

    def check(self) -> None:
        """Read the whole file and check that it is intact: a second for some hundred megabytes.

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
        """Close all connections; the last one writes SQLite's log into the file."""
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
        """The changes since the last call. SQLite counts commits in memory, so a call costs next to nothing."""
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
        """Return the connection to the pool."""
        self._connection.close()

    def _one(self, statement: str) -> Any:
        return self._connection.cursor().execute(statement).fetchone()


_Work = tuple[Callable[[Session], Any], Future[Any]]


@contextmanager
def _told_apart() -> Iterator[None]:
    """Turn an error that is due to the file or the disk into an expected failure; any other is a bug."""
    try:
        yield
    except DBAPIError as error:
        if unavailable := sqlite.as_unavailable(error):
            raise unavailable from error
        raise


def _try(session: Session, work: Callable[[Session], T]) -> tuple[T | None, Exception | None]:
    """The result of a work in its savepoint, or the exception that it raised.

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
