"""What annotators may do, what only admins may, and that nobody acts for another or sees what is theirs."""

import re
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlalchemy import select, text

from app.models import Annotator
from app.settings import Settings
from app.web.edge.deps import Services
from tests.web.clients import STREAMS, as_person, fill, routes_of
from tests.web.person import PEOPLE, POOL, Person

ONLY_ADMINS_MAY = {
    ("GET", "/api/v1/pools/{slug}/export"),
    ("GET", "/pools/new"),
    ("POST", "/pools/new"),
    ("GET", "/pools/{slug}/images"),
    ("POST", "/api/v1/pools"),
    ("PATCH", "/api/v1/pools/{slug}"),
    ("GET", "/api/v1/pools/{slug}/settings"),
    ("POST", "/api/v1/pools/{slug}/images"),
    ("POST", "/api/v1/pools/{slug}/classes"),
    ("PATCH", "/api/v1/pools/{slug}/classes/{index}"),
    ("PUT", "/api/v1/pools/{slug}/class-order"),
    ("GET", "/api/v1/pools/{slug}/merges"),
    ("POST", "/api/v1/pools/{slug}/merges"),
    ("DELETE", "/api/v1/pools/{slug}/merges/{merge_id}"),
    ("GET", "/api/v1/pools/{slug}/guideline-pictures"),
    ("POST", "/api/v1/pools/{slug}/guideline-pictures"),
    ("DELETE", "/api/v1/pools/{slug}/guideline-pictures/{picture_id}"),
    ("GET", "/pools/{slug}/settings"),
    ("POST", "/pools/{slug}/settings"),
    ("POST", "/pools/{slug}/settings/state"),
    ("POST", "/pools/{slug}/settings/classes"),
    ("POST", "/pools/{slug}/settings/class-name"),
    ("POST", "/pools/{slug}/settings/class-order"),
    ("POST", "/pools/{slug}/settings/merges"),
    ("POST", "/pools/{slug}/settings/merges/{merge_id}"),
    ("POST", "/pools/{slug}/settings/pictures"),
    ("POST", "/pools/{slug}/settings/pictures/{picture_id}"),
    ("POST", "/pools/{slug}/settings/deletion"),
    ("GET", "/images/{image_id}/original"),
    ("POST", "/api/v1/pools/{slug}/oracle-labels"),
    ("POST", "/api/v1/pools/{slug}/annotators/{name}/revoke"),
    ("POST", "/api/v1/oracle-runs"),
    ("GET", "/api/v1/oracle-runs"),
    ("GET", "/api/v1/oracle-runs/{run_id}"),
    ("POST", "/api/v1/oracle-runs/{run_id}/stop"),
    ("DELETE", "/api/v1/oracle-runs/{run_id}"),
    ("POST", "/api/v1/pools/{slug}/models"),
    ("GET", "/api/v1/pools/{slug}/models"),
    ("GET", "/api/v1/pools/{slug}/models/{model_id}"),
    ("POST", "/api/v1/pools/{slug}/models/{model_id}/stop"),
    ("GET", "/api/v1/pools/{slug}/models/{model_id}/file"),
    ("GET", "/api/v1/pools/{slug}/models/{model_id}/card"),
    ("DELETE", "/api/v1/pools/{slug}"),
    ("GET", "/api/v1/pools/{slug}/model"),
    ("POST", "/api/v1/pools/{slug}/predict"),
    ("GET", "/pools/{slug}/export"),
    ("GET", "/pools/{slug}/models"),
    ("POST", "/pools/{slug}/models"),
    ("POST", "/pools/{slug}/models/{model_id}/stop"),
    ("GET", "/api/v1/pools/{slug}/webhooks"),
    ("POST", "/api/v1/pools/{slug}/webhooks"),
    ("PATCH", "/api/v1/pools/{slug}/webhooks/{webhook_id}"),
    ("DELETE", "/api/v1/pools/{slug}/webhooks/{webhook_id}"),
    ("POST", "/api/v1/pools/{slug}/webhooks/{webhook_id}/test"),
    ("GET", "/api/v1/pools/{slug}/webhooks/{webhook_id}/deliveries"),
    ("POST", "/api/v1/pools/{slug}/webhooks/{webhook_id}/deliveries/{delivery_id}/again"),
    ("GET", "/pools/{slug}/webhooks"),
    ("POST", "/pools/{slug}/webhooks"),
    ("POST", "/pools/{slug}/webhooks/{webhook_id}/pause"),
    ("POST", "/pools/{slug}/webhooks/{webhook_id}/resume"),
    ("POST", "/pools/{slug}/webhooks/{webhook_id}/test"),
    ("POST", "/pools/{slug}/webhooks/{webhook_id}/delete"),
    ("POST", "/pools/{slug}/webhooks/{webhook_id}/deliveries/{delivery_id}/again"),
    ("GET", "/api/v1/audit"),
    ("GET", "/metrics"),
    ("GET", "/audit"),
    ("GET", "/api/v1/accounts"),
    ("PATCH", "/api/v1/accounts/{name}"),
    ("POST", "/api/v1/accounts/{name}/password-link"),
    ("POST", "/api/v1/accounts/{name}/tokens"),
    ("GET", "/api/v1/invitations"),
    ("POST", "/api/v1/invitations"),
    ("POST", "/api/v1/invitations/{invitation_id}/revoke"),
    ("GET", "/accounts"),
    ("POST", "/accounts/invitations"),
    ("POST", "/accounts/invitations/{invitation_id:id}/revoke"),
    ("POST", "/accounts/password-link"),
    ("POST", "/accounts/role"),
    ("POST", "/accounts/state"),
    ("POST", "/accounts/tokens"),
    ("POST", "/accounts/tokens/{token_id:id}/revoke"),
    ("GET", "/pools/{slug}/people"),
    ("POST", "/pools/{slug}/people"),
    ("GET", "/oracle"),
    ("POST", "/oracle"),
    ("GET", "/oracle/compare"),
    ("GET", "/oracle/compare/charts/accuracy.{kind}"),
    ("GET", "/oracle/{run_id}"),
    ("POST", "/oracle/{run_id}/stop"),
    ("GET", "/oracle/{run_id}/charts/{name}.{kind}"),
    ("GET", "/oracle/{run_id}/centers/{number}.png"),
}


@pytest.fixture
def settings(closed_settings: Settings) -> Settings:
    """All tests here are of a server with accounts."""
    return closed_settings


def test_an_annotator_may_do_all_but_what_is_for_admins(app: FastAPI, services: Services) -> None:
    client = as_person(app, services, "ada")
    refused = set()
    for method, path in routes_of(app):
        if path in STREAMS:
            continue
        response = client.request(method, fill(path), json={}, follow_redirects=False)
        assert response.status_code != 401, (method, path)
        if response.status_code == 403:
            refused.add((method, path))
            assert response.json()["code"] == "NotAllowed"

    assert refused == ONLY_ADMINS_MAY


def test_an_annotator_is_told_that_a_page_is_for_admins(app: FastAPI, services: Services) -> None:
    client = as_person(app, services, "ada")
    said = "This is for admins only. You are logged in as ada (annotator)."

    assert said in client.get("/audit", headers={"accept": "text/html"}).text
    assert client.get("/api/v1/audit").json()["detail"] == said


def test_the_header_of_an_error_leads_to_a_pool_that_is_there(app: FastAPI, services: Services) -> None:
    page = as_person(app, services, "ada").get("/pools/nowhere/label", headers={"accept": "text/html"})

    assert page.status_code == 404
    assert re.findall(r'href="([^"]*)"[^>]*>(?:Pools|Label|My work)<', page.text) == ["/", "/label", "/me"]


def test_without_a_pool_an_annotator_is_told_to_ask_and_an_admin_what_to_do(app: FastAPI, services: Services) -> None:
    with services.database.write() as session:
        for table in ("ranked_image", "round", "image", "pool"):
            session.execute(text(f"DELETE FROM {table}"))
    ada, boss = (
        as_person(app, services, name).get("/", headers={"accept": "text/html"}).text for name in ("ada", "boss")
    )

    assert "Ask your admin to create one." in ada
    assert "inkling pool create" not in ada
    assert "inkling pool create" in boss


def test_an_admin_may_do_everything(app: FastAPI, services: Services) -> None:
    client = as_person(app, services, "boss")

    for method, path in routes_of(app):
        if path not in STREAMS:
            response = client.request(method, fill(path), json={}, follow_redirects=False)
            assert response.status_code not in (401, 403), (method, path, response.text)


def test_everybody_learns_who_they_are(app: FastAPI, services: Services) -> None:
    for name, role in PEOPLE.items():
        assert as_person(app, services, name).get("/api/v1/me").json() == {"name": name, "role": role, "open": False}


def test_an_admin_takes_back_all_that_an_annotator_answered_on_the_page_of_people(
    app: FastAPI, services: Services
) -> None:
    ada, boss = (as_person(app, services, name) for name in ("ada", "boss"))
    Person(ada, "ada").lease_and_label(3)
    url = "/pools/digits/people"

    assert "ada (3 labels)" in boss.get(url).text
    assert boss.post(url, data={"name": "ada"}).status_code == 422  # the box is not ticked
    done = boss.post(url, data={"name": "ada", "is_sure": "yes"})
    assert "3 labels were taken back." in done.text
    assert "Take labels back" not in done.text
    assert boss.get(f"{POOL}/labels").json()["items"] == []
    assert boss.post(url, data={"name": "nobody", "is_sure": "yes"}).status_code == 404


def test_nobody_acts_in_anothers_name(app: FastAPI, services: Services) -> None:
    bodies: dict[str, dict[str, Any]] = {
        "leases": {},
        "leases/renew": {},
        "leases/release": {},
        "labels": {"labels": [{"image_id": 1, "value": 1}]},
        "skips": {"image_id": 1},
        "flags": {"image_id": 1, "remark": "smudged"},
        "changes": {"event_id": 1, "value": 1},
        "undo": {},
    }
    for name in ("ada", "boss"):
        client = as_person(app, services, name)
        for what, body in bodies.items():
            for other in ("ben", "grace", "oracle", "local"):
                response = client.post(f"{POOL}/{what}", json=body | {"annotator": other})
                assert (response.status_code, response.json()["code"]) == (403, "NotAllowed"), (what, other)
    with services.database.read() as session:
        assert set(session.scalars(select(Annotator.name))) == set(PEOPLE)  # and nobody was entered


def test_ones_own_name_may_be_said_or_left_out(app: FastAPI, services: Services) -> None:
    client = as_person(app, services, "ada")

    said = Person(client, "ada").lease_and_label(1)
    left_out = client.post(f"{POOL}/labels", json={"labels": [{"image_id": 9, "value": 1}]}).json()["events"]

    assert [event["annotator"] for event in said + left_out] == ["ada", "ada"]


def test_annotators_see_only_their_own_labels_histories_and_figures(app: FastAPI, services: Services) -> None:
    ada, ben, boss = (as_person(app, services, name) for name in ("ada", "ben", "boss"))
    (mine,) = Person(ada, "ada").lease_and_label(1)
    theirs = Person(ben, "ben").lease_and_label(2)
    ben.post(f"{POOL}/flags", json={"image_id": mine["image_id"], "remark": "smudged"}).raise_for_status()

    def items(client: TestClient, url: str) -> list[Any]:
        return list(client.get(url).raise_for_status().json()["items"])

    assert items(ada, f"{POOL}/labels") == [mine]
    assert items(ben, f"{POOL}/labels") == theirs
    assert items(boss, f"{POOL}/labels") == [mine, *theirs]
    assert [one["name"] for one in items(ada, f"{POOL}/annotators")] == ["ada"]
    assert [one["name"] for one in items(boss, f"{POOL}/annotators")] == ["ben", "ada"]
    history = f"/api/v1/images/{mine['image_id']}/events"
    assert [event["kind"] for event in items(ada, history)] == ["label"]
    assert [event["kind"] for event in items(ben, history)] == ["flag"]
    assert [event["kind"] for event in items(boss, history)] == ["label", "flag"]


def test_anothers_answer_is_not_told_to_whoever_tries_to_label_its_image(app: FastAPI, services: Services) -> None:
    ada, ben, boss = (as_person(app, services, name) for name in ("ada", "ben", "boss"))
    (event,) = Person(ben, "ben").lease_and_label(1)
    body = {"labels": [{"image_id": event["image_id"], "value": 1}]}

    refused = {client: client.post(f"{POOL}/labels", json=body).json() for client in (ada, ben, boss)}

    assert {problem["code"] for problem in refused.values()} == {"AlreadyLabeled"}
    assert refused[ada]["context"] == {"labels": [{"image_id": event["image_id"]}]}
    assert refused[ada]["detail"] == f"Image {event['image_id']} has a label by another annotator already. Leave it."
    for client in (ben, boss):
        assert refused[client]["context"]["labels"][0]["value"] == event["value"]


def test_pages_of_an_annotator_show_nothing_of_others(app: FastAPI, services: Services) -> None:
    ada, ben = (as_person(app, services, name) for name in ("ada", "ben"))
    (mine,) = Person(ada, "ada").lease_and_label(1)
    Person(ben, "ben").lease_and_label(1)
    ben.post(f"{POOL}/flags", json={"image_id": mine["image_id"], "remark": "a secret remark"}).raise_for_status()

    for url in ("/pools/digits/answers", "/pools/digits/me", f"/images/{mine['image_id']}", "/pools/digits/label"):
        page = ada.get(url)
        assert page.status_code == 200, url
        assert "a secret remark" not in page.text
        assert not re.search(r"\bben\b", page.text), url


def test_anothers_answer_is_neither_changed_nor_undone_by_an_annotator(app: FastAPI, services: Services) -> None:
    ada, ben, boss = (as_person(app, services, name) for name in ("ada", "ben", "boss"))
    (event,) = Person(ben, "ben").lease_and_label(1)
    body = {"event_id": event["event_id"]}

    assert ada.post(f"{POOL}/changes", json=body | {"value": 4}).status_code == 404
    assert ada.post(f"{POOL}/undo", json=body).status_code == 404
    assert boss.post(f"{POOL}/changes", json=body | {"value": 4}).status_code == 201
    assert boss.get(f"{POOL}/labels").json()["items"][0]["value"] == 4
    assert boss.post(f"{POOL}/undo", json={}).status_code == 200
    undone = boss.post(f"{POOL}/undo", json=body)
    assert (undone.status_code, undone.json()["event"]["annotator"], undone.json()["image"]) == (200, "boss", None)


def test_an_admin_takes_back_all_that_an_annotator_answered(app: FastAPI, services: Services) -> None:
    ada, ben, boss = (as_person(app, services, name) for name in ("ada", "ben", "boss"))
    Person(ada, "ada").lease_and_label(3)
    kept = Person(ben, "ben").lease_and_label(2)
    url = f"{POOL}/annotators/ada/revoke"

    assert ada.post(url, json={}).status_code == 403
    assert boss.post(url, json={}).json() == {"revoked": 3}
    assert boss.get(f"{POOL}/labels").json()["items"] == kept
    assert boss.post(url, json={}).json() == {"revoked": 0}
    assert boss.post(f"{POOL}/annotators/nobody/revoke", json={}).status_code == 404
