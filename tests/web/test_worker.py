"""The service worker's script, and what it reads of a page."""

from fastapi.testclient import TestClient


def test_the_worker_sees_the_whole_site_and_is_never_an_old_one(client: TestClient) -> None:
    response = client.get("/worker.js")

    assert response.status_code == 200
    assert response.headers["content-type"].startswith("text/javascript")
    assert response.headers["cache-control"] == "no-cache"


def test_the_labeling_page_says_whose_it_is(client: TestClient) -> None:
    assert client.get("/pools/digits/label").headers["inkling-annotator"] == "local"
