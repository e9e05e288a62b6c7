"""What a pool is and where it stands, over HTTP."""

import csv
import datetime as dt
import io
import json
import zipfile
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient
from sqlalchemy import text

from app import features
from app.trainer import Trainer
from app.web.edge.deps import Services
from tests.factories import add_pool, add_trainer
from tests.web.person import POOL, Person


def read_all(client: TestClient, url: str, limit: int) -> list[Any]:
    """The items of all pages, following the cursors."""
    items, cursor = [], None
    while True:
        given = {"limit": limit} | ({} if cursor is None else {"cursor": cursor})
        page = client.get(url, params=given).raise_for_status().json()
        assert len(page["items"]) <= limit
        items += page["items"]
        cursor = page["next"]
        if cursor is None:
            return items


def test_all_pools_are_listed(client: TestClient) -> None:
    page = client.get("/api/v1/pools").json()

    assert page["next"] is None
    (pool,) = page["items"]
    assert (pool["slug"], pool["name"], pool["dataset"]) == ("digits", "Handwritten digits", "sample")
    assert (pool["height"], pool["width"], pool["classes"]) == (28, 28, list("0123456789"))
    assert (pool["batch_size"], pool["strategy"]) == (10, "least_confidence")
    assert len(pool["dataset_sha256"]) == 64


def test_a_pool_tells_where_it_stands(client: TestClient, ada: Person) -> None:
    ada.lease_and_label(4)
    ada.lease(3)

    pool = client.get(POOL).json()

    assert pool["counts"] == {
        "images": 60,
        "labeled": 4,
        "unlabeled": 56,
        "human": 4,
        "oracle": 0,
        "model": 0,
        "held": 3,
    }
    assert pool["until_round"] == 6
    assert pool["round"]["number"] == 0
    assert pool["training"]["status"] == "absent"


def test_a_training_that_failed_is_told(client: TestClient, services: Services, ada: Person, trainer: Trainer) -> None:
    ada.lease_and_label()
    with services.database.write() as session:
        session.execute(text("UPDATE round SET state = x'00'"))
    trainer.run_one()
    add_trainer(services.database, now=dt.datetime.now(dt.UTC))

    training = client.get(POOL).json()["training"]

    assert training["status"] == "failed"
    assert "Training round 1 failed" in training["message"]


def test_what_a_learner_looks_at_first_is_told_and_that_chance_asks_meanwhile(
    client: TestClient, services: Services
) -> None:
    assert client.get(POOL).json()["preparation"] is None
    pool = add_pool(services.database, learner="graph", n_validation=0)
    url = "/api/v1/pools/patterns"
    waiting = {"n_images": 60, "n_all": 60, "step": "", "share": 0.0, "seconds_left": None}
    assert client.get(url).json()["preparation"] == waiting
    with services.database.write() as session:
        began = dt.datetime.now(dt.UTC) - dt.timedelta(seconds=3)
        set_id = features.begin(session, pool, 60, now=began)
        features.record_step(session, pool, set_id, "looking at every image", 0.5, now=began + dt.timedelta(seconds=3))

    told = client.get(url).json()

    assert told["preparation"] | {"seconds_left": 0} == {
        **(waiting | {"step": "looking at every image", "share": 0.5, "seconds_left": 0})
    }
    assert 3 <= told["preparation"]["seconds_left"] < 60
    assert (told["round"]["asked_by"], told["round"]["validation"]) == ("chance", None)
    images = client.post(f"{url}/leases", json={}).json()["images"]
    assert {image["asked_by"] for image in images} == {"chance"}


@pytest.mark.tensorflow
def test_every_accuracy_comes_with_its_count_and_interval(client: TestClient, ada: Person, trainer: Trainer) -> None:
    ada.lease_and_label()
    trainer.run_one()
    assert client.get(f"{POOL}/rounds/1").json()["test"] is None  # counted a moment later
    trainer.run_one()

    round_ = client.get(f"{POOL}/rounds/1").json()

    assert (round_["number"], round_["n_labels"]) == (1, 10)
    assert round_["steps"] >= 10
    for which, total in (("validation", 50), ("test", 950)):
        found = round_[which]
        assert found["total"] == total
        assert found["accuracy"] == found["correct"] / total
        assert found["interval"][0] < found["accuracy"] < found["interval"][1]
    assert client.get(POOL).json()["round"] == round_


@pytest.mark.tensorflow
def test_rounds_come_in_pages(client: TestClient, ada: Person, trainer: Trainer) -> None:
    for _ in range(3):
        ada.lease_and_label()
        trainer.run_one()

    for limit in (1, 2, 3, 4, 1000):
        assert [round_["number"] for round_ in read_all(client, f"{POOL}/rounds", limit)] == [0, 1, 2, 3]


def test_labels_come_in_pages_in_the_order_in_which_they_were_given(client: TestClient, ada: Person) -> None:
    events = ada.lease_and_label(7)
    ada.undo(event_id=events[2]["event_id"])

    for limit in (1, 3, 6, 7):
        assert read_all(client, f"{POOL}/labels", limit) == [*events[:2], *events[3:]]


@pytest.mark.parametrize("list_", ["/api/v1/pools", f"{POOL}/rounds", f"{POOL}/labels", "/api/v1/oracle-runs"])
@pytest.mark.parametrize("query", ["limit=0", "limit=1001", "limit=x", "cursor=-1", "cursor=x", f"cursor={2**63}"])
def test_a_page_that_cannot_be_is_refused(client: TestClient, list_: str, query: str) -> None:
    response = client.get(f"{list_}?{query}")

    assert response.status_code == 422
    assert response.json()["context"]["errors"][0]["where"] == f"query.{query.partition('=')[0]}"


def test_a_cursor_behind_the_end_is_an_empty_page(client: TestClient) -> None:
    for url in ("/api/v1/pools", f"{POOL}/rounds", f"{POOL}/labels"):
        assert client.get(f"{url}?cursor={2**63 - 1}").json() == {"items": [], "next": None}


@pytest.mark.parametrize("what", ["", "/rounds", "/rounds/0", "/labels", "/export", "/stream", "/events"])
def test_a_pool_that_is_not_there_is_not_found(client: TestClient, what: str) -> None:
    response = client.get(f"/api/v1/pools/nowhere{what}")

    assert response.status_code == 404
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json()["code"] == "NotFound"


def test_a_round_that_is_not_there_says_which_are(client: TestClient) -> None:
    response = client.get(f"{POOL}/rounds/7")

    assert response.status_code == 404
    assert response.json()["context"] == {"newest": 0}


def test_the_labels_are_exported_in_three_forms(client: TestClient, ada: Person) -> None:
    ada.lease_and_label(5)

    as_csv = client.get(f"{POOL}/export")
    as_jsonl = client.get(f"{POOL}/export", params={"format": "jsonl"})
    as_npz = client.get(f"{POOL}/export", params={"format": "npz"})

    assert [row["position"] for row in csv.DictReader(io.StringIO(as_csv.text))] == list("01234")
    assert [json.loads(line)["position"] for line in as_jsonl.text.splitlines()] == [0, 1, 2, 3, 4]
    with np.load(io.BytesIO(as_npz.content)) as arrays:
        assert arrays["images"].shape == (5, 28, 28)
    for response, kind, media in (
        (as_csv, "csv", "text/csv; charset=utf-8"),
        (as_jsonl, "jsonl", "application/x-ndjson"),
        (as_npz, "npz", "application/zip"),
    ):
        assert response.headers["content-type"] == media
        assert response.headers["content-disposition"] == f'attachment; filename="digits.{kind}"'


@pytest.mark.parametrize(("format", "name"), [("folders", "digits.zip"), ("hf", "digits-hf.zip")])
def test_the_images_are_exported_in_folders(client: TestClient, ada: Person, format: str, name: str) -> None:
    ada.lease_and_label(5)
    response = client.get(f"{POOL}/export", params={"format": format, "test": 50, "seed": 1})

    assert response.headers["content-type"] == "application/zip"
    assert response.headers["content-disposition"] == f'attachment; filename="{name}"'
    with zipfile.ZipFile(io.BytesIO(response.content)) as found:
        images = [name for name in found.namelist() if name.endswith(".png")]
    assert len(images) == 5
    assert {name.split("/")[0] for name in images} == {"train", "test"}


def test_a_form_that_is_none_is_refused(client: TestClient) -> None:
    assert client.get(f"{POOL}/export?format=xls").status_code == 422


def test_a_split_that_leaves_nothing_to_train_on_is_refused(client: TestClient) -> None:
    response = client.get(f"{POOL}/export?validation=60&test=40")

    assert (response.status_code, response.json()["code"]) == (422, "SplitInvalid")


def test_a_pool_is_deleted_once_it_is_named_twice(client: TestClient, ada: Person) -> None:
    ada.lease_and_label(5)

    assert client.delete(POOL).status_code == 422
    slip = client.delete(POOL, params={"confirm": "digit"})
    assert (slip.status_code, slip.json()["code"]) == (422, "NotConfirmed")
    assert client.get(POOL).status_code == 200
    assert client.delete(POOL, params={"confirm": "digits"}).status_code == 204
    assert client.get(POOL).status_code == 404
    assert client.post(f"{POOL}/leases", json={"annotator": "ada"}).status_code == 404
