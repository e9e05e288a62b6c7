"""Several pools: which they are, and what is computed from what they gave."""

import json

import numpy as np
import pytest
from scipy import stats

from app.accuracy import Accuracy
from app.oracle import study
from app.oracle.experiments import TABLE, Experiment
from app.oracle.results import DataSource, RunResult, build_result
from app.oracle.scenarios import Parameters, Results
from app.oracle.steps import Curve

EXPERIMENTS: tuple[Experiment, ...] = ("active", "inkling", "inkling_random")


def make_result(*, n_test: int = 100, budget: int = 60, **right: int) -> RunResult:
    """A run in which each experiment gets so many unseen images right at the end, and one less a fit before."""
    results, labels = Results(), list(range(10, budget + 1, 10))
    for name in EXPERIMENTS:
        counts = [right.get(name, 50) - len(labels) + 1 + i for i in range(len(labels))]
        curve = Curve(labels=labels, validation=[Accuracy(count // 2, 50) for count in counts])
        curve.test = [Accuracy(count, n_test) for count in counts] if n_test else []
        curve.test_right = np.ones(n_test, np.bool_)
        results.curves[name] = curve
    parameters = Parameters(experiments=EXPERIMENTS, budget=budget)
    return build_result(results, parameters, DataSource(name="sample", sha256="ab" * 32))


def test_a_pool_is_the_same_however_many_are_drawn_and_lies_in_the_data() -> None:
    pools = [study.draw_pool(number, n_images=60_000, pool_size=4000, seed=7) for number in range(1, 200)]

    generator = np.random.default_rng((7, 3))
    assert pools[2] == study.DrawnPool(3, int(generator.integers(56_001)), int(generator.integers(2**32)))
    assert all(0 <= pool.pool_start <= 56_000 for pool in pools)
    assert len({pool.pool_start for pool in pools}) > 190
    assert study.draw_pool(3, n_images=60_000, pool_size=4000, seed=8) != pools[2]
    assert study.draw_pool(1, n_images=4000, pool_size=4000, seed=0).pool_start == 0


@pytest.mark.parametrize("n", [2, 3, 20])
def test_the_interval_is_students(n: int) -> None:
    values = np.random.default_rng(n).normal(0.9, 0.02, n)

    found = study.find_spread(values.tolist())

    expected = stats.t.interval(0.95, n - 1, loc=values.mean(), scale=stats.sem(values))
    assert found.interval == pytest.approx(expected)
    assert (found.mean, found.sd, found.worst) == pytest.approx((values.mean(), values.std(ddof=1), values.min()))


def test_one_pool_says_nothing_of_others() -> None:
    assert study.find_spread([0.5]) == study.Spread(0.5, None, None, 0.5)


def test_pools_are_compared_pair_by_pair() -> None:
    # The pools differ much, the lead does not: that is what pairs are for.
    results = [
        make_result(inkling=90, active=70),
        make_result(inkling=60, active=42),
        make_result(inkling=75, active=54),
    ]

    last = study.summarize(results, "inkling")[-1]

    assert last.ahead_of["active"] == study.find_spread([0.9 - 0.7, 0.6 - 0.42, 0.75 - 0.54])
    assert last.ahead_of["active"].interval is not None and last.ahead_of["active"].interval[0] > 0.1
    low, high = last.accuracy["inkling"].interval or (0.0, 0.0)
    assert low < last.accuracy["active"].mean < high
    assert list(last.accuracy) == ["inkling", "inkling_random", "active"]
    assert (last.accuracy["inkling"].worst, last.accuracy["active"].worst) == (0.6, 0.42)


@pytest.mark.parametrize(
    ("budget", "labels"),
    [(60, [10, 20, 40, 60]), (50, [10, 20, 40, 50]), (10, [10]), (400, [10, 20, 40, 60, 100, 200, 400])],
)
def test_the_points_go_as_far_as_the_budget(budget: int, labels: list[int]) -> None:
    assert [point.labels for point in study.summarize([make_result(budget=budget)], "inkling")] == labels


def test_without_unseen_images_the_validation_images_count() -> None:
    result = make_result(n_test=0, inkling=40)

    assert study.summarize([result], "inkling")[-1].accuracy["inkling"].mean == 20 / 50


def test_what_is_named_is_run_beside_the_papers_way_and_random_choice() -> None:
    assert study.with_references(["inkling"]) == ("inkling", "active", "inkling_random")
    assert study.with_references(["active", "random_curve"]) == ("active", "random_curve", "inkling_random")
    assert all(TABLE[name].marker == "line" for name in study.CURVES)


def test_the_file_has_the_rule_all_counts_and_the_summary() -> None:
    pools = [study.draw_pool(number, n_images=4000, pool_size=100, seed=0) for number in (1, 2)]
    written = study.as_json(pools, [make_result(inkling=80), make_result()], first="inkling", n_asked=5, seed=0)

    assert json.dumps(written, allow_nan=False)
    assert (written["rule"], written["pools_asked"], written["compared"]) == (study.RULE, 5, "inkling")
    assert [pool["number"] for pool in written["pools"]] == [1, 2]
    assert written["pools"][0]["experiments"]["inkling"]["test_correct"] == [75, 76, 77, 78, 79, 80]
    assert "test_right" not in written["pools"][0]["experiments"]["inkling"]
    assert written["points"][-1]["accuracy"]["inkling"]["mean"] == 0.65
    assert study.as_json([], [], first="inkling", n_asked=5, seed=0)["points"] == []
