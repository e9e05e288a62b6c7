"""Runs the trainer as a child of the server, and restarts it if it dies or hangs."""

import datetime as dt
import logging
import os
import subprocess
import sys
import time
from contextlib import suppress

from app import training_status
from app.db import Database
from app.errors import DatabaseUnavailable
from app.loops import BackgroundLoop
from app.settings import Settings, as_environment

logger = logging.getLogger(__name__)

HEAD_START_SECONDS = 0.3  # the first page goes first: a starting process would compete with it for the processor
SHORT_LIFE_SECONDS = 10.0  # a trainer that ends sooner is started again only after a pause
LOOK_SECONDS = 0.2
HANG_LOOK_SECONDS = 5.0
COMMAND = (sys.executable, "-P", "-m", "app.cli", "train", "--child")


class TrainerSupervisor:
    """Starts the trainer and watches it, in a thread. The trainer ends when its standard input is closed."""

    def __init__(self, settings: Settings, database: Database) -> None:
        self._settings, self._database = settings, database
        self._loop = BackgroundLoop(
            "supervisor", self._look, poll_seconds=LOOK_SECONDS, retry_seconds=settings.retry_seconds
        )
        self._child: subprocess.Popen[bytes] | None = None
        self._started_at = dt.datetime.min.replace(tzinfo=dt.UTC)
        self._start_at = 0.0
        self._n_short_lives = 0
        self._looked_at = 0.0
        self._patience_seconds = training_status.SILENCE_SECONDS

    @property
    def is_promising(self) -> bool:
        """Whether a trainer is worth waiting for: not once two in a row have died as soon as they started."""
        return self._n_short_lives < 2

    @property
    def pid(self) -> int | None:
        """The trainer's process id, if one runs."""
        return self._child.pid if self._child else None

    def start(self) -> None:
        """Start the trainer in a moment."""
        with self._database.write() as session:
            training_status.drop_trainers(session)
        self._start_at = time.monotonic() + HEAD_START_SECONDS
        self._loop.start()

    def stop(self) -> None:
        """End the trainer, whatever it is doing. What it was computing is computed at the next start."""
        self._loop.stop()
        if self._child is not None:
            self._child.kill()
            self._child.wait()
            self._forget(self._child)

    def _look(self) -> bool:
        if self._child is None:
            if time.monotonic() >= self._start_at:
                self._start_child()
        elif (code := self._child.poll()) is not None:
            self._bury(self._child, code)
        elif time.monotonic() - self._looked_at >= HANG_LOOK_SECONDS:
            self._looked_at = time.monotonic()
            self._look_for_hang(self._child)
        return False

    def _start_child(self) -> None:
        environment = os.environ | as_environment(self._settings)
        # A session of its own: Ctrl+C is for the server, which ends its trainer itself.
        self._child = subprocess.Popen(COMMAND, stdin=subprocess.PIPE, env=environment, start_new_session=True)  # noqa: S603
        self._started_at = dt.datetime.now(dt.UTC)
        self._looked_at = time.monotonic()

    def _bury(self, child: subprocess.Popen[bytes], code: int) -> None:
        self._child = None
        lived = (dt.datetime.now(dt.UTC) - self._started_at).total_seconds()
        is_short = lived < SHORT_LIFE_SECONDS
        self._n_short_lives = self._n_short_lives + 1 if is_short else 0
        pause = self._settings.retry_seconds if is_short else 0.0
        self._start_at = time.monotonic() + pause
        how = f"was ended by signal {-code}" if code < 0 else f"ended with code {code}"
        logger.error("the trainer (process %d) %s; it is started again in %g s", child.pid, how, pause)
        self._forget(child)

    def _forget(self, child: subprocess.Popen[bytes]) -> None:
        if child.stdin is not None:
            child.stdin.close()
        with suppress(DatabaseUnavailable), self._database.write() as session:  # its silence tells of it, too
            training_status.drop_trainer(session, pid=child.pid)

    def _look_for_hang(self, child: subprocess.Popen[bytes]) -> None:
        now = dt.datetime.now(dt.UTC)
        with self._database.read() as session:
            silence = training_status.measure_silence(session, child.pid, since=self._started_at, now=now)
            hangs = silence > self._patience_seconds and training_status.is_round_due(session)
        if hangs:
            logger.error("the trainer (process %d) says nothing for %.0f s; it is killed", child.pid, silence)
            self._patience_seconds *= 2  # else a fit that really takes so long would never end
            child.kill()
