"""A session of a browser: who may use its cookie, and when it ends."""

import datetime as dt
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlalchemy import event, select, text

from app import accounts
from app.db import Database
from app.models import AuditEntry
from app.passwords import hash_password
from app.settings import Settings
from app.web.edge.deps import Services, get_now
from app.web.edge.gate import COOKIE
from tests.factories.files import opened
from tests.factories.logins import PASSWORD, set_disabled, set_password
from tests.factories.watching import race
from tests.web.clients import URL, browser, log_in, status_of
from tests.web.person import POOL


@pytest.fixture
def settings(closed_settings: Settings) -> Settings:
    """All tests here are of a server with accounts."""
    return closed_settings


def test_a_login_opens_a_session_and_leads_on(app: FastAPI) -> None:
    client = browser(app)
    assert client.get("/pools/digits/label").status_code == 303

    opened = log_in(client, next="/pools/digits/label")

    assert (opened.status_code, opened.headers["location"]) == (303, "/pools/digits/label")
    assert client.get("/pools/digits/label").status_code == 200
    assert client.get("/api/v1/me").json() == {"name": "ada", "role": "annotator", "open": False}


@pytest.mark.parametrize(("url", "is_secure"), [(URL, False), ("https://localhost", True)])
def test_the_cookie_is_out_of_the_reach_of_scripts_and_other_sites(app: FastAPI, url: str, is_secure: bool) -> None:
    header = log_in(browser(app, url)).headers["set-cookie"].lower()

    assert "httponly" in header
    assert "samesite=lax" in header
    assert "path=/" in header
    assert "domain" not in header
    assert f"max-age={14 * 86400}" in header
    assert ("secure" in header) == is_secure


def test_a_cookie_holds_no_password_and_is_new_each_time(app: FastAPI) -> None:
    cookies = []
    for _ in range(2):
        client = browser(app)
        log_in(client)
        cookies.append(client.cookies[COOKIE])

    assert cookies[0] != cookies[1]
    assert PASSWORD not in "".join(cookies)


@pytest.mark.parametrize("part", [0, 1, 2])
def test_a_cookie_that_was_tampered_with_is_401(app: FastAPI, part: int) -> None:
    client = browser(app)
    log_in(client)
    parts = client.cookies[COOKIE].split(".")
    parts[part] = ("A" if parts[part][0] != "A" else "B") + parts[part][1:]

    assert TestClient(app, base_url=URL, cookies={COOKIE: ".".join(parts)}).get("/api/v1/me").status_code == 401


def test_a_cookie_signed_by_another_server_is_401(app: FastAPI, services: Services) -> None:
    client = browser(app)
    log_in(client)
    with services.database.write() as session:
        session.execute(text("UPDATE server_secret SET value = 'another'"))
    restarted = type(services.gate)(services.database, services.settings)

    assert restarted._unsign(client.cookies[COOKIE]) is None
    assert services.gate._unsign(client.cookies[COOKIE]) is not None


def test_a_session_outlives_a_restart(app: FastAPI, services: Services) -> None:
    client = browser(app)
    log_in(client)

    restarted = type(services.gate)(services.database, services.settings)

    assert restarted._unsign(client.cookies[COOKIE]) == services.gate._unsign(client.cookies[COOKIE])


@pytest.mark.parametrize("what", ["a new password", "disabled", "over"])
def test_a_session_ends_at_once(app: FastAPI, services: Services, what: str) -> None:
    client = browser(app)
    log_in(client)
    now = dt.datetime.now(dt.UTC)
    with services.database.write() as session:
        if what == "a new password":
            accounts.set_password(session, "ada", hash_password("quite another one"), now=now)
        elif what == "disabled":
            accounts.set_disabled(session, "ada", True, now=now)
    if what == "over":
        app.dependency_overrides[get_now] = lambda: now + dt.timedelta(days=14, minutes=1)

    assert status_of(client) == 401


@contextmanager
def while_the_password_is_checked(services: Services, act: Callable[[Database], None]) -> Iterator[list[str]]:
    """Do `act`, as another process may, when a login has read the account and has not yet opened its session."""
    done: list[str] = []

    def look(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        if not done and "WHERE annotator.name" in statement:
            done.append(statement)
            with opened(services.database.path) as elsewhere:
                act(elsewhere)

    event.listen(services.database.engine, "after_cursor_execute", look)
    try:
        yield done
    finally:
        event.remove(services.database.engine, "after_cursor_execute", look)


@pytest.mark.parametrize("act", [set_password, lambda database: set_disabled(database, True)], ids=["reset", "disable"])
def test_a_login_under_way_does_not_survive_a_new_password_or_the_end_of_the_account(
    app: FastAPI, services: Services, act: Callable[[Database], None]
) -> None:
    client = browser(app)

    with while_the_password_is_checked(services, act) as done:
        response = log_in(client)

    assert done
    assert (response.status_code, "set-cookie" in response.headers) == (401, False)
    assert "The name or the password is wrong" in response.text
    set_disabled(services.database, False)
    assert status_of(client) == 401
    with services.database.read() as session:
        actions = session.scalars(select(AuditEntry.action)).all()
    assert ("login failed" in actions, "login" in actions) == (True, False)


def test_a_login_under_way_ends_no_other_session_if_it_fails(app: FastAPI, services: Services) -> None:
    client = browser(app)
    log_in(client, "ben")

    with while_the_password_is_checked(services, set_password):
        assert log_in(client).status_code == 401

    assert client.get("/api/v1/me").json()["name"] == "ben"


def test_of_logins_that_race_with_a_new_password_no_session_is_left(app: FastAPI, services: Services) -> None:
    clients = [browser(app) for _ in range(6)]

    def contend(index: int) -> None:
        if index == 0:
            log_in(clients[0], "ada", "a wrong password")  # so that some hash before it and some behind
            set_password(services.database)
        else:
            log_in(clients[index])

    race(len(clients), contend)

    assert [status_of(client) for client in clients] == [401] * len(clients)


def test_logging_out_kills_the_copies_of_the_cookie_too(app: FastAPI) -> None:
    client = browser(app)
    log_in(client)
    copy = TestClient(app, base_url=URL, cookies={COOKIE: client.cookies[COOKIE]})
    assert status_of(copy) == 200

    left = client.post("/logout")

    assert (left.status_code, left.headers["location"]) == (303, "/login")
    assert COOKIE not in client.cookies
    assert (status_of(client), status_of(copy)) == (401, 401)


def test_a_second_login_ends_the_session_of_the_first_in_this_browser(app: FastAPI) -> None:
    client, elsewhere = browser(app), browser(app)
    log_in(client)
    log_in(elsewhere)
    first = client.cookies[COOKIE]
    log_in(client, "ben")

    assert client.get("/api/v1/me").json()["name"] == "ben"
    assert TestClient(app, base_url=URL, cookies={COOKIE: first}).get("/api/v1/me").status_code == 401
    assert status_of(elsewhere) == 200


def test_logging_out_without_a_session_is_no_error(app: FastAPI) -> None:
    assert browser(app).post("/logout").status_code == 303


def test_a_session_is_used_only_by_ones_own_pages(app: FastAPI) -> None:
    client = browser(app)
    log_in(client)
    for headers in ({"origin": "https://evil.example"}, {"sec-fetch-site": "cross-site"}):
        for url in (f"{POOL}/leases", "/logout", "/login"):
            assert client.post(url, json={}, headers=headers).status_code == 403
    assert status_of(client) == 200


def test_a_login_from_another_sites_form_is_refused(app: FastAPI) -> None:
    client = browser(app)
    form = {"name": "ada", "password": PASSWORD}

    response = client.post("/login", data=form, headers={"origin": "https://evil.example"})

    assert response.status_code == 403
    assert "set-cookie" not in response.headers
