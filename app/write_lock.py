"""One writer at a time: the threads of a process queue at a lock, the processes at a file beside the database.

SQLite has a lock of its own, but a writer that finds it taken sleeps for ever longer pauses and may be overtaken each
time (measured: p99 335 ms with 8 clients). The file keeps processes from competing there. It has two bytes to lock: a
process that waits for the second one holds the first, so the process that writes cannot take its turn twice in a row.

The system's locks belong to a process: two `Database` objects of one process on one file meet at SQLite's lock only.
"""

import os
import threading
import time
from contextlib import suppress
from pathlib import Path
from types import TracebackType

from app import private

try:
    import fcntl
except ImportError:  # Windows: processes compete for SQLite's lock
    fcntl = None  # type: ignore[assignment]

PAUSE_SECONDS = 0.0005
PATIENCE_SECONDS = 5.0  # a process that is stopped while it writes must not block the others for ever
_NEXT, _WRITING = 0, 1  # bytes of the file


class WriteLock:
    """A context manager: inside it no other thread writes, nor another process that uses this lock."""

    def __init__(self, database: Path) -> None:
        self._database = database
        self._path = database.with_name(f"{database.name}-lock")
        self._threads = threading.Lock()
        self._file: int | None = None

    def __enter__(self) -> None:
        self._threads.acquire()
        with suppress(OSError):  # SQLite's lock still holds, and names the fault
            self._take_turn()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        with suppress(OSError):
            self._leave(_WRITING)
        self._threads.release()

    def close(self) -> None:
        """Close the file."""
        with self._threads:
            if self._file is not None:
                os.close(self._file)
                self._file = None

    def _take_turn(self) -> None:
        if fcntl is None:
            return
        if self._file is None:
            self._file = self._open()
        until = time.monotonic() + PATIENCE_SECONDS
        if not self._has(_NEXT, until):
            return
        try:
            self._has(_WRITING, until)
        finally:
            self._leave(_NEXT)

    def _open(self) -> int:
        if not self._path.exists():
            private.create(self._path)
            with suppress(OSError):
                private.copy_access(self._database, self._path)  # those who may write the database may lock, too
        return os.open(self._path, os.O_RDWR | os.O_CLOEXEC)

    def _has(self, place: int, until: float) -> bool:
        assert self._file is not None
        while time.monotonic() < until:
            try:
                fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, place)
            except (BlockingIOError, PermissionError):  # another process has it; which error, depends on the system
                time.sleep(PAUSE_SECONDS)
            else:
                return True
        return False

    def _leave(self, place: int) -> None:
        if self._file is not None:
            fcntl.lockf(self._file, fcntl.LOCK_UN, 1, place)
