"""`inkling train`."""

import os
import signal
import sys
import threading
from functools import partial
from typing import Annotated

import typer

from app import datasets
from app.cli.console import failures_in_words, get_settings
from app.db import Database
from app.training_process import NICENESS, TrainingProcess


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
        os.nice(NICENESS)
        process = TrainingProcess(database, partial(datasets.load, settings), retry_seconds=settings.retry_seconds)
        if child:
            threading.Thread(target=_end_with_parent, name="parent", daemon=True).start()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: process.stop())
        process.run()
        database.close()


def _end_with_parent() -> None:
    """The pipe ends with the server, however that ends. A round under way is lost, and costs nothing."""
    sys.stdin.buffer.read()
    os._exit(0)
