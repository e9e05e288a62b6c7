"""Goals on the labeling page and on the list of pools: how far they are, and that they end nothing."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from app.db import Database
from app.models import Pool
from app.pools import get_pool

from ..factories.hooked import count_test, set_goals
from .conftest import MakePool, OpenPage, serve_alone
from .label_page import LabelPage
from .server import Server
from .test_accessibility import SIZES, check, in_every_form, in_every_theme


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server without a trainer: rounds are stored by the tests."""
    with serve_alone(tmp_path_factory.mktemp("goals")) as server:
        yield server


@pytest.fixture
def database(server: Server) -> Iterator[Database]:
    """The server's."""
    database = Database(server.database_url)
    yield database
    database.close()


def read(database: Database, slug: str) -> Pool:
    with database.read() as session:
        return get_pool(session, slug)


@in_every_theme
@in_every_form
def test_a_goal_is_told_when_it_is_reached_and_labeling_goes_on(
    open_page: OpenPage, server: Server, database: Database, make_pool: MakePool, theme: str, size: str
) -> None:
    page = open_page(color_scheme=theme, viewport=SIZES[size], reduced_motion="reduce")
    opened = LabelPage(page, server.url, make_pool())
    pool = set_goals(database, read(database, opened.slug), goal_labels=3, goal_accuracy=0.9)
    goals = page.locator("[data-goals]")
    opened.open()
    expect(goals.get_by_role("listitem")).to_have_text(["0 of 3 answers", "accuracy not known yet, of 90\u202f%"])
    expect(goals).to_contain_text("reached once the lower end of its 95\u202f% interval on test is there")
    opened.press("1", "2", "3")
    expect(opened.notice("goal")).to_have_text("The goal is reached: 3 of 3 answers. You can go on all the same.")
    expect(goals.get_by_role("listitem").first).to_have_text("3 of 3 answers reached")
    check(page)
    opened.press("4")
    expect(goals.get_by_role("listitem").first).to_have_text("4 of 3 answers reached")
    count_test(database, pool, 28)
    expect(goals.get_by_role("listitem").last).to_have_text("93.3\u202f% (78.7\u201398.2\u202f%) of 90\u202f%")
    page.goto(server.url)
    expect(page.get_by_role("listitem").filter(has_text="4 of 3 answers").first).to_contain_text("reached")
    check(page)
    assert page.evaluate("document.documentElement.scrollWidth") == SIZES[size]["width"]


def test_a_page_that_is_opened_later_says_that_the_goal_is_reached_and_announces_nothing(
    page: Page, server: Server, database: Database, make_pool: MakePool
) -> None:
    opened = LabelPage(page, server.url, make_pool())
    set_goals(database, read(database, opened.slug), goal_labels=1)
    opened.open()
    opened.press("1")
    expect(opened.notice("goal")).to_be_visible()
    opened.open()
    expect(page.locator("[data-goals]").get_by_role("listitem")).to_have_text(["1 of 1 answer reached"])
    expect(opened.notice("goal")).to_have_count(0)


def test_a_pool_without_a_goal_says_nothing_of_one(page: Page, server: Server, make_pool: MakePool) -> None:
    opened = LabelPage(page, server.url, make_pool())
    opened.open()
    opened.press("1")
    opened.expect_stored()
    expect(page.locator("[data-goals]")).to_be_hidden()
