"""The settings of a pool by keyboard alone and on phones; the guideline with its pictures and examples."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from app.db import Database
from app.pools import get_pool

from ..factories import image_ids
from .conftest import OpenPage
from .label_page import LabelPage
from .own_pools import add_own_pool, wait_for_image
from .server import Server
from .test_accessibility import SIZES, check
from .test_narrow import check as check_narrow

LONG = "Common kingfisher (Alcedo atthis), a juvenile in its first plumage, seen from behind"


@pytest.fixture
def pool(server: Server, pool_numbers: Iterator[int]) -> Iterator[str]:
    """The slug of a pool whose guideline shows its first image."""
    database = Database(server.database_url)
    slug = f"set-{next(pool_numbers)}"
    add_own_pool(database, slug=slug, classes=["bee", "wasp", LONG, "x" * 100])
    with database.write() as session:
        row = get_pool(session, slug)
        first = image_ids(database, row)[0]
        row.guideline = f"Look at the wings.\n- two\n- four\n\n[image {first}: a bright corner]"
    yield slug
    database.close()


def label_some(page: Page, server: Server, slug: str, count: int) -> LabelPage:
    """The labeling page after so many answers with the first two classes in turn."""
    opened = LabelPage(page, server.url, slug)
    page.goto(opened.url)
    for number in range(count):
        wait_for_image(opened)
        page.keyboard.press("12"[number % 2])
    opened.expect_stored()
    return opened


def tab_to(page: Page, name: str) -> None:
    """Tab until the element of this name has the focus, which is in sight."""
    for _ in range(80):
        page.keyboard.press("Tab")
        focused = page.locator(":focus")
        said = (focused.get_attribute("aria-label") or focused.inner_text()) if focused.count() else ""
        if " ".join(said.split()) == name:
            expect(focused).to_be_in_viewport()
            return
    pytest.fail(f"Tab never came to {name}.")


def test_classes_are_moved_merged_and_taken_apart_by_keyboard_alone(page: Page, server: Server, pool: str) -> None:
    label_some(page, server, pool, 4)
    page.goto(f"{server.url}/pools/{pool}/settings")
    tab_to(page, "Move wasp up")
    page.keyboard.press("Enter")
    expect(page).to_have_url(f"{server.url}/pools/{pool}/settings?moved=1+up")
    expect(page.get_by_role("button", name="Move wasp up")).to_be_focused()
    assert page.locator(".classes input[name=name]").first.input_value() == "wasp"
    page.get_by_label("Merge", exact=True).focus()
    page.keyboard.type("wasp")
    page.keyboard.press("Tab")
    page.keyboard.type("bee")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status").filter(has_text="Done.")).to_be_focused()
    expect(page.get_by_text("2 labels changed")).to_be_visible()
    expect(page.get_by_role("button", name="Move wasp up")).to_have_count(0)
    tab_to(page, "Take back wasp into bee")
    page.keyboard.press("Enter")
    expect(page.get_by_text("2 labels given back")).to_be_visible()
    expect(page.get_by_role("button", name="Move wasp up")).to_be_visible()


def test_a_refused_form_says_why_where_it_is(page: Page, server: Server, pool: str) -> None:
    page.goto(f"{server.url}/pools/{pool}/settings")
    page.get_by_label("Guideline", exact=True).fill("[image 999999999]")
    page.get_by_role("button", name="Preview").click()
    expect(page.get_by_role("heading", name="Preview, not saved yet")).to_be_focused()


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("size", SIZES)
def test_the_settings_are_accessible(open_page: OpenPage, server: Server, pool: str, theme: str, size: str) -> None:
    page = open_page(color_scheme=theme, viewport=SIZES[size], reduced_motion="reduce")
    page.goto(f"{server.url}/pools/{pool}/settings")
    page.get_by_label("Merge", exact=True).select_option("bee")
    page.get_by_label("into", exact=True).select_option("wasp")
    page.get_by_role("button", name="Merge", exact=True).click()
    expect(page.get_by_role("button", name="Take back bee into wasp")).to_be_visible()
    check(page)
    page.get_by_role("button", name="Preview").click()
    check(page)


@pytest.mark.parametrize("width", [320, 375])
def test_the_settings_fit_a_narrow_phone(open_page: OpenPage, server: Server, pool: str, width: int) -> None:
    page = open_page(viewport={"width": width, "height": 667}, has_touch=True, reduced_motion="reduce")
    page.goto(f"{server.url}/pools/{pool}/settings")
    page.get_by_role("button", name="Preview").click()
    check_narrow(page)


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("size", SIZES)
def test_the_guideline_shows_examples_and_no_image_that_is_asked(
    open_page: OpenPage, server: Server, pool: str, theme: str, size: str
) -> None:
    page = open_page(color_scheme=theme, viewport=SIZES[size], reduced_motion="reduce")
    opened = label_some(page, server, pool, 0)
    wait_for_image(opened)
    batch = opened.image_ids()
    database = Database(server.database_url)
    with database.read() as session:
        first = image_ids(database, get_pool(session, pool))[0]
    database.close()
    page.get_by_role("button", name="Guide").click()
    figure = page.locator(f"[data-image='{first}']")
    expect(figure).to_be_visible(visible=first not in batch)
    expect(page.get_by_text("There are no examples yet")).to_be_hidden()  # the guideline says enough
    page.keyboard.press("Escape")
    for number in range(10):  # the whole batch
        wait_for_image(opened)
        page.keyboard.press("12"[number % 2])
    opened.expect_stored()
    page.reload()
    wait_for_image(opened)
    held = opened.image_ids()
    page.keyboard.press("g")
    examples = page.locator("[data-example-list] li")
    expect(examples).to_have_count(2)
    expect(examples.first).to_contain_text("bee")
    urls = examples.locator("img").evaluate_all("all => all.map(each => each.getAttribute('src'))")
    assert len(urls) == 8
    assert not any(f"/images/{image_id}." in url for image_id in held for url in urls)
    check(page)
    page.keyboard.press("Escape")
    page.keyboard.press("/")
    expect(page.locator("[data-options] li").first.locator("img")).to_have_count(2)
    check(page)
