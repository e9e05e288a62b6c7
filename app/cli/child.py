"""Commands that another process of Inkling starts: they give way, and end with their parent."""

import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TypeVar

from sqlalchemy.orm import Session

from app.db import Database, Write

T = TypeVar("T")

STANDARD_INPUT = 0
NICENESS = 15  # below the trainer's rounds


def end_with_parent() -> None:
    """End this process when its standard input ends, however its parent ends. What it was computing is lost."""
    threading.Thread(target=_wait_for_end, name="parent", daemon=True).start()


def give_way() -> None:
    """Let everything else go first."""
    os.nice(NICENESS)


def start_writer(database: Database) -> Write:
    """Writes in a thread with the priority of now: one that gives way would hold the write lock for too long."""
    thread = ThreadPoolExecutor(1, "writer")
    thread.submit(int).result()

    def write(work: Callable[[Session], T], /) -> T:
        return thread.submit(database.write_together, work).result()

    return write


def _wait_for_end() -> None:
    with suppress(OSError):  # closed: there is no parent
        # Not sys.stdin: this thread would hold its lock for ever, and Python aborts at its end over that.
        while os.read(STANDARD_INPUT, 1):
            pass
    os._exit(0)
