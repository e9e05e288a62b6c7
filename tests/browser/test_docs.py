"""The API's documentation is light or dark like the system, and fits the window."""

import re

from playwright.sync_api import Locator, Page, expect

from .conftest import OpenPage
from .server import Server


def brightness(of: Locator, what: str) -> float:
    """From 0 to 1, of a computed colour."""
    colour = of.evaluate("(element, what) => getComputedStyle(element)[what]", what)
    red, green, blue = (int(part) for part in re.findall(r"\d+", colour)[:3])
    return (0.2126 * red + 0.7152 * green + 0.0722 * blue) / 255


def open_docs(page: Page, server: Server) -> tuple[Locator, Locator]:
    """The ground, and the address of an operation that lies on it."""
    page.goto(f"{server.url}/docs")
    address = page.locator(".opblock-summary-path").first
    expect(address).to_be_visible()
    return page.get_by_role("main"), address


def test_the_documentation_is_light_or_dark_like_the_system_also_when_that_changes(page: Page, server: Server) -> None:
    page.emulate_media(color_scheme="dark")
    ground, address = open_docs(page, server)
    assert brightness(ground, "backgroundColor") < 0.2
    assert brightness(address, "color") > 0.8
    page.emulate_media(color_scheme="light")
    expect(page.locator("html.dark-mode")).to_have_count(0)
    assert brightness(ground, "backgroundColor") > 0.9
    assert brightness(address, "color") < 0.4


def test_an_operation_fits_a_phone(open_page: OpenPage, server: Server) -> None:
    page = open_page(viewport={"width": 390, "height": 844})
    open_docs(page, server)
    page.locator(".opblock-post .opblock-summary-control").first.click()
    expect(page.get_by_role("button", name="Execute")).to_be_visible()
    page.locator(".opblock-post textarea").first.fill("{}")
    expect(page.get_by_role("button", name="Reset")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") == 390
