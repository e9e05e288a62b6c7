"""A server with the embedded sample, a pool for each test, and a browser that must not complain."""

import itertools
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Error, Page, expect, sync_playwright

from app.db import Database

from ..factories import add_pool
from .accounts import GuardedServer
from .label_page import LabelPage
from .server import Server

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
SERVICE_WORKERS = os.environ.get("INKLING_SERVICE_WORKERS", "block")
SAMPLE = {"dataset": "sample", "pool_size": "60", "validation_size": "50"}
WORKER_BLOCKED = "Service Worker registration blocked by Playwright"
FAILED_REQUEST = "Failed to load resource"  # the browser's own words for every request that did not succeed

# What is expected comes at last, however busy the machine is: charts are drawn by a library that takes seconds to load.
PATIENCE_MS = 60_000
expect.set_options(timeout=PATIENCE_MS)

MakePool = Callable[..., str]
OpenPage = Callable[..., Page]


@dataclass
class Complaints:
    """What browser consoles said in a test. Requests may fail only where the test says so."""

    said: list[str] = field(default_factory=list)
    may_requests_fail: bool = False

    def watch(self, page: Page) -> None:
        """Listen to a page."""
        page.on("console", self._on_message)
        page.on("pageerror", self._on_error)

    def check(self) -> None:
        """Fail if there was any."""
        found = [text for text in self.said if not (self.may_requests_fail and text.startswith(FAILED_REQUEST))]
        assert not found

    def _on_message(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning") and message.text != WORKER_BLOCKED:
            self.said.append(message.text)

    def _on_error(self, error: Error) -> None:
        self.said.append(str(error))


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """Chromium. It ends with this package: tests elsewhere may need the thread's event loop."""
    path = os.environ.get("INKLING_CHROMIUM") or next(filter(None, map(shutil.which, BROWSERS)), None)
    if path is None:
        pytest.fail(f"No browser: install one of {', '.join(BROWSERS)}, or name its path in INKLING_CHROMIUM.")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield chromium
        chromium.close()


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One for all tests of a process, with the model loaded. Its first pool holds 60 digits of the embedded sample.

    Whoever asks waits for a round that is due, however long that takes on a busy machine: no test but those of stale
    rankings meets one.
    """
    server = Server(tmp_path_factory.mktemp("server"), **SAMPLE, round_wait_seconds="10")
    try:
        server.start()
        server.wait_until_ready()
        yield server
    finally:
        server.kill()


@contextmanager
def serve_alone(folder: Path) -> Iterator[Server]:
    """A server of a module's own, without a trainer, and with few pools."""
    server = Server(folder, "--no-trainer", **SAMPLE)
    try:
        server.start()
        yield server
    finally:
        server.kill()


@pytest.fixture(scope="session")
def pool_numbers() -> Iterator[int]:
    """No two tests share a pool."""
    return itertools.count(1)


@pytest.fixture(scope="session")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GuardedServer]:
    """A server that asks who comes: ada is an admin, ben and cleo are annotators."""
    server = Server(tmp_path_factory.mktemp("guarded"), **SAMPLE | {"pool_size": "500"}, round_wait_seconds="10")
    try:
        server.start()
        guarded = GuardedServer(server)
        guarded.add("ada", "admin")
        guarded.add("ben")
        guarded.add("cleo")
        yield guarded
        guarded.database.close()
    finally:
        server.kill()


@pytest.fixture
def make_guarded_pool(guarded: GuardedServer, pool_numbers: Iterator[int]) -> MakePool:
    """The same as `make_pool`, on the server with accounts."""

    def make(**values: Any) -> str:
        slug = f"guarded-{next(pool_numbers)}"
        add_pool(guarded.database, slug=slug, **{"height": 28, "width": 28} | values)
        return slug

    return make


@pytest.fixture
def make_pool(server: Server, pool_numbers: Iterator[int]) -> Iterator[MakePool]:
    """Add a pool of noisy patterns to the server's database, and get its slug."""
    database = Database(server.database_url)

    def make(**values: Any) -> str:
        slug = f"patterns-{next(pool_numbers)}"
        add_pool(database, slug=slug, **{"height": 28, "width": 28} | values)
        return slug

    yield make
    database.close()


@pytest.fixture
def complaints() -> Iterator[Complaints]:
    """A test fails if its pages complained: an error, a warning, a breach of the content security policy."""
    complaints = Complaints()
    yield complaints
    complaints.check()


@pytest.fixture
def open_context(browser: Browser) -> Iterator[Callable[..., BrowserContext]]:
    """A browser's window with its own storage, 1280 by 800 unless told.

    Without a service worker unless told: what the worker fetches passes by `page.route` and the page's own events, with
    which tests hold back, change and count requests. test_offline.py is about the worker; INKLING_SERVICE_WORKERS=allow
    runs all with it.
    """
    contexts: list[BrowserContext] = []
    defaults: dict[str, Any] = {"viewport": {"width": 1280, "height": 800}, "service_workers": SERVICE_WORKERS}

    def open_one(**values: Any) -> BrowserContext:
        context = browser.new_context(**defaults | values)
        context.set_default_timeout(PATIENCE_MS)
        contexts.append(context)
        return context

    yield open_one
    for context in contexts:
        # A handler that is still fetching fails once its context is closed, and Playwright would tell the next test so.
        for page in context.pages:
            page.unroute_all(behavior="ignoreErrors")
        context.unroute_all(behavior="ignoreErrors")
        context.close()


@pytest.fixture
def open_page(open_context: Callable[..., BrowserContext], complaints: Complaints) -> OpenPage:
    """A page in a window of its own."""

    def open_one(**values: Any) -> Page:
        page = open_context(**values).new_page()
        complaints.watch(page)
        return page

    return open_one


@pytest.fixture
def page(open_page: OpenPage) -> Page:
    """An empty page."""
    return open_page()


@pytest.fixture
def label_page(page: Page, server: Server, make_pool: MakePool) -> LabelPage:
    """The labeling page of a new pool with 60 images, the first of them ready to answer."""
    opened = LabelPage(page, server.url, make_pool())
    opened.open()
    return opened
