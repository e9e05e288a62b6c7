"""The process is there at once, and says when it can train."""

import datetime as dt

from fastapi.testclient import TestClient

from app.web.edge.deps import Services
from tests.factories import add_trainer


def test_the_server_is_healthy_at_once(client: TestClient) -> None:
    response = client.get("/healthz")

    assert (response.status_code, response.json()) == (200, {"status": "ok"})


def test_it_is_ready_once_a_trainer_is(client: TestClient, services: Services) -> None:
    now = dt.datetime.now(dt.UTC)
    before = client.get("/readyz")
    add_trainer(services.database, state="loading", now=now)
    meanwhile = client.get("/readyz")
    add_trainer(services.database, now=now)
    after = client.get("/readyz")

    assert (before.status_code, before.json()) == (503, {"status": "loading"})
    assert meanwhile.status_code == 503
    assert (after.status_code, after.json()) == (200, {"status": "ok"})


def test_labels_are_taken_before_it_is_ready(client: TestClient) -> None:
    body = {"labels": [{"image_id": 1, "value": 1}]}

    assert client.post("/api/v1/pools/digits/labels", json=body).status_code == 201
    assert client.get("/readyz").status_code == 503
