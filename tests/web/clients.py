"""Clients that come in by a token or by the login form, and the routes that they may try."""

import datetime as dt
import re
from collections.abc import Iterator

import httpx2
from fastapi import FastAPI
from fastapi.routing import iter_route_contexts
from fastapi.testclient import TestClient

from app import accounts
from app.models import Annotator
from app.web.edge.deps import Services
from tests.factories.logins import PASSWORD, create_token

URL = "http://localhost"
STREAMS = ("/api/v1/pools/{slug}/stream", "/api/v1/pools/{slug}/events")  # never end, once they are let in


def account_of(services: Services, name: str) -> Annotator:
    """Somebody who has a password."""
    with services.database.read() as session:
        return accounts.get_account(session, name)


def token_of(services: Services, name: str, lifetime: dt.timedelta | None = None) -> str:
    """A token of this account, in force from now on."""
    account, now = account_of(services, name), dt.datetime.now(dt.UTC)
    return create_token(services.database, account, lifetime=lifetime, now=now)


def with_token(app: FastAPI, plain: str) -> TestClient:
    """A client that shows this token."""
    return TestClient(app, base_url=URL, headers={"authorization": f"Bearer {plain}"})


def as_person(app: FastAPI, services: Services, name: str) -> TestClient:
    """A client with a token of this account."""
    return with_token(app, token_of(services, name))


def browser(app: FastAPI, url: str = URL) -> TestClient:
    """A client that keeps cookies and does not follow redirects."""
    return TestClient(app, base_url=url, follow_redirects=False, headers={"accept": "text/html"})


def log_in(client: TestClient, name: str = "ada", password: str = PASSWORD, **form: str) -> httpx2.Response:
    """Send the login form."""
    return client.post("/login", data={"name": name, "password": password} | form, follow_redirects=False)


def status_of(client: TestClient) -> int:
    """What the server says to whoever this is: 200 or 401."""
    return client.get("/api/v1/me").status_code


def routes_of(app: FastAPI) -> Iterator[tuple[str, str]]:
    """Method and path of every route there is, mounted folders apart."""
    for route in iter_route_contexts(app.routes):
        for method in sorted((route.methods or set()) - {"HEAD"}):
            assert route.path is not None
            yield method, route.path


def fill(path: str) -> str:
    """A path of a route with its parameters filled in. No token has the id: the caller's own would be revoked."""
    path = path.replace("{token_id:id}", "999").replace("{token_id}", "999")
    return re.sub(r"{\w+(:\w+)?}", "1", path.replace("{slug}", "digits").replace("{name}", "accuracy"))
