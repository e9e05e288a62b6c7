"""Pools that the paper does not have: every accuracy of the notebook's way against ours, and the times of both."""

import time
from collections.abc import Iterator
from dataclasses import replace

from rich.console import Console

from app.datasets import DataSet
from app.datasets.splits import split
from app.learning.learner import LabeledImages
from app.oracle import scenarios
from benchmarks import notebook
from benchmarks.finding import Finding
from benchmarks.oracle import PARAMETERS, count_equal, flat

POOLS = (
    (50_000, 1000, 1),
    (30_000, 2000, 5),
    (20_000, 3000, 11),
    (8000, 4000, 7),
    (10_000, 6000, 3),
)  # start, size, seed


def measure(data: DataSet, notes: Console) -> Iterator[Finding]:
    """For each pool how many accuracies are equal, and how many times as fast ours is."""
    for start, size, seed in POOLS:
        parameters = replace(PARAMETERS, pool_start=start, pool_size=size, shuffle_seed=seed)
        where = f"pool of {size:,} from image {start:,}, shuffled by {seed}"
        if start + size > len(data.train.images):
            notes.print(f"pools: {where}: {data.description} is too small for it")
            continue
        notes.print(f"pools: {where}")
        cut = split(data, pool_start=start, pool_size=size, validation_size=400, shuffle_seed=seed)
        arrays = (*flat(cut.pool), *flat(cut.validation))
        curves, seconds = notebook.run(*arrays, budget=parameters.budget, clock=time.perf_counter)
        same = replace(cut, test=LabeledImages(cut.test.images[:0], cut.test.truth[:0]))
        results = scenarios.run(same, len(data.classes), parameters, lambda _: None)
        n_points = sum(len(curve) for curve in curves.values())
        ours = sum(curve.seconds for curve in results.curves.values())
        n_equal = count_equal(results, curves)
        yield Finding("pools", f"{where}: accuracies equal", n_equal, "", n_points, is_minimum=True)
        yield Finding("pools", f"{where}: times as fast, fed with float32", sum(seconds.values()) / ours, "×")
