"""axe finds nothing to complain about, in either theme, on a desktop and on a phone."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from .conftest import Complaints, MakePool, OpenPage
from .label_page import LabelPage
from .server import Server

SIZES = {"desktop": {"width": 1280, "height": 800}, "phone": {"width": 390, "height": 844}}

in_every_form = pytest.mark.parametrize("size", SIZES)
in_every_theme = pytest.mark.parametrize("theme", ["light", "dark"])


@in_every_theme
@in_every_form
def test_the_labeling_page_is_accessible(
    open_page: OpenPage, server: Server, make_pool: MakePool, theme: str, size: str
) -> None:
    page = open_page(color_scheme=theme, viewport=SIZES[size], reduced_motion="reduce")
    opened = LabelPage(page, server.url, make_pool())
    opened.open()
    page.get_by_role("switch").check()
    opened.answer_batch()
    expect(opened.notice("round")).to_be_visible()
    opened.press("7")
    check(page)
    page.keyboard.press("?")
    expect(opened.dialog).to_be_visible()
    check(page)


def test_a_finished_pool_is_accessible(page: Page, server: Server, make_pool: MakePool) -> None:
    opened = LabelPage(page, server.url, make_pool(n_images=10))
    opened.open()
    opened.answer_batch()
    expect(page.get_by_role("heading", name="Every image has a label")).to_be_visible()
    check(page)


@in_every_theme
@in_every_form
def test_the_error_page_is_accessible(
    open_page: OpenPage, server: Server, complaints: Complaints, theme: str, size: str
) -> None:
    complaints.may_requests_fail = True
    page = open_page(color_scheme=theme, viewport=SIZES[size])
    page.goto(f"{server.url}/nothing-here")
    expect(page.get_by_role("heading", level=1)).to_have_text("Not Found")
    expect(page.get_by_text("There is nothing at /nothing-here.")).to_be_visible()
    check(page)


def test_the_page_works_by_keyboard_alone_with_focus_in_sight(label_page: LabelPage) -> None:
    label_page.page.keyboard.press("Tab")
    expect(label_page.page.get_by_role("link", name="To the content")).to_be_focused()
    label_page.button(3).focus()
    label_page.page.keyboard.press("Enter")
    label_page.expect_answers("3", *["·"] * 9)
    assert label_page.button(3).evaluate("button => getComputedStyle(button).outlineStyle") == "solid"


def test_without_scripts_the_page_says_what_to_do(open_page: OpenPage, server: Server, make_pool: MakePool) -> None:
    page = open_page(java_script_enabled=False)
    page.goto(f"{server.url}/pools/{make_pool()}/label")
    expect(page.locator("noscript p")).to_contain_text("Labeling needs JavaScript.")


def test_the_documentation_of_the_api_opens_without_a_complaint(page: Page, server: Server) -> None:
    page.goto(f"{server.url}/docs")
    expect(page.get_by_role("heading", name="Inkling")).to_be_visible()
    page.get_by_text("Lease Images").click()
    expect(page.get_by_role("button", name="Execute")).to_be_visible()


def check(page: Page) -> None:
    """Fail with axe's own words."""
    results = Axe().run(page)
    assert results.violations_count == 0, results.generate_report()
