"""The database: engine, transactions, migrations. The only file that knows which database it is.

SQLite runs in WAL mode with `synchronous=FULL`: what is committed survives a power cut. It takes one writer
at a time; threads that race for its lock back off and sleep (measured: p99 335 ms with 8 clients), so
writers queue at a lock of our own first (9 ms). Most of a small write is the wait for the disk: what queues
meanwhile can share the next one.
"""

import logging
import sqlite3
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, OperationalError
from sqlalchemy.orm import Session, sessionmaker

from app import private
from app.errors import DatabaseUnusable
from app.settings import ROOT

logger = logging.getLogger(__name__)

T = TypeVar("T")

MIGRATIONS = ROOT / "migrations"
CHECKED_AT_START_BYTES = 100_000_000  # larger files are checked behind the first page


class Database:
    """Sessions on one database. `read`, `write` and `write_together` are the only ways to get one."""

    def __init__(self, url: str) -> None:
        """
        Raises:
            DatabaseUnusable: not a SQLite file, or its folder is not there.
        """
        self.path = _file_of(url)
        self.engine = create_engine(url, pool_size=16, max_overflow=112)
        event.listen(self.engine, "do_connect", self._create)
        event.listen(self.engine, "connect", _configure)
        event.listen(self.engine, "begin", _begin)
        self.sessions = sessionmaker(self.engine, expire_on_commit=False)
        self._writers: Engine = self.engine.execution_options(inkling_begin="BEGIN IMMEDIATE")
        self._write_lock = threading.Lock()
        self._waiting_lock = threading.Lock()
        self._waiting: list[_Work] = []

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A session on one consistent state of the database; what is written in it is rolled back."""
        with self.sessions() as session:
            yield session

    @contextmanager
    def write(self) -> Iterator[Session]:
        """One transaction, the only one that writes meanwhile: committed at the end, or rolled back whole."""
        with self._write_lock, self._transaction() as session:
            yield session

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
                self._do(group)
        return mine.result()

    @property
    def n_waiting(self) -> int:
        """How many works wait for the next shared transaction."""
        return len(self._waiting)

    def _do(self, group: list["_Work"]) -> None:
        """All of a group in one transaction. Each of them hears what became of it, whatever that is."""
        try:
            with self._transaction() as session:
                outcomes = [_try(session, work) for work, _ in group]
        except BaseException as error:  # of the database or the commit: handed on to every caller
            for _, future in group:
                future.set_exception(error)
            return
        for (_, future), (result, failure) in zip(group, outcomes, strict=True):
            if failure is None:
                future.set_result(result)
            else:
                future.set_exception(failure)

    @contextmanager
    def _transaction(self) -> Iterator[Session]:
        with self.sessions(bind=self._writers) as session, session.begin():
            yield session

    def migrate(self) -> None:
        """Bring the schema to the newest version, in one transaction; nothing is locked if it is there already.

        Raises:
            DatabaseUnusable: the file is not a database, is damaged, or is of a newer version than this program.
        """
        try:
            with self.engine.connect() as connection:
                if _find_revision(connection) == _newest_revision():
                    return
            self.check()
            with self._without_foreign_keys() as connection, connection.begin():
                self._upgrade(connection)
                _check_foreign_keys(connection)
        except DBAPIError as error:
            raise _explained(self.path, error.orig) from error

    def _upgrade(self, connection: Connection) -> None:
        # Alembic takes longer to import than most commands take to run, and few of them migrate.
        from alembic import command
        from alembic.config import Config
        from alembic.util import CommandError

        config = Config(attributes={"connection": connection})
        config.set_main_option("script_location", str(MIGRATIONS))
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
            raise _explained(self.path, error.orig) from error
        private.tighten_database(self.path)
        if self.path.stat().st_size <= CHECKED_AT_START_BYTES:
            self.check()

    def _create(self, *_: object) -> None:
        with suppress(OSError):  # SQLite says what is wrong, and `_explained` what to do
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
            raise _explained(self.path, error.orig) from error
        if answer != "ok":
            raise _explained(self.path, sqlite3.DatabaseError(f"it is damaged ({answer})"))

    @contextmanager
    def _without_foreign_keys(self) -> Iterator[Connection]:
        """A table that is made anew is gone for a moment; SQLite can look away only outside a transaction."""
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


_Work = tuple[Callable[[Session], Any], Future[Any]]


def _try(session: Session, work: Callable[[Session], T]) -> tuple[T | None, Exception | None]:
    """The result of a work that shares its transaction, or what it failed of.

    Raises:
        OperationalError: the database failed, not the work.
    """
    try:
        with session.begin_nested():
            return work(session), None
    except OperationalError:
        raise
    except Exception as error:
        return None, error
    finally:
        session.expunge_all()  # the next work must not see rows as this one read them


_TAKES = "It takes a SQLite file, such as sqlite:///inkling.db or sqlite:////var/lib/inkling/inkling.db."


def _file_of(url: str) -> Path:
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise DatabaseUnusable(f"INKLING_DATABASE_URL is {url!r}, which is no address. {_TAKES}") from error
    if parsed.get_backend_name() != "sqlite" or not parsed.database or parsed.database == ":memory:":
        raise DatabaseUnusable(
            f"INKLING_DATABASE_URL is {parsed.render_as_string()}, which is no SQLite file. {_TAKES}"
        )
    path = Path(parsed.database)
    if not path.parent.is_dir():
        raise DatabaseUnusable(f"The folder {path.parent.absolute()} of the database does not exist. Create it first.")
    return path


def _configure(connection: sqlite3.Connection, _: Any) -> None:
    connection.isolation_level = None  # _begin says when a transaction starts, not the driver
    try:
        for pragma in ("busy_timeout=5000", "journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
            connection.execute(f"PRAGMA {pragma}")
    except sqlite3.DatabaseError as error:
        file = connection.execute("PRAGMA database_list").fetchone()
        raise _explained(Path(file[2]) if file else Path(), error) from error


def _explained(path: Path, error: BaseException | None) -> DatabaseUnusable:
    """SQLite's reason with its remedy."""
    reason = str(error)
    remedy = "Restore it from a backup (inkling restore FILE), or set INKLING_DATABASE_URL to another file."
    for symptom, cure in _REMEDIES.items():
        if symptom in reason:
            remedy = cure
    return DatabaseUnusable(f"The database {path} cannot be used: {reason}. {remedy}")


_REMEDIES = {
    "readonly": "Let the user that runs Inkling write to the file and its folder.",
    "unable to open": "Is it a folder, or another user's? Set INKLING_DATABASE_URL to a file that can be written.",
    "locked": "Another process holds it: stop that one, then start again.",
    "full": "Make room on the disk, then start again.",
    "disk I/O error": "Most often the disk is full: make room, then start again. If it stays, the disk fails.",
}


def _newest_revision() -> str:
    return max(path.name for path in MIGRATIONS.glob("versions/[0-9]*.py")).split("_")[0]


def _find_revision(connection: Connection) -> str | None:
    has_table = connection.exec_driver_sql("SELECT 1 FROM sqlite_master WHERE name = 'alembic_version'").scalar()
    revision: str | None = None
    if has_table:
        revision = connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar()
    return revision


def _check_foreign_keys(connection: Connection) -> None:
    broken = connection.exec_driver_sql("PRAGMA foreign_key_check").fetchall()
    if broken:
        raise DatabaseUnusable(f"After the migration {len(broken)} rows refer to nothing, first in {broken[0][0]}.")


def _begin(connection: Connection) -> None:
    connection.exec_driver_sql(connection.get_execution_options().get("inkling_begin", "BEGIN"))
