"""Single JavaScript modules in a browser: their own files, no server, no page of ours."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Page, Route

from app.settings import ROOT

from ..conftest import Complaints

SITE = "http://localhost"  # browsers trust it as they trust HTTPS, so pages have locks
EMPTY = "<!doctype html><title>modules</title>"

Run = Callable[..., Any]


class Site:
    """What the browser gets from `SITE`: an empty page with `headers`, our modules; from /api/ what `answer` says."""

    def __init__(self) -> None:
        self.headers: dict[str, str] = {}
        self.requests: list[tuple[str, Any]] = []
        self.answer: Callable[[Route, str, Any], None] = lambda route, _path, _body: route.abort()

    def serve(self, route: Route) -> None:
        """Answer one request."""
        path = route.request.url.removeprefix(SITE)
        if path.startswith("/api/"):
            body = json.loads(route.request.post_data or "null")
            self.requests.append((path.rpartition("/")[2], body))
            self.answer(route, path.rpartition("/")[2], body)
        elif path.endswith(".js"):
            route.fulfill(path=ROOT / "static" / path[1:], headers={"Access-Control-Allow-Origin": "*"})
        else:
            route.fulfill(body=EMPTY, content_type="text/html", headers=self.headers)


@pytest.fixture
def site() -> Site:
    """The site of a test."""
    return Site()


@pytest.fixture
def context(open_context: Callable[..., BrowserContext], site: Site) -> BrowserContext:
    """A window that sees the site alone."""
    context = open_context()
    context.route("**", site.serve)
    return context


@pytest.fixture
def page(context: BrowserContext, complaints: Complaints) -> Page:
    """An empty page of the site."""
    page = context.new_page()
    complaints.watch(page)
    page.goto(SITE)
    return page


@pytest.fixture
def run(page: Page) -> Run:
    """Run the body of an async function in the page; what it returns."""
    return lambda body, argument=None: run_in(page, body, argument)


def run_in(page: Page, body: str, argument: Any = None) -> Any:
    """The same in any page of the site."""
    return page.evaluate(f"async (argument) => {{ {body} }}", argument)
