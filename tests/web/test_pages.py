"""The pages that need no JavaScript to be there."""

import re

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import text

from app.web.edge.deps import Services


@pytest.mark.parametrize("name", ["label", "people", "me"])
def test_an_address_without_a_pool_leads_to_the_first_one(client: TestClient, name: str) -> None:
    response = client.get(f"/{name}", follow_redirects=False)

    assert (response.status_code, response.headers["location"]) == (302, f"/pools/digits/{name}")


def test_the_labeling_page_says_which_data_are_in_use(client: TestClient) -> None:
    response = client.get("/pools/digits/label")

    assert response.status_code == 200
    assert response.headers["content-type"].startswith("text/html")
    assert "the embedded sample: 5,000 MNIST digits" in response.text


def test_a_page_has_neither_inline_scripts_nor_another_servers_files(client: TestClient) -> None:
    for path in ("/", "/pools/digits/label", "/docs"):
        page = client.get(path).text

        assert re.findall(r"<script(?![^>]*\bsrc=)[^>]*>", page) == [], path
        assert re.findall(r"""(?:src|href)=["'](?:https?:)?//""", page) == [], path
        assert re.findall(r"\son\w+=", page) == [], path


def test_everything_that_a_page_refers_to_is_there(client: TestClient) -> None:
    for path in ("/", "/pools/digits/label", "/docs"):
        page = client.get(path).text
        for url in set(re.findall(r"""(?:src|href)=["'](/(?:static|vendor)/[^"']+)""", page)):
            assert client.get(url).status_code == 200, url


def test_an_empty_database_says_how_to_make_a_pool(client: TestClient, services: Services) -> None:
    with services.database.write() as session:
        for table in ("ranked_image", "round", "image", "pool"):
            session.execute(text(f"DELETE FROM {table}"))

    start = client.get("/")
    label = client.get("/label", headers={"accept": "text/html"})

    assert (start.status_code, label.status_code) == (200, 404)
    for response in (start, label):
        assert "There is no pool yet. Create one with: inkling pool create" in response.text
