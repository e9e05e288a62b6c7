"""One round: fit, count, rank. Outside any transaction, and the same inputs give the same bits."""

import time
from functools import partial

from app.accuracy import Accuracy
from app.learning import ranking, softmax
from app.learning.softmax import SoftmaxRegression, State
from app.models import Pool
from app.pools import PoolArrays
from app.rounds import Outcome, TrainingSet


class TrainingDiverged(Exception):
    """The fit ended in NaN or infinity."""


def train(
    model: SoftmaxRegression, arrays: PoolArrays, pool: Pool, state: State, training: TrainingSet, *, number: int
) -> Outcome:
    """Round `number` from the state before it and its n labels.

    Raises:
        TrainingDiverged: the state that came out is not finite.
    """
    validation = arrays.validation
    started = time.perf_counter()
    fit = model.fit(state, arrays.x[training.positions], training.values, validation.x, validation.y)
    if not fit.state.is_finite():
        raise TrainingDiverged(f"the fit on {len(training.positions)} labels ended in NaN or infinity")
    fitted = time.perf_counter()
    head = ranking.rank(
        partial(model.predict, fit.state, arrays.x),
        len(arrays.x),
        training.positions,
        pool.strategy,
        count=pool.queue_size,
        seed=(pool.id, number),
    )
    ranked = time.perf_counter()
    return Outcome(
        state=fit.state.to_bytes(),
        steps=fit.steps,
        validation=Accuracy(fit.correct, len(validation.y)),
        test_total=len(arrays.test.y),
        fit_ms=(fitted - started) * 1000,
        rank_ms=(ranked - fitted) * 1000,
        ranking=arrays.image_ids[head.positions],
        confidence=head.confidence,
        prediction=head.prediction,
        numerics=softmax.numerics(),
    )
