"""Examples of each class: chosen from what people labeled, and never an image that is asked."""

from fastapi.testclient import TestClient
from sqlalchemy import event

from app.examples import A_CLASS
from app.web.edge.deps import Services

from .person import Person

URL = "/api/v1/pools/digits/examples"


def examples_of(client: TestClient) -> dict[int, list[int]]:
    """By class: ids of images."""
    classes = client.get(URL).json()["classes"]
    return {each["value"]: [image["image_id"] for image in each["images"]] for each in classes}


def label(person: Person, value: int, count: int) -> list[dict[str, int]]:
    """Label the next images as this class; their events."""
    ids = [image["image_id"] for image in person.lease(count)["images"]]
    labels = [{"image_id": image_id, "value": value} for image_id in ids]
    answer = person.client.post("/api/v1/pools/digits/labels", json={"annotator": person.name, "labels": labels})
    events: list[dict[str, int]] = answer.json()["events"]
    return events


def test_the_oldest_labels_are_the_examples_as_long_as_nothing_is_trained(client: TestClient, ada: Person) -> None:
    assert examples_of(client) == {value: [] for value in range(10)}
    first = [each["image_id"] for each in label(ada, 3, 6)]
    assert examples_of(client)[3] == first[:A_CLASS]
    label(ada, 4, 1)
    found = examples_of(client)
    assert (len(found[3]), len(found[4])) == (A_CLASS, 1)
    url = client.get(URL).json()["classes"][4]["images"][0]["url"]
    assert client.get(url).status_code == 200


def test_an_image_that_is_asked_again_is_no_example(client: TestClient, ada: Person, ben: Person) -> None:
    first, second, *_ = label(ada, 3, 6)
    assert first["image_id"] in examples_of(client)[3]
    client.post("/api/v1/pools/digits/undo", json={"annotator": "ada", "event_id": first["event_id"]})
    client.post("/api/v1/pools/digits/changes", json={"annotator": "ada", "event_id": second["event_id"], "value": 5})
    found = examples_of(client)
    assert first["image_id"] not in found[3]
    assert second["image_id"] in found[5]
    held = {image["image_id"] for image in ben.lease(10)["images"]} | {first["image_id"]}
    assert held.isdisjoint(image_id for ids in found.values() for image_id in ids)


def test_a_merged_class_has_no_examples_of_its_own(client: TestClient, ada: Person) -> None:
    events = label(ada, 3, 2)
    assert client.post("/api/v1/pools/digits/merges", json={"from_class": 3, "into_class": 5}).status_code == 201
    found = examples_of(client)
    assert 3 not in found
    assert sorted(found[5]) == sorted(each["image_id"] for each in events)


def test_the_number_of_queries_does_not_grow_with_the_labels(
    client: TestClient, services: Services, ada: Person
) -> None:
    statements: list[str] = []

    def count() -> int:
        statements.clear()
        examples_of(client)
        return len(statements)

    label(ada, 3, 2)
    event.listen(services.database.engine, "before_cursor_execute", lambda *args: statements.append(args[2]))
    few = count()
    for value in range(6):
        label(ada, value, 5)
    assert count() == few
