"""Webhooks over HTTP: registered with a secret that is shown once, changed, tested, and their deliveries."""

import hashlib
import hmac
import json
import re
from typing import Any

import pytest
from fastapi.testclient import TestClient

from app.pools import get_pool
from app.settings import ROOT
from app.web.edge.deps import Services
from tests.factories.hooked import Clock, count_test, make_deliverer
from tests.factories.receiving import receiving

from .person import Person

DIGITS = "/api/v1/pools/digits"
HOOKS = f"{DIGITS}/webhooks"
URL = "https://receiver.example/hook"


def register(client: TestClient, url: str = URL, events: tuple[str, ...] = ("round_stored",)) -> dict[str, Any]:
    made = client.post(HOOKS, json={"url": url, "events": list(events)})
    assert made.status_code == 201, made.text
    body: dict[str, Any] = made.json()
    assert made.headers["location"] == f"{HOOKS}/{body['webhook_id']}"
    return body


def test_the_secret_is_shown_once(client: TestClient) -> None:
    made = register(client)
    secret = made.pop("secret")

    assert len(secret) >= 43
    assert client.get(HOOKS).json() == {"items": [made], "next": None}
    assert secret not in client.get(HOOKS).text + client.get("/pools/digits/webhooks").text
    assert (made["url"], made["events"], made["paused_at"]) == (URL, ["round_stored"], None)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"url": "ftp://a.example", "events": ["round_stored"]}, "WebhookInvalid"),
        ({"url": "http://me:pw@a.example/", "events": ["round_stored"]}, "WebhookInvalid"),
        ({"url": URL, "events": ["test"]}, "WebhookInvalid"),
        ({"url": URL, "events": []}, "InvalidRequest"),
        ({"url": URL, "events": ["label"]}, "InvalidRequest"),
        ({"url": URL}, "InvalidRequest"),
        ({"url": "x" * 2001, "events": ["round_stored"]}, "InvalidRequest"),
    ],
)
def test_what_could_not_be_sent_is_refused(client: TestClient, body: dict[str, Any], code: str) -> None:
    refused = client.post(HOOKS, json=body)

    assert (refused.status_code, refused.json()["code"]) == (422, code)
    assert client.get(HOOKS).json()["items"] == []


def test_a_webhook_is_changed_paused_resumed_and_deleted(client: TestClient) -> None:
    hook = f"{HOOKS}/{register(client)['webhook_id']}"
    changed = client.patch(hook, json={"url": "http://b.example", "events": ["pool_finished", "goal_reached"]}).json()
    assert (changed["url"], changed["events"]) == ("http://b.example", ["goal_reached", "pool_finished"])
    assert client.patch(hook, json={"is_paused": True}).json()["paused_at"]
    assert client.patch(hook, json={}).json()["paused_at"]
    assert client.patch(hook, json={"is_paused": False}).json()["paused_at"] is None
    assert client.patch(hook, json={"url": ""}).status_code == 422
    assert client.patch(hook, json={"secret": "mine"}).status_code == 422
    assert client.delete(hook).status_code == 204
    assert client.delete(hook).status_code == 404


def test_what_became_of_deliveries_is_told_and_one_is_sent_again(client: TestClient, services: Services) -> None:
    with services.database.read() as session:
        pool = get_pool(session, "digits")
    clock = Clock()
    deliverer = make_deliverer(services.database, clock)
    with receiving() as receiver:
        hook = f"{HOOKS}/{register(client, receiver.url)['webhook_id']}"
        receiver.answers = [500, 200, 200]
        count_test(services.database, pool, 5)
        deliverer.run_one()
        (waiting,) = client.get(f"{hook}/deliveries").json()["items"]
        assert (waiting["event"], waiting["status"], waiting["attempts"]) == ("round_stored", "waiting", 1)
        assert waiting["last_error"] == "The receiver answered 500 Internal Server Error."
        assert waiting["due_at"]
        again = client.post(f"{hook}/deliveries/{waiting['delivery_id']}/again")
        assert (again.status_code, again.json()["attempts"]) == (202, 0)
        clock.move(10 * 365 * 86_400)  # what was sent by a request is due at the time of that request
        deliverer.run_one()
        assert client.post(f"{hook}/test").status_code == 202
        deliverer.run_one()

    page = client.get(f"{hook}/deliveries?limit=1").json()
    assert [(each["event"], each["status"]) for each in page["items"]] == [("test", "delivered")]
    (older,) = client.get(f"{hook}/deliveries?cursor={page['next']}").json()["items"]
    assert (older["status"], older["last_error"], older["due_at"]) == ("delivered", None, None)
    assert [each.told["event"] for each in receiver.received] == ["round_stored", "round_stored", "test"]
    assert client.post(f"{hook}/deliveries/99/again").status_code == 404


def test_webhooks_of_another_pool_are_not_there(client: TestClient) -> None:
    made = register(client)
    assert client.post("/api/v1/pools", json={"slug": "bees", "classes": ["bee", "wasp"]}).status_code == 201

    for method, path in (("PATCH", ""), ("DELETE", ""), ("POST", "/test"), ("GET", "/deliveries")):
        other = f"/api/v1/pools/bees/webhooks/{made['webhook_id']}{path}"
        assert client.request(method, other, json={}).status_code == 404


def test_the_check_in_the_documentation_tells_what_is_genuine(client: TestClient, services: Services) -> None:
    text = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"```python\n(.*?def is_genuine.*?)```", text, re.DOTALL)
    known: dict[str, Any] = {}
    exec(code, known)
    is_genuine = known["is_genuine"]
    clock = Clock()
    with receiving() as receiver:
        made = register(client, receiver.url)
        client.post(f"{HOOKS}/{made['webhook_id']}/test")
        clock.move(10 * 365 * 86_400)
        make_deliverer(services.database, clock).run_one()
    (received,) = receiver.received
    headers = {name.title(): value for name, value in received.headers.items()}
    sent_at = clock.now.timestamp()

    assert len(code.strip().splitlines()) <= 10
    assert is_genuine(made["secret"], headers, received.body, sent_at + 10)
    assert not is_genuine("another secret", headers, received.body, sent_at)
    assert not is_genuine(made["secret"], headers, received.body + b" ", sent_at)
    assert not is_genuine(made["secret"], headers, received.body, sent_at + 3600)  # a copy that is sent again
    assert not is_genuine(made["secret"], headers | {"Inkling-Timestamp": "1"}, received.body, 1)


def test_goals_are_told_with_the_pool(client: TestClient, ada: Person) -> None:
    assert client.get(DIGITS).json()["goals"] == []
    client.patch(DIGITS, json={"goal_labels": 3, "goal_accuracy": 0.95})
    labels, accuracy = client.get(DIGITS).json()["goals"]
    assert labels == {"kind": "labels", "goal": 3, "value": 0, "interval": None, "reached_at": None}
    assert accuracy == {"kind": "accuracy", "goal": 0.95, "value": None, "interval": None, "reached_at": None}
    ada.lease_and_label(3)

    reached = client.get(DIGITS).json()["goals"][0]
    assert (reached["value"], reached["reached_at"] is not None) == (3, True)
    assert ada.lease_and_label(1)  # nothing ends by it


def test_the_signature_is_that_of_the_documentation(client: TestClient, services: Services) -> None:
    """Once more by hand: the check in the documentation and the code could be wrong together."""
    clock = Clock()
    with receiving() as receiver:
        made = register(client, receiver.url)
        client.post(f"{HOOKS}/{made['webhook_id']}/test")
        clock.move(10 * 365 * 86_400)
        make_deliverer(services.database, clock).run_one()
    (received,) = receiver.received
    message = str(int(clock.now.timestamp())).encode() + b"." + received.body

    assert received.headers["inkling-signature"] == (
        "sha256=" + hmac.digest(made["secret"].encode(), message, hashlib.sha256).hex()
    )
    assert json.loads(received.body) | {"created_at": ""} == {
        "delivery_id": 1,
        "event": "test",
        "pool": "digits",
        "created_at": "",
    }
