"""The five experiments of the paper: the notebook's way against ours, alternating in one process."""

import time
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from app.datasets import DataSet
from app.datasets.splits import split
from app.learning.learner import LabeledImages
from app.learning.learners import make_learner
from app.learning.names import PAPERS
from app.oracle import scenarios, table
from app.oracle.results import DataSource, build_result
from app.oracle.scenarios import Parameters, Results
from benchmarks import notebook
from benchmarks.finding import Finding

N_REPEATS = 2
PARAMETERS = Parameters(experiments=("ground_truth", "random", "active", "auto_naive", "auto_confident"))


def measure(data: DataSet, notes: Console) -> Iterator[Finding]:
    """Seconds of both and their ratio, the best of two runs each; whether the accuracies are equal."""
    make_learner(PAPERS, len(data.classes), data.train.images.shape[1:]).warm_up()
    cut = split(data, pool_start=0, pool_size=PARAMETERS.pool_size, validation_size=PARAMETERS.validation_size)
    arrays = (*flat(cut.pool), *flat(cut.validation))
    none = LabeledImages(cut.test.images[:0], cut.test.truth[:0])  # the notebook has no unseen images
    same = replace(cut, test=none)
    source = DataSource(name=data.name, sha256=data.sha256)
    theirs, ours = [], []
    n_equal = n_published = n_points = 0
    for number in range(N_REPEATS):
        notes.print(f"oracle: run {number + 1} of {N_REPEATS}, the notebook's way and ours")
        # Its `x / 255` is NumPy's, so float64: that is what the notebook feeds to each session.run.
        curves, seconds = notebook.run(*arrays, budget=PARAMETERS.budget, clock=time.perf_counter, dtype=np.float64)
        theirs.append(seconds)
        results = scenarios.run(same, len(data.classes), PARAMETERS, lambda _: None)
        ours.append({name: curve.seconds for name, curve in results.curves.items()})
        n_points = sum(len(curve) for curve in curves.values())
        n_equal = count_equal(results, curves)
        n_published = sum(row.n_equal or 0 for row in table.compare(build_result(results, PARAMETERS, source)))
    for name in PARAMETERS.experiments:
        their_best, our_best = min(run[name] for run in theirs), min(run[name] for run in ours)
        yield Finding("oracle", f"{name}, the notebook's way", their_best, "s")
        yield Finding("oracle", f"{name}, ours", our_best, "s")
    notes.print("oracle: ours with the test images")
    started = time.perf_counter()
    scenarios.run(cut, len(data.classes), PARAMETERS, lambda _: None)
    wall = time.perf_counter() - started
    notes.print("oracle: the notebook's way once more, kindly fed with float32")
    _, seconds = notebook.run(*arrays, budget=PARAMETERS.budget, clock=time.perf_counter, dtype=np.float32)
    their_sum, our_sum = min(sum(run.values()) for run in theirs), min(sum(run.values()) for run in ours)
    yield Finding("oracle", "all five, the notebook's way", their_sum, "s")
    yield Finding("oracle", "all five, ours", our_sum, "s")
    yield Finding("oracle", "all five, ours with the test images evaluated", wall, "s")
    float32_sum = sum(seconds.values())
    yield Finding("oracle", "times as fast as the notebook's way if fed with float32", float32_sum / our_sum, "×")
    yield Finding("oracle", "times as fast as the notebook's way", their_sum / our_sum, "×", 2.5, is_minimum=True)
    yield Finding("oracle", "accuracies equal to the notebook's way", n_equal, "", n_points, is_minimum=True)
    if data.name == "mnist":
        yield Finding("oracle", "accuracies equal to the published ones", n_published, "", 403, is_minimum=True)


def count_equal(results: Results, curves: dict[str, list[float]]) -> int:
    """How many accuracies of ours are those of the notebook's way."""
    return sum(
        point.correct == round(accuracy * point.total)
        for name, curve in results.curves.items()
        for point, accuracy in zip(curve.validation, curves[name], strict=True)
    )


def flat(part: LabeledImages) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Images (N, D) and their classes (N,)."""
    return part.images.reshape(len(part.images), -1), part.truth  # (N, H, W) -> (N, D)
