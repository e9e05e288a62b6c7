"""`inkling train`."""

import os
import signal
import threading
import time
from contextlib import suppress
from functools import partial
from typing import Annotated

import typer

from app import datasets
from app.cli.console import failures_in_words, get_settings
from app.db import Database
from app.training_process import TrainingProcess

GRACE_SECONDS = 2.0
STANDARD_INPUT = 0


def train(
    child: Annotated[
        bool, typer.Option("--child", hidden=True, help="End when the standard input ends, as the server's trainer.")
    ] = False,
) -> None:
    """Train the rounds that are due and run what the oracle page asks for, until interrupted.

    `inkling serve` starts such a process itself, unless it is told --no-trainer.
    """
    with failures_in_words():
        settings = get_settings()
        database = Database(settings.database_url)
        database.migrate()
        process = TrainingProcess(database, partial(datasets.load, settings), retry_seconds=settings.retry_seconds)
        if child:
            threading.Thread(target=_end_with_parent, name="parent", daemon=True).start()
        for number in (signal.SIGINT, signal.SIGTERM):
            # In a thread: the signal may come while this one holds a lock that stopping needs.
            signal.signal(number, lambda *_: threading.Thread(target=_stop, args=(process,), daemon=True).start())
        process.run()
        database.close()


def _stop(process: TrainingProcess) -> None:
    """End after the fit under way, but do not wait for TensorFlow to be loaded, nor for a long fit."""
    process.stop()
    time.sleep(GRACE_SECONDS)
    try:
        process.leave()
    finally:
        os._exit(0)


def _end_with_parent() -> None:
    """The pipe ends with the server, however that ends. A round under way is lost, and costs nothing."""
    with suppress(OSError):  # closed: there is no server
        # Not sys.stdin: this thread would hold its lock for ever, and Python aborts at its end over that.
        while os.read(STANDARD_INPUT, 1):
            pass
    os._exit(0)
