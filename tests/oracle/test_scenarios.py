"""The paper's experiments on a small data set, against the steps taken one by one."""

from dataclasses import replace

import numpy as np
import pytest

from app.datasets.splits import Splits
from app.errors import NotEnoughImages
from app.learning import strategies
from app.learning.clusters import find_clusters
from app.learning.learner import Features, PoolImages, find_right
from app.learning.learners import make_learner
from app.learning.names import PAPERS, STRATEGIES, Strategy
from app.oracle import scenarios
from app.oracle.experiments import EXPERIMENTS, Experiment, as_named
from app.oracle.scenarios import Parameters, Progress, Results
from tests.factories import make_data_set, make_splits

pytestmark = pytest.mark.tensorflow

SMALL = Parameters(pool_size=60, validation_size=20, batch_size=7, budget=25)


@pytest.fixture(scope="module")
def splits() -> Splits:
    """60 images of 4 x 4 pixels, 20 to validate, 30 to test."""
    return make_splits(make_data_set())


def run(splits: Splits, parameters: Parameters = SMALL) -> tuple[Results, list[Progress]]:
    heard: list[Progress] = []
    return scenarios.run(splits, 10, parameters, heard.append), heard


def only(*experiments: Experiment) -> Parameters:
    return replace(SMALL, experiments=experiments)


def test_the_defaults_are_the_papers() -> None:
    assert Parameters().are_the_papers
    assert replace(Parameters(), experiments=("active",)).are_the_papers
    assert not replace(Parameters(), budget=399).are_the_papers
    assert not replace(Parameters(), shuffle_seed=0).are_the_papers


def test_each_curve_has_its_labels_and_a_point_for_each_fit(splits: Splits) -> None:
    results, _ = run(splits)

    assert {name: curve.labels for name, curve in results.curves.items()} == {
        "ground_truth": [60],
        "random": [25],
        "active": [7, 14, 21, 25],
        "auto_naive": [60],
        "auto_confident": [32, 39, 46, 53, 60],
    }
    for curve in results.curves.values():
        assert len(curve.validation) == len(curve.test) == len(curve.labels)
        assert {point.total for point in curve.validation} == {20}
        assert {point.total for point in curve.test} == {30}
        assert curve.seconds > 0


def test_progress_counts_every_step_of_every_experiment(splits: Splits) -> None:
    _, heard = run(splits)

    totals: dict[Experiment, int] = {
        "ground_truth": 1,
        "random": 1,
        "active": 4,
        "auto_naive": 1,
        "auto_confident": 5,
        "kmeans": 10,
    }
    assert heard == [
        Progress(experiment, done, total) for experiment, total in totals.items() for done in range(1, total + 1)
    ]
    assert tuple(totals) == EXPERIMENTS


def test_progress_that_raises_stops_the_run(splits: Splits) -> None:
    heard: list[Progress] = []

    def stop(progress: Progress) -> None:
        heard.append(progress)
        if len(heard) == 3:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        scenarios.run(splits, 10, SMALL, stop)
    assert len(heard) == 3


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_active_learning_is_fit_rank_and_buy_again(splits: Splits, strategy: Strategy) -> None:
    curve = run(splits, replace(only("active"), ranking=strategy))[0].curves[as_named("active", strategy)]

    learner, y = make_learner(PAPERS, 10, (4, 4)), splits.pool.truth
    state, pool = learner.initial(), PoolImages(splits.pool.images, Features(0, {}))
    bought = list(range(7))
    for number, n_labels in enumerate((7, 14, 21, 25), start=1):
        assert len(bought) == n_labels
        fit = learner.fit(state, pool, np.array(bought), y[bought], splits.validation)
        state = fit.state
        rest = np.array([position for position in range(60) if position not in bought])
        probabilities = learner.predict(state, pool, rest)
        assert curve.validation[number - 1].correct == fit.correct
        assert curve.test[number - 1].correct == find_right(learner, state, pool, splits.test).sum()
        scores = strategies.score(probabilities, strategy, positions=rest, seed=(0, number))
        order = rest[np.lexsort((rest, scores))].tolist()
        if n_labels in (7, 25):
            np.testing.assert_array_equal(curve.confidence[n_labels], np.sort(probabilities.max(axis=1)))
        bought += order[: min(7, 25 - n_labels)]
    assert set(curve.confidence) == {7, 25}


def test_auto_labelling_goes_on_where_active_learning_ended(splits: Splits) -> None:
    results, _ = run(splits)
    with_active = results.curves
    for experiment in ("auto_naive", "auto_confident"):
        alone, heard = run(splits, only(experiment))

        assert list(alone.curves) == [experiment]
        assert alone.curves[experiment].validation == with_active[experiment].validation
        assert heard[0].experiment == "active"

    # The model believes itself: before it has learned anything new it is as good as it was.
    assert with_active["auto_naive"].validation[0].correct >= with_active["active"].validation[-1].correct


def test_what_was_not_asked_for_is_not_run(splits: Splits) -> None:
    results, heard = run(splits, only("random"))

    assert list(results.curves) == ["random"]
    assert results.clusters is None
    assert heard == [Progress("random", 1, 1)]


def test_the_clusters_are_those_of_the_pool(splits: Splits) -> None:
    results, _ = run(splits, only("kmeans"))

    assert results.clusters is not None
    assert results.clusters.distances == find_clusters(splits.pool.images.reshape(60, 16), seed=0).distances
    assert results.curves == {}


def test_a_budget_of_the_whole_pool_leaves_nothing_to_auto_label(splits: Splits) -> None:
    results, _ = run(splits, replace(SMALL, budget=60))

    assert list(results.curves) == ["ground_truth", "random", "active"]
    assert results.curves["active"].labels == [7, 14, 21, 28, 35, 42, 49, 56, 60]
    assert results.curves["active"].confidence[60].shape == (0,)
    assert results.curves["ground_truth"].validation == results.curves["random"].validation


def test_a_budget_smaller_than_a_batch_is_one_fit(splits: Splits) -> None:
    results, heard = run(splits, replace(only("active"), budget=3))

    assert results.curves["active"].labels == [3]
    assert heard == [Progress("active", 1, 1)]


def test_a_budget_larger_than_the_pool_is_refused_with_both_numbers(splits: Splits) -> None:
    with pytest.raises(NotEnoughImages, match="A budget of 61 labels is more than the pool of 60") as caught:
        run(splits, replace(SMALL, budget=61))

    assert caught.value.context == {"asked": 61, "available": 60}


def test_without_test_images_there_are_no_test_accuracies() -> None:
    splits = make_splits(make_data_set(n_test=20), n_validation=20)
    results, _ = run(splits, only("random"))

    assert results.curves["random"].test == []


def test_the_same_run_twice_is_the_same(splits: Splits) -> None:
    first, second = run(splits)[0], run(splits)[0]

    for experiment, curve in first.curves.items():
        assert curve.validation == second.curves[experiment].validation
        assert curve.test == second.curves[experiment].test


def test_the_random_curve_is_what_asking_at_random_gives_and_is_not_the_papers(splits: Splits) -> None:
    found = run(splits, only("random_curve"))[0].curves["random_curve"]
    expected = run(splits, replace(only("active"), ranking="random"))[0].curves["random_curve"]

    assert found.labels == [7, 14, 21, 25]
    assert (found.validation, found.test) == (expected.validation, expected.test)
    assert "random_curve" not in Parameters().experiments


def test_the_random_curve_beside_it_changes_nothing_in_active_learning(splits: Splits) -> None:
    both = run(splits, only("random_curve", "active"))[0].curves
    alone = run(splits, only("active"))[0].curves

    assert list(both) == ["random_curve", "active"]
    assert both["active"].validation == alone["active"].validation
    assert both["active"].test == alone["active"].test


def test_which_test_images_the_last_model_gets_right_is_known(splits: Splits) -> None:
    for curve in run(splits)[0].curves.values():
        assert curve.test_right is not None
        assert (len(curve.test_right), curve.test_right.sum()) == (30, curve.test[-1].correct)


def test_results_are_told_after_every_experiment(splits: Splits) -> None:
    told: list[list[str]] = []
    scenarios.run(
        splits, 10, only("random", "auto_naive", "kmeans"), lambda _: None, lambda r: told.append([*r.curves])
    )

    assert told == [["random"], ["random", "auto_naive"], ["random", "auto_naive"]]
