"""Oracle runs over HTTP: queue one, watch it, read its curves, stop it."""

import csv
from typing import Any

import pytest
from fastapi.testclient import TestClient

from app.oracle.experiments import EXPERIMENTS
from app.oracle.scenarios import Parameters
from app.web.edge.deps import Services

from .oracle_results import add_run, make_result, run_oracle

RUNS = "/api/v1/oracle-runs"
SMALL = {"pool_size": 60, "validation_size": 50, "budget": 20, "experiments": ["random", "active"]}


def test_a_run_is_accepted_and_says_where_to_watch_it(client: TestClient) -> None:
    response = client.post(RUNS, json=SMALL)

    assert response.status_code == 202
    assert response.headers["location"] == f"{RUNS}/{response.json()['id']}"
    found = client.get(response.headers["location"]).json()
    assert (found["status"], found["result"], found["error"]) == ("queued", None, None)
    assert found["progress"] == {"experiment": None, "done": 0, "total": 0, "preparation": None}


def test_without_parameters_it_is_the_papers_run(client: TestClient) -> None:
    assert client.post(RUNS, json={}).json()["parameters"] == {
        "experiments": list(EXPERIMENTS),
        "pool_start": 0,
        "pool_size": 4000,
        "validation_size": 400,
        "batch_size": 10,
        "budget": 400,
        "shuffle_seed": None,
        "ranking": "least_confidence",
    }


@pytest.mark.tensorflow
def test_a_run_that_is_done_has_every_curve(client: TestClient, services: Services) -> None:
    url = client.post(RUNS, json=SMALL).headers["location"]
    run_oracle(services)

    found = client.get(url).json()

    assert found["status"] == "done"
    assert found["result"]["data"]["name"] == "sample"
    assert found["result"]["matches_paper"] is None
    assert found["result"]["experiments"]["active"]["labels"] == [10, 20]
    assert "result" not in client.get(RUNS).json()["items"][0]


def test_an_experiment_asked_for_twice_is_run_once(client: TestClient) -> None:
    body = SMALL | {"experiments": ["active", "random", "active"]}

    assert client.post(RUNS, json=body).json()["parameters"]["experiments"] == ["active", "random"]


def test_all_that_a_run_asks_for_too_much_is_told_at_once_and_nothing_is_queued(client: TestClient) -> None:
    body = SMALL | {"pool_start": 3990, "pool_size": 3000, "validation_size": 1001, "batch_size": 0}

    refused = client.post(RUNS, json=body)

    assert (refused.status_code, refused.json()["code"]) == (422, "InvalidRequest")
    assert [(error["where"], error["what"]) for error in refused.json()["context"]["errors"]] == [
        (
            "body.pool_size",
            "Pool size: 3,000 is too large. Enter 10 to 10. From image 3,990 on the data set has 10; lower the pool "
            "start for more.",
        ),
        ("body.validation_size", "Validation size: 1,001 is too large. Enter 1 to 1,000."),
        ("body.batch_size", "Batch size: 0 is too small. Enter 1 to 10,000."),
    ]
    assert client.get(RUNS).json()["items"] == []


def test_runs_are_listed_newest_first_in_pages(client: TestClient) -> None:
    ids = [client.post(RUNS, json=SMALL).json()["id"] for _ in range(3)]

    first = client.get(RUNS, params={"limit": 2}).json()
    second = client.get(RUNS, params={"limit": 2, "cursor": first["next"]}).json()

    assert [run["id"] for run in first["items"] + second["items"]] == ids[::-1]
    assert second["next"] is None


def test_a_run_is_stopped_once(client: TestClient) -> None:
    url = client.post(RUNS, json=SMALL).headers["location"]

    assert client.post(f"{url}/stop").json()["status"] == "stopped"
    again = client.post(f"{url}/stop")
    assert (again.status_code, again.json()["code"]) == (409, "RunFinished")
    assert client.get(url).json()["status"] == "stopped"


def test_the_old_way_to_stop_a_run_still_answers(client: TestClient) -> None:
    url = client.post(RUNS, json=SMALL).headers["location"]

    assert client.delete(url).json()["status"] == "stopped"


@pytest.mark.parametrize(("method", "action"), [("GET", ""), ("POST", "/stop"), ("DELETE", "")])
def test_a_run_that_is_not_there_is_not_found(client: TestClient, method: str, action: str) -> None:
    assert client.request(method, f"{RUNS}/7{action}").json()["code"] == "NotFound"


@pytest.mark.parametrize(
    "body",
    [
        {"experiments": []},
        {"experiments": ["magic"]},
        {"pool_size": 9},
        {"budget": 0},
        {"batch_size": 0},
        {"shuffle_seed": -1},
        {"ranking": "astrology"},
        {"pool": 4000},
        {"pool_start": 10**12},
        {"pool_size": "many"},
        {"pool_size": None},
    ],
)
def test_a_run_that_cannot_be_is_refused(client: TestClient, body: dict[str, Any]) -> None:
    response = client.post(RUNS, json=body)

    assert (response.status_code, response.json()["code"]) == (422, "InvalidRequest")
    assert client.get(RUNS).json()["items"] == []


@pytest.mark.parametrize("kind", ["json", "csv"])
def test_a_run_is_downloaded_as_a_file(client: TestClient, services: Services, kind: str) -> None:
    run_id = add_run(services.database)

    found = client.get(f"{RUNS}/{run_id}", params={"download": kind})

    assert found.headers["content-disposition"] == f'attachment; filename="inkling-run-{run_id}.{kind}"'
    assert "content-disposition" not in client.get(f"{RUNS}/{run_id}").headers
    if kind == "json":
        assert found.json() == client.get(f"{RUNS}/{run_id}").json()


def test_the_csv_has_a_row_for_each_training_with_counts_and_intervals(client: TestClient, services: Services) -> None:
    run_id = add_run(services.database)

    rows = list(csv.DictReader(client.get(f"{RUNS}/{run_id}?download=csv").text.splitlines()))

    assert len(rows) == 403
    last = [row for row in rows if row["experiment"] == "active"][-1]
    assert (last["labels"], last["validation_correct"], last["validation_accuracy"]) == ("400", "359", "0.8975")
    assert (round(float(last["validation_low"]), 4), round(float(last["validation_high"]), 4)) == (0.8639, 0.9235)
    assert (last["query_strategy"], last["unseen_total"], last["shuffle_seed"]) == ("least_confidence", "9600", "")
    assert {row["query_strategy"] for row in rows if row["experiment"] in ("ground_truth", "random")} == {""}


def test_the_csv_of_a_random_ranking_calls_it_random(client: TestClient, services: Services) -> None:
    parameters = Parameters(experiments=("active",), ranking="random")
    result = make_result("active", parameters=parameters, n_test=0)
    run_id = add_run(services.database, parameters=parameters, result=result)

    rows = list(csv.DictReader(client.get(f"{RUNS}/{run_id}?download=csv").text.splitlines()))

    assert {(row["experiment"], row["query_strategy"], row["unseen_total"]) for row in rows} == {
        ("random_curve", "random", "")
    }


def test_a_run_under_way_has_no_result_and_no_csv(client: TestClient, services: Services) -> None:
    run_id = add_run(services.database, status="running", result=make_result("random"))

    assert client.get(f"{RUNS}/{run_id}").json()["result"] is None
    assert client.get(f"{RUNS}/{run_id}?download=csv").json()["code"] == "NotFound"


def test_a_stopped_run_gives_the_experiments_that_were_finished(client: TestClient, services: Services) -> None:
    run_id = add_run(services.database, status="stopped", result=make_result("random"))

    assert list(client.get(f"{RUNS}/{run_id}").json()["result"]["experiments"]) == ["random"]


@pytest.mark.tensorflow
def test_the_random_curve_is_run_on_request(client: TestClient, services: Services) -> None:
    url = client.post(RUNS, json=SMALL | {"experiments": ["random_curve"]}).headers["location"]
    run_oracle(services)

    assert client.get(url).json()["result"]["experiments"]["random_curve"]["labels"] == [10, 20]


def test_the_result_is_typed_in_the_documentation_of_the_api(client: TestClient) -> None:
    schemas = client.get("/api/v1/openapi.json").json()["components"]["schemas"]

    assert schemas["OracleRunDetail"]["properties"]["result"]["anyOf"][0] == {"$ref": "#/components/schemas/RunResult"}
    assert {"format", "experiments", "clusters", "matches_paper"} <= set(schemas["RunResult"]["properties"])
    assert {"labels", "correct", "total", "accuracy", "interval"} <= set(schemas["CurveResult"]["properties"])
