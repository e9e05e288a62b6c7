"""What annotators must not learn: the true class of an image, and the images that measure the model."""

import json

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlalchemy import select

from app.models import Image, Split
from app.settings import Settings
from app.web.edge.deps import Services
from tests.factories.stored import truth_of
from tests.web.clients import as_person
from tests.web.person import POOL, Person


@pytest.fixture
def settings(closed_settings: Settings) -> Settings:
    """All tests here are of a server with accounts."""
    return closed_settings


def image_of(services: Services, split: Split) -> int:
    """The first image of a split."""
    query = select(Image.id).where(Image.split == split).order_by(Image.position).limit(1)
    with services.database.read() as session:
        return session.scalars(query).one()


def work_of(client: TestClient, name: str) -> dict[str, object]:
    """Somebody's figures, as the API tells them to this client."""
    items = client.get(f"{POOL}/annotators").raise_for_status().json()["items"]
    return next(one for one in items if one["name"] == name)


def test_agreement_with_the_truth_is_for_admins_alone(app: FastAPI, services: Services) -> None:
    ada, boss = (as_person(app, services, name) for name in ("ada", "boss"))
    Person(ada, "ada").lease_and_label(2)

    assert work_of(ada, "ada")["agrees_with_truth"] is None
    assert "Agreement with ground truth" not in ada.get("/pools/digits/me").text
    assert "right answers" not in ada.get("/pools/digits/me").text
    told = work_of(boss, "ada")["agrees_with_truth"]
    assert isinstance(told, dict)
    assert told["total"] == 2
    assert "Agreement with ground truth" in boss.get("/pools/digits/people").text
    Person(boss, "boss").lease_and_label(1)
    assert "Agreement with ground truth" in boss.get("/pools/digits/me").text


def test_nothing_that_an_annotator_may_ask_tells_a_right_answer_from_a_wrong_one(
    app: FastAPI, services: Services
) -> None:
    client = as_person(app, services, "ada")
    ada = Person(client, "ada")
    (event,) = ada.lease_and_label(1)
    image_id, last = event["image_id"], event["event_id"]
    (truth,) = truth_of(services.database, [image_id])
    urls = (POOL, f"{POOL}/rounds", f"{POOL}/rounds/0", "/pools/digits/label", "/pools/digits/me")

    def seen() -> str:
        """All that is told, as text, without the time of the last act."""
        figures = work_of(client, "ada") | {"last_event_at": None}
        return json.dumps(figures) + "".join(client.get(url).raise_for_status().text for url in urls)

    told = set()
    for value in (truth, (truth + 1) % 10, (truth + 2) % 10):
        changed = client.post(f"{POOL}/changes", json={"event_id": last, "value": value}).raise_for_status().json()
        last = changed.pop("event_id")
        assert truth_free(changed) == truth_free(event | {"kind": "change"})
        told.add(seen())

    assert len(told) == 1


def truth_free(event: dict[str, object]) -> dict[str, object]:
    """An event without what the annotator gave and when."""
    return {name: event[name] for name in ("kind", "image_id", "position", "round", "confidence", "annotator")}


@pytest.mark.parametrize("split", ["validation", "test"])
def test_annotators_do_not_see_the_images_that_measure_the_model(
    app: FastAPI, services: Services, split: Split
) -> None:
    ada, boss = (as_person(app, services, name) for name in ("ada", "boss"))
    held_out, labeled = image_of(services, split), image_of(services, "pool")

    for path in ("/images/{}.png", "/images/{}", "/api/v1/images/{}/events"):
        assert ada.get(path.format(labeled)).status_code == 200, path
        assert boss.get(path.format(held_out)).status_code == 200, path
        response = ada.get(path.format(held_out))
        assert (response.status_code, response.json()["code"]) == (404, "NotFound"), path
        assert response.json()["detail"] == f"There is no image {held_out}."


@pytest.mark.parametrize("split", ["validation", "test"])
def test_an_annotator_acts_on_no_image_that_measures_the_model(app: FastAPI, services: Services, split: Split) -> None:
    client, image_id = as_person(app, services, "ada"), image_of(services, split)
    form = {"event_id": "1", "value": "1", "key": "a-key-of-its-own"}

    assert client.post(f"/images/{image_id}", data=form).status_code == 404
    for what, body in (("skips", {}), ("flags", {"remark": "smudged"})):
        assert client.post(f"{POOL}/{what}", json={"image_id": image_id} | body).status_code == 404, what
    labels = {"labels": [{"image_id": image_id, "value": 1}]}
    assert client.post(f"{POOL}/labels", json=labels).status_code == 404
