"""What is SQLite's own: its file, how a connection is set up, what its errors mean. For `db`, and partly `schema`."""

import sqlite3
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError

from app.errors import DatabaseUnavailable, DatabaseUnusable
from app.settings import ROOT

MIGRATIONS = ROOT / "migrations"

_TAKES = "It takes a SQLite file, such as sqlite:///inkling.db or sqlite:////var/lib/inkling/inkling.db."
_NOT_ALLOWED = "It holds what this version does not allow: go on with the version before, and report it."
_RESTORE = "Restore it from a backup (inkling restore FILE), or set INKLING_DATABASE_URL to another file."
# By the error's primary code: extended codes have a suffix (SQLITE_IOERR_WRITE).
_REMEDIES = {
    "SQLITE_READONLY": "Let the user that runs Inkling write to the file and its folder.",
    "SQLITE_PERM": "Let the user that runs Inkling write to the file and its folder.",
    "SQLITE_CANTOPEN": "Is it a folder, or another user's? Set INKLING_DATABASE_URL to a file that can be written.",
    "SQLITE_BUSY": "Another process holds it: stop that one, then start again.",
    "SQLITE_LOCKED": "Another process holds it: stop that one, then start again.",
    "SQLITE_FULL": "Make room on the disk, then start again.",
    "SQLITE_IOERR": "Most often the disk is full: make room, then start again. If it stays, the disk fails.",
    "SQLITE_CORRUPT": _RESTORE,
    "SQLITE_NOTADB": _RESTORE,
}


def file_of(url: str) -> Path:
    """
    Raises:
        DatabaseUnusable: the address is not of a SQLite file, or its folder is not there.
    """
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


def configure(connection: sqlite3.Connection, _: Any) -> None:
    """Set up a connection: WAL, so that readers do not wait for the writer, and every commit flushed to the disk.

    Raises:
        DatabaseUnusable: the file cannot be used.
    """
    connection.isolation_level = None  # `begin` says when a transaction starts, not the driver
    try:
        for pragma in ("busy_timeout=5000", "journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
            connection.execute(f"PRAGMA {pragma}")
    except sqlite3.DatabaseError as error:
        file = connection.execute("PRAGMA database_list").fetchone()
        raise unusable(Path(file[2]) if file else Path(), error) from error


def begin(connection: Connection) -> None:
    """Start a transaction; one that writes takes the lock at once."""
    connection.exec_driver_sql(connection.get_execution_options().get("inkling_begin", "BEGIN"))


def as_unavailable(error: DBAPIError) -> DatabaseUnavailable | None:
    """The expected failure, if the error is due to the file or the disk; None if it is a bug."""
    if _name(error.orig) not in _REMEDIES:
        return None
    return DatabaseUnavailable(
        f"The database cannot be used just now ({error.orig}). Nothing was stored; send the request again."
    )


def unusable(path: Path, error: BaseException | None) -> DatabaseUnusable:
    """SQLite's reason with its remedy."""
    remedy = (_REMEDIES | {"SQLITE_CONSTRAINT": _NOT_ALLOWED}).get(_name(error), _RESTORE)
    return DatabaseUnusable(f"The database {path} cannot be used: {error}. {remedy}")


def _name(error: BaseException | None) -> str:
    name: str = getattr(error, "sqlite_errorname", "")
    return "_".join(name.split("_")[:2])


def newest_revision() -> str:
    """The version that the migrations lead to."""
    return max(path.name for path in MIGRATIONS.glob("versions/[0-9]*.py")).split("_")[0]


def find_revision(connection: Connection) -> str | None:
    """The version of the file; None if it is new."""
    has_table = connection.exec_driver_sql("SELECT 1 FROM sqlite_master WHERE name = 'alembic_version'").scalar()
    revision: str | None = None
    if has_table:
        revision = connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar()
    return revision


def check_foreign_keys(connection: Connection) -> None:
    """
    Raises:
        DatabaseUnusable: a row refers to one that is not there.
    """
    broken = connection.exec_driver_sql("PRAGMA foreign_key_check").fetchall()
    if broken:
        raise DatabaseUnusable(f"After the migration {len(broken)} rows refer to nothing, first in {broken[0][0]}.")
