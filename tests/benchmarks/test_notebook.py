"""Ours against the notebook's way, which shares no code with it: every accuracy of all five experiments."""

import os
from pathlib import Path

import numpy as np
import pytest

from app import datasets
from app.datasets.splits import Splits, split
from app.learning.learner import Features, LabeledImages, PoolImages
from app.learning.softmax import SoftmaxRegression, State
from app.oracle import scenarios
from app.oracle.experiments import Experiment
from app.oracle.scenarios import Parameters
from app.settings import Settings

pytestmark = pytest.mark.tensorflow

EXPERIMENTS: tuple[Experiment, ...] = ("ground_truth", "random", "active", "auto_naive", "auto_confident")
MNIST = os.environ.get("INKLING_MNIST")
with_mnist = pytest.mark.skipif(not MNIST, reason="INKLING_MNIST says where MNIST is; without it the sample must do")


def run_both(settings: Settings, parameters: Parameters) -> tuple[dict[str, list[float]], dict[str, list[float]]]:
    """The validation accuracies of each experiment, ours and the notebook's."""
    from benchmarks import notebook  # imports TensorFlow, which collecting the tests need not

    data = datasets.load(settings)
    cut = split(
        data,
        pool_start=parameters.pool_start,
        pool_size=parameters.pool_size,
        validation_size=parameters.validation_size,
        shuffle_seed=parameters.shuffle_seed,
    )
    unseen = LabeledImages(cut.test.images[:0], cut.test.truth[:0])  # not part of the comparison
    results = scenarios.run(Splits(cut.pool, cut.validation, unseen), len(data.classes), parameters, lambda _: None)
    ours: dict[str, list[float]] = {
        name: [point.value for point in curve.validation] for name, curve in results.curves.items()
    }
    theirs, _ = notebook.run(
        cut.pool.images.reshape(len(cut.pool.images), -1),
        cut.pool.truth,
        cut.validation.images.reshape(len(cut.validation.images), -1),
        cut.validation.truth,
        budget=parameters.budget,
        batch_size=parameters.batch_size,
    )
    return ours, theirs


def assert_equal(ours: dict[str, list[float]], theirs: dict[str, list[float]]) -> None:
    assert list(ours) == list(theirs) == list(EXPERIMENTS)
    for name in EXPERIMENTS:
        # float32 there, float64 here: as float32 a count divided by the same total is the same number.
        np.testing.assert_array_equal(np.array(ours[name], np.float32), np.array(theirs[name], np.float32), name)


def test_ours_equals_the_notebooks_way_on_the_embedded_sample() -> None:
    parameters = Parameters(experiments=EXPERIMENTS, pool_size=300, budget=60)

    ours, theirs = run_both(Settings(dataset="sample", mnist=None), parameters)

    assert [len(ours[name]) for name in EXPERIMENTS] == [1, 1, 6, 1, 24]
    assert_equal(ours, theirs)


@with_mnist
def test_ours_equals_the_notebooks_way_on_a_pool_that_the_paper_does_not_have() -> None:
    parameters = Parameters(experiments=EXPERIMENTS, pool_start=30_000, pool_size=2000, shuffle_seed=5)

    ours, theirs = run_both(Settings(dataset="mnist", mnist=Path(MNIST or "")), parameters)

    assert sum(len(curve) for curve in ours.values()) == 203
    assert_equal(ours, theirs)


@with_mnist
@pytest.mark.parametrize(("start", "size", "seed"), [(50_000, 1000, 1), (20_000, 3000, 11), (10_000, 6000, 3)])
def test_weights_moments_and_probabilities_are_the_notebooks_to_the_last_bit(start: int, size: int, seed: int) -> None:
    from benchmarks.notebook import Notebook

    data = datasets.load(Settings(dataset="mnist", mnist=Path(MNIST or "")))
    cut = split(data, pool_start=start, pool_size=size, validation_size=400, shuffle_seed=seed)
    x, truth = cut.pool.images.reshape(size, -1), cut.pool.truth
    notebook = Notebook(784, 10, cut.validation.images.reshape(400, -1) / 255, cut.validation.truth)
    notebook.reset()
    learner, pool = SoftmaxRegression(10, (28, 28)), PoolImages(cut.pool.images, Features(0, {}))
    state, positions = learner.initial(), np.arange(10)
    for _ in range(50):
        accuracy = notebook.fit(x[positions] / 255, truth[positions])
        fit = learner.fit(state, pool, positions, truth[positions], cut.validation)
        state = fit.state
        rest = np.setdiff1d(np.arange(size), positions)
        probabilities = learner.predict(state, pool, rest)

        assert fit.correct == round(accuracy * 400)
        weights, bias, *powers, weights_m, weights_v, bias_m, bias_v = notebook.save()
        theirs = (weights.T, bias, weights_m.T, weights_v.T, bias_m, bias_v, *powers)
        for ours, their in zip(State.from_bytes(state).arrays(), theirs, strict=True):
            np.testing.assert_array_equal(ours, their)
        np.testing.assert_array_equal(probabilities, notebook.predict(x[rest] / 255))
        positions = np.concatenate([positions, rest[np.argsort(probabilities.max(axis=1), kind="stable")[:10]]])
    notebook.close()
