"""The page behind a link of an invitation: opened as often as one likes, used once, and told to nobody."""

import datetime as dt
import logging

import httpx2
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlalchemy import event, text

from app import accounts, invitations
from app.limits import CONCURRENT_HASHES, WAITING_LOGINS
from app.passwords import MIN_LENGTH
from app.settings import Settings
from app.web.edge.deps import Services, get_now
from app.web.edge.gate import COOKIE
from app.web.edge.throttle import PER_SOURCE, WINDOW
from tests.factories.invited import CHOSEN
from tests.factories.logins import may_log_in, set_disabled
from tests.factories.watching import race
from tests.web.clients import URL, browser, log_in, status_of
from tests.web.invited import JOIN, invite, join, offer_password
from tests.web.test_problems import find_no_room

OVER = "Ask whoever sent it to you for a new one."


@pytest.fixture
def settings(closed_settings: Settings) -> Settings:
    """All tests here are of a server with accounts."""
    return closed_settings


def me(client: TestClient) -> tuple[str, str]:
    """Who is logged in there."""
    body = client.get("/api/v1/me").raise_for_status().json()
    return body["name"], body["role"]


def is_over(response: httpx2.Response) -> bool:
    return response.status_code == 404 and OVER in response.text and "<form" not in response.text


def test_whoever_is_invited_sets_a_password_and_is_logged_in(app: FastAPI, services: Services) -> None:
    client, path = browser(app), invite(services, "eve", "admin")

    page = client.get(path)
    joined = join(client, path)

    assert page.status_code == 200
    assert "You are invited as <strong>eve</strong>, admin." in page.text
    assert 'name="name"' not in page.text
    assert (joined.status_code, joined.headers["location"]) == (303, "/")
    assert me(client) == ("eve", "admin")
    assert may_log_in(services.database, CHOSEN, "eve")


def test_whoever_may_choose_a_name_does(app: FastAPI, services: Services) -> None:
    client, path = browser(app), invite(services, None)

    assert 'name="name"' in client.get(path).text
    assert join(client, path, name="Zoë").status_code == 303
    assert me(client) == ("Zoë", "annotator")


def test_opening_a_link_does_not_use_it(app: FastAPI, services: Services) -> None:
    path = invite(services)
    for _ in range(3):  # a chat program looks at the link, too
        assert browser(app).get(path).status_code == 200
        assert browser(app).head(path).status_code == 405

    assert join(browser(app), path).status_code == 303


@pytest.mark.parametrize("end", ["used", "revoked", "expired", "unknown", "inviter disabled"])
def test_a_link_that_is_over_says_what_to_do(app: FastAPI, services: Services, end: str) -> None:
    client, path = browser(app), invite(services)
    now = dt.datetime.now(dt.UTC)
    match end:
        case "used":
            join(browser(app), path)
        case "revoked":
            with services.database.write() as session:
                invitations.revoke_invitation(session, 1, now=now)
        case "expired":
            app.dependency_overrides[get_now] = lambda: now + dt.timedelta(days=invitations.DAYS)
        case "unknown":
            path = JOIN + "x" * 43
        case _:
            with services.database.write() as session:
                accounts.set_role(session, "ada", "admin", now=now)
            path = made_by_boss(app)
            set_disabled(services.database, True, "boss")

    assert is_over(client.get(path))
    assert is_over(join(client, path))
    assert COOKIE not in client.cookies


def made_by_boss(app: FastAPI) -> str:
    """The path of an invitation that the admin made in a browser."""
    client = browser(app)
    log_in(client, "boss")
    url = client.post("/api/v1/invitations", json={"name": "eve", "role": "admin"}).json()["url"]
    return str(httpx2.URL(url).path)


@pytest.mark.parametrize("path", [JOIN + "é", JOIN + "%00", JOIN + "a" * 5000, JOIN + "%2e%2e", JOIN + "<b>"])
def test_what_is_no_token_is_a_link_that_is_over(app: FastAPI, path: str) -> None:
    assert is_over(browser(app).get(path))
    assert is_over(join(browser(app), path))


@pytest.mark.parametrize(
    ("form", "status", "said"),
    [
        ({"name": "ben"}, 409, "Somebody here has the name ben already. Choose another."),
        ({"name": "Ben"}, 409, "There is an account ben already. Choose a name that looks different."),
        ({"name": "<i>"}, 422, "A name has letters, digits"),
        ({"name": "eve", "password": "short", "again": "short"}, 422, f"take {MIN_LENGTH} or more"),
        ({"name": "eve", "again": "a password of mine"}, 422, "The two passwords differ."),
    ],
)
def test_a_form_that_is_refused_comes_again_with_the_reason_and_uses_nothing_up(
    app: FastAPI, services: Services, form: dict[str, str], status: int, said: str
) -> None:
    client, path = browser(app), invite(services, None)

    refused = join(client, path, **form)

    assert refused.status_code == status
    assert said in refused.text
    assert f'value="{"&lt;i&gt;" if form["name"] == "<i>" else form["name"]}"' in refused.text
    assert CHOSEN not in refused.text
    assert COOKIE not in client.cookies
    assert join(client, path, name="eve").status_code == 303


def test_of_those_who_send_the_form_at_once_one_gets_in(app: FastAPI, services: Services) -> None:
    path, clients = invite(services, None), [browser(app) for _ in range(5)]

    outcomes = race(5, lambda index: join(clients[index], path, name=f"guest {index}").status_code)

    assert sorted(map(str, outcomes)) == ["303", *["404"] * 4]
    assert sorted(map(status_of, clients)) == [200, *[401] * 4]


def test_a_link_for_a_new_password_ends_the_sessions(app: FastAPI, services: Services) -> None:
    old, new, path = browser(app), browser(app), offer_password(services)
    log_in(old)
    assert status_of(old) == 200
    page = new.get(path)

    assert "For <strong>ada</strong>." in page.text
    assert status_of(old) == 200  # it is only looked at
    assert join(new, path).status_code == 303
    assert (status_of(old), me(new)) == (401, ("ada", "annotator"))
    assert log_in(browser(app)).status_code == 401
    assert log_in(browser(app), "ada", CHOSEN).status_code == 303


def test_whoever_was_logged_in_in_this_browser_is_told_and_logged_out(app: FastAPI, services: Services) -> None:
    client, path = browser(app), invite(services)
    log_in(client, "ben")
    before = client.cookies[COOKIE]

    assert "ben is logged in here, and is logged out when you go on." in client.get(path).text
    assert status_of(client) == 200
    join(client, path)

    assert me(client)[0] == "eve"
    assert status_of(TestClient(app, base_url=URL, cookies={COOKIE: before})) == 401


def test_another_sites_page_uses_no_link(app: FastAPI, services: Services) -> None:
    path, form = invite(services), {"password": CHOSEN, "again": CHOSEN}

    assert browser(app).post(path, data=form, headers={"origin": "https://evil.example"}).status_code == 403
    assert browser(app).post(path, data=form, headers={"origin": URL}).status_code == 303


# The token is told to nobody


def test_the_address_goes_no_further_than_this_page(app: FastAPI, services: Services) -> None:
    client, path = browser(app), invite(services)

    for response in (client.get(path), join(client, path, "short"), join(client, path), client.get(path)):
        assert response.headers["referrer-policy"] == "strict-origin"
        assert "no-store" in response.headers["cache-control"]
        assert path.removeprefix(JOIN) not in response.text
    assert client.get("/login").headers["referrer-policy"] == "same-origin"


@pytest.mark.parametrize(
    ("fault", "expected"), [("none", [200, 303, 405]), ("a bug", [500, 500, 405]), ("no room", [503, 503, 405])]
)
def test_no_log_holds_the_token_whatever_happens(
    app: FastAPI, services: Services, caplog: pytest.LogCaptureFixture, fault: str, expected: list[int]
) -> None:
    caplog.set_level(logging.DEBUG)
    client, path = browser(app), invite(services)
    if fault == "a bug":
        with services.database.write() as session:
            session.execute(text("ALTER TABLE invitation RENAME TO elsewhere"))
    if fault == "no room":
        event.listen(services.database.engine, "before_cursor_execute", find_no_room)

    statuses = [client.get(path).status_code, join(client, path).status_code, client.put(path).status_code]

    assert statuses == expected
    token = path.removeprefix(JOIN)
    ours = [record for record in caplog.records if not record.name.startswith("httpx2")]  # the client of the test
    told = [logging.Formatter().format(record) for record in ours]  # with tracebacks
    assert not any(token in line for line in told)
    assert any("/join/…" in line for line in told) is (fault != "none")


# Rate limits


def test_trying_links_is_slowed_down_and_holds_up_no_other_address(app: FastAPI, services: Services) -> None:
    now, path = dt.datetime.now(dt.UTC), invite(services)
    app.dependency_overrides[get_now] = lambda: now
    client = TestClient(app, base_url=URL, headers={"accept": "text/html"}, client=("10.0.0.1", 50000))

    tried = [client.get(f"{JOIN}guess-{index}").status_code for index in range(PER_SOURCE)]
    refused = client.get(path)

    assert tried == [404] * PER_SOURCE
    assert refused.status_code == 429
    assert refused.headers["retry-after"] == str(int(WINDOW.total_seconds()))
    assert join(client, path).status_code == 429
    elsewhere = TestClient(app, base_url=URL, client=("10.0.0.2", 50000))
    assert elsewhere.get(path).status_code == 200
    app.dependency_overrides[get_now] = lambda: now + WINDOW
    assert client.get(path).status_code == 200


def test_a_right_link_may_be_opened_by_many_at_one_address(app: FastAPI, services: Services) -> None:
    client, path = browser(app), invite(services)

    assert {client.get(path).status_code for _ in range(PER_SOURCE + 10)} == {200}


def test_when_too_many_send_passwords_the_form_says_when_to_come_again(app: FastAPI, services: Services) -> None:
    client, path = browser(app), invite(services)
    slots = [services.login_throttle.slot() for _ in range(CONCURRENT_HASHES + WAITING_LOGINS)]
    for slot in slots:
        slot.__enter__()
    try:
        refused = join(client, path)
    finally:
        for slot in slots:
            slot.__exit__(None, None, None)

    assert refused.status_code == 503
    assert refused.headers["retry-after"] == "5"
    assert "Try again in a few seconds." in refused.text
    assert join(client, path).status_code == 303
