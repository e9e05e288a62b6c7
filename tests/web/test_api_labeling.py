"""Ask, answer, undo and the oracle, over HTTP."""

import datetime as dt
from collections import Counter
from typing import Any

import pytest
from fastapi.testclient import TestClient

from app.trainer import Trainer
from app.web.edge.deps import Services
from tests.factories import race
from tests.web.person import POOL, Person


def problem_of(client: TestClient, what: str, body: dict[str, Any], pool: str = POOL) -> tuple[int, str, Any]:
    response = client.post(f"{pool}/{what}", json=body)
    problem = response.json()
    return response.status_code, problem["code"], problem["context"]


def test_a_lease_gives_the_next_images_with_their_pictures(client: TestClient, ada: Person) -> None:
    asked = ada.lease(3)

    assert (asked["round"], asked["stale"]) == (0, False)
    assert [image["position"] for image in asked["images"]] == [0, 1, 2]
    image = asked["images"][0]
    assert set(image) == {"image_id", "position", "url", "confidence", "prediction", "asked_by", "expires_at"}
    assert (image["confidence"], image["prediction"]) == (None, None)
    assert dt.datetime.fromisoformat(image["expires_at"]).tzinfo is not None
    assert client.get(image["url"]).headers["content-type"] == "image/png"


def test_without_a_count_a_batch_comes_and_then_what_is_left_of_it(ada: Person) -> None:
    batch = [image["image_id"] for image in ada.lease()["images"]]
    ada.label(batch[:4])

    assert len(batch) == 10
    assert [image["image_id"] for image in ada.lease()["images"]] == batch[4:]


def test_without_a_name_it_is_the_local_annotator(client: TestClient) -> None:
    image_id = client.post(f"{POOL}/leases", json={}).json()["images"][0]["image_id"]
    answered = client.post(f"{POOL}/labels", json={"labels": [{"image_id": image_id, "value": 1}]})

    assert answered.json()["events"][0]["annotator"] == "local"


def test_a_label_is_an_event_in_the_order_of_the_request(ada: Person) -> None:
    ids = [image["image_id"] for image in ada.lease(3)["images"]][::-1]
    answered = ada.label(ids, value=7)

    assert [event["image_id"] for event in answered["events"]] == ids
    assert answered["until_round"] == 7
    event = answered["events"][0]
    assert (event["kind"], event["value"], event["source"], event["annotator"]) == ("label", 7, "human", "ada")
    assert (event["round"], event["position"], event["undoes"], event["key"]) == (0, 2, None, None)


@pytest.mark.tensorflow
def test_after_ten_labels_the_next_ten_are_of_the_next_round(ada: Person, trainer: Trainer) -> None:
    ada.lease_and_label()
    assert ada.lease(1)["stale"]

    trainer.run_one()
    asked = ada.lease(3)

    assert (asked["round"], asked["stale"]) == (1, False)
    assert all(0 < image["confidence"] <= 1 and 0 <= image["prediction"] <= 9 for image in asked["images"][1:])


def test_a_label_once_acknowledged_is_there_for_everybody(client: TestClient, ada: Person) -> None:
    (event,) = ada.lease_and_label(1)

    assert client.get(f"{POOL}/labels").json()["items"] == [event]


def test_the_same_key_again_gives_the_same_answer(client: TestClient, ada: Person) -> None:
    (image,) = ada.lease(1)["images"]
    first = ada.label([image["image_id"]], key="7b0c0c0e")
    again = ada.label([image["image_id"]], key="7b0c0c0e")

    assert again == first
    assert len(client.get(f"{POOL}/labels").json()["items"]) == 1


def test_undo_gives_the_image_back(client: TestClient, ada: Person) -> None:
    first, second = ada.lease_and_label(2)
    undone = ada.undo()

    assert (undone["event"]["kind"], undone["event"]["undoes"]) == ("undo", second["event_id"])
    assert undone["image"]["image_id"] == second["image_id"]
    assert client.get(undone["image"]["url"]).status_code == 200
    assert client.get(f"{POOL}/labels").json()["items"] == [first]
    assert [image["image_id"] for image in ada.lease()["images"]] == [second["image_id"]]


def test_undo_of_an_event_and_its_retry(ada: Person) -> None:
    first, _ = ada.lease_and_label(2)
    undone = ada.undo(event_id=first["event_id"], key="a-long-key")
    again = ada.undo(event_id=first["event_id"], key="a-long-key")

    assert again["event"] == undone["event"]
    assert undone["event"]["undoes"] == first["event_id"]


def test_the_oracle_answers_through_the_same_door(client: TestClient) -> None:
    response = client.post(f"{POOL}/oracle-labels", json={"count": 4})

    assert response.status_code == 201
    events = response.json()["events"]
    assert [event["position"] for event in events] == [0, 1, 2, 3]
    assert {(event["source"], event["annotator"]) for event in events} == {("oracle", "oracle")}
    counts = client.get(POOL).json()["counts"]
    assert (counts["oracle"], counts["human"], counts["held"]) == (4, 0, 0)


@pytest.mark.tensorflow
def test_the_oracle_walks_the_whole_pool(client: TestClient, trainer: Trainer) -> None:
    accuracies = []
    for _ in range(6):
        assert len(client.post(f"{POOL}/oracle-labels", json={}).json()["events"]) == 10
        assert trainer.run_one()
        accuracies.append(client.get(POOL).json()["round"]["validation"]["accuracy"])

    assert client.post(f"{POOL}/oracle-labels", json={}).json()["events"] == []
    assert accuracies[-1] > accuracies[0]
    assert client.get(POOL).json()["counts"]["unlabeled"] == 0


@pytest.mark.parametrize("what", ["leases", "labels", "undo", "oracle-labels"])
def test_a_pool_that_is_not_there_is_not_found(client: TestClient, what: str) -> None:
    body = {"labels": [{"image_id": 1, "value": 1}]} if what == "labels" else {}

    assert problem_of(client, what, body, "/api/v1/pools/nowhere") == (404, "NotFound", {"slug": "nowhere"})


def test_a_labeled_image_is_a_conflict_with_the_label_that_stands(client: TestClient, ada: Person, ben: Person) -> None:
    (event,) = ada.lease_and_label(1)
    body = {"annotator": ben.name, "labels": [{"image_id": event["image_id"], "value": 1}]}

    status, code, context = problem_of(client, "labels", body)

    assert (status, code) == (409, "AlreadyLabeled")
    (standing,) = context["labels"]
    assert {name: event[name] for name in standing if name != "created_at"} == {
        name: value for name, value in standing.items() if name != "created_at"
    }


def test_the_same_answer_from_another_device_of_one_person_is_no_conflict(client: TestClient, ada: Person) -> None:
    image_ids = [image["image_id"] for image in ada.lease(1)["images"]]
    first = ada.label(image_ids, value=3, key="from-the-phone")

    assert ada.label(image_ids, value=3, key="from-the-desk") == first
    other = {"annotator": ada.name, "labels": [{"image_id": image_ids[0], "value": 4, "key": "from-the-desk-2"}]}
    assert problem_of(client, "labels", other)[:2] == (409, "AlreadyLabeled")


def test_an_image_with_somebody_else_is_a_conflict(client: TestClient, ada: Person, ben: Person) -> None:
    (image,) = ada.lease(1)["images"]
    body = {"annotator": ben.name, "labels": [{"image_id": image["image_id"], "value": 1}]}

    assert problem_of(client, "labels", body)[:2] == (409, "LeasedByAnother")


@pytest.mark.parametrize(
    ("labels", "status", "code"),
    [
        ([{"image_id": 10**6, "value": 1}], 404, "ImageNotFound"),
        ([{"image_id": 61, "value": 1}], 404, "ImageNotFound"),  # the first of the validation images
        ([{"image_id": 1, "value": 10}], 422, "ValueNotAClass"),
        ([{"image_id": 1, "value": -1}], 422, "ValueNotAClass"),
        ([{"image_id": 1, "value": 1}] * 2, 422, "DuplicateImage"),
    ],
)
def test_a_wrong_label_says_what_is_wrong(
    client: TestClient, labels: list[dict[str, int]], status: int, code: str
) -> None:
    assert problem_of(client, "labels", {"labels": labels})[:2] == (status, code)


def test_a_key_of_another_answer_is_a_conflict(client: TestClient, ada: Person) -> None:
    first, second = [image["image_id"] for image in ada.lease(2)["images"]]
    ada.label([first], key="the-same-key")
    body = {"annotator": "ada", "labels": [{"image_id": second, "value": 3, "key": "the-same-key"}]}

    assert problem_of(client, "labels", body)[:2] == (409, "KeyReused")


def test_undo_of_nothing_and_of_anothers(client: TestClient, ada: Person) -> None:
    (event,) = ada.lease_and_label(1)

    assert problem_of(client, "undo", {"annotator": "ben"})[:2] == (409, "NothingToUndo")
    body = {"annotator": "ben", "event_id": event["event_id"]}
    assert problem_of(client, "undo", body)[:2] == (404, "NotFound")


@pytest.mark.parametrize("what", ["leases", "labels", "undo"])
def test_nobody_may_answer_in_the_oracles_name(client: TestClient, what: str) -> None:
    client.post(f"{POOL}/oracle-labels", json={"count": 1})
    body: dict[str, Any] = {"annotator": "oracle"}
    if what == "labels":
        body["labels"] = [{"image_id": 9, "value": 1}]

    assert problem_of(client, what, body)[:2] == (409, "NameTaken")


def test_a_name_with_a_space_that_nobody_sees_is_refused(client: TestClient) -> None:
    assert problem_of(client, "leases", {"annotator": "ann "})[:2] == (422, "NameInvalid")


@pytest.mark.parametrize(
    ("what", "body", "where"),
    [
        ("leases", {"count": 0}, "body.count"),
        ("leases", {"count": 1001}, "body.count"),
        ("leases", {"conut": 10}, "body.conut"),
        ("leases", {"annotator": ""}, "body.annotator"),
        ("leases", {"annotator": "<script>"}, "body.annotator"),
        ("leases", {"annotator": "a" * 65}, "body.annotator"),
        ("labels", {"labels": []}, "body.labels"),
        ("labels", {"labels": [{"image_id": 1, "value": 1}] * 1001}, "body.labels"),
        ("labels", {"labels": [{"image_id": 1}]}, "body.labels.0.value"),
        ("labels", {"labels": [{"image_id": 0, "value": 1}]}, "body.labels.0.image_id"),
        ("labels", {"labels": [{"image_id": 2**63, "value": 1}]}, "body.labels.0.image_id"),
        ("labels", {"labels": [{"image_id": 1, "value": 2**31}]}, "body.labels.0.value"),
        ("labels", {"labels": [{"image_id": 1, "value": 1, "key": "short"}]}, "body.labels.0.key"),
        ("labels", {"labels": [{"image_id": 1, "value": 1, "key": "k" * 65}]}, "body.labels.0.key"),
        ("undo", {"event_id": 0}, "body.event_id"),
        ("undo", {"image_id": 1}, "body.image_id"),
        ("oracle-labels", {"count": 0}, "body.count"),
        ("oracle-labels", {"annotator": "ada"}, "body.annotator"),
    ],
)
def test_a_malformed_request_says_where(client: TestClient, what: str, body: dict[str, Any], where: str) -> None:
    status, code, context = problem_of(client, what, body)

    assert (status, code) == (422, "InvalidRequest")
    assert [error["where"] for error in context["errors"]] == [where]


def test_a_newline_behind_a_name_is_not_let_in(client: TestClient) -> None:
    assert problem_of(client, "leases", {"annotator": "ada\n"})[:2] == (422, "InvalidRequest")


def test_asking_waits_for_a_round_that_is_due_only_where_it_can_come(
    client: TestClient, services: Services, ada: Person
) -> None:
    # The trainer's thread is not running, and settings say not to wait: the older ranking serves, and it says so.
    ada.lease_and_label()

    asked = ada.lease(2)

    assert services.settings.round_wait_seconds == 0
    assert (asked["round"], asked["stale"]) == (0, True)
    assert client.get(POOL).json()["until_round"] == 0


def test_requests_at_once_share_the_pool_without_a_conflict(client: TestClient) -> None:
    people = [Person(client, f"annotator {index}") for index in range(6)]

    outcomes = race(6, lambda index: [event["image_id"] for event in people[index].lease_and_label(10)])

    labeled = Counter(image_id for outcome in outcomes if not isinstance(outcome, Exception) for image_id in outcome)
    assert len(labeled) == 60
    assert set(labeled.values()) == {1}
    assert client.get(POOL).json()["counts"]["human"] == 60
