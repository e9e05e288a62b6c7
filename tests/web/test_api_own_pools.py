"""Pools of one's own over HTTP: made, set up, filled with files good and bad, and shown."""

import io
import json
import zipfile
from typing import Any

import numpy as np
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from PIL import Image as Picture
from sqlalchemy import select

from app.models import Image
from app.web.edge.deps import Services
from tests.factories import add_account
from tests.web.clients import as_person
from tests.web.person import Person

BEES = "/api/v1/pools/bees"
SPEC = {"slug": "bees", "name": "Bees", "classes": ["bee", "wasp", "fly"]}


def draw(number: int, size: tuple[int, int] = (90, 60), kind: str = "PNG") -> bytes:
    """A picture of noise in colours."""
    pixels = np.random.default_rng(number).integers(0, 256, (size[1], size[0], 3)).astype(np.uint8)
    file = io.BytesIO()
    Picture.fromarray(pixels).save(file, kind)
    return file.getvalue()


def pack(files: dict[str, bytes]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return file.getvalue()


def send(client: TestClient, files: dict[str, bytes], **given: Any) -> Any:
    parts = [("files", (name, content)) for name, content in files.items()]
    return client.post(f"{BEES}/images", files=parts, params=given)


@pytest.fixture
def bees(client: TestClient) -> TestClient:
    """With a pool that has no images yet."""
    assert client.post("/api/v1/pools", json=SPEC).status_code == 201
    return client


def test_a_pool_is_made_empty_and_is_listed_with_what_it_is(client: TestClient) -> None:
    made = client.post("/api/v1/pools", json=SPEC | {"colours": False, "width": 24, "description": "From the garden"})
    assert (made.status_code, made.headers["location"]) == (201, BEES)
    pool = made.json()
    assert (pool["classes"], pool["width"], pool["height"], pool["channels"]) == (["bee", "wasp", "fly"], 24, 32, 1)
    assert (pool["learner"], pool["counts"]["images"], pool["round"]["number"]) == ("graph", 0, 0)
    assert [each["slug"] for each in client.get("/api/v1/pools").json()["items"]] == ["digits", "bees"]
    again = client.post("/api/v1/pools", json=SPEC)
    assert (again.status_code, again.json()["code"]) == (409, "SlugTaken")
    asked = client.post(f"{BEES}/leases", json={"annotator": "ada"}).json()
    assert (asked["images"], asked["shortage"]["unlabeled"]) == ([], 0)


def test_files_are_added_known_or_refused_each_by_itself(bees: TestClient) -> None:
    cut = draw(2)[:200]
    answer = send(
        bees,
        {
            "a.png": draw(0),
            "b.jpg": draw(1, kind="JPEG"),
            "same.png": draw(0),
            "cut.png": cut,
            "page.png": b"<svg xmlns='http://www.w3.org/2000/svg'/>",
            "empty.png": b"",
        },
    )
    assert answer.status_code == 201
    body = answer.json()
    assert (body["added"], body["known"], body["refused"], body["n_images"]) == (2, 1, 3, 2)
    assert [(item["name"], item["status"], item["code"]) for item in body["items"]] == [
        ("a.png", "added", None),
        ("b.jpg", "added", None),
        ("same.png", "known", None),
        ("cut.png", "refused", "PictureDamaged"),
        ("page.png", "refused", "NotAPicture"),
        ("empty.png", "refused", "PictureEmpty"),
    ]
    assert body["items"][2]["image_id"] == body["items"][0]["image_id"]
    assert all(item["reason"] for item in body["items"][3:])


def test_an_archive_is_unpacked_and_names_its_faults(bees: TestClient) -> None:
    archive = pack({"x/1.png": draw(0), "../2.png": draw(1), "3.txt": b"no picture"})
    body = send(bees, {"all.zip": archive, "broken.zip": archive[:100]}).json()
    found = {item["name"]: (item["status"], item["code"]) for item in body["items"]}
    assert found["x/1.png"] == ("added", None)
    assert found["../2.png"] == ("refused", "NameRefused")
    assert found["3.txt"][0] == "refused"
    assert found["broken.zip"][0] == "refused"
    assert body["n_images"] == 1


@pytest.mark.parametrize("packed", [False, True])
def test_folders_name_classes_if_the_request_says_so(bees: TestClient, packed: bool) -> None:
    def add(first: int, folders: str) -> list[tuple[str, str | None]]:
        files = {f"{kind}/{first}.png": draw(first + n) for n, kind in enumerate(("bee", "fly", "moth"))}
        files |= {f"{first}.png": draw(first + 3)}
        body = send(bees, {f"{first}.zip": pack(files)} if packed else files, folders=folders).json()
        assert body["added"] == 4
        return [(item["name"], item["label"]) for item in body["items"]]

    assert {label for _, label in add(0, "none")} == {None}
    for first, folders in ((10, "truth"), (20, "standing")):
        assert set(add(first, folders)) == {
            (f"bee/{first}.png", "bee"),
            (f"fly/{first}.png", "fly"),
            (f"moth/{first}.png", None),
            (f"{first}.png", None),
        }
    labels = bees.get(f"{BEES}/export?format=jsonl").text.splitlines()
    assert {(row["name"], row["class"], row["annotator"]) for row in map(json.loads, labels)} == {
        ("bee/20.png", "bee", "local"),
        ("fly/20.png", "fly", "local"),
    }
    wrong = send(bees, {"a.png": draw(99)}, folders="maybe")
    assert (wrong.status_code, wrong.json()["code"]) == (422, "InvalidRequest")


def test_folders_that_are_the_truth_say_it_to_nobody(bees: TestClient, services: Services) -> None:
    send(bees, {"bee/0.png": draw(0), "fly/1.png": draw(1), "2.png": draw(2)}, folders="truth")
    with services.database.read() as session:
        found = dict(session.execute(select(Image.name, Image.truth).where(Image.name.is_not(None))).all())
    assert found == {"bee/0.png": 0, "fly/1.png": 2, "2.png": None}


def test_people_see_a_preview_and_leads_get_the_original(bees: TestClient) -> None:
    original = draw(0, (1600, 400), "JPEG")
    image_id = send(bees, {"meadow/bee 1.jpg": original}).json()["items"][0]["image_id"]
    about = bees.get(f"/api/v1/images/{image_id}").json()
    assert (about["name"], about["width"], about["height"]) == ("meadow/bee 1.jpg", 1600, 400)
    assert (about["n_bytes"], about["media_type"], about["pool"]) == (len(original), "image/jpeg", "bees")
    preview = bees.get(about["url"])
    assert (preview.headers["content-type"], "immutable" in preview.headers["cache-control"]) == ("image/webp", True)
    assert Picture.open(io.BytesIO(preview.content)).size == (800, 200)
    seen = bees.get(f"/images/{image_id}.png")
    assert Picture.open(io.BytesIO(seen.content)).size == (32, 32)
    download = bees.get(about["original_url"])
    assert download.content == original
    assert download.headers["content-disposition"] == "attachment; filename*=UTF-8''bee%201.jpg"
    assert "sandbox" in download.headers["content-security-policy"]
    assert download.headers["x-content-type-options"] == "nosniff"
    lease = bees.post(f"{BEES}/leases", json={"annotator": "ada"}).json()["images"][0]
    assert (lease["url"], lease["asked_by"]) == (about["url"], "chance")
    assert "name" not in lease


def test_an_image_of_a_data_set_has_no_original(client: TestClient, ada: Person) -> None:
    image_id = ada.lease(1)["images"][0]["image_id"]
    about = client.get(f"/api/v1/images/{image_id}").json()
    assert (about["name"], about["media_type"], about["original_url"]) == (None, None, None)
    assert (about["width"], about["height"], about["url"].partition("?")[0]) == (28, 28, f"/images/{image_id}.png")
    missing = client.get(f"/images/{image_id}/original")
    assert (missing.status_code, missing.json()["code"]) == (404, "NotFound")


def test_test_images_need_a_class_and_are_for_admins(bees: TestClient) -> None:
    refused = send(bees, {"1.png": draw(0)}, is_test=True)
    assert (refused.status_code, refused.json()["code"]) == (422, "ClassesInvalid")
    unknown = send(bees, {"1.png": draw(0)}, is_test=True, **{"class": "ant"})
    assert "Bees has no class ant. Its classes are bee, wasp, fly." in unknown.json()["detail"]
    body = send(bees, {"1.png": draw(0)}, is_test=True, **{"class": "wasp"}).json()
    assert (body["added"], body["n_images"]) == (1, 0)
    about = bees.get(f"/api/v1/images/{body['items'][0]['image_id']}").json()
    assert (about["split"], about["truth"]) == ("test", 1)


def test_classes_are_added_renamed_and_their_buttons_ordered(bees: TestClient) -> None:
    assert bees.post(f"{BEES}/classes", json={"names": ["ant"]}).json()["classes"] == ["bee", "wasp", "fly", "ant"]
    assert bees.patch(f"{BEES}/classes/1", json={"name": "hornet"}).json()["classes"][1] == "hornet"
    for method, path, body in (
        ("POST", "classes", {"names": ["bee"]}),
        ("PATCH", "classes/0", {"name": "fly"}),
        ("PUT", "class-order", {"order": [0, 1, 2]}),
        ("PUT", "class-order", {"order": [0, 1, 2, 2]}),
    ):
        answer = bees.request(method, f"{BEES}/{path}", json=body)
        assert (answer.status_code, answer.json()["code"]) == (422, "ClassesInvalid"), path
    assert bees.patch(f"{BEES}/classes/7", json={"name": "x"}).status_code == 404
    assert bees.put(f"{BEES}/class-order", json={"order": [3, 0, 1, 2]}).status_code == 200


def test_a_pool_is_named_described_paused_and_archived(bees: TestClient) -> None:
    send(bees, {"1.png": draw(0)})
    told = {"name": "Bees and others", "guideline": "- look at the wings", "goal_labels": 400, "goal_accuracy": 0.95}
    changed = bees.patch(BEES, json=told).json()
    assert {key: changed[key] for key in told} == told
    assert bees.get(f"{BEES}/settings").json() == changed
    bees.patch(BEES, json={"is_paused": True})
    asked = bees.post(f"{BEES}/leases", json={"annotator": "ada"})
    assert (asked.status_code, asked.json()["code"]) == (409, "PoolPaused")
    bees.patch(BEES, json={"is_paused": False, "is_archived": True})
    assert len(bees.post(f"{BEES}/leases", json={"annotator": "ada"}).json()["images"]) == 1
    assert "Bees and others" not in bees.get("/").text
    again = bees.patch(BEES, json={"is_archived": False, "goal_labels": None}).json()
    assert (again["archived_at"], again["goal_labels"], again["goal_accuracy"]) == (None, None, 0.95)
    assert bees.patch(BEES, json={"name": " "}).json()["code"] == "NameInvalid"


@pytest.mark.parametrize(
    ("content_type", "body", "status", "code"),
    [
        ("application/json", b"{}", 422, "NothingSent"),
        ("multipart/form-data; boundary=X", b"--X--\r\n", 422, "NothingSent"),
        ("multipart/form-data; charset=punycode; boundary=X", b"--X--\r\n", 415, "NoUploads"),
        ("multipart/form-data", b"--X--\r\n", 422, "InvalidRequest"),
    ],
)
def test_what_is_no_upload_is_refused(bees: TestClient, content_type: str, body: bytes, status: int, code: str) -> None:
    answer = bees.post(f"{BEES}/images", content=body, headers={"Content-Type": content_type})
    assert (answer.status_code, answer.json()["code"]) == (status, code)


def test_an_annotator_makes_no_pools_and_sees_no_names(bees: TestClient, app: FastAPI, services: Services) -> None:
    image_id = send(bees, {"bee 1.png": draw(0)}).json()["items"][0]["image_id"]
    add_account(services.database, "ada", role="admin")
    add_account(services.database, "ben")
    as_annotator = as_person(app, services, "ben")
    about = as_annotator.get(f"/api/v1/images/{image_id}").json()
    assert (about["name"], about["truth"], about["original_url"]) == (None, None, None)
    for method, path in (("POST", "/api/v1/pools"), ("POST", f"{BEES}/images"), ("PATCH", BEES)):
        assert as_annotator.request(method, path, json={}).status_code == 403, path
    assert as_annotator.get(f"/images/{image_id}/original").status_code == 403


def test_a_test_set_needs_classes_which_folders_may_name(bees: TestClient, services: Services) -> None:
    files = {"bee/0.png": draw(0), "moth/1.png": draw(1)}
    for folders, code in (("none", "ClassesInvalid"), ("standing", "UploadInvalid")):
        refused = send(bees, files, is_test=True, folders=folders)
        assert (refused.status_code, refused.json()["code"]) == (422, code)
    body = send(bees, files, is_test=True, folders="truth").json()
    assert [(item["status"], item["code"], item["label"]) for item in body["items"]] == [
        ("added", None, "bee"),
        ("refused", "LabelMissing", None),
    ]
    with services.database.read() as session:
        found = session.execute(select(Image.split, Image.truth).where(Image.name == "bee/0.png")).all()
    assert [tuple(row) for row in found] == [("test", 0)]


def test_images_that_are_there_get_the_labels_that_stand_unless_somebody_answered(bees: TestClient) -> None:
    files = {f"{kind}/{n}.png": draw(n) for n, kind in enumerate(("bee", "wasp", "fly"))}
    ids = {item["name"]: item["image_id"] for item in send(bees, files).json()["items"]}
    answered = {"labels": [{"image_id": ids["bee/0.png"], "value": 2}], "annotator": "ada"}
    assert bees.post(f"{BEES}/labels", json=answered).status_code == 201
    held = bees.post(f"{BEES}/leases", json={"annotator": "cleo", "count": 1}).json()["images"][0]["image_id"]

    body = send(bees, files, folders="standing").json()

    labeled = {item["image_id"] for item in body["items"] if item["label"] is not None}
    assert (body["added"], body["known"]) == (0, 3)
    assert labeled == set(ids.values()) - {ids["bee/0.png"], held}


@pytest.mark.parametrize("name", ["a." + "b" * 300 + ".zip", "\x00.zip", "a\\..\\b.tar"])
def test_the_name_of_an_archive_is_only_a_name(bees: TestClient, name: str) -> None:
    body = send(bees, {name: pack({"1.png": draw(0)})}).json()
    assert body["added"] == 1
