"""Counts of right answers and differences between them, never shown without an interval."""

from dataclasses import dataclass
from math import nan, sqrt
from statistics import NormalDist

_Z = NormalDist().inv_cdf(0.975)


@dataclass(frozen=True, slots=True)
class Accuracy:
    """`correct` of `total` images. Of no images nothing is known: the share is NaN, and anywhere from 0 to 1."""

    correct: int
    total: int

    @property
    def value(self) -> float:
        """The share of right answers, 0 to 1."""
        return self.correct / self.total if self.total else nan

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % Wilson score interval (low, high).

        Written out, for `scipy.stats` alone takes longer to import than the first page may take to appear;
        a test compares the two.
        """
        if not self.total:
            return 0.0, 1.0
        n, p, z2 = self.total, self.value, _Z * _Z
        centre = (p + z2 / (2 * n)) / (1 + z2 / n)
        half = _Z / (1 + z2 / n) * sqrt(p * (1 - p) / n + z2 / (4 * n * n))
        return max(0.0, centre - half), min(1.0, centre + half)


@dataclass(frozen=True, slots=True)
class Difference:
    """One accuracy minus another, with its 95 % interval; `is_paired` says which of the two methods made it."""

    value: float
    interval: tuple[float, float]
    is_paired: bool


def paired_difference(only_first: int, only_second: int, total: int) -> Difference:
    """Two models on the same `total` images: how many only the first gets right, and how many only the second.

    Images that both get right or both get wrong say nothing about the difference, so they do not widen the interval.

    Source: A. Agresti and Y. Min, "Simple improved confidence intervals for comparing matched proportions" (2005).
    """
    b, c, n = only_first + 0.5, only_second + 0.5, total + 2  # half an image more in each of the four cells
    centre = (b - c) / n
    half = _Z * sqrt(b + c - (b - c) ** 2 / n) / n
    value = (only_first - only_second) / total
    return Difference(value, (max(-1.0, centre - half), min(1.0, centre + half)), is_paired=True)


def independent_difference(first: Accuracy, second: Accuracy) -> Difference:
    """Two models of which only the counts are known, as if each had images of its own.

    Source: R. Newcombe, "Interval estimation for the difference between independent proportions" (1998), method 10.
    """
    (low_1, high_1), (low_2, high_2) = first.interval, second.interval
    value = first.value - second.value
    low = value - sqrt((first.value - low_1) ** 2 + (high_2 - second.value) ** 2)
    high = value + sqrt((high_1 - first.value) ** 2 + (second.value - low_2) ** 2)
    return Difference(value, (low, high), is_paired=False)
