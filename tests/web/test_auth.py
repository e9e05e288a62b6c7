"""Who may do what: on an open server everybody here everything; with accounts nobody anything without one."""

import datetime as dt
import re
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI
from fastapi.routing import iter_route_contexts
from fastapi.testclient import TestClient
from sqlalchemy import select, text

from app import accounts
from app.models import Annotator, AuditEntry
from app.settings import Settings
from app.web.deps import Services, get_now
from app.web.gate import COOKIE
from app.web.throttle import PER_ACCOUNT, WINDOW
from tests.factories import PASSWORD, add_account, race
from tests.web.person import PEOPLE, POOL, Person

URL = "http://localhost"
ANYBODY_MAY = {"/healthz", "/readyz", "/login", "/logout", "/docs", "/api/v1/openapi.json"}
ONLY_ADMINS_MAY = {
    ("GET", "/api/v1/pools/{slug}/export"),
    ("POST", "/api/v1/pools/{slug}/oracle-labels"),
    ("POST", "/api/v1/oracle-runs"),
    ("GET", "/api/v1/oracle-runs"),
    ("GET", "/api/v1/oracle-runs/{run_id}"),
    ("DELETE", "/api/v1/oracle-runs/{run_id}"),
    ("GET", "/api/v1/audit"),
    ("GET", "/metrics"),
    ("GET", "/audit"),
    ("GET", "/pools/{slug}/people"),
    ("GET", "/oracle"),
    ("POST", "/oracle"),
    ("GET", "/oracle/{run_id}"),
    ("POST", "/oracle/{run_id}/stop"),
    ("GET", "/oracle/{run_id}/charts/{name}.json"),
    ("GET", "/oracle/{run_id}/centers/{number}.png"),
}
STREAM = "/api/v1/pools/{slug}/events"  # never ends, once it is let in


@pytest.fixture
def settings(closed_settings: Settings) -> Settings:
    """All tests here are of a server with accounts."""
    return closed_settings


def account_of(services: Services, name: str) -> Annotator:
    with services.database.read() as session:
        return accounts.get_account(session, name)


def token_of(services: Services, name: str, lifetime: dt.timedelta | None = None) -> str:
    account, now = account_of(services, name), dt.datetime.now(dt.UTC)
    with services.database.write() as session:
        return accounts.create_token(session, account, "api", "script", now=now, lifetime=lifetime)


def with_token(app: FastAPI, plain: str) -> TestClient:
    return TestClient(app, base_url=URL, headers={"authorization": f"Bearer {plain}"})


def as_person(app: FastAPI, services: Services, name: str) -> TestClient:
    """A client with a token of this account."""
    return with_token(app, token_of(services, name))


def browser(app: FastAPI, url: str = URL) -> TestClient:
    """A client that keeps cookies and does not follow redirects."""
    return TestClient(app, base_url=url, follow_redirects=False, headers={"accept": "text/html"})


def log_in(client: TestClient, name: str = "ada", password: str = PASSWORD, **form: str) -> httpx2.Response:
    return client.post("/login", data={"name": name, "password": password} | form, follow_redirects=False)


def status_of(client: TestClient) -> int:
    return client.get("/api/v1/me").status_code


def routes_of(app: FastAPI) -> Iterator[tuple[str, str]]:
    """Method and path of every route there is, mounted folders apart."""
    for route in iter_route_contexts(app.routes):
        for method in sorted((route.methods or set()) - {"HEAD"}):
            assert route.path is not None
            yield method, route.path


def fill(path: str) -> str:
    return re.sub(r"{\w+(:int)?}", "1", path.replace("{slug}", "digits").replace("{name}", "accuracy"))


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
        if path != STREAM:
            response = client.request(method, fill(path), json={}, follow_redirects=False)
            assert response.status_code not in (401, 403), (method, path)


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


def test_every_page_leads_a_browser_to_the_login_and_back(app: FastAPI) -> None:
    client = browser(app)
    pages = [path for method, path in routes_of(app) if method == "GET" and not path.startswith("/api/")]
    pages = [path for path in pages if path not in ANYBODY_MAY and not path.endswith((".png", ".json", "/metrics"))]

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


# Roles


def test_an_annotator_may_do_all_but_what_is_for_admins(app: FastAPI, services: Services) -> None:
    client = as_person(app, services, "ada")
    refused = set()
    for method, path in routes_of(app):
        if path == STREAM:
            continue
        response = client.request(method, fill(path), json={}, follow_redirects=False)
        assert response.status_code != 401, (method, path)
        if response.status_code == 403:
            refused.add((method, path))
            assert response.json()["code"] == "NotAllowed"

    assert refused == ONLY_ADMINS_MAY


def test_an_admin_may_do_everything(app: FastAPI, services: Services) -> None:
    client = as_person(app, services, "boss")

    for method, path in routes_of(app):
        if path != STREAM:
            response = client.request(method, fill(path), json={}, follow_redirects=False)
            assert response.status_code not in (401, 403), (method, path, response.text)


def test_everybody_learns_who_they_are(app: FastAPI, services: Services) -> None:
    for name, role in PEOPLE.items():
        assert as_person(app, services, name).get("/api/v1/me").json() == {"name": name, "role": role, "open": False}


def test_nobody_acts_in_anothers_name(app: FastAPI, services: Services) -> None:
    bodies: dict[str, dict[str, Any]] = {
        "leases": {},
        "leases/renew": {},
        "leases/release": {},
        "labels": {"labels": [{"image_id": 1, "value": 1}]},
        "skips": {"image_id": 1},
        "flags": {"image_id": 1, "remark": "smudged"},
        "changes": {"event_id": 1, "value": 1},
        "undo": {},
    }
    for name in ("ada", "boss"):
        client = as_person(app, services, name)
        for what, body in bodies.items():
            for other in ("ben", "grace", "oracle", "local"):
                response = client.post(f"{POOL}/{what}", json=body | {"annotator": other})
                assert (response.status_code, response.json()["code"]) == (403, "NotAllowed"), (what, other)
    with services.database.read() as session:
        assert set(session.scalars(select(Annotator.name))) == set(PEOPLE)  # and nobody was entered


def test_ones_own_name_may_be_said_or_left_out(app: FastAPI, services: Services) -> None:
    client = as_person(app, services, "ada")

    said = Person(client, "ada").lease_and_label(1)
    left_out = client.post(f"{POOL}/labels", json={"labels": [{"image_id": 9, "value": 1}]}).json()["events"]

    assert [event["annotator"] for event in said + left_out] == ["ada", "ada"]


def test_annotators_see_only_their_own_labels_histories_and_figures(app: FastAPI, services: Services) -> None:
    ada, ben, boss = (as_person(app, services, name) for name in ("ada", "ben", "boss"))
    (mine,) = Person(ada, "ada").lease_and_label(1)
    theirs = Person(ben, "ben").lease_and_label(2)
    ben.post(f"{POOL}/flags", json={"image_id": mine["image_id"], "remark": "smudged"}).raise_for_status()

    def items(client: TestClient, url: str) -> list[Any]:
        return list(client.get(url).raise_for_status().json()["items"])

    assert items(ada, f"{POOL}/labels") == [mine]
    assert items(ben, f"{POOL}/labels") == theirs
    assert items(boss, f"{POOL}/labels") == [mine, *theirs]
    assert [one["name"] for one in items(ada, f"{POOL}/annotators")] == ["ada"]
    assert [one["name"] for one in items(boss, f"{POOL}/annotators")] == ["ben", "ada"]
    history = f"/api/v1/images/{mine['image_id']}/events"
    assert [event["kind"] for event in items(ada, history)] == ["label"]
    assert [event["kind"] for event in items(ben, history)] == ["flag"]
    assert [event["kind"] for event in items(boss, history)] == ["label", "flag"]


def test_pages_of_an_annotator_show_nothing_of_others(app: FastAPI, services: Services) -> None:
    ada, ben = (as_person(app, services, name) for name in ("ada", "ben"))
    (mine,) = Person(ada, "ada").lease_and_label(1)
    Person(ben, "ben").lease_and_label(1)
    ben.post(f"{POOL}/flags", json={"image_id": mine["image_id"], "remark": "a secret remark"}).raise_for_status()

    for url in ("/pools/digits/answers", "/pools/digits/me", f"/images/{mine['image_id']}", "/pools/digits/label"):
        page = ada.get(url)
        assert page.status_code == 200, url
        assert "a secret remark" not in page.text
        assert not re.search(r"\bben\b", page.text), url


def test_anothers_answer_is_neither_changed_nor_undone_by_an_annotator(app: FastAPI, services: Services) -> None:
    ada, ben, boss = (as_person(app, services, name) for name in ("ada", "ben", "boss"))
    (event,) = Person(ben, "ben").lease_and_label(1)
    body = {"event_id": event["event_id"]}

    assert ada.post(f"{POOL}/changes", json=body | {"value": 4}).status_code == 404
    assert ada.post(f"{POOL}/undo", json=body).status_code == 404
    assert boss.post(f"{POOL}/undo", json=body).status_code == 404
    assert boss.post(f"{POOL}/changes", json=body | {"value": 4}).status_code == 201
    assert boss.get(f"{POOL}/labels").json()["items"][0]["value"] == 4


# Tokens


def test_a_token_ends_when_it_expires_is_revoked_or_its_account_is_disabled(app: FastAPI, services: Services) -> None:
    day = dt.timedelta(days=1)
    expiring, revoked, disabled = (token_of(services, name, day) for name in ("boss", "ada", "ben"))
    clients = [with_token(app, plain) for plain in (expiring, revoked, disabled)]
    assert [status_of(client) for client in clients] == [200, 200, 200]

    now = dt.datetime.now(dt.UTC)
    with services.database.write() as session:
        accounts.revoke_token(session, 2, now=now)
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


# Sessions


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
            accounts.set_password(session, "ada", "quite another one", now=now)
        elif what == "disabled":
            accounts.set_disabled(session, "ada", True, now=now)
    if what == "over":
        app.dependency_overrides[get_now] = lambda: now + dt.timedelta(days=14, minutes=1)

    assert status_of(client) == 401


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


# The form


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
        entries = session.scalars(select(AuditEntry).order_by(AuditEntry.id)).all()[-2:]

    assert [(entry.action, entry.name) for entry in entries] == [("login failed", "ada"), ("login", "ada")]
    assert [entry.request_id for entry in entries] == [r.headers["x-request-id"] for r in (refused, opened)]
    assert {entry.address for entry in entries} == {"testclient"}


# The throttle


def test_guessing_is_slowed_down_and_ends_by_itself(app: FastAPI) -> None:
    client, now = browser(app), dt.datetime.now(dt.UTC)
    app.dependency_overrides[get_now] = lambda: now
    statuses = [log_in(client, "ada", f"guess number {index}").status_code for index in range(PER_ACCOUNT)]
    assert statuses == [401] * PER_ACCOUNT

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
    assert outcomes.count(401) == PER_ACCOUNT
