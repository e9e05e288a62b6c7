"""The background thread that trains: whatever happens to it, labels are already safe."""

import datetime as dt
import logging
import threading
import time
from dataclasses import dataclass
from functools import cache
from typing import Literal

from sqlalchemy import select

from app import rounds, training
from app.db import Database
from app.learning.learners import make_learner
from app.live import Change, Live
from app.models import Pool, Round
from app.pools import read_arrays
from app.rounds import TrainingSet
from app.training import PreparedPool

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Training:
    """What the trainer is doing for a pool; `message` tells of a failure and of what comes next."""

    status: Literal["loading", "idle", "running", "failed"]
    message: str | None = None


class Trainer:
    """Trains the rounds of all pools, one after another, in a thread of its own."""

    POLL_SECONDS = 2.0  # finds due rounds even if a wake-up was lost
    HEAD_START_SECONDS = 0.3  # for the first page: TensorFlow's import would share the interpreter with it

    def __init__(self, database: Database, live: Live, *, retry_seconds: float) -> None:
        self._database = database
        self._live = live
        self._retry_seconds = retry_seconds
        self._prepared: dict[int, PreparedPool] = {}
        self._make_learner = cache(make_learner)  # one for all pools of a kind: compiling takes a second
        self._running: int | None = None
        self._failures: dict[int, str] = {}
        self._warm_up_failure: str | None = None
        self._retry_at: dict[int, float] = {}
        self._warm = threading.Event()
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="trainer", daemon=True)
        live.listen(self._on_change)

    @property
    def is_warm(self) -> bool:
        """Whether TensorFlow is loaded and every pool is in memory."""
        return self._warm.is_set()

    def start(self) -> None:
        """Begin to load TensorFlow, then train whatever is due."""
        self._thread.start()

    def stop(self) -> None:
        """Finish the fit under way, if any, and end. An import of TensorFlow under way is not waited for."""
        self._stopping.set()
        self._wake.set()
        if self._thread.is_alive() and self.is_warm:
            self._thread.join()

    def training(self, pool_id: int) -> Training:
        """What is going on for this pool."""
        message = self._warm_up_failure or self._failures.get(pool_id)
        if message is not None:
            return Training("failed", message)
        if not self.is_warm:
            return Training("loading", "TensorFlow is being loaded; answers are kept and count meanwhile.")
        return Training("running" if self._running == pool_id else "idle")

    def warm_up(self) -> None:
        """Load TensorFlow and the pools, and compile: everything that would make the first round slow."""
        self._database.check()  # here, for it takes too long to keep the first page waiting
        with self._database.read() as session:
            pools = session.scalars(select(Pool)).all()
        for pool in pools:
            training.warm_up(self._load(pool))
        self._warm_up_failure = None
        self._warm.set()

    def run_one(self) -> bool:
        """Train what is due, or else count one round's test images; whether there was anything to do."""
        with self._database.read() as session:
            pools = session.scalars(select(Pool).order_by(Pool.id)).all()
        found = [self._train_if_due(pool) for pool in pools]  # all of them: each pool gets its turn
        return any(found) or self._count_test()

    def _run(self) -> None:
        self._stopping.wait(self.HEAD_START_SECONDS)
        while not self._stopping.is_set():
            try:
                if not self.is_warm:
                    self._try_to_warm_up()
                if self.is_warm and self.run_one():
                    continue
            except Exception:  # the thread's boundary: a trainer that dies in silence is the worst of failures
                logger.exception("the trainer failed; it tries again in %s s", self._retry_seconds)
                self._stopping.wait(self._retry_seconds)
            self._wake.wait(min(self.POLL_SECONDS, self._retry_seconds))
            self._wake.clear()

    def _try_to_warm_up(self) -> None:
        try:
            self.warm_up()
        except Exception as error:  # a job's boundary: who waits for the model is told why it does not come
            logger.exception("the trainer could not be made ready; it tries again")
            self._warm_up_failure = (
                f"The model could not be loaded ({type(error).__name__}: {error}). It is tried again; answers are "
                "kept and count meanwhile, and the server's log has more."
            )
        else:
            logger.info("the trainer is ready")

    def _on_change(self, change: Change) -> None:
        if change.kind == "due":
            self._wake.set()

    def _train_if_due(self, pool: Pool) -> bool:
        if time.monotonic() < self._retry_at.get(pool.id, 0.0):
            return False
        with self._database.read() as session:
            if not rounds.is_due(session, pool):
                self._recover(pool)  # an undo may have taken a failed round off the list
                return False
            previous = rounds.get_newest_round(session, pool, with_state=True)
            labels = rounds.read_training_set(session, pool)
        self._running = pool.id
        try:
            self._train(pool, previous, labels)
            self._recover(pool)
        except Exception as error:  # a job's boundary: the labels are safe, the last good model goes on serving
            self._fail(pool, previous.number + 1, error)
        finally:
            self._running = None
        return True

    def _count_test(self) -> bool:
        with self._database.read() as session:
            uncounted = rounds.find_uncounted(session)
            pool = session.get_one(Pool, uncounted.pool_id) if uncounted else None
        if uncounted is None or pool is None:
            return False
        prepared = self._load(pool)
        correct = prepared.count_right(uncounted.state, prepared.arrays.test)
        with self._database.write() as session:
            rounds.note_test(session, uncounted.id, correct)
        return True

    def _train(self, pool: Pool, previous: Round, labels: TrainingSet) -> None:
        outcome = training.train(self._load(pool), previous.state, labels, number=previous.number + 1)
        with self._database.write() as session:
            is_first = rounds.store(session, previous, labels, outcome, now=dt.datetime.now(dt.UTC))
        if is_first:
            logger.info(
                "%s: round %d, %d labels, %s/%d right on validation, fit %.1f ms, ranking %.1f ms",
                *(pool.slug, previous.number + 1, len(labels.positions)),
                *(outcome.validation_correct, outcome.validation_total, outcome.fit_ms, outcome.rank_ms),
            )

    def _recover(self, pool: Pool) -> None:
        self._retry_at.pop(pool.id, None)
        if self._failures.pop(pool.id, None):
            self._live.publish(Change("training", pool.id))

    def _fail(self, pool: Pool, number: int, error: Exception) -> None:
        logger.exception("%s: training round %d failed", pool.slug, number)
        self._failures[pool.id] = (
            f"Training round {number} failed ({type(error).__name__}: {error}). It is tried again every "
            f"{self._retry_seconds:g} s; your answers are kept, and the model of round {number - 1} goes on asking."
        )
        self._retry_at[pool.id] = time.monotonic() + self._retry_seconds
        with self._database.write() as session:
            rounds.note_failure(session, pool, number, f"{type(error).__name__}: {error}", now=dt.datetime.now(dt.UTC))
        self._live.publish(Change("training", pool.id))

    def _load(self, pool: Pool) -> PreparedPool:
        if pool.id not in self._prepared:
            with self._database.read() as session:
                arrays = read_arrays(session, pool)
            self._prepared[pool.id] = training.prepare(pool, arrays, self._make_learner)
        return self._prepared[pool.id]
