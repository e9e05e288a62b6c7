"""The same experiments on several pools: how good a way to ask is on average, and next to another on the same pools.

One run says how two models differ, not how two ways to ask do: that takes several pools. P pools are finished.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from math import sqrt
from typing import Any

import numpy as np

from app.oracle.experiments import Experiment
from app.oracle.results import CurveResult, RunResult

MAX_POOLS = 1_000
POINTS = (10, 20, 40, 60, 100, 200, 400)  # labels at which curves are compared, as far as the budget goes
REFERENCES: tuple[Experiment, ...] = ("active", "inkling_random")  # the paper's way, and random choice
CURVES: tuple[Experiment, ...] = ("inkling", "inkling_random", "active", "random_curve")
RULE = (
    "pool k of a study with seed s is drawn by numpy.random.default_rng((s, k)): first its start, "
    "integers(n_images - pool_size + 1), then its shuffle seed, integers(2**32)"
)
CAUTION = "The pools overlap and share one test set: the intervals show their spread, and are a little too narrow."


@dataclass(frozen=True, slots=True)
class DrawnPool:
    """One pool of a study; its number counts from 1."""

    number: int
    pool_start: int
    shuffle_seed: int


@dataclass(frozen=True, slots=True)
class Spread:
    """P values: their mean, its 95 % interval by Student's t, their standard deviation, and the worst of them.

    The interval takes the pools for independent. They overlap and share one test set, so it is a little too narrow.
    Of one pool nothing is known about the others: no interval and no deviation.
    """

    mean: float
    interval: tuple[float, float] | None
    sd: float | None
    worst: float


@dataclass(frozen=True, slots=True)
class Point:
    """After so many labels: the accuracy of every experiment, and what the first is ahead of each other on one pool."""

    labels: int
    accuracy: dict[Experiment, Spread]
    ahead_of: dict[Experiment, Spread]


def draw_pool(number: int, *, n_images: int, pool_size: int, seed: int) -> DrawnPool:
    """The pool by RULE. It is the same however many are drawn; two of them may have images in common."""
    generator = np.random.default_rng((seed, number))
    start = int(generator.integers(n_images - pool_size + 1))
    return DrawnPool(number, start, int(generator.integers(2**32)))


def with_references(named: Sequence[Experiment]) -> tuple[Experiment, ...]:
    """The experiments of a study: those that were named, and what the first of them is compared with."""
    return tuple(dict.fromkeys([*named, *REFERENCES]))


def summarize(results: Sequence[RunResult], first: Experiment, points: Sequence[int] = POINTS) -> list[Point]:
    """The accuracies at so many labels and at the end, on unseen images; on validation images if there are no others.

    P results, all of the same experiments and sizes; P > 0.
    """
    labels = results[0].experiments[first].labels
    last = {point: max((n for n in labels if n <= point), default=labels[0]) for point in (*points, labels[-1])}
    return [_summarize(results, first, labels.index(n)) for n in sorted(set(last.values()))]


def _summarize(results: Sequence[RunResult], first: Experiment, index: int) -> Point:
    names = sorted(results[0].experiments, key=lambda name: (name != first, CURVES.index(name)))
    values = {name: np.array([_accuracies(result.experiments[name])[index] for result in results]) for name in names}
    return Point(
        labels=results[0].experiments[first].labels[index],
        accuracy={name: find_spread(values[name].tolist()) for name in names},
        ahead_of={name: find_spread((values[first] - values[name]).tolist()) for name in names if name != first},
    )


def find_spread(values: Sequence[float]) -> Spread:
    """Of P > 0 values."""
    from scipy.special import stdtrit  # takes a while to load: not for those who ask for no study

    mean, n = float(np.mean(values)), len(values)
    if n == 1:
        return Spread(mean, None, None, min(values))
    sd = float(np.std(values, ddof=1))
    half = float(stdtrit(n - 1, 0.975)) * sd / sqrt(n)
    return Spread(mean, (mean - half, mean + half), sd, min(values))


def as_json(
    pools: Sequence[DrawnPool], results: Sequence[RunResult], *, first: Experiment, n_asked: int, seed: int
) -> dict[str, Any]:
    """Everything: the rule, the counts of every pool, and the summary. P pools with P results."""
    return {
        "format": 1,
        "rule": RULE,
        "seed": seed,
        "pools_asked": n_asked,
        "compared": first,
        "points": [asdict(point) for point in summarize(results, first)] if results else [],
        "pools": [_pool_as_json(pool, result) for pool, result in zip(pools, results, strict=True)],
    }


def _pool_as_json(pool: DrawnPool, result: RunResult) -> dict[str, Any]:
    """Without what is long and counts nothing: single answers and confidences."""
    written = result.as_json()
    curves = {
        name: {field: value for field, value in curve.items() if field not in ("test_right", "confidence")}
        for name, curve in written["experiments"].items()
    }
    return {"number": pool.number, "parameters": written["parameters"], "data": written["data"], "experiments": curves}


def _accuracies(curve: CurveResult) -> list[float]:
    return curve.test_accuracy or curve.accuracy
