"""The ways to label a pool, one step a fit, and the curve that comes out.

N pool images, n of them labeled, K classes, T test images.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from app.accuracy import Accuracy
from app.learning import strategies
from app.learning.learner import Fit, fit_and_rank, predict_rest
from app.learning.names import Strategy
from app.oracle.labs import Lab

Positions = NDArray[np.int64]


@dataclass(slots=True)
class Curve:
    """One entry a fit: labels used, right answers on validation and, where there are any, on the test images.

    `seconds` are those of fitting and ranking, `prepare_seconds` those before the first label. `confidence` maps a
    number of labels to the confidences (N - n,) of what was unlabeled then, ascending. `test_right` (T,) says which
    test images the last model gets right.
    """

    labels: list[int] = field(default_factory=list)
    validation: list[Accuracy] = field(default_factory=list)
    test: list[Accuracy] = field(default_factory=list)
    confidence: dict[int, NDArray[np.float32]] = field(default_factory=dict)
    test_right: NDArray[np.bool_] | None = None
    seconds: float = 0.0
    prepare_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Step:
    """An experiment after a fit: the labeled positions (n,), their values (n,), and the fit."""

    positions: Positions
    values: NDArray[np.int64]
    fit: Fit
    confidence: NDArray[np.float32] | None = None


@dataclass(frozen=True, slots=True)
class Rounds:
    """How images are asked: `batch_size` at a time, until `budget` are labeled."""

    batch_size: int
    budget: int
    strategy: Strategy
    seed: int

    def __len__(self) -> int:
        return -(-self.budget // self.batch_size)


def take_first(lab: Lab, count: int) -> Iterator[Step]:
    """Buy the first `count` labels of the pool at once: the paper's "ground truth" and "random"."""
    positions, values = np.arange(count), lab.truth[:count]
    yield Step(positions, values, lab.fit(lab.learner.initial(), positions, values))


def ask_papers_way(lab: Lab, rounds: Rounds) -> Iterator[Step]:
    """Buy batch after batch of what the strategy puts first; the first batch is the first of the pool."""
    return _ask(lab, rounds, np.arange(min(rounds.batch_size, rounds.budget)))


def ask_own_way(lab: Lab, rounds: Rounds) -> Iterator[Step]:
    """Buy batch after batch of what the learner chooses, the first batch included."""
    batch = lab.learner.choose(
        lab.learner.initial(),
        lab.pool,
        np.empty(0, np.int64),
        strategy=rounds.strategy,
        count=min(rounds.batch_size, rounds.budget),
        seed=(rounds.seed, 0),
    )
    yield from _ask(lab, rounds, batch.positions)  # a generator, so that `trace` times the first choice, too


def _ask(lab: Lab, rounds: Rounds, positions: Positions) -> Iterator[Step]:
    state = lab.learner.initial()
    for number in range(1, rounds.budget + 1):
        is_last = len(positions) >= rounds.budget
        ranked = fit_and_rank(
            lab.learner,
            state,
            lab.pool,
            positions,
            lab.truth[positions],
            lab.stopping,
            strategy=rounds.strategy,
            count=min(rounds.batch_size, rounds.budget - len(positions)),
            seed=(rounds.seed, number),
            clock=time.perf_counter,
        )
        state = ranked.fit.state
        confidence = None
        if number == 1 or is_last:
            _, probabilities = predict_rest(lab.learner, state, lab.pool, positions)
            confidence = np.sort(strategies.confidence(probabilities))
        yield Step(positions, lab.truth[positions], ranked.fit, confidence)
        if is_last:
            return
        positions = np.concatenate([positions, ranked.batch.positions])


def label_rest_at_once(lab: Lab, bought: Step) -> Iterator[Step]:
    """Label all remaining images with the model's predictions, and fit once."""
    rest, probabilities = predict_rest(lab.learner, bought.fit.state, lab.pool, bought.positions)
    positions = np.concatenate([bought.positions, rest])
    values = np.concatenate([bought.values, probabilities.argmax(axis=1)])
    yield Step(positions, values, lab.fit(bought.fit.state, positions, values))


def label_surest_first(lab: Lab, bought: Step, batch_size: int) -> Iterator[Step]:
    """Label the batch of highest confidence with the model's predictions, fit, and repeat until no image is left."""
    positions, values, state = bought.positions, bought.values, bought.fit.state
    while len(positions) < len(lab.truth):
        rest, probabilities = predict_rest(lab.learner, state, lab.pool, positions)  # (N - n,), (N - n, K)
        surest = strategies.head(-strategies.confidence(probabilities), batch_size)
        positions = np.concatenate([positions, rest[surest]])
        values = np.concatenate([values, probabilities[surest].argmax(axis=1)])
        fit = lab.fit(state, positions, values)
        state = fit.state
        yield Step(positions, values, fit)


def trace(steps: Iterator[Step], lab: Lab, on_step: Callable[[int], None]) -> tuple[Curve, Step]:
    """Run all steps; return their curve, and the last step. `on_step` is told how many are done."""
    curve, last = Curve(prepare_seconds=lab.prepare_seconds), None
    started = time.perf_counter()
    for done, step in enumerate(steps, start=1):
        last = step
        curve.seconds += time.perf_counter() - started
        curve.labels.append(len(step.positions))
        curve.validation.append(Accuracy(*lab.count_validation(step.fit)))
        curve.test_right = lab.find_right_on_test(step.fit)
        if curve.test_right is not None:
            curve.test.append(Accuracy(int(curve.test_right.sum()), len(curve.test_right)))
        if step.confidence is not None:
            curve.confidence[len(step.positions)] = step.confidence
        on_step(done)
        started = time.perf_counter()
    assert last is not None  # every experiment fits at least once
    return curve, last
