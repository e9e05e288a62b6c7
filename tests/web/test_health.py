"""The process is there at once, and says when it can train."""

import pytest
from fastapi.testclient import TestClient

from app.web.edge.deps import Services


def test_the_server_is_healthy_at_once(client: TestClient) -> None:
    response = client.get("/healthz")

    assert (response.status_code, response.json()) == (200, {"status": "ok"})


@pytest.mark.tensorflow
def test_it_is_ready_once_the_trainer_is_warm(client: TestClient, services: Services) -> None:
    before = client.get("/readyz")
    services.trainer.warm_up()
    after = client.get("/readyz")

    assert (before.status_code, before.json()) == (503, {"status": "loading"})
    assert (after.status_code, after.json()) == (200, {"status": "ok"})


def test_labels_are_taken_before_it_is_ready(client: TestClient) -> None:
    body = {"labels": [{"image_id": 1, "value": 1}]}

    assert client.post("/api/v1/pools/digits/labels", json=body).status_code == 201
    assert client.get("/readyz").status_code == 503
