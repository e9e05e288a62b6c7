"""The page of models: a training from the button to the file, without a reload."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from app.db import Database
from app.pools import get_pool

from ..factories.acts import ask_and_answer
from ..factories.making import add_annotator
from ..factories.trained import add_model
from .conftest import MakePool, OpenPage
from .server import Server
from .test_accessibility import check

TRAINED_MS = 240_000  # TensorFlow is loaded in a process of its own, and others use the processors, too


@pytest.fixture
def database(server: Server) -> Iterator[Database]:
    """The server's own."""
    database = Database(server.database_url)
    yield database
    database.close()


def make_labeled(database: Database, slug: str) -> None:
    """Answer twenty images of the pool."""
    with database.read() as session:
        pool = get_pool(session, slug)
    ask_and_answer(database, pool, add_annotator(database, f"labels-{slug}"), 20)


def test_a_model_goes_from_the_button_to_the_file_without_a_reload(
    page: Page, server: Server, make_pool: MakePool, database: Database
) -> None:
    slug = make_pool(height=8, width=8)
    make_labeled(database, slug)
    page.goto(f"{server.url}/pools/{slug}/models")
    page.get_by_role("button", name="Train a model").click()
    loads: list[str] = []
    page.on("framenavigated", lambda frame: loads.append(frame.url))

    expect(page.locator("#models [data-tone]")).to_have_text("running", timeout=TRAINED_MS)
    expect(page.locator("#models [data-share]")).to_contain_text("%", timeout=TRAINED_MS)
    expect(page.locator("#models [data-tone]")).to_have_text("done", timeout=TRAINED_MS)
    expect(page.locator("#models")).to_contain_text("Counted on the pool’s test images")
    expect(page.locator("[data-announce]")).to_have_text(re.compile(r"Model \d+ is done\."))
    with page.expect_download() as waiting:
        page.get_by_role("link", name=re.compile(r"^Download model \d+$")).click()
    assert re.fullmatch(rf"{slug}-model-\d+\.keras", waiting.value.suggested_filename)
    assert waiting.value.path().stat().st_size > 100_000
    assert loads == []


def test_a_model_that_waits_or_is_trained_is_stopped_by_a_click(
    page: Page, server: Server, make_pool: MakePool, database: Database
) -> None:
    slug = make_pool()
    make_labeled(database, slug)
    page.goto(f"{server.url}/pools/{slug}/models")
    page.get_by_role("button", name="Train a model").click()
    page.get_by_role("button", name=re.compile(r"^Stop model \d+$")).click()

    expect(page.locator("#models [data-tone]")).to_have_text("stopped")
    expect(page.get_by_role("button", name=re.compile(r"^Stop"))).to_have_count(0)


@pytest.mark.parametrize("width", [320, 390, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_state_fits_and_is_accessible(
    open_page: OpenPage, server: Server, make_pool: MakePool, database: Database, width: int, scheme: str
) -> None:
    slug = make_pool()
    with database.read() as session:
        pool = get_pool(session, slug)
    add_model(database, pool)
    add_model(database, pool, tested_on=None, correct=None, total=None)
    add_model(database, pool, status="failed", error="MemoryError: " + "x" * 200)
    add_model(database, pool, status="stopped")
    page = open_page(viewport={"width": width, "height": 800}, color_scheme=scheme)
    page.goto(f"{server.url}/pools/{slug}/models")

    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    check(page)
