"""The Wilson interval, against SciPy's; those of differences, against published examples."""

import pytest
from hypothesis import given, strategies as st
from scipy.stats import binomtest

from app.accuracy import Accuracy, independent_difference, paired_difference

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


def test_the_interval_of_independent_counts_is_the_published_example() -> None:
    found = independent_difference(Accuracy(56, 70), Accuracy(48, 80))  # Newcombe (1998), table II, example (a)

    assert found.value == pytest.approx(0.2)
    assert found.interval == pytest.approx((0.0524, 0.3339), abs=5e-5)
    assert not found.is_paired


def test_the_interval_of_pairs_is_the_published_example() -> None:
    found = paired_difference(150, 86, 1600)  # Agresti, "Categorical Data Analysis", section 10.1: approval, twice

    assert found.value == pytest.approx(0.04)
    assert found.interval == pytest.approx((0.02, 0.06), abs=2e-3)
    assert found.is_paired


def test_what_both_get_right_or_wrong_narrows_the_interval_of_pairs() -> None:
    paired = paired_difference(300, 200, 9600)
    independent = independent_difference(Accuracy(8300, 9600), Accuracy(8200, 9600))

    assert paired.value == pytest.approx(independent.value)
    assert paired.interval[0] > independent.interval[0]
    assert paired.interval[1] < independent.interval[1]


def test_two_models_that_answer_alike_differ_by_nothing_but_not_for_certain() -> None:
    low, high = paired_difference(0, 0, 100).interval

    assert low == -high
    assert 0 < high < 0.05
