"""Accounts, invitations and tokens over the API."""

from typing import Any

import httpx2
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlalchemy import text

from app.settings import Settings
from app.web.edge.deps import Services
from tests.factories.logins import set_disabled
from tests.factories.watching import race
from tests.web.clients import as_person, browser, status_of, with_token
from tests.web.invited import join

API = "/api/v1"


@pytest.fixture
def settings(closed_settings: Settings) -> Settings:
    """All tests here are of a server with accounts."""
    return closed_settings


@pytest.fixture
def boss(app: FastAPI, services: Services) -> TestClient:
    """A script of the admin's."""
    return as_person(app, services, "boss")


@pytest.fixture
def ada(app: FastAPI, services: Services) -> TestClient:
    """A script of an annotator's."""
    return as_person(app, services, "ada")


def post(client: TestClient, path: str, status: int = 201, **body: Any) -> dict[str, Any]:
    """Send it; the body of an answer with this status."""
    response = client.post(f"{API}/{path}", json=body)
    assert response.status_code == status, response.text
    answer: dict[str, Any] = response.json()
    return answer


def change(client: TestClient, name: str, **body: Any) -> httpx2.Response:
    return client.patch(f"{API}/accounts/{name}", json=body)


def items(client: TestClient, path: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = client.get(f"{API}/{path}").raise_for_status().json()["items"]
    return found


def test_accounts_are_listed_and_changed(boss: TestClient) -> None:
    assert [(one["name"], one["role"], one["is_disabled"]) for one in items(boss, "accounts")] == [
        ("ada", "annotator", False),
        ("ben", "annotator", False),
        ("boss", "admin", False),
    ]

    assert change(boss, "ada", role="admin").json()["role"] == "admin"
    assert change(boss, "ada", is_disabled=True).json() == items(boss, "accounts")[0]
    both = change(boss, "ada", role="annotator", is_disabled=False).json()
    assert (both["role"], both["is_disabled"]) == ("annotator", False)
    assert change(boss, "ada").json() == both  # nothing is to change


@pytest.mark.parametrize(
    ("name", "body", "status", "code"),
    [
        ("boss", {"role": "annotator"}, 409, "LastAdmin"),
        ("boss", {"is_disabled": True}, 409, "LastAdmin"),
        ("nobody", {"role": "admin"}, 404, "NotFound"),
        ("ada", {"role": "oracle"}, 422, "InvalidRequest"),
        ("ada", {"is_admin": True}, 422, "InvalidRequest"),
    ],
)
def test_what_cannot_be_changed_is_told_in_the_one_shape(
    boss: TestClient, name: str, body: dict[str, Any], status: int, code: str
) -> None:
    response = change(boss, name, **body)

    assert (response.status_code, response.json()["code"]) == (status, code)
    assert response.headers["content-type"] == "application/problem+json"


def test_an_admin_who_gave_the_role_up_has_its_rights_no_more(boss: TestClient) -> None:
    change(boss, "ada", role="admin")
    change(boss, "boss", role="annotator")  # its token works on, without the rights

    assert boss.get(f"{API}/accounts").status_code == 403


def test_of_admins_who_demote_each_other_at_once_one_is_left(app: FastAPI, services: Services) -> None:
    boss = as_person(app, services, "boss")
    for name in ("ada", "ben"):
        change(boss, name, role="admin")
    clients = {name: as_person(app, services, name) for name in ("ada", "ben", "boss")}
    others = {"ada": "ben", "ben": "boss", "boss": "ada"}

    statuses = race(
        3,
        lambda index: change(list(clients.values())[index], list(others.values())[index], role="annotator").status_code,
    )

    left = [name for name, client in clients.items() if client.get(f"{API}/accounts").status_code == 200]
    assert len(left) >= 1
    assert statuses.count(200) == 3 - len(left)
    assert set(statuses) <= {200, 403, 409}


def test_an_invitation_is_made_listed_and_used(app: FastAPI, boss: TestClient) -> None:
    made = post(boss, "invitations", name="eve", role="admin", days=3)
    listed = items(boss, "invitations")

    assert made["url"].startswith("http://localhost/join/")
    assert listed == [{name: value for name, value in made.items() if name != "url"}]
    assert (made["name"], made["role"], made["by"]) == ("eve", "admin", "boss")
    assert join(browser(app), httpx2.URL(made["url"]).path).status_code == 303
    assert items(boss, "invitations") == []


def test_an_invitation_is_for_an_annotator_of_any_name_if_nothing_else_is_said(boss: TestClient) -> None:
    made = post(boss, "invitations")

    assert (made["name"], made["role"]) == (None, "annotator")


def test_an_invitation_is_taken_back(app: FastAPI, boss: TestClient) -> None:
    made = post(boss, "invitations", name="eve")

    assert post(boss, f"invitations/{made['id']}/revoke", 200)["name"] == "eve"
    assert browser(app).get(httpx2.URL(made["url"]).path).status_code == 404
    assert post(boss, f"invitations/{made['id']}/revoke", 404)["code"] == "NotFound"


def test_a_link_for_a_new_password(app: FastAPI, boss: TestClient, services: Services) -> None:
    made = post(boss, "accounts/ada/password-link", days=1)

    assert (made["name"], made["role"]) == ("ada", None)
    assert join(browser(app), httpx2.URL(made["url"]).path).status_code == 303
    set_disabled(services.database, True, "ada")
    assert post(boss, "accounts/ada/password-link", 409)["code"] == "AccountDisabled"
    assert post(boss, "accounts/nobody/password-link", 404)["code"] == "NotFound"


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"name": "ada"}, 409, "NameTaken"),
        ({"name": "<i>"}, 422, "NameInvalid"),
        ({"name": ""}, 422, "InvalidRequest"),
        ({"role": "oracle"}, 422, "InvalidRequest"),
        ({"days": 0}, 422, "InvalidRequest"),
        ({"days": 31}, 422, "InvalidRequest"),
    ],
)
def test_an_invitation_that_cannot_be_made_is_told(
    boss: TestClient, body: dict[str, Any], status: int, code: str
) -> None:
    assert post(boss, "invitations", status, **body)["code"] == code


def test_everybody_has_tokens_and_an_admin_those_of_all(app: FastAPI, boss: TestClient, ada: TestClient) -> None:
    own = post(ada, "tokens", purpose="my script")
    others = post(boss, "accounts/ada/tokens", days=30)

    assert (own["account"], own["purpose"], own["expires_at"]) == ("ada", "my script", None)
    assert with_token(app, own["token"]).get(f"{API}/me").json()["name"] == "ada"
    assert with_token(app, others["token"]).get(f"{API}/me").json()["name"] == "ada"
    assert {one["account"] for one in items(ada, "tokens")} == {"ada"}
    assert {one["account"] for one in items(boss, "tokens")} == {"ada", "boss"}
    assert all("token" not in one for one in items(boss, "tokens"))


def test_a_token_is_revoked_by_its_owner_or_an_admin(app: FastAPI, boss: TestClient, ada: TestClient) -> None:
    first, second, admins = post(ada, "tokens"), post(ada, "tokens"), post(boss, "tokens")

    assert post(ada, f"tokens/{first['id']}/revoke", 200)["id"] == first["id"]
    assert post(boss, f"tokens/{second['id']}/revoke", 200)["account"] == "ada"
    assert post(ada, f"tokens/{admins['id']}/revoke", 404)["code"] == "NotFound"
    assert [status_of(with_token(app, made["token"])) for made in (first, second, admins)] == [401, 401, 200]


def test_an_annotator_makes_no_token_for_another(ada: TestClient) -> None:
    assert post(ada, "accounts/boss/tokens", 403)["code"] == "NotAllowed"
    assert post(ada, "accounts/ada/tokens", 403)["code"] == "NotAllowed"


def test_an_admin_makes_a_token_for_an_account_that_may_use_it(boss: TestClient, services: Services) -> None:
    assert post(boss, "accounts/nobody/tokens", 404)["code"] == "NotFound"
    set_disabled(services.database, True, "ada")
    assert post(boss, "accounts/ada/tokens", 409)["code"] == "AccountDisabled"


def test_what_is_done_over_the_api_is_written_down_with_who_did_it(boss: TestClient) -> None:
    change(boss, "ada", role="admin")
    entry = items(boss, "audit")[0]

    assert (entry["action"], entry["name"], entry["actor"], entry["address"]) == (
        "made admin",
        "ada",
        "boss",
        "testclient",
    )


def test_a_server_without_accounts_has_nobody_to_invite_others(app: FastAPI, services: Services) -> None:
    with services.database.write() as session:
        session.execute(text("UPDATE annotator SET password_hash = NULL"))
    client = TestClient(app, base_url="http://localhost")

    assert items(client, "accounts") == items(client, "invitations") == items(client, "tokens") == []
    for path in ("invitations", "tokens"):
        refused = post(client, path, 409)
        assert refused["code"] == "NoAccountsYet"
        assert "inkling user add NAME --admin" in refused["detail"]
    for path in ("accounts/ada/password-link", "accounts/ada/tokens", "invitations/1/revoke", "tokens/1/revoke"):
        assert post(client, path, 404)["code"] == "NotFound"
    assert change(client, "ada", role="admin").json()["code"] == "NotFound"
