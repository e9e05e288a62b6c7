"""Files that hold password hashes and the key that signs cookies: for their owner, whatever the umask is."""

import logging
import os
import stat
from contextlib import suppress
from pathlib import Path

logger = logging.getLogger(__name__)


def create(path: Path) -> None:
    """An empty file of mode 0600; one that is there stays as it is."""
    with suppress(FileExistsError):
        # Exclusive: closing a file that SQLite has open in this process would drop SQLite's locks.
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))


def tighten(path: Path) -> bool:
    """Restrict a file to its owner if every user may open it; return whether that was so.

    Such a mode is an accident of the umask. A mode for a group alone was chosen, and stays.
    """
    mode = stat.S_IMODE(path.stat().st_mode)
    if not mode & stat.S_IRWXO:
        return False
    path.chmod(mode & stat.S_IRWXU)
    return True


def tighten_database(path: Path) -> None:
    """Do the same for a SQLite file and the files beside it while it is open, and log it."""
    for file in (path.with_name(f"{path.name}{suffix}") for suffix in ("", "-wal", "-shm")):
        try:
            if tighten(file):
                logger.info("%s was readable by every user of this machine and is its owner's alone now", file)
        except FileNotFoundError:
            continue
        except PermissionError:
            logger.warning("%s is readable by every user of this machine; its owner should run chmod 600", file)


def copy_access(source: Path, target: Path) -> None:
    """Give the target the owner, group and mode of the source, or less where that is not allowed."""
    status = source.stat()
    mode = stat.S_IMODE(status.st_mode)
    if mode & stat.S_IRWXO:
        mode &= stat.S_IRWXU
    try:
        if hasattr(os, "chown"):
            os.chown(target, status.st_uid, status.st_gid)
    except PermissionError:
        mode &= stat.S_IRWXU  # the target has another group, which was not chosen
    target.chmod(mode)
