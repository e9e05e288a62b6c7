"""Published against reproduced: what the paper printed, and that ours are equal, digit by digit."""

import copy
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from app.accuracy import Accuracy
from app.datasets.mnist import read_mnist
from app.datasets.splits import split
from app.learning.clusters import Clusters
from app.oracle import paper, scenarios, table
from app.oracle.experiments import EXPERIMENTS, Experiment
from app.oracle.results import DataSource, RunResult, build_result
from app.oracle.scenarios import Parameters, Results
from app.oracle.steps import Curve

MNIST = os.environ.get("INKLING_MNIST")  # at import: in tests no setting comes from outside
CURVES: tuple[Experiment, ...] = EXPERIMENTS[:5]


def as_published() -> Results:
    """A run that came out as the paper's."""
    curves: dict[Experiment, Curve] = {}
    for experiment in CURVES:
        printed = paper.published()[experiment]
        curves[experiment] = Curve(
            labels=list(printed["labels"]),
            validation=[Accuracy(round(value * 400), 400) for value in printed["accuracy"]],
            test=[Accuracy(8000, 9600) for _ in printed["accuracy"]],
        )
    return Results(curves=curves)


def build(results: Results, parameters: Parameters | None = None, dataset: str = "mnist") -> RunResult:
    return build_result(results, parameters or Parameters(), DataSource(name=dataset, sha256="abc"))


@pytest.fixture
def published(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    """The paper's numbers, to be changed."""
    changed = copy.deepcopy(paper.published())
    monkeypatch.setattr(paper, "published", lambda: changed)
    yield changed


def test_the_paper_printed_403_accuracies_each_a_count_of_400() -> None:
    accuracies = [value for experiment in CURVES for value in paper.published()[experiment]["accuracy"]]

    assert len(accuracies) == 403
    assert all(value == round(value * 400) / 400 for value in accuracies)


def test_each_printed_accuracy_has_its_number_of_labels() -> None:
    published = paper.published()

    assert [published[experiment]["labels"] for experiment in CURVES] == [
        [4000],
        [400],
        list(range(10, 401, 10)),
        [4000],
        list(range(410, 4001, 10)),
    ]
    assert [published[experiment]["accuracy"][-1] for experiment in CURVES] == [0.9225, 0.8375, 0.8975, 0.8975, 0.905]
    assert published["active"]["accuracy"][:3] == [0.38, 0.4975, 0.535]


def test_a_run_like_the_papers_is_equal_in_every_point() -> None:
    result = build(as_published())
    rows = table.compare(result)

    assert result.matches_paper is True
    assert [(row.experiment, row.n_equal, row.n_points, row.is_equal) for row in rows] == [
        ("ground_truth", 1, 1, True),
        ("random", 1, 1, True),
        ("active", 40, 40, True),
        ("auto_naive", 1, 1, True),
        ("auto_confident", 360, 360, True),
    ]
    assert [row.published for row in rows] == [row.validation.value for row in rows]
    assert [row.labels for row in rows] == [4000, 400, 400, 4000, 4000]


@pytest.mark.parametrize(("experiment", "index"), [("ground_truth", 0), ("active", 17), ("auto_confident", 359)])
def test_one_image_more_or_less_is_not_equal(experiment: Experiment, index: int) -> None:
    results = as_published()
    point = results.curves[experiment].validation[index]
    results.curves[experiment].validation[index] = Accuracy(point.correct - 1, 400)

    result = build(results)
    rows = table.compare(result)

    assert result.matches_paper is False
    (different,) = [row for row in rows if not row.is_equal]
    assert (different.experiment, different.n_equal) == (experiment, different.n_points - 1)


@pytest.mark.parametrize(
    ("parameters", "dataset"),
    [
        (Parameters(), "sample"),
        (Parameters(budget=390), "mnist"),
        (Parameters(shuffle_seed=0), "mnist"),
        (Parameters(ranking="margin"), "mnist"),
        (Parameters(pool_start=4000), "mnist"),
    ],
)
def test_off_the_papers_path_nothing_is_compared(parameters: Parameters, dataset: str) -> None:
    result = build(as_published(), parameters, dataset)
    rows = table.compare(result)

    assert result.matches_paper is None
    assert {(row.published, row.n_equal, row.is_equal) for row in rows} == {(None, None, None)}


def test_some_of_the_papers_experiments_are_compared_with_the_same_of_the_paper() -> None:
    results = as_published()
    results.curves = {"active": results.curves["active"]}

    result = build(results, Parameters(experiments=("active",)))
    rows = table.compare(result)

    assert result.matches_paper is True
    assert len(rows) == 1


def test_clusters_alone_are_nothing_to_compare() -> None:
    result = build(Results(clusters=Clusters(np.zeros((10, 784)), (2.0, 1.0))))
    rows = table.compare(result)

    assert rows == []
    assert result.matches_paper is None


def test_a_random_ranking_is_called_random_and_not_active_learning() -> None:
    curve = as_published().curves["active"]

    stored = build(Results({"active": curve}), Parameters(ranking="random")).as_stored()  # as earlier versions did
    result = RunResult.model_validate(stored)

    assert [row.title for row in table.compare(result)] == ["Random, batch by batch"]
    assert list(result.experiments) == ["random_curve"]


def test_the_random_curve_is_compared_with_nothing_and_spoils_no_comparison() -> None:
    results = as_published()
    results.curves["random_curve"] = results.curves["active"]

    result = build(results)
    rows = table.compare(result)

    assert result.matches_paper is True
    assert [row.n_equal for row in rows if row.experiment == "random_curve"] == [None]


# The gate


@pytest.fixture(scope="module")
def reproduced() -> Results:
    """The five experiments on MNIST."""
    data = read_mnist(Path(MNIST or ""))
    cut = split(data, pool_start=0, pool_size=4000, validation_size=400)
    return scenarios.run(cut, 10, replace(Parameters(), experiments=CURVES), lambda _: None)


needs_mnist = pytest.mark.skipif(MNIST is None, reason="set INKLING_MNIST to a Keras mnist.npz to reproduce the paper")


@needs_mnist
def test_all_403_accuracies_of_the_paper_are_reproduced(reproduced: Results) -> None:
    result = build(reproduced)
    rows = table.compare(result)

    assert sum(row.n_equal or 0 for row in rows) == sum(row.n_points for row in rows) == 403
    assert result.matches_paper is True
    for experiment, curve in reproduced.curves.items():
        assert curve.labels == paper.published()[experiment]["labels"]
        assert [point.value for point in curve.validation] == paper.published()[experiment]["accuracy"]


@needs_mnist
def test_a_published_value_that_is_changed_does_not_go_unnoticed(
    reproduced: Results, published: dict[str, Any]
) -> None:
    published["active"]["accuracy"][12] += 0.0025

    result = build(reproduced)
    rows = table.compare(result)

    assert result.matches_paper is False
    assert sum(row.n_equal or 0 for row in rows) == 402


@needs_mnist
def test_on_the_images_nothing_has_seen_the_models_are_as_good_as_was_measured(reproduced: Results) -> None:
    found = {name: round(curve.test[-1].value, 4) for name, curve in reproduced.curves.items()}

    assert found == pytest.approx(
        {"ground_truth": 0.8979, "random": 0.8134, "active": 0.8625, "auto_naive": 0.8625, "auto_confident": 0.8670},
        abs=2e-3,
    )
