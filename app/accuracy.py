"""A count of right answers, never shown without its interval."""

from dataclasses import dataclass
from math import sqrt
from statistics import NormalDist

_Z = NormalDist().inv_cdf(0.975)


@dataclass(frozen=True, slots=True)
class Accuracy:
    """`correct` of `total` images; `total` is at least 1."""

    correct: int
    total: int

    @property
    def value(self) -> float:
        """The share of right answers, 0 to 1."""
        return self.correct / self.total

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % Wilson score interval (low, high).

        Written out, for `scipy.stats` alone takes longer to import than the first page may take to appear;
        a test compares the two.
        """
        n, p, z2 = self.total, self.value, _Z * _Z
        centre = (p + z2 / (2 * n)) / (1 + z2 / n)
        half = _Z / (1 + z2 / n) * sqrt(p * (1 - p) / n + z2 / (4 * n * n))
        return max(0.0, centre - half), min(1.0, centre + half)
