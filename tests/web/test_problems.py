"""One shape for every error, whatever the route and whatever went wrong."""

import re
import sqlite3
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlalchemy import event, text
from sqlalchemy.exc import OperationalError

from app.web.edge.deps import Services

METHODS = ("get", "post", "put", "patch", "delete")


def documented(app: FastAPI) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every path of the API's documentation with its operations."""
    yield from app.openapi()["paths"].items()


def fill(path: str, *, slug: str = "digits", number: str = "1") -> str:
    """An address of this path."""
    return re.sub(r"{\w+}", number, path.replace("{slug}", slug))


def assert_is_problem(response: Any, status: int) -> None:
    assert response.status_code == status, (response.request.method, response.request.url, response.text)
    assert response.headers["content-type"] == "application/problem+json"
    problem = response.json()
    assert set(problem) == {"type", "title", "status", "code", "detail", "context"}
    assert (problem["type"], problem["status"]) == ("about:blank", status)
    assert re.fullmatch(r"[A-Z][A-Za-z]+", problem["code"])
    assert problem["detail"].endswith((".", "?", "!"))
    assert isinstance(problem["context"], dict)


def test_every_route_refuses_other_methods_in_the_one_shape(app: FastAPI, client: TestClient) -> None:
    for path, operations in documented(app):
        for method in METHODS:
            if method not in operations:
                response = client.request(method, fill(path))
                assert_is_problem(response, 405)
                assert response.headers["allow"]


def test_every_route_with_a_parameter_refuses_a_malformed_one_in_the_one_shape(
    app: FastAPI, client: TestClient
) -> None:
    n_tried = 0
    for path, operations in documented(app):
        for method in operations:
            if "{" in path:
                n_tried += 1
                assert_is_problem(client.request(method, fill(path, slug="NO_SLUG", number="x" * 65), json={}), 422)
    assert n_tried >= 12


def test_every_route_with_a_parameter_knows_what_is_not_there_in_the_one_shape(
    app: FastAPI, client: TestClient
) -> None:
    bodies: dict[str, dict[str, Any]] = {
        "labels": {"labels": [{"image_id": 1, "value": 1}]},
        "skips": {"image_id": 1},
        "flags": {"image_id": 1, "remark": "smudged"},
        "changes": {"event_id": 1, "value": 1},
        "classes": {"names": ["moth"]},
        "{index}": {"name": "moth"},
        "class-order": {"order": [0, 1]},
        "merges": {"from_class": 0, "into_class": 1},
        "webhooks": {"url": "https://example.org/", "events": ["round_stored"]},
    }
    for path, operations in documented(app):
        for method in operations:
            if "{" in path:
                body = bodies.get(path.rpartition("/")[2], {}) if method in ("post", "patch", "put") else None
                url = fill(path, slug="nowhere", number="999" if "{index}" in path else "999999")
                query = {"confirm": "nowhere"} if method == "delete" else None
                assert_is_problem(client.request(method, url, json=body, params=query), 404)


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b'{"labels": "all"}', b"\xff\xfe", b'{"no": "field"}'])
def test_every_route_with_a_body_refuses_a_malformed_one_in_the_one_shape(
    app: FastAPI, client: TestClient, body: bytes
) -> None:
    for path, operations in documented(app):
        if "application/json" in operations.get("post", {}).get("requestBody", {}).get("content", {}):
            response = client.post(fill(path), content=body, headers={"content-type": "application/json"})
            assert_is_problem(response, 422)
            assert response.json()["code"] == "InvalidRequest"


@pytest.mark.parametrize("path", ["/nowhere", "/api", "/api/v1", "/api/v2/pools", "/static/nothing.js", "/images"])
def test_an_address_that_is_none_is_not_found_in_the_one_shape(client: TestClient, path: str) -> None:
    assert_is_problem(client.get(path), 404)


def test_a_browser_that_asks_for_a_page_gets_a_page(client: TestClient) -> None:
    response = client.get("/pools/nowhere/label", headers={"accept": "text/html,*/*;q=0.8"})

    assert response.status_code == 404
    assert response.headers["content-type"].startswith("text/html")
    assert "There is no pool nowhere" in response.text


@pytest.mark.parametrize(
    ("path", "hint"),
    [
        ("/pools/nowhere/label", "GET /api/v1/pools"),
        ("/nowhere", "/docs"),
        ("/oracle/999999", "GET /api/v1/oracle-runs"),
        ("/oracle/1/stop", "/docs"),
        ("/pools/NO_SLUG/label", "path.slug"),
    ],
)
def test_commands_and_requests_are_told_to_scripts_and_not_on_pages(client: TestClient, path: str, hint: str) -> None:
    problem, page = client.get(path), client.get(path, headers={"accept": "text/html"})
    shown = re.sub(r"<header.*?</header>", "", page.text, flags=re.DOTALL)

    assert hint in problem.json()["detail"]
    assert page.status_code == problem.status_code
    assert not re.search(r"inkling (pool|user)|GET |/api/|/docs|path\.|INKLING_", shown)


def test_a_form_that_is_too_large_is_refused_on_its_page_without_a_word_of_settings(client: TestClient) -> None:
    def body() -> Iterator[bytes]:  # of a length that is not told beforehand
        for _ in range(20):
            yield b"x" * 100_000

    headers = {"accept": "text/html", "content-type": "application/x-www-form-urlencoded"}
    response = client.post("/oracle", content=body(), headers=headers)

    assert response.status_code == 413
    assert "<h1>" in response.text
    assert "INKLING_" not in response.text


def test_a_browser_that_looks_at_the_api_gets_json(client: TestClient) -> None:
    assert_is_problem(client.get("/api/v1/pools/nowhere", headers={"accept": "text/html"}), 404)


def test_what_somebody_sent_is_not_put_into_a_page_as_it_is(client: TestClient) -> None:
    response = client.get("/<script>alert(1)</script>", headers={"accept": "text/html"})

    assert response.status_code == 404
    assert "<script>alert" not in response.text


def test_a_database_in_trouble_is_unavailable_and_says_that_nothing_was_stored(
    client: TestClient, services: Services
) -> None:
    event.listen(services.database.engine, "before_cursor_execute", find_no_room)

    response = client.post("/api/v1/pools/digits/leases", json={})

    assert_is_problem(response, 503)
    assert response.json()["code"] == "DatabaseUnavailable"
    assert "Nothing was stored" in response.json()["detail"]


def find_no_room(*_: object) -> None:
    full = sqlite3.OperationalError("database or disk is full")
    full.sqlite_errorname = "SQLITE_FULL"
    raise OperationalError("INSERT", {}, full)


def test_a_wrong_statement_is_a_bug_with_its_traceback_and_no_trouble_of_the_disk(
    client: TestClient, services: Services, caplog: pytest.LogCaptureFixture
) -> None:
    with services.database.write() as session:
        session.execute(text("ALTER TABLE label RENAME TO lost"))

    response = client.post("/api/v1/pools/digits/leases", json={})

    assert_is_problem(response, 500)
    assert response.json()["code"] == "InternalError"
    assert "no such table: label" in caplog.text


def test_a_bug_tells_nothing_of_the_inside(app: FastAPI) -> None:
    services, app.state.services = app.state.services, None
    try:
        response = TestClient(app, base_url="http://localhost", raise_server_exceptions=False).get("/api/v1/pools")
    finally:
        app.state.services = services

    assert_is_problem(response, 500)
    assert response.json()["code"] == "InternalError"
    assert "NoneType" not in response.text


def test_numbers_too_large_for_the_database_are_refused_and_no_bug(client: TestClient) -> None:
    huge = 10**30
    for url in (f"/images/{huge}.png", f"/api/v1/oracle-runs/{huge}", f"/api/v1/pools/digits/rounds/{huge}"):
        assert_is_problem(client.get(url), 422)


LABELS = "/api/v1/pools/digits/labels"


def test_many_unknown_fields_are_one_error_at_once(client: TestClient) -> None:
    unknown = {f"field {number}": 0 for number in range(1000)}
    for body, where in (
        ({"labels": [{"image_id": 1, "value": 1}]} | unknown, "body.field 0"),
        ({"labels": [{"image_id": 1, "value": 1} | unknown]}, "body.labels.0.field 0"),
    ):
        response = client.post(LABELS, json=body)

        assert_is_problem(response, 422)
        assert response.json()["context"]["errors"] == [{"where": where, "what": "Extra inputs are not permitted"}]


def test_of_many_wrong_labels_the_first_is_told(client: TestClient) -> None:
    wrong = {"image_id": "x", "value": None, "key": "short"} | {f"field {number}": 0 for number in range(3)}

    response = client.post(LABELS, json={"labels": [{"image_id": 1, "value": 1}, *[wrong] * 900]})

    assert_is_problem(response, 422)
    places = [error["where"] for error in response.json()["context"]["errors"]]
    assert places == [f"body.labels.1.{name}" for name in ("image_id", "value", "key", "field 0")]


def test_of_many_wrong_ids_the_first_is_told(client: TestClient) -> None:
    response = client.post("/api/v1/pools/digits/leases/release", json={"image_ids": ["x"] * 1000})

    assert [error["where"] for error in response.json()["context"]["errors"]] == ["body.image_ids.0"]


def test_a_long_name_of_a_field_is_told_in_short(client: TestClient) -> None:
    response = client.post("/api/v1/pools/digits/leases", json={"x" * 50_000: 1})

    assert_is_problem(response, 422)
    assert len(response.content) < 1000


def test_a_number_that_json_cannot_hold_is_refused_in_the_one_shape(client: TestClient) -> None:
    for number in ("NaN", "Infinity", "1e400", "1.5"):
        content = f'{{"count": {number}}}'
        headers = {"content-type": "application/json"}
        assert_is_problem(client.post("/api/v1/pools/digits/leases", content=content, headers=headers), 422)
