"""The Wilson interval, against SciPy's."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from app.accuracy import Accuracy

counts = st.integers(1, 100_000).flatmap(lambda total: st.tuples(st.integers(0, total), st.just(total)))


@given(counts)
def test_the_interval_is_scipys(count: tuple[int, int]) -> None:
    correct, total = count
    expected = binomtest(correct, total).proportion_ci(method="wilson")

    assert Accuracy(correct, total).interval == pytest.approx((expected.low, expected.high), abs=1e-9)


@given(counts)
def test_the_interval_holds_the_value_and_stays_within_0_and_1(count: tuple[int, int]) -> None:
    accuracy = Accuracy(*count)
    low, high = accuracy.interval

    assert 0 <= low <= accuracy.value + 1e-12
    assert accuracy.value - 1e-12 <= high <= 1


def test_the_papers_number_has_the_interval_that_the_documentation_tells() -> None:
    accuracy = Accuracy(359, 400)

    assert accuracy.value == 0.8975
    assert accuracy.interval == pytest.approx((0.864, 0.924), abs=5e-4)


@pytest.mark.parametrize(("correct", "expected"), [(0, (0.0, 0.0089)), (426, (0.9911, 1.0))])
def test_nothing_and_everything_right_are_no_certainty(correct: int, expected: tuple[float, float]) -> None:
    assert Accuracy(correct, 426).interval == pytest.approx(expected, abs=1e-4)
