"""The paper's experiments, pure: arrays and parameters in, curves out.

N pool images, n of them labeled, D pixels, K classes. Each experiment is a generator with one step a fit; `_trace`
clocks the steps and counts their right answers.

Source: Andy Bosyi, "Active Learning on MNIST - Saving on Labeling" (2018).
Differs from the source: each accuracy also comes for the test images, which neither training nor stopping saw; and
the random choice can be bought batch by batch, too, so that active learning has a curve to be compared with.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from app.accuracy import Accuracy
from app.datasets.splits import Splits
from app.errors import NotEnoughImages
from app.learning import strategies
from app.learning.clusters import Clusters, find_clusters
from app.learning.learner import Fit, LabeledImages, Learner, PoolImages, find_right, fit_and_rank, predict_rest
from app.learning.learners import make_learner
from app.learning.names import PAPERS, Strategy
from app.oracle.experiments import EXPERIMENTS, Experiment, as_named

KMEANS_ITERATIONS = 10  # the paper's epochs


@dataclass(frozen=True, slots=True)
class Parameters:
    """What to run on what; the defaults are the paper's. `budget` is the number of labels bought."""

    experiments: tuple[Experiment, ...] = EXPERIMENTS
    pool_start: int = 0
    pool_size: int = 4000
    validation_size: int = 400
    batch_size: int = 10
    budget: int = 400
    shuffle_seed: int | None = None
    ranking: Strategy = "least_confidence"

    @property
    def are_the_papers(self) -> bool:
        """Whether everything but the choice of experiments is as in the paper."""
        return replace(self, experiments=EXPERIMENTS) == Parameters()

    @property
    def named(self) -> tuple[Experiment, ...]:
        """The experiments under the names of their curves."""
        return tuple(as_named(experiment, self.ranking) for experiment in self.experiments)

    @property
    def has_random_twice(self) -> bool:
        """Whether two of the experiments are one: active learning that asks at random is the random curve."""
        return self.ranking == "random" and {"active", "random_curve"} <= set(self.experiments)


@dataclass(frozen=True, slots=True)
class Progress:
    """`done` of `total` steps of one experiment."""

    experiment: Experiment
    done: int
    total: int


@dataclass(slots=True)
class Curve:
    """One entry a fit: labels used, right answers on validation and, where there are any, on the test images.

    `seconds` are those of fitting and ranking. `confidence` maps a number of labels to the confidences (N - n,)
    of what was unlabeled then, ascending. `test_right` (T,) says which test images the last model gets right.
    """

    labels: list[int] = field(default_factory=list)
    validation: list[Accuracy] = field(default_factory=list)
    test: list[Accuracy] = field(default_factory=list)
    confidence: dict[int, NDArray[np.float32]] = field(default_factory=dict)
    test_right: NDArray[np.bool_] | None = None
    seconds: float = 0.0


@dataclass(slots=True)
class Results:
    """The curves that were asked for, in the order of ALL_EXPERIMENTS, and the clusters."""

    curves: dict[Experiment, Curve] = field(default_factory=dict)
    clusters: Clusters | None = None
    clusters_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class _Lab:
    """The learner, the pool with its truth (N,), and the validation images: all that a step may look at."""

    learner: Learner
    pool: PoolImages
    truth: NDArray[np.int64]
    validation: LabeledImages

    def fit(self, state: bytes, positions: NDArray[np.int64], values: NDArray[np.int64]) -> Fit:
        return self.learner.fit(state, self.pool, positions, values, self.validation)


@dataclass(frozen=True, slots=True)
class _Step:
    """An experiment after a fit: the labeled positions (n,), their values (n,), and the fit."""

    positions: NDArray[np.int64]
    values: NDArray[np.int64]
    fit: Fit
    confidence: NDArray[np.float32] | None = None


def run(
    splits: Splits,
    n_classes: int,
    parameters: Parameters,
    on_progress: Callable[[Progress], None],
    on_finished: Callable[[Results], None] = lambda _: None,
) -> Results:
    """Run the experiments.

    `on_progress` is called after every step, `on_finished` after every experiment with all results so far. Both may
    raise to stop the run.

    Raises:
        NotEnoughImages: the budget is larger than the pool.
    """
    wanted, budget, size = parameters.experiments, parameters.budget, parameters.pool_size
    if budget > size:
        raise NotEnoughImages(
            f"A budget of {budget} labels is more than the pool of {size}. Lower the budget.",
            asked=budget,
            available=size,
        )
    learner = make_learner(PAPERS, n_classes, splits.pool.images.shape[1:])
    learner.warm_up()  # before the clocks
    pool = PoolImages(splits.pool.images, learner.prepare(splits.pool.images))
    lab, untrained = _Lab(learner, pool, splits.pool.truth, splits.validation), learner.initial()
    results = Results()

    def trace(experiment: Experiment, steps: Iterator[_Step], total: int) -> _Step:
        name = as_named(experiment, parameters.ranking)
        curve, last = _trace(steps, splits.test, lab, lambda done: on_progress(Progress(name, done, total)))
        if experiment in wanted:
            results.curves[name] = curve
            on_finished(results)
        return last

    batch = parameters.batch_size
    n_batches = -(-budget // batch)
    if "ground_truth" in wanted:
        trace("ground_truth", _fit_first(lab, untrained, size), 1)
    if "random" in wanted:
        trace("random", _fit_first(lab, untrained, budget), 1)
    if "random_curve" in wanted:
        trace("random_curve", _active(lab, untrained, replace(parameters, ranking="random")), n_batches)
    if {"active", "auto_naive", "auto_confident"} & set(wanted):
        # Auto-labeling goes on from where active learning ends, so that comes first in any case.
        bought = trace("active", _active(lab, untrained, parameters), n_batches)
        if "auto_naive" in wanted and budget < size:
            trace("auto_naive", _auto_naive(lab, bought), 1)
        if "auto_confident" in wanted and budget < size:
            trace("auto_confident", _auto_confident(lab, bought, batch), -(-(size - budget) // batch))
    if "kmeans" in wanted:
        results.clusters, results.clusters_seconds = _find_clusters(splits, parameters, on_progress)
        on_finished(results)
    return results


def _find_clusters(
    splits: Splits, parameters: Parameters, on_progress: Callable[[Progress], None]
) -> tuple[Clusters, float]:
    """The clusters of the pool, and the seconds that they took."""
    started = time.perf_counter()
    clusters = find_clusters(
        _flat(splits.pool.images),
        n_iterations=KMEANS_ITERATIONS,
        seed=parameters.shuffle_seed or 0,
        on_iteration=lambda done: on_progress(Progress("kmeans", done, KMEANS_ITERATIONS)),
    )
    return clusters, time.perf_counter() - started


def _flat(images: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return images.reshape(len(images), -1)  # (N, H, W) -> (N, D)


def _fit_first(lab: _Lab, state: bytes, count: int) -> Iterator[_Step]:
    """Buy the first `count` labels of the pool at once: the paper's "ground truth" and "random"."""
    positions, values = np.arange(count), lab.truth[:count]
    yield _Step(positions, values, lab.fit(state, positions, values))


def _active(lab: _Lab, state: bytes, parameters: Parameters) -> Iterator[_Step]:
    """Buy batch after batch of what the strategy puts first; the first batch is the first of the pool."""
    positions = np.arange(min(parameters.batch_size, parameters.budget))
    for number in range(1, parameters.budget + 1):
        is_last = len(positions) >= parameters.budget
        ranked = fit_and_rank(
            lab.learner,
            state,
            lab.pool,
            positions,
            lab.truth[positions],
            lab.validation,
            strategy=parameters.ranking,
            count=min(parameters.batch_size, parameters.budget - len(positions)),
            seed=(parameters.shuffle_seed or 0, number),
            clock=time.perf_counter,
        )
        state = ranked.fit.state
        confidence = None
        if number == 1 or is_last:
            _, probabilities = predict_rest(lab.learner, state, lab.pool, positions)
            confidence = np.sort(strategies.confidence(probabilities))
        yield _Step(positions, lab.truth[positions], ranked.fit, confidence)
        if is_last:
            return
        positions = np.concatenate([positions, ranked.batch.positions])


def _auto_naive(lab: _Lab, bought: _Step) -> Iterator[_Step]:
    """Label all remaining images with the model's predictions, and fit once."""
    rest, probabilities = predict_rest(lab.learner, bought.fit.state, lab.pool, bought.positions)
    positions = np.concatenate([bought.positions, rest])
    values = np.concatenate([bought.values, probabilities.argmax(axis=1)])
    yield _Step(positions, values, lab.fit(bought.fit.state, positions, values))


def _auto_confident(lab: _Lab, bought: _Step, batch_size: int) -> Iterator[_Step]:
    """Label the batch of highest confidence with the model's predictions, fit, and repeat until no image is left."""
    positions, values, state = bought.positions, bought.values, bought.fit.state
    while len(positions) < len(lab.truth):
        rest, probabilities = predict_rest(lab.learner, state, lab.pool, positions)  # (N - n,), (N - n, K)
        surest = strategies.head(-strategies.confidence(probabilities), batch_size)
        positions = np.concatenate([positions, rest[surest]])
        values = np.concatenate([values, probabilities[surest].argmax(axis=1)])
        fit = lab.fit(state, positions, values)
        state = fit.state
        yield _Step(positions, values, fit)


def _trace(
    steps: Iterator[_Step], test: LabeledImages, lab: _Lab, on_step: Callable[[int], None]
) -> tuple[Curve, _Step]:
    """Run all steps; return their curve, and the last step."""
    curve, last = Curve(), None
    started = time.perf_counter()
    for done, step in enumerate(steps, start=1):
        last = step
        curve.seconds += time.perf_counter() - started
        curve.labels.append(len(step.positions))
        assert step.fit.correct is not None  # a run has at least one validation image
        curve.validation.append(Accuracy(step.fit.correct, len(lab.validation)))
        if len(test):
            curve.test_right = find_right(lab.learner, step.fit.state, lab.pool, test)
            curve.test.append(Accuracy(int(curve.test_right.sum()), len(test)))
        if step.confidence is not None:
            curve.confidence[len(step.positions)] = step.confidence
        on_step(done)
        started = time.perf_counter()
    assert last is not None  # every experiment fits at least once
    return curve, last
