"""Each broken or hostile file and archive has its outcome by upload, too, and nothing of what is refused stays."""

from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from tests.factories.hostile_files import FILES, TAKEN
from tests.factories.hostile_sources import READ, TARS, WHOLE, ZIPS

BEES = "/api/v1/pools/bees"
ARCHIVES = ZIPS | TARS
FEW = {"zip of too many entries"}  # too many for the test that reads sources; an upload may have so many


@pytest.fixture
def bees(client: TestClient) -> TestClient:
    """With a pool that has no images yet."""
    assert client.post("/api/v1/pools", json={"slug": "bees", "classes": ["bee", "wasp"]}).status_code == 201
    return client


def upload(client: TestClient, name: str, content: bytes) -> dict[str, Any]:
    response = client.post(f"{BEES}/images", files=[("files", (name, content))])
    assert response.status_code == 201, response.text
    body: dict[str, Any] = response.json()
    return body


def test_each_hostile_file_is_refused_in_words_or_taken(bees: TestClient) -> None:
    """All in one pool: what one does to the server, the next would meet."""
    n_images = 0
    for name, (make, expected) in FILES.items():
        body = upload(bees, "a.png", make())
        (item,) = body["items"]
        n_images += body["added"]
        assert body["n_images"] == n_images, name
        if expected == TAKEN:
            assert item["status"] in ("added", "known"), name
        else:
            assert (item["status"], item["code"]) == ("refused", expected), name
            assert item["reason"].endswith("."), name


@pytest.mark.parametrize("name", [name for name in ARCHIVES if name not in FEW])
def test_each_hostile_archive_is_refused_whole_or_by_its_entries(bees: TestClient, tmp_path: Path, name: str) -> None:
    make, expected = ARCHIVES[name]
    archive = make(tmp_path)
    body = upload(bees, archive.name, archive.read_bytes())

    found = {item["name"]: item["code"] for item in body["items"]}
    if WHOLE in expected:
        assert found == {archive.name: "ArchiveRefused"}
        assert body["n_images"] == 0
        assert str(tmp_path) not in body["items"][0]["reason"]
        return
    wanted = {entry.replace("a.tar", archive.name): outcome for entry, outcome in expected.items()}
    refused = {entry: outcome for entry, outcome in wanted.items() if outcome != READ}
    assert found.keys() == wanted.keys()
    assert {entry: found[entry] for entry in refused} == refused
