"""Accuracy on answers that were asked by chance: what the panel, the list of pools and the API say of it."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from playwright.sync_api import Page, expect

from app import rounds
from app.db import Database
from app.pools import get_pool

from ..factories import NOW, make_outcome
from .conftest import serve_alone
from .label_page import LabelPage
from .own_pools import add_own_pool, wait_for_image
from .server import Server
from .test_accessibility import check

BY_CHANCE = "answers asked by chance, which no model learned from"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server without a trainer: rounds are stored by the tests."""
    with serve_alone(tmp_path_factory.mktemp("chance")) as server:
        yield server


@pytest.fixture
def database(server: Server) -> Iterator[Database]:
    """The server's."""
    database = Database(server.database_url)
    yield database
    database.close()


def store_round(database: Database, slug: str, correct: int, total: int) -> None:
    """A round as a trainer stores it that has tested on these answers."""
    with database.write() as session:
        pool = get_pool(session, slug)
        previous, labels = rounds.get_newest_round(session, pool), rounds.read_training_set(session, pool)
        outcome = replace(make_outcome(), validation_correct=None, validation_total=0, n_images=12, n_classes=3)
        outcome = replace(outcome, test_correct=correct, test_total=total, tested_on="chance")
        assert rounds.store(session, previous, labels, outcome, now=NOW)


def test_before_any_round_the_panel_says_when_the_accuracy_is_known(
    page: Page, server: Server, database: Database
) -> None:
    add_own_pool(database, slug="fresh")
    opened = LabelPage(page, server.url, "fresh")
    page.goto(opened.url)
    expect(opened.shown("test-note")).to_have_text("known as soon as a round has answers asked by chance")
    expect(page.get_by_text(f"Tested on {BY_CHANCE}.")).to_be_visible()
    page.goto(server.url)
    expect(page.get_by_role("listitem", name="Insects")).to_contain_text("Test accuracy")
    expect(page.get_by_role("listitem", name="Insects")).to_contain_text("no answer yet")


@pytest.mark.parametrize("viewport", [{"width": 1280, "height": 800}, {"width": 390, "height": 844}])
def test_what_was_asked_by_chance_is_said_where_the_accuracy_is(
    page: Page, server: Server, database: Database, viewport: dict[str, int]
) -> None:
    slug = f"measured-{viewport['width']}"
    add_own_pool(database, slug=slug, name=f"Measured {viewport['width']}")
    opened = LabelPage(page, server.url, slug)
    page.set_viewport_size({"width": viewport["width"], "height": viewport["height"]})
    page.goto(opened.url)
    for key in "123":
        wait_for_image(opened)
        page.keyboard.press(key)
    opened.expect_stored()
    store_round(database, slug, 6, 8)
    store_round(database, slug, 9, 10)
    page.goto(opened.url)
    expect(opened.shown("test")).to_have_text("90.00\u202f%")
    expect(opened.shown("test-note")).to_contain_text(f"9 of 10 {BY_CHANCE}; 95\u202f% interval")
    expect(opened.shown("change")).to_have_text("+15.00 points since round 1")
    expect(opened.shown("change")).to_have_attribute("data-direction", "better")
    check(page)
    page.goto(server.url)
    card = page.get_by_role("listitem", name=f"Measured {viewport['width']}")
    expect(card).to_contain_text(f"9 of 10 {BY_CHANCE}")
    assert page.evaluate("document.documentElement.scrollWidth") == viewport["width"]
    newest = page.request.get(opened.api_url).json()["round"]
    assert (newest["tested_on"], newest["test"]["total"]) == ("chance", 10)


def test_test_images_are_called_test_images(page: Page, server: Server) -> None:
    response = page.request.get(f"{server.url}/api/v1/pools").json()["items"]
    slug = next(pool["slug"] for pool in response if pool["dataset"] != "own")
    opened = LabelPage(page, server.url, slug)
    page.goto(opened.url)
    expect(page.get_by_text(BY_CHANCE)).to_have_count(0)
    newest = page.request.get(opened.api_url).json()["round"]
    assert newest["tested_on"] == "test"
