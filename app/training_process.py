"""The process that trains: rounds first, then test images, then oracle runs. It needs nothing but the database."""

import datetime as dt
import logging
import os
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from sqlalchemy.orm import Session

from app import first_pools, training_status
from app.changes import Change
from app.chores import Chore, Chores
from app.datasets import DataSet
from app.db import Database
from app.errors import DatabaseUnusable
from app.feed import Feed
from app.live import Live
from app.loops import BackgroundLoop
from app.model_training import find_model_to_train
from app.models import TrainerState
from app.oracle.runs import OracleRunner
from app.preparing import find_pools_to_prepare
from app.settings import Settings
from app.trainer import Trainer

logger = logging.getLogger(__name__)

T = TypeVar("T")

NICENESS = 10  # who answers goes first
POLL_SECONDS = 2.0  # finds due rounds even if a change was missed
# So long a step may take. Then the heart stops, and half a minute later the process counts as hanging.
STEP_SECONDS = 10.0
LONG_STEP_SECONDS = 900.0  # loading TensorFlow from a slow disk, or a step of an oracle run on a large pool


class TrainingProcess:
    """All that a training process does, in the thread that calls `run`."""

    def __init__(self, database: Database, settings: Settings, load_data: Callable[[], DataSet]) -> None:
        self._database, self._settings, self._load_data = database, settings, load_data
        live, retry_seconds = Live(database), settings.retry_seconds
        self._feed = Feed(database, live.publish)
        self._heart = _Heart(database)
        self._writer = _Writer(database)
        self._trainer = Trainer(database, write=self._writer.write, retry_seconds=retry_seconds)
        self._runner = OracleRunner(database, load_data, write=self._writer.write)
        self._loop = BackgroundLoop("trainer", self.run_one, poll_seconds=POLL_SECONDS, retry_seconds=retry_seconds)
        self._chores = Chores(self._find_chores, settings)
        self._is_warm = False
        self._has_work = threading.Event()
        self._looked_at = 0.0
        live.listen(self._on_change)

    def run(self) -> None:
        """Train what is due, until `stop`."""
        self._feed.start()
        self._heart.start()
        self._writer.start()
        self._chores.start()
        threading.Thread(target=self._make_second_pool, name="second pool", daemon=True).start()
        os.nice(NICENESS)  # on Linux of this thread and those that it starts, TensorFlow's: not of those above
        try:
            self._loop.run()
        finally:
            self._chores.stop()
            self._feed.stop()
            self._heart.stop()
            self._writer.stop()
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
        if not self._heart.trainer_id:
            self._heart.beat()
        if not self._is_warm:
            self._warm_up()
        self._heart.begin_step(STEP_SECONDS)
        self._has_work.clear()
        if self._trainer.run_one():
            return True
        self._heart.begin_step(LONG_STEP_SECONDS)
        return self._runner.run_one(self._heart.trainer_id, self._between_fits)

    def _between_fits(self) -> None:
        """An oracle run gives way to people after each of its fits. What fails for them is no failure of the run."""
        is_time = time.monotonic() - self._looked_at >= POLL_SECONDS
        if self._has_work.is_set() or is_time:
            self._looked_at = time.monotonic()
            self._has_work.clear()
            try:
                while self._train_one():
                    pass
            except Exception:
                logger.exception("the trainer failed between two fits of an oracle run; it tries again")
        self._heart.begin_step(LONG_STEP_SECONDS)

    def _train_one(self) -> bool:
        self._heart.begin_step(STEP_SECONDS)
        return self._trainer.run_one()

    def _warm_up(self) -> None:
        self._heart.begin_step(LONG_STEP_SECONDS)
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

    def _make_second_pool(self) -> None:
        try:
            if first_pools.ensure_second(self._database, self._settings, self._load_data):
                self._chores.wake()
        except Exception:  # nobody's labels wait for it
            logger.exception("the second pool could not be made; it is tried again at the next start")

    def _find_chores(self) -> Sequence[Chore]:
        chores: list[Chore] = [("pool", "prepare", slug) for slug in find_pools_to_prepare(self._database)]
        slug = find_model_to_train(self._database)
        return chores if slug is None else [*chores, ("model", "train", slug)]

    def _on_change(self, change: Change) -> None:
        if change.kind in ("due", "oracle"):
            self._has_work.set()
            self._loop.wake()
        if change.kind in ("pool", "model"):
            self._chores.wake()


class _Writer:
    """Writes in a thread of its own, at the priority of those who answer.

    A transaction of a thread that gives way holds the write lock for as long as others keep the processors busy
    (measured with eight clients: a p95 of 390 ms in the place of 68).
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._thread = ThreadPoolExecutor(1, "writer")

    def start(self) -> None:
        """Begin with the priority of the thread that calls this."""
        self._thread.submit(int).result()

    def write(self, work: Callable[[Session], T]) -> T:
        """As `Database.write_together`."""
        return self._thread.submit(self._database.write_together, work).result()

    def stop(self) -> None:
        """End the thread."""
        self._thread.shutdown()


class _Heart:
    """Tells the other processes that this one is at work: from a thread, for as long as no step takes too long."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._loop = BackgroundLoop("heart", self._beat, poll_seconds=training_status.HEARTBEAT_SECONDS)
        self._lock = threading.Lock()
        self._until = float("inf")
        self._state: TrainerState = "loading"
        self._failure: str | None = None
        self.trainer_id = 0  # none, before the first beat

    def start(self) -> None:
        """Beat every few seconds."""
        self._loop.start()

    def begin_step(self, seconds: float) -> None:
        """Something begins that takes so long at most."""
        self._until = time.monotonic() + seconds

    def beat(self) -> None:
        """Say that the process is at work; enter again, under the same id, if somebody took it for dead."""
        with self._lock, self._database.write() as session:
            now = dt.datetime.now(dt.UTC)
            if not training_status.record_heartbeat(session, self.trainer_id, now=now):
                self.trainer_id = training_status.enter_trainer(
                    session, os.getpid(), self._state, self._failure, trainer_id=self.trainer_id, now=now
                )
            training_status.drop_silent_trainers(session, now=now)

    def tell(self, state: TrainerState, failure: str | None = None) -> None:
        """The process is ready, or why it is not."""
        self._state, self._failure = state, failure
        with self._lock, self._database.write() as session:
            now = dt.datetime.now(dt.UTC)
            training_status.record_state(session, self.trainer_id, state, failure, now=now)

    def stop(self) -> None:
        """Beat no more."""
        self._loop.stop()

    def end(self) -> None:
        """Withdraw this process, which ends."""
        with self._database.write() as session:
            training_status.drop_trainer(session, trainer_id=self.trainer_id)

    def _beat(self) -> bool:
        if time.monotonic() < self._until:
            self.beat()
        return False
