"""`inkling train`."""

import os
import signal
import threading
import time
from functools import partial
from typing import Annotated

import typer

from app import datasets
from app.cli.child import end_with_parent
from app.cli.console import failures_in_words, get_settings
from app.db import Database
from app.training_process import TrainingProcess

GRACE_SECONDS = 2.0


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
        process = TrainingProcess(database, settings, partial(datasets.load, settings))
        if child:
            end_with_parent()
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
