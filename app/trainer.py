"""Trains due rounds. Meanwhile, and when a training fails, the last good model goes on asking."""

import datetime as dt
import logging
import time
from functools import cache

from sqlalchemy import select
from sqlalchemy.orm import Session

from app import features, milestones, opinions, rounds
from app.changes import Change, note
from app.db import Database, Write
from app.errors import FeaturesDamaged
from app.learning.learners import make_learner
from app.learning.names import PREPARING
from app.merges import Merges, read_merges
from app.models import IS_FILLED, Pool, Round
from app.opinions import Opinion
from app.pools import PoolArrays, read_arrays
from app.rounds import TrainingSet
from app.training import PreparedPool, go_on_from, prepare, read_features, train, warm_up

logger = logging.getLogger(__name__)


class Trainer:
    """Trains the rounds of all pools, one after another; keeps the pools in memory. For one thread."""

    def __init__(self, database: Database, *, write: Write | None = None, retry_seconds: float) -> None:
        self._database = database
        self._write = write or database.write_together
        self._retry_seconds = retry_seconds
        self._arrays: dict[int, tuple[dt.datetime | None, PoolArrays]] = {}  # by pool, with when it had grown last
        self._prepared: dict[tuple[int, ...], PreparedPool] = {}  # by pool, features and how many images of which kind
        self._make_learner = cache(make_learner)  # one for all pools of a kind: compiling takes a second
        self._retry_at: dict[int, float] = {}
        self._count_at: dict[int, float] = {}

    def warm_up(self) -> None:
        """Load TensorFlow and the pools, and compile: everything that would make the first round slow.

        Raises:
            DatabaseUnusable: the database is damaged.
        """
        self._database.check()  # here, because the first page must not wait for it
        with self._database.read() as session:
            pools = session.scalars(select(Pool).where(IS_FILLED, Pool.n_images > 0)).all()
        for pool in pools:
            with self._database.read() as session:
                set_id = features.find_ready(session, pool)
            if set_id is None and pool.learner in PREPARING:
                continue
            try:
                warm_up(self._load(pool, set_id, self._read_merges(pool)))
            except FeaturesDamaged:  # of this pool alone: its rounds fail, and say so
                logger.exception("%s: it cannot be trained", pool.slug)

    def run_one(self) -> bool:
        """Train what is due, or else count one round's test images; return whether there was anything to do."""
        with self._database.read() as session:
            pools = session.scalars(select(Pool).where(IS_FILLED).order_by(Pool.id)).all()
        self._forget_all_but({pool.id for pool in pools})
        found = [self._train_if_due(pool) for pool in pools]  # all of them: each pool gets its turn
        return any(found) or self._count_test()

    def _forget_all_but(self, pool_ids: set[int]) -> None:
        """Drop what is kept of pools that are gone."""
        self._prepared = {key: each for key, each in self._prepared.items() if key[0] in pool_ids}
        for kept in (self._arrays, self._retry_at, self._count_at):
            for pool_id in kept.keys() - pool_ids:
                del kept[pool_id]

    def _train_if_due(self, pool: Pool) -> bool:
        if time.monotonic() < self._retry_at.get(pool.id, 0.0):
            return False
        with self._database.read() as session:
            if not rounds.is_due(session, pool):
                return False
            pool = session.get_one(Pool, pool.id)  # read in one state with its labels: it may have grown
            previous = rounds.get_newest_round(session, pool, with_state=True)
            training = rounds.read_training_set(session, pool)
            set_id = features.find_ready(session, pool)
            opinion = opinions.find_opinion(session, pool)
            merges = read_merges(session, pool)
        try:
            prepared = self._load(pool, set_id, merges)
            self._train(prepared, previous, training, opinion)
        except Exception as error:  # a job's boundary: the labels are safe
            self._fail(pool, previous.number + 1, error)
        return True

    def _count_test(self) -> bool:
        with self._database.read() as session:
            now = time.monotonic()
            in_retry = [pool_id for pool_id, until in self._count_at.items() if now < until]
            uncounted = rounds.find_uncounted(session, but=in_retry)
            pool = session.get_one(Pool, uncounted.pool_id) if uncounted else None
        if uncounted is None or pool is None:
            return False
        try:
            merges = self._read_merges(pool, until=uncounted.last_merge_id)
            prepared = self._load(pool, uncounted.feature_set_id, merges, uncounted)
            if prepared.make_test_ready(in_parts=True):
                return True  # a part of them: a round may have become due meanwhile
            correct = prepared.count_right_on_test(uncounted.state)
        except Exception:  # a job's boundary: others wait for their turn
            logger.exception("%s: the test images of round %d could not be counted", pool.slug, uncounted.number)
            self._count_at[pool.id] = time.monotonic() + self._retry_seconds
            return False

        counted_at = dt.datetime.now(dt.UTC)

        def record(session: Session) -> None:
            counted = rounds.record_test(session, uncounted.id, correct)
            milestones.notice_round(session, counted, now=counted_at)

        self._write(record)
        return True

    def _train(self, prepared: PreparedPool, previous: Round, training: TrainingSet, opinion: Opinion | None) -> None:
        state = go_on_from(prepared, previous.state, previous.n_classes, previous.last_merge_id)
        outcome = train(prepared, state, training, opinion, number=previous.number + 1)
        now = dt.datetime.now(dt.UTC)

        def store(session: Session) -> bool:
            is_first = rounds.store(
                session,
                previous,
                training,
                outcome,
                feature_set_id=prepared.feature_set_id,
                trained_model_id=opinion.trained_model_id if opinion else None,
                now=now,
            )
            if is_first and outcome.is_counted:  # else that waits until its test images are counted
                milestones.notice_round(session, rounds.get_newest_round(session, prepared.pool), now=now)
            return is_first

        if self._write(store):
            right = f"{outcome.validation_correct}/{outcome.validation_total} right on validation, "
            logger.info(
                "%s: round %d, %d labels, %sfit %.1f ms, ranking %.1f ms",
                *(prepared.pool.slug, previous.number + 1, len(training)),
                *(right if outcome.validation_total else "", outcome.fit_ms, outcome.rank_ms),
            )

    def _fail(self, pool: Pool, number: int, error: Exception) -> None:
        logger.exception("%s: training round %d failed", pool.slug, number)
        self._retry_at[pool.id] = time.monotonic() + self._retry_seconds
        reason, now = f"{type(error).__name__}: {error}", dt.datetime.now(dt.UTC)

        def record(session: Session) -> None:
            rounds.record_failure(session, pool, number, reason, now=now)
            note(session, Change("training", pool.id))

        self._write(record)

    def _read_merges(self, pool: Pool, *, until: int | None = None) -> Merges:
        with self._database.read() as session:
            return read_merges(session, pool, until=until)

    def _load(self, pool: Pool, set_id: int | None, merges: Merges, of: Round | None = None) -> PreparedPool:
        """The pool with these features of its images and these merges of its classes, as it is or as a round knew it.

        What is older is dropped: nothing is asked by it again.
        """
        arrays = self._read_arrays(pool)
        n_images, n_classes, n_test = pool.n_images, len(pool.classes), len(arrays.test)
        if of is not None:
            n_images, n_classes, n_test = of.n_images, of.n_classes, of.test_total
        key = (pool.id, set_id or 0, n_images, n_classes, n_test, merges.last_id)
        if key not in self._prepared:
            with self._database.read() as session:
                known = read_features(session, set_id)
            for older in [each for each in self._prepared if each[0] == pool.id and each < key]:
                del self._prepared[older]
            self._prepared[key] = prepare(
                pool,
                arrays.head(n_images, n_test),
                known,
                feature_set_id=set_id,
                n_classes=n_classes,
                merges=merges,
                make=self._make_learner,
            )
        return self._prepared[key]

    def _read_arrays(self, pool: Pool) -> PoolArrays:
        """The images, read again once some were added."""
        grown_at, arrays = self._arrays.get(pool.id, (None, None))
        if arrays is None or grown_at != pool.grown_at:
            with self._database.read() as session:
                arrays = read_arrays(session, pool)
            self._arrays[pool.id] = (pool.grown_at, arrays)
        return arrays
