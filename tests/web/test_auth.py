"""Who comes in: on an open server everybody here; with accounts nobody without a token or a session."""

import datetime as dt
import re
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlalchemy import func, select, text

from app import accounts, tokens
from app.models import Label, LabelEvent, Lease
from app.settings import Settings
from app.web.edge.deps import Services, get_now
from app.web.edge.gate import COOKIE
from tests.factories.logins import add_account
from tests.web.clients import STREAMS, URL, browser, fill, log_in, routes_of, status_of, token_of, with_token
from tests.web.person import POOL, Person

ANYBODY_MAY = {
    "/healthz",
    "/readyz",
    "/login",
    "/logout",
    "/docs",
    "/worker.js",
    "/api/v1/openapi.json",
    "/join/{token}",
}


@pytest.fixture
def settings(closed_settings: Settings) -> Settings:
    """All tests here are of a server with accounts."""
    return closed_settings


# An open server


@pytest.fixture
def open_app(app: FastAPI, services: Services) -> FastAPI:
    """The same without any account."""
    with services.database.write() as session:
        session.execute(text("UPDATE annotator SET password_hash = NULL"))
    return app


def test_while_nobody_has_a_password_everybody_here_may_do_everything(open_app: FastAPI) -> None:
    client = TestClient(open_app, base_url=URL)

    assert client.get("/api/v1/me").json() == {"name": "local", "role": "admin", "open": True}
    for method, path in routes_of(open_app):
        if path not in STREAMS:
            response = client.request(method, fill(path), json={}, follow_redirects=False)
            assert response.status_code not in (401, 403), (method, path)


def test_an_open_server_has_no_login_and_no_audit_to_show(open_app: FastAPI) -> None:
    client = browser(open_app)

    for response in (client.get("/login?next=/audit"), log_in(client, "ada"), client.get("/audit")):
        assert (response.status_code, response.headers["location"]) == (303, "/")


def test_on_an_open_server_the_request_says_who_answers(open_app: FastAPI) -> None:
    client = TestClient(open_app, base_url=URL)

    events = Person(client, "grace").lease_and_label(1)

    assert events[0]["annotator"] == "grace"


def test_a_wrong_token_is_refused_even_where_none_is_needed(open_app: FastAPI) -> None:
    assert status_of(with_token(open_app, "wrong")) == 401


def test_the_first_account_closes_a_server_that_is_running(open_app: FastAPI, services: Services) -> None:
    client = TestClient(open_app, base_url=URL)
    assert status_of(client) == 200

    add_account(services.database, "grace", role="admin")

    assert status_of(client) == 401


# Without credentials


def test_no_route_is_open_but_those_that_have_to_be(app: FastAPI, client: TestClient) -> None:
    answers = {
        (method, path): client.request(method, fill(path), json={}, follow_redirects=False).status_code
        for method, path in routes_of(app)
    }

    assert len(answers) >= 40
    for (method, path), status in answers.items():
        assert (status != 401) == (path in ANYBODY_MAY), (method, path, status)


@pytest.mark.parametrize(
    ("act", "body"),
    [
        ("leases", {}),
        ("leases/renew", {}),
        ("leases/release", {}),
        ("labels", {"labels": [{"image_id": 1, "value": 3}]}),
        ("skips", {"image_id": 1}),
        ("flags", {"image_id": 1, "remark": "blurred"}),
        ("changes", {"event_id": 1, "value": 3}),
        ("undo", {}),
        ("oracle-labels", {}),
    ],
)
def test_a_stranger_with_a_made_up_token_does_nothing(
    app: FastAPI, services: Services, act: str, body: dict[str, Any]
) -> None:
    for slug in ("digits", "nowhere"):
        response = with_token(app, "made up").post(f"/api/v1/pools/{slug}/{act}", json=body)
        assert (response.status_code, response.json()["code"]) == (401, "NotLoggedIn")

    with services.database.read() as session:
        for table in (Lease, LabelEvent, Label):
            assert session.scalar(select(func.count()).select_from(table)) == 0


def test_every_page_leads_a_browser_to_the_login_and_back(app: FastAPI) -> None:
    client = browser(app)
    pages = [path for method, path in routes_of(app) if method == "GET" and not path.startswith("/api/")]
    pages = [
        path for path in pages if path not in ANYBODY_MAY and not path.endswith((".png", ".webp", ".json", "/metrics"))
    ]

    assert len(pages) >= 8
    for path in pages:
        response = client.get(fill(path))
        assert response.status_code == 303, path
        where = httpx2.URL(response.headers["location"])
        assert (where.path, where.params["next"]) == ("/login", fill(path))


def test_a_page_is_found_again_with_its_query(app: FastAPI) -> None:
    client = browser(app)

    where = httpx2.URL(client.get("/pools/digits/answers?cursor=7").headers["location"])

    assert where.params["next"] == "/pools/digits/answers?cursor=7"


def test_the_api_says_in_the_one_shape_how_to_come_in(client: TestClient) -> None:
    response = client.get("/api/v1/pools")

    assert response.status_code == 401
    assert response.headers["www-authenticate"] == "Bearer"
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json()["code"] == "NotLoggedIn"
    assert "Authorization: Bearer" in response.json()["detail"]


def test_a_page_that_needs_a_login_leads_to_it(app: FastAPI) -> None:
    response = browser(app).post("/images/1", data={})

    assert response.status_code == 401
    assert "You are not logged in." in response.text
    assert 'href="/login"' in response.text
    assert "Bearer" not in response.text


def test_what_is_not_there_is_told_apart_only_to_those_who_are_in(client: TestClient) -> None:
    for url in (POOL, "/api/v1/pools/nowhere", "/images/1.png", "/images/999999.png"):
        assert client.get(url).status_code == 401


def test_the_login_page_and_what_it_needs_are_there_for_all(client: TestClient) -> None:
    page = client.get("/login")

    assert page.status_code == 200
    assert 'action="/login"' in page.text
    for address in set(re.findall(r'(?:href|src)="(/static/[^"]+)"', page.text)):
        assert client.get(address).status_code == 200
    assert "no-store" in page.headers["cache-control"]


@pytest.mark.parametrize(
    "authorization",
    ["Bearer", "Bearer ", "Bearer x", "Basic Ym9zczpwYXNz", "bearer \x80", "Token x", "Bearer " + "a" * 8000, "=", "é"],
)
def test_what_is_no_token_is_401_and_no_bug(client: TestClient, authorization: str) -> None:
    assert client.get("/api/v1/me", headers={b"authorization": authorization.encode("latin-1")}).status_code == 401


@pytest.mark.parametrize("cookie", ["", "x", "a.b.c", "é", "." * 500, "x" * 4000, "a.b.\x7f"])
def test_a_forged_cookie_is_401_and_no_bug(client: TestClient, cookie: str) -> None:
    headers = {b"cookie": f"{COOKIE}={cookie}".encode("latin-1")}

    assert client.get("/api/v1/me", headers=headers).status_code == 401


# Tokens


def test_a_token_ends_when_it_expires_is_revoked_or_its_account_is_disabled(app: FastAPI, services: Services) -> None:
    day = dt.timedelta(days=1)
    expiring, revoked, disabled = (token_of(services, name, day) for name in ("boss", "ada", "ben"))
    clients = [with_token(app, plain) for plain in (expiring, revoked, disabled)]
    assert [status_of(client) for client in clients] == [200, 200, 200]

    now = dt.datetime.now(dt.UTC)
    with services.database.write() as session:
        tokens.revoke_token(session, 2, now=now)
        accounts.set_disabled(session, "ben", True, now=now)
    assert [status_of(client) for client in clients] == [200, 401, 401]
    app.dependency_overrides[get_now] = lambda: now + day
    assert [status_of(client) for client in clients] == [401, 401, 401]


def test_a_token_of_a_browser_is_no_token_of_a_script_and_the_other_way_round(app: FastAPI, services: Services) -> None:
    client = browser(app)
    log_in(client)
    plain = token_of(services, "ada")
    signed = services.gate._signer.sign(plain).decode()

    assert status_of(with_token(app, client.cookies[COOKIE].partition(".")[0])) == 401
    assert TestClient(app, base_url=URL, cookies={COOKIE: signed}).get("/api/v1/me").status_code == 401
