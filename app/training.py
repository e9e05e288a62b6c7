"""One round: fit, count, rank. Runs outside any transaction; the same inputs give the same bits."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray
from sqlalchemy.orm import Session

from app import features
from app.learning.learner import NO_FEATURES, Features, LabeledImages, Learner, PoolImages, find_right, fit_and_rank
from app.learning.learners import make_learner
from app.learning.names import PREPARING
from app.merges import Merges, apply_map
from app.models import Pool, TestedOn
from app.opinions import Opinion
from app.pools import PoolArrays
from app.rounds import Outcome, TrainingSet

EMBEDDED_AT_ONCE = 500  # test images: some tenths of a second, which a round may have to wait
NO_MERGES = Merges(())
MakeLearner = Callable[[str, int, tuple[int, ...]], Learner]


@dataclass(slots=True)
class PreparedPool:
    """A pool in memory with its learner: all that its rounds are computed from.

    `feature_set_id` says which features those are, if they are stored, and `n_classes` how many classes the learner
    tells apart: the pool may have got further ones. After the merges up to `last_merge_id` each class counts for what
    `class_map` says: a class that is merged has no labels, and if the learner finds it all the same, it is taken for
    the other. The test images are made ready part by part, because that may take seconds.
    """

    pool: Pool
    arrays: PoolArrays
    learner: Learner
    images: PoolImages
    validation: LabeledImages
    n_classes: int
    feature_set_id: int | None = None
    last_merge_id: int = 0
    class_map: NDArray[np.int64] | None = None
    _tested: list[LabeledImages] = field(default_factory=list)

    def count_right(self, state: bytes, others: LabeledImages) -> int:
        """How many of these images, whose features are known, a model gets right."""
        return int(find_right(self.learner, state, self.images, others, self.class_map).sum())

    def make_test_ready(self, *, in_parts: bool) -> bool:
        """Make the test images ready to be counted, or a part of them; return whether some are left."""
        test, start = self.arrays.test, sum(map(len, self._tested))
        # The last bits of the paper's probabilities depend on how many are computed together: never in parts.
        size = EMBEDDED_AT_ONCE if in_parts and self.pool.learner in PREPARING else len(test)
        part = LabeledImages(test.images[start : start + size], test.truth[start : start + size])
        if len(part):
            self._tested.append(_embed(self.learner, self.images, part))
        return start + len(part) < len(test)

    def count_right_on_test(self, state: bytes) -> int:
        """How many of the test images a model gets right."""
        self.make_test_ready(in_parts=False)
        return sum(self.count_right(state, part) for part in self._tested)


def prepare(
    pool: Pool,
    arrays: PoolArrays,
    known: Features = NO_FEATURES,
    *,
    feature_set_id: int | None = None,
    n_classes: int | None = None,
    merges: Merges = NO_MERGES,
    make: MakeLearner = make_learner,
) -> PreparedPool:
    """Put a pool and what its learner knows of its images together, with its classes and merges, or those of then.

    `make` may return a learner that pools of the same kind share.

    Raises:
        ValueError: the pool names a learner that this program does not know.
    """
    n_classes = n_classes or len(pool.classes)
    learner = make(pool.learner, n_classes, pool.image_shape)
    class_map = merges.as_map(n_classes)
    arrays, images = arrays.merged(class_map), PoolImages(arrays.images, known)
    validation = _embed(learner, images, arrays.validation)
    return PreparedPool(pool, arrays, learner, images, validation, n_classes, feature_set_id, merges.last_id, class_map)


def read_features(session: Session, set_id: int | None) -> Features:
    """The features of a set; none if there is no set.

    Raises:
        FeaturesDamaged
    """
    return NO_FEATURES if set_id is None else features.read(session, set_id)


def warm_up(prepared: PreparedPool) -> None:
    """Load, compile and touch everything that would make the first round slow."""
    arrays, learner = prepared.arrays, prepared.learner
    one = np.zeros(1, np.int64)
    few = _embed(learner, prepared.images, LabeledImages(arrays.validation.images[:1], arrays.validation.truth[:1]))
    state = learner.fit(learner.initial(), prepared.images, one, one, few).state
    learner.choose(state, prepared.images, one, strategy=prepared.pool.strategy, count=1, seed=(0,))


def go_on_from(prepared: PreparedPool, state: bytes, n_classes: int, last_merge_id: int) -> bytes:
    """What to train from after a round that knew these classes: its state, or a new one if they are others by now.

    A model that knew a class forgets it only if it begins anew.
    """
    is_same = (n_classes, last_merge_id) == (prepared.n_classes, prepared.last_merge_id)
    return state if is_same else prepared.learner.initial()


def train(
    prepared: PreparedPool, state: bytes, training: TrainingSet, opinion: Opinion | None = None, *, number: int
) -> Outcome:
    """Round `number` from the state before it and its n labels. There may be none, if the learner has features.

    Without test images it counts right answers on what was asked by chance and is held out.

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
        prepared.validation,
        strategy=pool.strategy,
        count=pool.queue_size,
        seed=(pool.id, number),
        second_opinion=apply_map(prepared.class_map, opinion.classes[: len(arrays.images)]) if opinion else None,
        held_out=training.held_out,
        clock=time.perf_counter,
    )
    knows = len(training.positions) > 0
    tested_on, test_correct, test_total = _test(prepared, ranked.fit.state, training)
    return Outcome(
        state=ranked.fit.state,
        steps=ranked.fit.steps,
        validation_correct=ranked.fit.correct,
        validation_total=len(arrays.validation),
        test_correct=test_correct,
        test_total=test_total,
        tested_on=tested_on,
        n_images=len(arrays.images),
        n_classes=prepared.n_classes,
        fit_ms=ranked.fit_ms,
        rank_ms=ranked.rank_ms,
        ranking=arrays.image_ids[ranked.batch.positions],
        confidence=ranked.batch.confidence if knows else None,
        prediction=apply_map(prepared.class_map, ranked.batch.prediction) if knows else None,
        numerics=prepared.learner.numerics(),
        last_merge_id=prepared.last_merge_id,
    )


def _test(prepared: PreparedPool, state: bytes, training: TrainingSet) -> tuple[TestedOn | None, int | None, int]:
    """What is tested on, how many are right, of how many. Test images are counted later: `Round.test_correct`."""
    if len(prepared.arrays.test):
        return "test", None, len(prepared.arrays.test)
    if not len(training.held_out):
        return None, 0, 0
    answers = prepared.learner.predict(state, prepared.images, training.held_out).argmax(axis=1)  # (h, K) -> (h,)
    answers = apply_map(prepared.class_map, answers)
    return "chance", int((answers == training.held_out_values).sum()), len(training.held_out)


def _embed(learner: Learner, pool: PoolImages, others: LabeledImages) -> LabeledImages:
    return replace(others, features=learner.embed(pool, others.images)) if len(others) else others
