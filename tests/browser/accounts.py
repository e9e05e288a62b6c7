"""People with passwords on a server of their own."""

import datetime as dt

from playwright.sync_api import BrowserContext, Page, expect

from app import accounts
from app.db import Database
from app.models import AccountRole
from app.passwords import hash_password

from .server import Server

PASSWORD = "correct horse"


class GuardedServer:
    """A server with accounts; everybody's password is the same."""

    def __init__(self, server: Server) -> None:
        self.url = server.url
        self.database = Database(server.database_url)
        self._hashed = hash_password(PASSWORD)

    def add(self, name: str, role: AccountRole = "annotator") -> None:
        """An account."""
        with self.database.write() as session:
            accounts.add_account(session, name, role, self._hashed, now=dt.datetime.now(dt.UTC))

    def end_sessions(self, name: str) -> None:
        """As if the session had expired: a new password, the same as the old one."""
        with self.database.write() as session:
            accounts.set_password(session, name, self._hashed, now=dt.datetime.now(dt.UTC))


def fill_in(page: Page, name: str, password: str = PASSWORD) -> None:
    """Send the form of the login page."""
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Log in").click()


def log_in(context: BrowserContext, url: str, name: str) -> None:
    """Log in in this browser, in a page of its own."""
    page = context.new_page()
    page.goto(f"{url}/login?next=/docs")
    fill_in(page, name)
    expect(page).to_have_url(f"{url}/docs")
    page.close()
