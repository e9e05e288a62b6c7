"""Ours against the notebook's way, which shares no code with it: every accuracy of all five experiments."""

import os
from pathlib import Path

import numpy as np
import pytest

from app import datasets
from app.datasets import Split
from app.datasets.splits import Splits, split
from app.oracle import scenarios
from app.oracle.scenarios import Parameters
from app.settings import Settings

EXPERIMENTS: tuple[scenarios.Experiment, ...] = ("ground_truth", "random", "active", "auto_naive", "auto_confident")
MNIST = os.environ.get("INKLING_MNIST")


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
    unseen = Split(cut.test.images[:0], cut.test.truth[:0])  # not part of the comparison
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


@pytest.mark.skipif(not MNIST, reason="INKLING_MNIST says where MNIST is; without it the sample must do")
def test_ours_equals_the_notebooks_way_on_a_pool_that_the_paper_does_not_have() -> None:
    parameters = Parameters(experiments=EXPERIMENTS, pool_start=8000, shuffle_seed=7)

    ours, theirs = run_both(Settings(dataset="mnist", mnist=Path(MNIST or "")), parameters)

    assert sum(len(curve) for curve in ours.values()) == 403
    assert_equal(ours, theirs)
