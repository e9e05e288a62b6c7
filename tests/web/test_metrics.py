"""Numbers for Prometheus: what the requests did, and what the database says just now."""

from typing import Any

import pytest
from fastapi.testclient import TestClient
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import text

from app.trainer import Trainer
from app.web.edge.assets import static_url
from app.web.edge.deps import Services
from tests.web.person import POOL, Person

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


def scrape(client: TestClient) -> Samples:
    response = client.get("/metrics").raise_for_status()
    assert response.headers["content-type"].startswith("text/plain")
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(response.text)
        for sample in family.samples
    }


def value(samples: Samples, name: str, **labels: str) -> float:
    return samples.get((name, frozenset(labels.items())), 0.0)


def of_pool(client: TestClient) -> dict[str, Any]:
    samples = scrape(client)
    names = ("leases", "rounds_total", "failed_rounds", "fit_seconds_count", "queue_age_seconds")
    return {name: value(samples, f"inkling_{name}", pool="digits") for name in names} | {
        source: value(samples, "inkling_labels", pool="digits", source=source)
        for source in ("human", "oracle", "model")
    }


def test_requests_are_counted_by_route_and_status(client: TestClient) -> None:
    before = scrape(client)
    for _ in range(3):
        client.get(POOL)
    client.get("/api/v1/pools/nowhere")
    client.post(f"{POOL}/leases", json={"count": 0})
    after = scrape(client)

    def counted(method: str, route: str, status: str) -> float:
        labels = {"method": method, "route": route, "status": status}
        return value(after, "inkling_requests_total", **labels) - value(before, "inkling_requests_total", **labels)

    assert counted("GET", "/api/v1/pools/{slug}", "200") == 3
    assert counted("GET", "/api/v1/pools/{slug}", "404") == 1
    assert counted("POST", "/api/v1/pools/{slug}/leases", "422") == 1
    assert value(after, "inkling_request_seconds_count", route="/api/v1/pools/{slug}") == 4


def test_addresses_and_methods_that_strangers_think_of_make_no_new_counters(client: TestClient) -> None:
    client.get("/nowhere")
    client.get("/healthz", headers={"host": "evil.example"})
    client.request("BREW", "/nowhere")
    before = scrape(client)

    for index in range(20):
        client.get(f"/nowhere/{index}")
        client.get(f"{static_url()}/{index}.js")
        client.get(f"/static/{index}/label.js")
        client.get(f"/{index}", headers={"host": f"evil{index}.example"})
        client.request(f"BREW{index}", "/nowhere")
        client.get(f"/images/{index + 1}.png")
        client.get(f"/images/0{'0' * index}1")
    client.get(f"/images/{'9' * 5000}")
    after = scrape(client)

    new = {labels for name, labels in set(after) - set(before) if name == "inkling_requests_total"}
    assert {dict(labels)["route"] for labels in new} <= {"/images/{image_id}.png", static_url(), "/metrics", "none"}
    assert len(new) <= 3


@pytest.mark.tensorflow
def test_a_pool_is_measured_as_the_database_has_it(client: TestClient, ada: Person, trainer: Trainer) -> None:
    assert of_pool(client) == {
        "human": 0,
        "oracle": 0,
        "model": 0,
        "leases": 0,
        "rounds_total": 0,
        "failed_rounds": 0,
        "fit_seconds_count": 0,
        "queue_age_seconds": 0,
    }
    ada.lease_and_label(8)
    client.post(f"{POOL}/oracle-labels", json={"count": 4}).raise_for_status()
    ada.lease(3)
    trainer.run_one()

    found = of_pool(client)

    assert (found["human"], found["oracle"], found["model"], found["leases"]) == (8, 4, 0, 3)
    assert (found["rounds_total"], found["fit_seconds_count"], found["failed_rounds"]) == (1, 1, 0)
    assert value(scrape(client), "inkling_fit_seconds_sum", pool="digits") > 0


@pytest.mark.tensorflow
def test_labels_that_wait_for_a_round_that_is_due_have_an_age(
    client: TestClient, ada: Person, trainer: Trainer
) -> None:
    ada.lease_and_label(9)
    assert of_pool(client)["queue_age_seconds"] == 0  # nothing is due
    ada.lease_and_label(1)
    assert of_pool(client)["queue_age_seconds"] > 0

    trainer.run_one()

    assert of_pool(client)["queue_age_seconds"] == 0


@pytest.mark.tensorflow
def test_a_round_that_fails_is_counted_until_it_succeeds(
    client: TestClient, services: Services, ada: Person, trainer: Trainer
) -> None:
    with services.database.write() as session:
        intact = session.scalar(text("SELECT state FROM round"))
        session.execute(text("UPDATE round SET state = x'00'"))
    ada.lease_and_label()
    trainer.run_one()
    assert of_pool(client)["failed_rounds"] == 1

    with services.database.write() as session:
        session.execute(text("UPDATE round SET state = :state"), {"state": intact})
        session.execute(text("UPDATE failed_round SET failed_at = '2026-01-01 00:00:00'"))
    trainer._retry_at.clear()
    trainer.run_one()

    assert (of_pool(client)["failed_rounds"], of_pool(client)["rounds_total"]) == (0, 1)


def test_retries_are_counted_by_label(client: TestClient, ada: Person) -> None:
    (image,) = ada.lease(1)["images"]
    for _ in range(3):
        ada.label([image["image_id"]], key="7b0c0c0e")

    assert value(scrape(client), "inkling_replayed_labels_total") == 2


def test_two_applications_count_apart(client: TestClient, services: Services) -> None:
    other = type(services.metrics)(services.database)
    before = value(scrape(client), "inkling_replayed_labels_total")

    other.replayed.inc()

    assert value(scrape(client), "inkling_replayed_labels_total") == before


@pytest.mark.parametrize("name", ["process_resident_memory_bytes", "process_cpu_seconds_total"])
def test_the_process_is_measured_too(client: TestClient, name: str) -> None:
    assert value(scrape(client), name) > 0
