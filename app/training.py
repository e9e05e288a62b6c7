"""One round: fit, count, rank. Runs outside any transaction; the same inputs give the same bits."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from app.learning.learner import LabeledImages, Learner, PoolImages, find_right, fit_and_rank
from app.learning.learners import make_learner
from app.models import Pool
from app.pools import PoolArrays
from app.rounds import Outcome, TrainingSet


@dataclass(frozen=True, slots=True)
class PreparedPool:
    """A pool in memory with its learner: all that its rounds are computed from."""

    pool: Pool
    arrays: PoolArrays
    learner: Learner
    images: PoolImages

    def count_right(self, state: bytes, others: LabeledImages) -> int:
        """How many of its validation or test images a model gets right."""
        return int(find_right(self.learner, state, self.images, others).sum())


def prepare(
    pool: Pool, arrays: PoolArrays, make: Callable[[str, int, tuple[int, ...]], Learner] = make_learner
) -> PreparedPool:
    """Prepare the pool's images for its learner. `make` may return a learner that pools of the same kind share.

    Raises:
        ValueError: the pool names a learner that this program does not know.
    """
    learner = make(pool.learner, len(pool.classes), pool.image_shape)
    return PreparedPool(pool, arrays, learner, PoolImages(arrays.images, learner.prepare(arrays.images)))


def warm_up(prepared: PreparedPool) -> None:
    """Load, compile and touch everything that would make the first round slow."""
    arrays, learner = prepared.arrays, prepared.learner
    state, one = learner.initial(), np.zeros(1, np.int64)
    few = LabeledImages(arrays.validation.images[:1], arrays.validation.truth[:1])
    learner.fit(state, prepared.images, one, one, few)
    learner.predict(state, prepared.images, np.arange(len(arrays.images)))


def train(prepared: PreparedPool, state: bytes, training: TrainingSet, *, number: int) -> Outcome:
    """Round `number` from the state before it and its n labels.

    Raises:
        TrainingDiverged: the state that came out is not finite.
        ValueError: `state` is not one of the pool's learner.
    """
    pool, arrays = prepared.pool, prepared.arrays
    ranked = fit_and_rank(
        prepared.learner,
        state,
        prepared.images,
        training.positions,
        training.values,
        arrays.validation,
        strategy=pool.strategy,
        count=pool.queue_size,
        seed=(pool.id, number),
        clock=time.perf_counter,
    )
    return Outcome(
        state=ranked.fit.state,
        steps=ranked.fit.steps,
        validation_correct=ranked.fit.correct,
        validation_total=len(arrays.validation),
        test_total=len(arrays.test),
        fit_ms=ranked.fit_ms,
        rank_ms=ranked.rank_ms,
        ranking=arrays.image_ids[ranked.batch.positions],
        confidence=ranked.batch.confidence,
        prediction=ranked.batch.prediction,
        numerics=prepared.learner.numerics(),
    )
