"""The result of a run: counts that go to JSON and back, and what earlier versions stored."""

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError
from sqlalchemy.orm import undefer

from app.accuracy import Accuracy
from app.db import Database
from app.learning.clusters import Clusters
from app.models import OracleRun
from app.oracle import runs
from app.oracle.experiments import EXPERIMENTS, Experiment
from app.oracle.paper import published
from app.oracle.results import PARAMETERS, DataSource, RunResult, build_result, pack_bits, unpack_bits
from app.oracle.scenarios import Parameters, Results
from app.oracle.steps import Curve
from tests.factories.making import NOW

# What version 0.2 stored: no format, shares in place of counts, k-means among the curves, no answers one by one.
OLD: dict[str, Any] = {
    "parameters": {
        "experiments": ["random", "active", "kmeans"],
        "pool_start": 0,
        "pool_size": 60,
        "validation_size": 30,
        "batch_size": 10,
        "budget": 20,
        "shuffle_seed": None,
        "ranking": "margin",
    },
    "data": {"name": "patterns", "sha256": "ab"},
    "experiments": {
        "random": {
            "labels": [20],
            "accuracy": [0.9333333333333333],
            "interval": [0.7867, 0.9815],
            "total": 30,
            "test_accuracy": [],
            "test_interval": None,
            "test_total": 0,
            "published": None,
            "n_equal": None,
            "seconds": 0.5,
            "confidence": {},
        },
        "active": {
            "labels": [10, 20],
            "accuracy": [0.36666666666666664, 0.7],
            "interval": [0.5212, 0.8334],
            "total": 30,
            "test_accuracy": [0.3333333333333333, 0.5714285714285714],
            "test_interval": [0.3655, 0.7553],
            "test_total": 21,
            "published": None,
            "n_equal": None,
            "seconds": 0.25,
            "confidence": {"10": [0.25, 0.5], "20": [0.75]},
        },
        "kmeans": {
            "distances": [2.0, 1.0],
            "centers": [[0.0, 0.3333], [1.0, 0.5]],
            "published": {"first": 3.0, "last": 2.0},
            "seconds": 0.125,
        },
    },
    "matches_paper": None,
}


def make_results() -> Results:
    """The paper's curves, and clusters."""
    curves: dict[Experiment, Curve] = {}
    for experiment in EXPERIMENTS[:5]:
        printed = published()[experiment]
        counts = [Accuracy(round(share * 400), 400) for share in printed["accuracy"]]
        curves[experiment] = Curve(labels=printed["labels"], validation=counts)
        curves[experiment].test = [Accuracy(8000, 9600) for _ in counts]
    curves["active"].confidence = {10: np.array([0.123456789], np.float32)}
    curves["active"].test_right = np.arange(9600) % 6 > 0
    return Results(curves, Clusters(np.full((10, 784), 1 / 3), (2.0, 1.0)), 0.5)


def make_result(parameters: Parameters | None = None) -> RunResult:
    return build_result(make_results(), parameters or Parameters(), DataSource(name="mnist", sha256="abc"))


def test_a_result_is_read_as_it_was_stored() -> None:
    result = make_result(Parameters(shuffle_seed=3, ranking="entropy"))
    stored = json.loads(json.dumps(result.as_stored()))

    assert RunResult.model_validate(stored) == result
    assert stored["format"] == 1
    assert "accuracy" not in stored["experiments"]["active"]


def test_for_others_it_has_every_curve_with_shares_and_intervals() -> None:
    found = json.loads(json.dumps(make_result().as_json()))

    assert found["matches_paper"] is True
    assert found["data"] == {"name": "mnist", "sha256": "abc"}
    assert tuple(found["experiments"]) == EXPERIMENTS[:5]
    assert found["parameters"]["experiments"] == list(EXPERIMENTS)
    active = found["experiments"]["active"]
    assert active["labels"] == published()["active"]["labels"]
    assert active["accuracy"] == published()["active"]["accuracy"]
    assert active["correct"] == [round(share * 400) for share in active["accuracy"]]
    assert active["interval"] == pytest.approx([0.864, 0.924], abs=5e-4)
    assert active["test_accuracy"] == [8000 / 9600] * 40
    assert (active["total"], active["test_total"], active["n_equal"]) == (400, 9600, 40)
    assert active["confidence"] == {"10": [0.12346]}
    assert (found["clusters"]["distances"], found["clusters"]["centers"][0][0]) == ([2.0, 1.0], 0.3333)
    assert found["clusters"]["published"] == {"first": 274107.66, "last": 154262.86}


def test_what_an_earlier_version_stored_is_read_as_counts() -> None:
    result = RunResult.model_validate(OLD)

    assert (result.format, list(result.experiments), result.matches_paper) == (1, ["random", "active"], None)
    assert result.parameters == replace(
        Parameters(),
        experiments=("random", "active", "kmeans"),
        pool_size=60,
        validation_size=30,
        budget=20,
        ranking="margin",
    )
    active, random = result.experiments["active"], result.experiments["random"]
    assert (active.correct, active.test_correct, active.test_right) == ((11, 21), (7, 12), None)
    assert (random.correct, random.test, random.test_interval) == ((28,), [], None)
    assert active.confidence == {10: (0.25, 0.5), 20: (0.75,)}
    assert active.accuracy == OLD["experiments"]["active"]["accuracy"]
    assert active.test_accuracy == OLD["experiments"]["active"]["test_accuracy"]
    assert active.interval == pytest.approx(OLD["experiments"]["active"]["interval"], abs=1e-4)
    assert result.clusters is not None
    assert result.clusters.centers == ((0.0, 0.3333), (1.0, 0.5))
    assert result.clusters.published is not None
    assert RunResult.model_validate(result.as_stored()) == result


def test_a_run_that_an_earlier_version_stored_has_its_result(database: Database) -> None:
    with database.write() as session:
        run = OracleRun(
            status="done",
            parameters=OLD["parameters"],
            progress={"experiment": None, "done": 0, "total": 0},
            result=OLD,
            created_at=NOW,
        )
        session.add(run)
        session.flush()
        run_id = run.id
    with database.read() as session:
        assert runs.get_result(session, run_id) == RunResult.model_validate(OLD)
        assert session.get_one(OracleRun, run_id, options=[undefer(OracleRun.result)]).result == OLD


def damaged(**changes: Any) -> dict[str, Any]:
    stored = make_result().as_stored()
    stored["experiments"]["active"] |= changes
    return stored


@pytest.mark.parametrize(
    ("stored", "message"),
    [
        (damaged(correct=[401] * 40), "a count of right answers is not between 0 and 400"),
        (damaged(test_correct=[-1] * 40), "a count of right answers is not between 0 and 9600"),
        (damaged(correct=[1]), "40 fits, and 1 counts of right answers"),
        (damaged(labels=[]), "at least 1 item"),
        (make_result().as_stored() | {"format": 2}, "Input should be 1"),
        (make_result().as_stored() | {"experiments": {"astrology": {}}}, "Input should be 'ground_truth'"),
        ({}, "Field required"),
    ],
)
def test_what_is_no_result_is_refused(stored: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        RunResult.model_validate(stored)


@pytest.mark.parametrize(
    "parameters", [Parameters(), Parameters(experiments=("active", "kmeans"), shuffle_seed=3, ranking="entropy")]
)
def test_parameters_go_to_json_and_back(parameters: Parameters) -> None:
    stored = json.loads(json.dumps(PARAMETERS.dump_python(parameters, mode="json")))

    assert PARAMETERS.validate_python(stored) == parameters


@pytest.mark.parametrize("count", [1, 8, 9600, 9601])
def test_bits_are_unpacked_as_they_were_packed(count: int) -> None:
    right = np.random.default_rng(count).random(count) < 0.8

    assert (unpack_bits(pack_bits(right), count) == right).all()
