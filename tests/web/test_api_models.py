"""Models over HTTP: have one trained, watch it, stop it, take it away."""

import pytest
from fastapi.testclient import TestClient

from app.accuracy import Accuracy
from app.model_training import run_queued_model
from app.models import Pool
from app.pools import get_pool
from app.web.edge.deps import Services
from tests.factories.trained import add_model

from .person import Person

MODELS = "/api/v1/pools/digits/models"


@pytest.fixture
def digits(services: Services) -> Pool:
    """The application's pool."""
    with services.database.read() as session:
        return get_pool(session, "digits")


def test_a_model_is_accepted_and_says_where_to_watch_it(client: TestClient, ada: Person) -> None:
    ada.lease_and_label(10)
    response = client.post(MODELS, json={"seed": 3})

    assert response.status_code == 202
    assert response.headers["location"] == f"{MODELS}/{response.json()['id']}"
    found = client.get(response.headers["location"]).json()
    assert found == response.json()
    assert (found["status"], found["seed"], found["share"], found["accuracy"]) == ("queued", 3, 0, None)
    assert client.get(MODELS).json() == {"items": [found], "next": None}


def test_without_a_label_nothing_is_queued(client: TestClient) -> None:
    response = client.post(MODELS, json={})

    assert (response.status_code, response.json()["code"]) == (409, "NothingToLearn")
    assert client.get(MODELS).json()["items"] == []


@pytest.mark.tensorflow
def test_a_model_that_is_trained_tells_its_accuracy_with_an_interval(
    client: TestClient, ada: Person, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.learning.network.LEAST_SEEN", 64)
    monkeypatch.setattr("app.learning.network.EPOCHS", 1)
    ada.lease_and_label(10)
    url = client.post(MODELS, json={}).headers["location"]
    assert run_queued_model(services.database, services.database.write_together, "digits")

    found = client.get(url).json()
    assert (found["status"], found["tested_on"], found["error"]) == ("done", "test", None)
    assert found["labels"] == {"human": 10, "oracle": 0, "machine": 50}
    accuracy = Accuracy(found["accuracy"]["correct"], found["accuracy"]["total"])
    assert found["accuracy"]["interval"] == list(accuracy.interval)
    assert client.get(f"{url}/file").content[:4] == b"PK\x03\x04"  # a zip, as Keras's files are


def test_a_model_is_taken_away_with_its_card(client: TestClient, services: Services, digits: Pool) -> None:
    model_id = add_model(services.database, digits)
    file, card = client.get(f"{MODELS}/{model_id}/file"), client.get(f"{MODELS}/{model_id}/card")

    assert file.content == b"a network"
    assert file.headers["content-type"] == "application/octet-stream"
    assert file.headers["content-disposition"] == f'attachment; filename="digits-model-{model_id}.keras"'
    assert card.headers["content-type"] == "text/markdown; charset=utf-8"
    assert card.headers["content-disposition"] == f'attachment; filename="digits-model-{model_id}.md"'
    assert card.text.startswith(f"# Handwritten digits: model {model_id}\n")


def test_what_is_not_done_has_neither_file_nor_card(client: TestClient, services: Services, digits: Pool) -> None:
    model_id = add_model(services.database, digits, status="failed", error="no memory")
    for what in ("file", "card"):
        response = client.get(f"{MODELS}/{model_id}/{what}")
        assert response.status_code == 404
        assert response.json()["detail"] == f"Model {model_id} is failed: there is no file."
    assert client.get(f"{MODELS}/{model_id}").json()["error"] == "no memory"


def test_a_model_that_waits_is_stopped_once(client: TestClient, ada: Person) -> None:
    ada.lease_and_label(10)
    url = client.post(MODELS, json={}).headers["location"]

    assert client.post(f"{url}/stop").json()["status"] == "stopped"
    again = client.post(f"{url}/stop")
    assert (again.status_code, again.json()["code"]) == (409, "ModelFinished")


def test_a_seed_has_bounds(client: TestClient, ada: Person) -> None:
    ada.lease_and_label(10)

    assert [client.post(MODELS, json={"seed": seed}).status_code for seed in (-1, 2**31, 2**31 - 1)] == [422, 422, 202]
