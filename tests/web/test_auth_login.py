"""The login form: it tells strangers nothing, leads to no other site, and slows guessing down."""

import datetime as dt
import select
import socket
from contextlib import ExitStack

import httpx2
import pytest
import sqlalchemy as sa
from fastapi import FastAPI
from fastapi.testclient import TestClient

from app.limits import CONCURRENT_HASHES, WAITING_LOGINS
from app.models import AuditEntry
from app.settings import Settings
from app.web.edge.deps import Services, get_now
from app.web.edge.throttle import PER_ACCOUNT_AND_SOURCE, WINDOW
from tests.factories.files import opened
from tests.factories.logins import PASSWORD, set_password
from tests.factories.watching import race
from tests.web.clients import URL, browser, log_in, token_of
from tests.web.person import POOL


@pytest.fixture
def settings(closed_settings: Settings) -> Settings:
    """All tests here are of a server with accounts."""
    return closed_settings


@pytest.mark.parametrize(
    ("name", "password"), [("ada", "wrong password"), ("nobody", PASSWORD), ("ada", ""), ("", ""), ("oracle", "x")]
)
def test_a_wrong_login_shows_the_form_again_and_opens_nothing(app: FastAPI, name: str, password: str) -> None:
    client = browser(app)

    response = log_in(client, name, password, next="/pools/digits/me")

    assert response.status_code == (422 if not name or not password else 401)
    assert "set-cookie" not in response.headers
    if response.status_code == 401:
        assert "The name or the password is wrong" in response.text
        assert 'value="/pools/digits/me"' in response.text
        assert f'value="{name}"' in response.text
    assert password not in response.text or password in ("", "x")


def test_what_was_typed_comes_back_as_text(app: FastAPI) -> None:
    response = log_in(browser(app), '"><script>alert(1)</script>', "x", next='/"><script>alert(2)</script>')

    assert response.status_code == 401
    assert "<script>alert" not in response.text


@pytest.mark.parametrize(
    "following",
    [
        "https://evil.example",
        "//evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "/\t/evil.example",
        "/\n/evil.example",
        "\t//evil.example",
        " //evil.example",
        "javascript:alert(1)",
        "evil.example",
        "http:evil.example",
        "",
    ],
)
def test_a_login_leads_to_no_other_site(app: FastAPI, following: str) -> None:
    client = browser(app)
    form = client.get("/login", params={"next": following})
    opened = log_in(client, next=following)

    assert 'name="next" value="/"' in form.text
    assert (opened.status_code, opened.headers["location"]) == (303, "/")


def test_logins_and_failures_are_written_down(app: FastAPI, services: Services) -> None:
    client = browser(app)
    refused = log_in(client, "ada", "a wrong password")
    opened = log_in(client)
    with services.database.read() as session:
        entries = session.scalars(sa.select(AuditEntry).order_by(AuditEntry.id)).all()[-2:]

    assert [(entry.action, entry.name) for entry in entries] == [("login failed", "ada"), ("login", "ada")]
    assert [entry.request_id for entry in entries] == [r.headers["x-request-id"] for r in (refused, opened)]
    assert {entry.address for entry in entries} == {"testclient"}


# The throttle


def test_guessing_is_slowed_down_and_ends_by_itself(app: FastAPI) -> None:
    client, now = browser(app), dt.datetime.now(dt.UTC)
    app.dependency_overrides[get_now] = lambda: now
    statuses = [log_in(client, "ada", f"guess number {index}").status_code for index in range(PER_ACCOUNT_AND_SOURCE)]
    assert statuses == [401] * PER_ACCOUNT_AND_SOURCE

    refused = log_in(client)  # even the right one

    assert refused.status_code == 429
    assert refused.headers["retry-after"] == str(int(WINDOW.total_seconds()))
    assert "Too many failed logins" in refused.text
    assert log_in(browser(app), "ben").status_code == 303
    app.dependency_overrides[get_now] = lambda: now + WINDOW
    assert log_in(client).status_code == 303


def test_guesses_that_come_all_at_once_are_slowed_down_too(app: FastAPI) -> None:
    outcomes = race(24, lambda index: log_in(browser(app), "ada", f"guess number {index}").status_code)

    assert set(outcomes) == {401, 429}
    assert outcomes.count(401) == PER_ACCOUNT_AND_SOURCE


def at_address(app: FastAPI, address: str) -> TestClient:
    """A browser at this address."""
    return TestClient(app, base_url=URL, follow_redirects=False, client=(address, 50000))


def test_a_stranger_at_another_address_cannot_lock_the_only_admin_out(app: FastAPI) -> None:
    stranger, owner = at_address(app, "203.0.113.1"), at_address(app, "203.0.113.2")
    for index in range(PER_ACCOUNT_AND_SOURCE):
        log_in(stranger, "boss", f"guess number {index}")
    assert log_in(stranger, "boss").status_code == 429

    assert log_in(owner, "boss").status_code == 303


def test_a_new_password_that_another_process_sets_ends_the_wait(app: FastAPI, services: Services) -> None:
    client = browser(app)
    for index in range(PER_ACCOUNT_AND_SOURCE):
        log_in(client, "ada", f"guess number {index}")
    assert log_in(client).status_code == 429

    with opened(services.database.path) as elsewhere:
        set_password(elsewhere, "ada", "quite another one")

    assert log_in(client, "ada", "quite another one").status_code == 303


def test_another_spelling_of_a_name_is_the_same_account_to_the_throttle(app: FastAPI) -> None:
    client = browser(app)
    for index in range(PER_ACCOUNT_AND_SOURCE):
        log_in(client, ("ada", "ａda", "aｄa")[index % 3], f"guess number {index}")

    assert log_in(client, "adａ").status_code == 429


def begin_login(server: str, name: str, address: str) -> socket.socket:
    """Send the form, as a proxy does for a client of this address, and wait for nothing."""
    client = socket.create_connection(("127.0.0.1", int(server.rpartition(":")[2])), timeout=60)
    form = f"name={name}&password=a+wrong+password"
    client.sendall(
        "POST /login HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
        f"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {len(form)}\r\n"
        f"X-Forwarded-For: {address}\r\n\r\n{form}".encode()
    )
    return client


def test_labeling_goes_on_while_very_many_log_in(server: str, services: Services) -> None:
    throttle, ada = services.login_throttle, {"authorization": f"Bearer {token_of(services, 'ada')}"}
    n_slots = CONCURRENT_HASHES + WAITING_LOGINS
    with ExitStack() as clients:
        with ExitStack() as slow:
            for _ in range(CONCURRENT_HASHES):
                slow.enter_context(throttle.hashing)  # as if a password took for ever to check
            logins = [
                clients.enter_context(begin_login(server, f"name{index}", f"203.0.113.{index}")) for index in range(200)
            ]
            labels = {"labels": [{"image_id": 1, "value": 3}]}
            answered = httpx2.post(f"{server}{POOL}/labels", json=labels, headers=ada, timeout=60)
            refused: set[socket.socket] = set()
            while len(refused) < len(logins) - n_slots:
                ready, _, _ = select.select([login for login in logins if login not in refused], [], [], 60)
                assert ready
                refused.update(ready)
        answers = {login: login.recv(1 << 16) for login in logins}

    assert answered.status_code == 201
    assert all(answers[login].startswith(b"HTTP/1.1 503 ") for login in refused)
    assert all(b"\r\nretry-after: 5\r\n" in answers[login] for login in refused)
    assert all(answers[login].startswith(b"HTTP/1.1 401 ") for login in logins if login not in refused)
