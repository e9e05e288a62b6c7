"""The pages that need no JavaScript to be there."""

import re

from fastapi.testclient import TestClient
from sqlalchemy import text

from app.web.edge.deps import Services


def test_the_start_is_the_first_pools_labeling_page(client: TestClient) -> None:
    response = client.get("/", follow_redirects=False)

    assert (response.status_code, response.headers["location"]) == (302, "/pools/digits/label")


def test_the_labeling_page_says_which_data_are_in_use(client: TestClient) -> None:
    response = client.get("/pools/digits/label")

    assert response.status_code == 200
    assert response.headers["content-type"].startswith("text/html")
    assert "the embedded sample: 5,000 MNIST digits" in response.text


def test_a_page_has_neither_inline_scripts_nor_another_servers_files(client: TestClient) -> None:
    for path in ("/pools/digits/label", "/docs"):
        page = client.get(path).text

        assert re.findall(r"<script(?![^>]*\bsrc=)[^>]*>", page) == [], path
        assert re.findall(r"""(?:src|href)=["'](?:https?:)?//""", page) == [], path
        assert re.findall(r"\son\w+=", page) == [], path


def test_everything_that_a_page_refers_to_is_there(client: TestClient) -> None:
    for path in ("/pools/digits/label", "/docs"):
        page = client.get(path).text
        for url in set(re.findall(r"""(?:src|href)=["'](/(?:static|vendor)/[^"']+)""", page)):
            assert client.get(url).status_code == 200, url


def test_an_empty_database_says_how_to_make_a_pool(client: TestClient, services: Services) -> None:
    with services.database.write() as session:
        for table in ("ranked_image", "round", "image", "pool"):
            session.execute(text(f"DELETE FROM {table}"))

    response = client.get("/", headers={"accept": "text/html"})

    assert response.status_code == 404
    assert "inkling pool create" in response.text
