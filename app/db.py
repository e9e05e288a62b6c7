"""The database: engine, transactions, migrations. The only file that knows which database it is.

SQLite runs in WAL mode with `synchronous=FULL`: what is committed survives a power cut. It takes one writer
at a time; threads that race for its lock back off and sleep (measured: p99 335 ms with 8 clients), so
writers queue at a lock of our own first (9 ms).
"""

import logging
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, inspect, make_url, text
from sqlalchemy.orm import Session, sessionmaker

from app.errors import DatabaseUnusable
from app.settings import ROOT

logger = logging.getLogger(__name__)

MIGRATIONS = ROOT / "migrations"


class Database:
    """Sessions on one database. `read` and `write` are the only ways to get one."""

    def __init__(self, url: str) -> None:
        """
        Raises:
            DatabaseUnusable: not a SQLite file, or its folder is not there.
        """
        self._path = _file_of(url)
        self.engine = create_engine(url, pool_size=16, max_overflow=112)
        event.listen(self.engine, "connect", _configure)
        event.listen(self.engine, "begin", _begin)
        self.sessions = sessionmaker(self.engine, expire_on_commit=False)
        self._writers: Engine = self.engine.execution_options(inkling_begin="BEGIN IMMEDIATE")
        self._write_lock = threading.Lock()

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A session on one consistent state of the database; what is written in it is rolled back."""
        with self.sessions() as session:
            yield session

    @contextmanager
    def write(self) -> Iterator[Session]:
        """One transaction, the only one that writes meanwhile: committed at the end, or rolled back whole."""
        with self._write_lock, self.sessions(bind=self._writers) as session, session.begin():
            yield session

    def migrate(self) -> None:
        """Bring the schema to the newest version, in one transaction.

        Raises:
            DatabaseUnusable: the file is not a database, or is of a newer version than this program.
        """
        # Alembic is imported here for the sake of the commands that never open a database.
        from alembic import command
        from alembic.config import Config
        from alembic.util import CommandError

        config = Config()
        config.set_main_option("script_location", str(MIGRATIONS))
        try:
            with self._writers.begin() as connection:
                config.attributes["connection"] = connection
                command.upgrade(config, "head")
        except CommandError as error:
            raise DatabaseUnusable(
                f"{self._path} was written by a newer Inkling ({error}). Install that version, or set "
                "INKLING_DATABASE_URL to another file."
            ) from error

    def is_migrated(self) -> bool:
        """Whether any schema is there at all."""
        return inspect(self.engine).has_table("pool")

    def close(self) -> None:
        """Give all connections back; the last one folds SQLite's log into the file."""
        self.engine.dispose()


def make_append_only(connection: Connection, table: str) -> None:
    """Make the database refuse UPDATE and DELETE on `table`; for migrations."""
    for verb in ("UPDATE", "DELETE"):
        connection.execute(
            text(
                f"CREATE TRIGGER {table}_refuses_{verb.lower()} BEFORE {verb} ON {table} "
                f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
            )
        )


def _file_of(url: str) -> Path:
    parsed = make_url(url)
    if parsed.get_backend_name() != "sqlite" or not parsed.database or parsed.database == ":memory:":
        raise DatabaseUnusable(
            f"INKLING_DATABASE_URL is {parsed.render_as_string()}; it takes a SQLite file, such as "
            "sqlite:///inkling.db or sqlite:////var/lib/inkling/inkling.db."
        )
    path = Path(parsed.database)
    if not path.parent.is_dir():
        raise DatabaseUnusable(f"The folder {path.parent.absolute()} of the database does not exist. Create it first.")
    return path


def _configure(connection: sqlite3.Connection, _: Any) -> None:
    connection.isolation_level = None  # _begin says when a transaction starts, not the driver
    try:
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "busy_timeout=5000"):
            connection.execute(f"PRAGMA {pragma}")
    except sqlite3.DatabaseError as error:
        file = connection.execute("PRAGMA database_list").fetchone()
        raise DatabaseUnusable(
            f"The database {file[2] if file else ''} cannot be used: {error}. Restore it from a backup, or set "
            "INKLING_DATABASE_URL to another file."
        ) from error


def _begin(connection: Connection) -> None:
    connection.exec_driver_sql(connection.get_execution_options().get("inkling_begin", "BEGIN"))
