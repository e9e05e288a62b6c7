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
from app.learning.clusters import Clusters
from app.oracle import runs, table
from app.oracle.scenarios import EXPERIMENTS, Curve, Experiment, Parameters, Results

MNIST = os.environ.get("INKLING_MNIST")  # at import: in tests no setting comes from outside
CURVES: tuple[Experiment, ...] = EXPERIMENTS[:5]


def as_published() -> Results:
    """A run that came out as the paper's."""
    curves: dict[Experiment, Curve] = {}
    for experiment in CURVES:
        paper = table.published()[experiment]
        curves[experiment] = Curve(
            labels=list(paper["labels"]),
            validation=[Accuracy(round(value * 400), 400) for value in paper["accuracy"]],
            test=[Accuracy(8000, 9600) for _ in paper["accuracy"]],
        )
    return Results(curves=curves)


@pytest.fixture
def published(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    """The paper's numbers, to be changed."""
    changed = copy.deepcopy(table.published())
    monkeypatch.setattr(table, "published", lambda: changed)
    yield changed


def test_the_paper_printed_403_accuracies_each_a_count_of_400() -> None:
    accuracies = [value for experiment in CURVES for value in table.published()[experiment]["accuracy"]]

    assert len(accuracies) == 403
    assert all(value == round(value * 400) / 400 for value in accuracies)


def test_each_printed_accuracy_has_its_number_of_labels() -> None:
    published = table.published()

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
    rows = table.compare(as_published(), Parameters(), "mnist")

    assert table.matches_paper(rows) is True
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

    rows = table.compare(results, Parameters(), "mnist")

    assert table.matches_paper(rows) is False
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
    rows = table.compare(as_published(), parameters, dataset)

    assert table.matches_paper(rows) is None
    assert {(row.published, row.n_equal, row.is_equal) for row in rows} == {(None, None, None)}


def test_some_of_the_papers_experiments_are_compared_with_the_same_of_the_paper() -> None:
    results = as_published()
    results.curves = {"active": results.curves["active"]}

    rows = table.compare(results, Parameters(experiments=("active",)), "mnist")

    assert table.matches_paper(rows) is True
    assert len(rows) == 1


def test_clusters_alone_are_nothing_to_compare() -> None:
    rows = table.compare(Results(clusters=Clusters(np.zeros((10, 784)), (2.0, 1.0))), Parameters(), "mnist")

    assert rows == []
    assert table.matches_paper(rows) is None


def test_as_json_it_has_every_curve_with_intervals_and_what_it_was_made_of() -> None:
    results = as_published()
    results.clusters = Clusters(np.full((10, 784), 1 / 3), (2.0, 1.0))
    results.curves["active"].confidence = {10: np.array([0.123456789], np.float32)}

    found = table.as_json(results, Parameters(), "mnist", "abc")

    assert found["matches_paper"] is True
    assert found["data"] == {"name": "mnist", "sha256": "abc"}
    assert list(found["experiments"]) == list(EXPERIMENTS)
    active = found["experiments"]["active"]
    assert (active["labels"], active["accuracy"]) == (
        table.published()["active"]["labels"],
        table.published()["active"]["accuracy"],
    )
    assert active["interval"] == pytest.approx([0.864, 0.924], abs=5e-4)
    assert (active["total"], active["test_total"], active["n_equal"]) == (400, 9600, 40)
    assert active["confidence"] == {"10": [0.12346]}
    kmeans = found["experiments"]["kmeans"]
    assert (kmeans["distances"], kmeans["centers"][0][0]) == ([2.0, 1.0], 0.3333)


@pytest.mark.parametrize(
    "parameters", [Parameters(), Parameters(experiments=("active", "kmeans"), shuffle_seed=3, ranking="entropy")]
)
def test_parameters_go_to_json_and_back(parameters: Parameters) -> None:
    assert table.parameters_from_json(table.parameters_as_json(parameters)) == parameters


def test_a_random_ranking_is_called_random_and_not_active_learning() -> None:
    curve = as_published().curves["active"]

    (row,) = table.compare(Results({"active": curve}), Parameters(ranking="random"), "mnist")

    assert row.title == table.TITLES["random_curve"] == "Random, batch by batch"
    assert table.title_of("active", "margin") == "Active learning"
    assert table.as_named("random", "random") == "random"


def test_the_random_curve_is_compared_with_nothing_and_spoils_no_comparison() -> None:
    results = as_published()
    results.curves["random_curve"] = results.curves["active"]

    rows = table.compare(results, Parameters(), "mnist")

    assert table.matches_paper(rows) is True
    assert [row.n_equal for row in rows if row.experiment == "random_curve"] == [None]


@pytest.mark.parametrize("count", [1, 8, 9600, 9601])
def test_bits_are_unpacked_as_they_were_packed(count: int) -> None:
    right = np.random.default_rng(count).random(count) < 0.8

    assert (table.unpack_bits(table.pack_bits(right), count) == right).all()


# The gate


@pytest.fixture(scope="module")
def reproduced() -> Results:
    """The five experiments on MNIST."""
    data = read_mnist(Path(MNIST or ""))
    return runs.run_oracle(data, replace(Parameters(), experiments=CURVES), lambda _: None)


needs_mnist = pytest.mark.skipif(MNIST is None, reason="set INKLING_MNIST to a Keras mnist.npz to reproduce the paper")


@needs_mnist
def test_all_403_accuracies_of_the_paper_are_reproduced(reproduced: Results) -> None:
    rows = table.compare(reproduced, Parameters(), "mnist")

    assert sum(row.n_equal or 0 for row in rows) == sum(row.n_points for row in rows) == 403
    assert table.matches_paper(rows) is True
    for experiment, curve in reproduced.curves.items():
        assert curve.labels == table.published()[experiment]["labels"]
        assert [point.value for point in curve.validation] == table.published()[experiment]["accuracy"]


@needs_mnist
def test_a_published_value_that_is_changed_does_not_go_unnoticed(
    reproduced: Results, published: dict[str, Any]
) -> None:
    published["active"]["accuracy"][12] += 0.0025

    rows = table.compare(reproduced, Parameters(), "mnist")

    assert table.matches_paper(rows) is False
    assert sum(row.n_equal or 0 for row in rows) == 402


@needs_mnist
def test_on_the_images_nothing_has_seen_the_models_are_as_good_as_was_measured(reproduced: Results) -> None:
    found = {name: round(curve.test[-1].value, 4) for name, curve in reproduced.curves.items()}

    assert found == pytest.approx(
        {"ground_truth": 0.8979, "random": 0.8134, "active": 0.8625, "auto_naive": 0.8625, "auto_confident": 0.8670},
        abs=2e-3,
    )
