"""The page Accounts: invitations, roles, states and tokens by forms; and the page of one's own account."""

import datetime as dt
import re

import httpx2
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlalchemy import select, text

from app import accounts
from app.models import AuditEntry
from app.settings import Settings
from app.web.edge.deps import Services, get_now
from app.web.edge.gate import COOKIE
from app.web.edge.throttle import PER_ACCOUNT_AND_SOURCE
from tests.factories.invited import CHOSEN
from tests.factories.logins import PASSWORD, add_account, may_log_in, set_disabled
from tests.factories.watching import count_queries
from tests.web.clients import URL, as_person, browser, log_in, status_of, with_token
from tests.web.invited import invite, join, secret_on

ACCOUNTS = "/accounts"


@pytest.fixture
def settings(closed_settings: Settings) -> Settings:
    """All tests here are of a server with accounts."""
    return closed_settings


@pytest.fixture
def boss(app: FastAPI) -> TestClient:
    """The admin in a browser."""
    client = browser(app)
    log_in(client, "boss")
    return client


@pytest.fixture
def ada(app: FastAPI) -> TestClient:
    """An annotator in a browser."""
    client = browser(app)
    log_in(client, "ada")
    return client


def send(client: TestClient, what: str, **form: str) -> httpx2.Response:
    """Send a form of the page; see what it leads to."""
    return client.post(f"{ACCOUNTS}/{what}", data=form, follow_redirects=True)


def state_of(services: Services, name: str) -> tuple[str, bool]:
    with services.database.read() as session:
        account = accounts.get_account(session, name)
        return account.role, account.is_disabled


def last_acts(services: Services, n: int) -> list[tuple[str, str, str | None]]:
    with services.database.read() as session:
        rows = session.scalars(select(AuditEntry).order_by(AuditEntry.id.desc()).limit(n)).all()
    return [(row.action, row.name, row.actor) for row in reversed(rows)]


# Invitations


def test_an_admin_makes_a_link_that_is_shown_once_and_works(app: FastAPI, boss: TestClient) -> None:
    made = send(boss, "invitations", name="eve", role="annotator")
    link = secret_on(made.text)
    listed = boss.get(ACCOUNTS).text

    assert made.status_code == 201
    assert link.startswith(f"{URL}/join/")
    assert "<strong>eve</strong>" in made.text
    assert link[-43:] not in listed
    assert re.search(r"eve</th>.*annotator.*boss", listed, re.DOTALL)
    guest = browser(app)
    assert join(guest, httpx2.URL(link).path).status_code == 303
    assert guest.get("/api/v1/me").json()["name"] == "eve"
    assert "Links that nobody has used yet" not in boss.get(ACCOUNTS).text


def test_the_name_may_be_left_to_the_person(boss: TestClient) -> None:
    made = send(boss, "invitations", name="", role="admin")

    assert "the person whom you invite" in made.text
    assert "anybody</th>" in boss.get(ACCOUNTS).text


def test_a_link_has_the_name_and_the_scheme_by_which_the_admin_came(app: FastAPI) -> None:
    client = browser(app, "https://localhost")
    log_in(client, "boss")

    assert secret_on(send(client, "invitations", name="eve", role="annotator").text).startswith("https://localhost/")


def test_an_invitation_is_taken_back(app: FastAPI, boss: TestClient, services: Services) -> None:
    path = invite(services)

    assert "The link was taken back." in send(boss, "invitations/1/revoke").text
    assert browser(app).get(path).status_code == 404
    again = send(boss, "invitations/1/revoke")
    assert (again.status_code, "There is no open invitation 1." in again.text) == (404, True)


def test_one_that_has_expired_is_told_apart(app: FastAPI, boss: TestClient, services: Services) -> None:
    invite(services)
    assert ">expired</span>" not in boss.get(ACCOUNTS).text
    app.dependency_overrides[get_now] = lambda: dt.datetime.now(dt.UTC) + dt.timedelta(days=8)

    assert ">expired</span>" in boss.get(ACCOUNTS).text


@pytest.mark.parametrize(
    ("name", "status", "said"), [("ada", 409, "There is an account ada already"), ("<i>", 422, "A name has letters")]
)
def test_a_name_that_cannot_be_invited_comes_back_with_the_reason(
    boss: TestClient, name: str, status: int, said: str
) -> None:
    refused = send(boss, "invitations", name=name, role="annotator")

    assert (refused.status_code, f"Nothing was changed. {said}" in refused.text) == (status, True)
    assert f'value="{name.replace("<", "&lt;").replace(">", "&gt;")}"' in refused.text


def test_a_link_for_a_new_password_is_made_for_an_account(app: FastAPI, boss: TestClient, ada: TestClient) -> None:
    link = secret_on(send(boss, "password-link", name="ada").text)

    assert "a new password" in boss.get(ACCOUNTS).text
    assert join(browser(app), httpx2.URL(link).path).status_code == 303
    assert status_of(ada) == 401


# Roles and states


def test_a_role_is_changed(boss: TestClient, services: Services) -> None:
    assert "The role was changed." in send(boss, "role", name="ada", role="admin").text
    assert state_of(services, "ada") == ("admin", False)
    assert last_acts(services, 1) == [("made admin", "ada", "boss")]


def test_an_account_is_disabled_and_enabled(boss: TestClient, ada: TestClient, services: Services) -> None:
    assert "The account is disabled" in send(boss, "state", name="ada", is_disabled="yes").text
    assert (state_of(services, "ada"), status_of(ada)) == (("annotator", True), 401)
    assert ">disabled</span>" in boss.get(ACCOUNTS).text
    assert "The account is enabled" in send(boss, "state", name="ada", is_disabled="no").text
    assert state_of(services, "ada") == ("annotator", False)
    assert last_acts(services, 2) == [("account disabled", "ada", "boss"), ("account enabled", "ada", "boss")]


@pytest.mark.parametrize(("what", "form"), [("role", {"role": "annotator"}), ("state", {"is_disabled": "yes"})])
def test_the_last_admin_stays(boss: TestClient, services: Services, what: str, form: dict[str, str]) -> None:
    refused = send(boss, what, name="boss", **form)

    assert refused.status_code == 409
    assert "boss is the last enabled admin. Make another account an admin first." in refused.text
    assert "inkling user" not in refused.text
    assert state_of(services, "boss") == ("admin", False)


def test_whoever_gives_the_role_up_leaves_the_page(boss: TestClient) -> None:
    send(boss, "role", name="ada", role="admin")

    left = boss.post(f"{ACCOUNTS}/role", data={"name": "boss", "role": "annotator"})

    assert (left.status_code, left.headers["location"]) == (303, "/")
    assert boss.get(ACCOUNTS).status_code == 403


@pytest.mark.parametrize(
    "form", [{"name": "ada", "role": "oracle"}, {"name": "ada"}, {"role": "admin"}, {"name": "a" * 65, "role": "admin"}]
)
def test_a_form_that_the_page_does_not_have_is_refused(boss: TestClient, form: dict[str, str]) -> None:
    assert send(boss, "role", **form).status_code == 422


def test_no_form_is_taken_from_another_site(boss: TestClient, services: Services) -> None:
    for what, form in (("role", {"name": "ada", "role": "admin"}), ("invitations", {"role": "admin"})):
        refused = boss.post(f"{ACCOUNTS}/{what}", data=form, headers={"origin": "https://evil.example"})
        assert refused.status_code == 403
    assert state_of(services, "ada") == ("annotator", False)


def test_the_page_asks_no_more_of_the_database_for_more_people(boss: TestClient, services: Services) -> None:
    def count() -> int:
        with count_queries(services.database) as statements:
            assert boss.get(ACCOUNTS).status_code == 200
        return len(statements)

    few = count()
    for index in range(8):
        add_account(services.database, f"person {index}")
        invite(services, f"guest {index}")
        send(boss, "tokens", name=f"person {index}", purpose="script", days="30")
        send(boss, "password-link", name=f"person {index}")

    assert count() == few


# Tokens


def test_a_token_is_shown_once_works_and_is_revoked(app: FastAPI, boss: TestClient, services: Services) -> None:
    made = send(boss, "tokens", name="ada", purpose="nightly export", days="30")
    plain = secret_on(made.text)
    script = with_token(app, plain)

    assert script.get("/api/v1/me").json()["name"] == "ada"
    listed = boss.get(ACCOUNTS).text
    assert ("nightly export" in listed, plain in listed) == (True, False)
    (path,) = re.findall(r'action="/accounts/(tokens/\d+/revoke)"', listed)
    assert "The token was revoked." in send(boss, path).text
    assert status_of(script) == 401
    assert last_acts(services, 2) == [("token created", "ada", "boss"), ("token revoked", "ada", "boss")]


def test_a_disabled_account_gets_neither_a_token_nor_a_link(boss: TestClient, services: Services) -> None:
    set_disabled(services.database, True, "ada")

    for what, form in (("tokens", {"purpose": "x"}), ("password-link", {})):
        refused = send(boss, what, name="ada", **form)
        assert (refused.status_code, "The account ada is disabled." in refused.text) == (409, True)


# A server without accounts


@pytest.fixture
def open_client(app: FastAPI, services: Services) -> TestClient:
    """A browser at a server without accounts."""
    with services.database.write() as session:
        session.execute(text("UPDATE annotator SET password_hash = NULL"))
    return browser(app)


def test_an_open_server_says_how_to_get_accounts(open_client: TestClient) -> None:
    for path in (ACCOUNTS, "/pools/digits/people"):
        assert "inkling user add NAME --admin" in open_client.get(path).text
    assert open_client.get("/account").headers["location"] == ACCOUNTS


def test_nobody_takes_an_open_server_over(open_client: TestClient, services: Services) -> None:
    invited = send(open_client, "invitations", name="eve", role="admin")
    assert (invited.status_code, "This server has no accounts yet." in invited.text) == (409, True)
    for what, form in (
        ("tokens", {"purpose": "x"}),
        ("role", {"role": "admin"}),
        ("state", {"is_disabled": "no"}),
        ("password-link", {}),
    ):
        refused = send(open_client, what, name="ada", **form)
        assert (refused.status_code, "There is no account ada." in refused.text) == (404, True)
    assert open_client.post("/account/tokens", data={"purpose": "x"}).status_code == 409
    with services.database.read() as session:
        assert not accounts.has_accounts(session)


# One's own account


def change(client: TestClient, current: str = PASSWORD, new: str = CHOSEN, again: str | None = None) -> httpx2.Response:
    """Send the form for another password."""
    form = {"current": current, "password": new, "again": new if again is None else again}
    return client.post("/account/password", data=form)


def test_everybody_changes_their_own_password(app: FastAPI, ada: TestClient, services: Services) -> None:
    elsewhere = browser(app)
    log_in(elsewhere)
    before, script = ada.cookies[COOKIE], as_person(app, services, "ada")

    done = change(ada)

    assert (done.status_code, done.headers["location"]) == (303, "/account?done=password")
    assert "Your tokens for scripts go on." in ada.get("/account?done=password").text
    assert script.get("/api/v1/pools").status_code == 200
    assert (status_of(ada), status_of(elsewhere)) == (200, 401)
    assert status_of(TestClient(app, base_url=URL, cookies={COOKIE: before})) == 401
    assert (may_log_in(services.database, CHOSEN), may_log_in(services.database, PASSWORD)) == (True, False)
    assert last_acts(services, 1) == [("password set", "ada", "ada")]


@pytest.mark.parametrize(
    ("form", "status", "said"),
    [
        ({"current": "not my password"}, 401, "The current password is wrong."),
        ({"new": "short"}, 422, "The password has 5 characters"),
        ({"again": "another password"}, 422, "The two new passwords differ."),
    ],
)
def test_a_password_is_not_changed_if_something_is_wrong(
    ada: TestClient, services: Services, form: dict[str, str], status: int, said: str
) -> None:
    refused = change(ada, **form)

    assert (refused.status_code, f"Nothing was changed. {said}" in refused.text) == (status, True)
    assert may_log_in(services.database, PASSWORD)
    assert status_of(ada) == 200
    assert (last_acts(services, 1) == [("password change failed", "ada", None)]) is (status == 401)


def test_a_stolen_session_cannot_guess_the_password(ada: TestClient) -> None:
    statuses = [change(ada, f"guess number {index}").status_code for index in range(PER_ACCOUNT_AND_SOURCE)]

    assert statuses == [401] * PER_ACCOUNT_AND_SOURCE
    refused = change(ada)
    assert refused.status_code == 429
    assert int(refused.headers["retry-after"]) > 0


def test_everybody_makes_and_revokes_their_own_tokens(app: FastAPI, ada: TestClient, boss: TestClient) -> None:
    plain = secret_on(ada.post("/account/tokens", data={"purpose": "my script", "days": ""}).text)
    script = with_token(app, plain)
    listed = ada.get("/account").text
    (path,) = re.findall(r'action="(/account/tokens/\d+/revoke)"', listed)

    assert ("my script" in listed, plain in listed) == (True, False)
    assert script.get("/api/v1/me").json()["name"] == "ada"
    assert "my script" not in boss.get("/account").text
    other = boss.post(path)
    assert (other.status_code, "There is no token" in other.text) == (404, True)
    assert status_of(script) == 200
    assert "The token was revoked." in ada.post(path, follow_redirects=True).text
    assert status_of(script) == 401
