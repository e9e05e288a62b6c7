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
from functools import partial
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from app.accuracy import Accuracy
from app.datasets import Split
from app.datasets.splits import Splits
from app.errors import NotEnoughImages
from app.learning import ranking
from app.learning.clusters import Clusters, find_clusters
from app.learning.ranking import Rule
from app.learning.softmax import Fit, SoftmaxRegression, State

Experiment = Literal["ground_truth", "random", "random_curve", "active", "auto_naive", "auto_confident", "kmeans"]
ALL_EXPERIMENTS: tuple[Experiment, ...] = get_args(Experiment)
EXPERIMENTS = tuple(name for name in ALL_EXPERIMENTS if name != "random_curve")  # the paper's


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
    ranking: Rule = "least_confidence"

    @property
    def are_the_papers(self) -> bool:
        """Whether everything but the choice of experiments is as in the paper."""
        return replace(self, experiments=EXPERIMENTS) == Parameters()

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
class _Images:
    """Images uint8 (N, D), their truth (N,), and the validation images: all that a step may look at."""

    x: NDArray[np.uint8]
    y: NDArray[np.int64]
    validation_x: NDArray[np.uint8]
    validation_y: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class _Step:
    """Where an experiment stands after a fit: positions labeled (n,), their values (n,), what the fit brought."""

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
    images = _Images(_flat(splits.pool), splits.pool.truth, _flat(splits.validation), splits.validation.truth)
    model = SoftmaxRegression(n_classes, images.x.shape[1])
    zeros = State.zeros(n_classes, images.x.shape[1])
    results = Results()

    def trace(experiment: Experiment, steps: Iterator[_Step], total: int) -> _Step:
        curve, last = _trace(steps, splits.test, model, lambda done: on_progress(Progress(experiment, done, total)))
        if experiment in wanted:
            results.curves[experiment] = curve
            on_finished(results)
        return last

    batch = parameters.batch_size
    n_batches = -(-budget // batch)
    if "ground_truth" in wanted:
        trace("ground_truth", _fit_first(model, zeros, images, size), 1)
    if "random" in wanted:
        trace("random", _fit_first(model, zeros, images, budget), 1)
    if "random_curve" in wanted:
        trace("random_curve", _active(model, zeros, images, replace(parameters, ranking="random")), n_batches)
    if {"active", "auto_naive", "auto_confident"} & set(wanted):
        # Auto-labeling goes on from where active learning ends, so that comes first in any case.
        bought = trace("active", _active(model, zeros, images, parameters), n_batches)
        if "auto_naive" in wanted and budget < size:
            trace("auto_naive", _auto_naive(model, bought, images), 1)
        if "auto_confident" in wanted and budget < size:
            trace("auto_confident", _auto_confident(model, bought, images, batch), -(-(size - budget) // batch))
    if "kmeans" in wanted:
        started = time.perf_counter()
        results.clusters = find_clusters(images.x, seed=parameters.shuffle_seed or 0)
        results.clusters_seconds = time.perf_counter() - started
        on_progress(Progress("kmeans", 1, 1))
        on_finished(results)
    return results


def _flat(split: Split) -> NDArray[np.uint8]:
    return split.images.reshape(len(split.images), -1)  # (N, height, width) -> (N, D)


def _fit(
    model: SoftmaxRegression,
    state: State,
    images: _Images,
    positions: NDArray[np.int64],
    values: NDArray[np.int64],
) -> Fit:
    return model.fit(state, images.x[positions], values, images.validation_x, images.validation_y)


def _fit_first(model: SoftmaxRegression, state: State, images: _Images, count: int) -> Iterator[_Step]:
    """Buy the first `count` labels of the pool at once: the paper's "ground truth" and "random"."""
    positions = np.arange(count)
    yield _Step(positions, images.y[:count], _fit(model, state, images, positions, images.y[:count]))


def _active(model: SoftmaxRegression, state: State, images: _Images, parameters: Parameters) -> Iterator[_Step]:
    """Buy batch after batch of what the ranking puts first; the first batch is the first of the pool."""
    positions = np.arange(min(parameters.batch_size, parameters.budget))
    for number in range(1, parameters.budget + 1):
        fit = _fit(model, state, images, positions, images.y[positions])
        state = fit.state
        is_last = len(positions) >= parameters.budget
        head = ranking.rank(
            partial(model.predict, state, images.x),
            len(images.x),
            positions,
            parameters.ranking,
            count=min(parameters.batch_size, parameters.budget - len(positions)),
            seed=(parameters.shuffle_seed or 0, number),
        )
        confidence = np.sort(head.all_confidences) if number == 1 or is_last else None
        yield _Step(positions, images.y[positions], fit, confidence)
        if is_last:
            return
        positions = np.concatenate([positions, head.positions])


def _auto_naive(model: SoftmaxRegression, bought: _Step, images: _Images) -> Iterator[_Step]:
    """Believe the model about everything that is left, and fit once."""
    rest = ranking.find_rest(len(images.x), bought.positions)
    believed = model.predict(bought.fit.state, images.x, rest).argmax(axis=1)
    positions = np.concatenate([bought.positions, rest])
    values = np.concatenate([bought.values, believed])
    yield _Step(positions, values, _fit(model, bought.fit.state, images, positions, values))


def _auto_confident(model: SoftmaxRegression, bought: _Step, images: _Images, batch_size: int) -> Iterator[_Step]:
    """Believe the model about the batch it is surest of, fit, and so on until nothing is left."""
    positions, values, state = bought.positions, bought.values, bought.fit.state
    while len(positions) < len(images.x):
        rest = ranking.find_rest(len(images.x), positions)
        probabilities = model.predict(state, images.x, rest)  # (N - n, K)
        surest = ranking.head(-ranking.confidence(probabilities), batch_size)
        positions = np.concatenate([positions, rest[surest]])
        values = np.concatenate([values, probabilities[surest].argmax(axis=1)])
        fit = _fit(model, state, images, positions, values)
        state = fit.state
        yield _Step(positions, values, fit)


def _trace(
    steps: Iterator[_Step], test: Split, model: SoftmaxRegression, on_step: Callable[[int], None]
) -> tuple[Curve, _Step]:
    """Run all steps; the curve of what they brought, and the last of them."""
    curve, last = Curve(), None
    started = time.perf_counter()
    for done, step in enumerate(steps, start=1):
        last = step
        curve.seconds += time.perf_counter() - started
        curve.labels.append(len(step.positions))
        curve.validation.append(Accuracy(step.fit.correct, step.fit.total))
        if len(test.truth):
            curve.test_right = model.predict(step.fit.state, _flat(test)).argmax(axis=1) == test.truth
            curve.test.append(Accuracy(int(curve.test_right.sum()), len(test.truth)))
        if step.confidence is not None:
            curve.confidence[len(step.positions)] = step.confidence
        on_step(done)
        started = time.perf_counter()
    assert last is not None  # every experiment fits at least once
    return curve, last
