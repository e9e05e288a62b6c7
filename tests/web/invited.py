"""Links that an admin made, and what people send with them."""

import datetime as dt
import re

import httpx2
from fastapi.testclient import TestClient

from app.models import AccountRole
from app.web.edge.deps import Services
from tests.factories import invited
from tests.factories.invited import CHOSEN

JOIN = "/join/"


def invite(services: Services, name: str | None = "eve", role: AccountRole = "annotator") -> str:
    """The path of a new invitation."""
    return JOIN + invited.invite(services.database, name, role, now=dt.datetime.now(dt.UTC))


def offer_password(services: Services, name: str = "ada") -> str:
    """The path of a new link for a new password."""
    return JOIN + invited.offer_password(services.database, name, now=dt.datetime.now(dt.UTC))


def join(
    client: TestClient, path: str, password: str = CHOSEN, again: str | None = None, **form: str
) -> httpx2.Response:
    """Send the form behind a link."""
    typed = {"password": password, "again": password if again is None else again} | form
    return client.post(path, data=typed, follow_redirects=False)


def secret_on(page: str) -> str:
    """The link or token that a page shows."""
    found = re.search(r'<input id="secret" value="([^"]*)"', page)
    assert found, page
    return found[1]
