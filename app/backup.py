"""Copy a database while it is served, and put a copy back. SQLite's online backup, checked before it counts."""

import os
import sqlite3
from contextlib import closing, suppress
from pathlib import Path

from app import private
from app.errors import BackupFailed
from app.schema import find_fault

KEPT_SUFFIX = ".before-restore"


def back_up(source: Path, file: Path) -> None:
    """Write a consistent copy, whatever is written meanwhile. The file appears only once it is checked.

    Raises:
        BackupFailed: the file exists, the database does not, there is no room, or the copy is not sound.
    """
    if not source.exists():
        raise BackupFailed(f"There is no database {source}. Set INKLING_DATABASE_URL to the one to back up.")
    if file.exists():
        raise BackupFailed(f"{file} exists already. Choose another name, or remove it first.")
    part = file.with_name(f"{file.name}.part")
    try:
        _copy(source, part)
        part.rename(file)
    except (sqlite3.Error, OSError) as error:
        raise BackupFailed(f"The backup {file} could not be written: {error}. Nothing was left behind.") from error
    finally:
        _remove(part)


def restore(file: Path, target: Path) -> Path | None:
    """Put a backup in the place of the database; return where the old one is kept, if there was one.

    Raises:
        BackupFailed: the backup is not sound, or a server still has the database open.
    """
    if not file.exists():
        raise BackupFailed(f"There is no backup {file}.")
    if target.exists() and file.samefile(target):
        raise BackupFailed(f"{file} is the database itself. Name a backup.")
    part = target.with_name(f"{target.name}.part")
    try:
        _copy(file, part)  # first, so that nothing is moved unless there is room for it
        kept = None
        if target.exists():
            private.copy_access(target, part)
            kept = _move_aside(target)
        part.replace(target)
    except (sqlite3.OperationalError, OSError) as error:
        raise BackupFailed(f"{file} could not be restored to {target}: {error}.") from error
    except sqlite3.Error as error:
        raise BackupFailed(f"{file} is not a sound database of Inkling: {error}.") from error
    finally:
        _remove(part)
    return kept


def _copy(source: Path, part: Path) -> None:
    """One checked file with all that is in a database and its log, which only its owner may read."""
    _remove(part)
    private.create(part)
    # As an address, in which a ? or % of the name is quoted. Not "ro", which leaves an empty log behind.
    address = f"{source.absolute().as_uri()}?mode=rw"
    with closing(sqlite3.connect(address, uri=True)) as database, closing(sqlite3.connect(part)) as copy:
        database.backup(copy)
        copy.execute("PRAGMA journal_mode=DELETE")  # one file, with nothing beside it
        answer = copy.execute("PRAGMA integrity_check").fetchone()[0]
        if answer != "ok":
            raise BackupFailed(f"{source} is damaged: {answer}.")
        fault = find_fault(copy)
        if fault is not None:
            raise BackupFailed(f"{source} is not a sound database of Inkling: {fault}.")
    with part.open("rb") as handle:
        os.fsync(handle.fileno())


def _remove(part: Path) -> None:
    if part.is_file():
        part.unlink()


def _move_aside(target: Path) -> Path:
    """Keep the old database under a name of its own, with the log that a killed server may have left beside it."""
    _claim(target)
    names = (target.with_name(f"{target.name}{KEPT_SUFFIX}{number}") for number in ("", *map(str, range(2, 1000))))
    kept = next(name for name in names if not name.exists())
    for suffix in ("", "-wal", "-shm"):
        old = target.with_name(f"{target.name}{suffix}")
        if old.exists():
            with suppress(PermissionError):  # another user's
                private.tighten(old)
            old.replace(kept.with_name(f"{kept.name}{suffix}"))
    return kept


def _claim(target: Path) -> None:
    """Leave WAL mode, which takes exclusive access: it fails while any server has the database open, idle or not."""
    try:
        with closing(sqlite3.connect(target, timeout=1)) as database:
            database.execute("PRAGMA journal_mode=DELETE")
    except sqlite3.OperationalError as error:
        raise BackupFailed(f"{target} is in use ({error}). Stop the server first.") from error
    except sqlite3.DatabaseError:
        return  # damaged, which may be why a backup is restored
