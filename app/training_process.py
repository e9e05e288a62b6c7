"""The process that trains: rounds first, then test images, then oracle runs. It needs the database and nobody."""

import datetime as dt
import logging
import os
import time
from collections.abc import Callable
from threading import Event

from app import training_status
from app.changes import Change
from app.datasets import DataSet
from app.db import Database
from app.errors import DatabaseUnusable
from app.feed import Feed
from app.live import Live
from app.loops import BackgroundLoop
from app.models import TrainerState
from app.oracle.runs import OracleRunner
from app.trainer import Trainer

logger = logging.getLogger(__name__)

NICENESS = 10  # who answers goes first
POLL_SECONDS = 2.0  # finds due rounds even if a change was missed


class TrainingProcess:
    """All that a training process does, in the thread that calls `run`."""

    def __init__(self, database: Database, load_data: Callable[[], DataSet], *, retry_seconds: float) -> None:
        live = Live(database)
        self._database = database
        self._feed = Feed(database, live.publish)
        self._trainer = Trainer(database, retry_seconds=retry_seconds)
        self._heart = _Heart(database)
        self._runner = OracleRunner(database, load_data)
        self._loop = BackgroundLoop("trainer", self.run_one, poll_seconds=POLL_SECONDS, retry_seconds=retry_seconds)
        self._is_warm = False
        self._has_work = Event()
        live.listen(self._on_change)

    def run(self) -> None:
        """Train whatever is due, until `stop`."""
        self._feed.start()
        try:
            self._loop.run()
        finally:
            self._feed.stop()
            self.leave()

    def stop(self) -> None:
        """End after the fit under way."""
        self._runner.stop()
        self._loop.stop()

    def leave(self) -> None:
        """Tell the other processes that this one is gone."""
        self._heart.end()

    def run_one(self) -> bool:
        """One turn of the loop; whether there was anything to do."""
        self._heart.beat()
        if not self._is_warm:
            self._warm_up()
        self._has_work.clear()
        return self._trainer.run_one() or self._runner.run_one(self._heart.trainer_id, self._between_fits)

    def _between_fits(self) -> None:
        """An oracle run gives way to people after each of its fits."""
        self._heart.beat()
        if self._has_work.is_set():
            self._has_work.clear()
            while self._trainer.run_one():
                self._heart.beat()

    def _warm_up(self) -> None:
        try:
            self._trainer.warm_up()
        except DatabaseUnusable as error:
            self._heart.tell("loading", str(error))
            raise
        except Exception as error:
            self._heart.tell(
                "loading",
                f"The model could not be loaded ({type(error).__name__}: {error}). It is tried again; answers are "
                "kept and count meanwhile, and the server's log has more.",
            )
            raise
        self._is_warm = True
        self._heart.tell("ready")
        logger.info("the trainer is ready")

    def _on_change(self, change: Change) -> None:
        if change.kind in ("due", "oracle"):
            self._has_work.set()
            self._loop.wake()


class _Heart:
    """Tells the other processes that this one is at work."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._beaten_at = float("-inf")
        self._state: TrainerState = "loading"
        self.trainer_id = 0  # none, before the first beat

    def beat(self) -> None:
        """Now and then; and enter again if somebody took this process for dead."""
        if time.monotonic() - self._beaten_at < training_status.HEARTBEAT_SECONDS:
            return
        now = dt.datetime.now(dt.UTC)
        with self._database.write() as session:
            if not training_status.note_heartbeat(session, self.trainer_id, now=now):
                self.trainer_id = training_status.enter_trainer(session, os.getpid(), self._state, now=now)
            training_status.drop_silent_trainers(session, now=now)
        self._database.forget_old_changes()
        self._beaten_at = time.monotonic()

    def tell(self, state: TrainerState, failure: str | None = None) -> None:
        """The process is ready, or why it is not."""
        self._state = state
        with self._database.write() as session:
            now = dt.datetime.now(dt.UTC)
            training_status.note_state(session, self.trainer_id, state, failure, now=now)

    def end(self) -> None:
        """The process ends."""
        with self._database.write() as session:
            training_status.drop_trainer(session, os.getpid())
