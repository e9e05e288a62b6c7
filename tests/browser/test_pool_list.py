"""The list of pools stays up to date by itself, and leads from pool to pool, by mouse, finger and keyboard."""

from collections.abc import Iterator
from itertools import pairwise

import pytest
from playwright.sync_api import Page, expect

from .conftest import MakePool, OpenPage, serve_alone
from .label_page import LabelPage
from .server import Server
from .test_accessibility import SIZES, check
from .test_narrow import TOO_SMALL, TOUCH_PX


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with few pools: the list shows them all."""
    with serve_alone(tmp_path_factory.mktemp("few")) as server:
        yield server


def test_a_card_leads_to_its_pool_and_shows_what_is_done_meanwhile(
    page: Page, server: Server, make_pool: MakePool
) -> None:
    slug = make_pool(name="Patterns in the list")
    page.clock.install()
    page.goto(server.url)
    card = page.get_by_role("listitem", name="Patterns in the list")
    expect(card).to_contain_text("0 of 60")
    link = card.get_by_role("link", name="Label Patterns in the list")
    link.focus()
    api = f"{server.url}/api/v1/pools/{slug}"
    assert page.request.post(f"{api}/oracle-labels", data={"count": 3}).ok
    assert page.request.post(f"{api}/leases", data={"annotator": "ada"}).ok

    page.clock.run_for(5_000)

    expect(card).to_contain_text("3 of 60")
    expect(card).to_contain_text("ada")
    expect(link).to_be_focused()
    page.keyboard.press("Enter")
    expect(page).to_have_url(f"{server.url}/pools/{slug}/label")


def test_the_keyboard_leads_from_a_pool_to_another_and_answers_nothing_on_its_way(
    page: Page, server: Server, make_pool: MakePool
) -> None:
    opened = LabelPage(page, server.url, make_pool(name="From here"))
    other = make_pool(name="To there")
    opened.open()
    button = page.get_by_role("button", name="Pools")
    button.focus()
    page.keyboard.press("Enter")
    link = page.get_by_role("link", name="To there")
    expect(link).to_be_visible()
    page.keyboard.press("3")
    opened.expect_answers(*["·"] * 10)
    page.keyboard.press("Escape")
    expect(link).to_be_hidden()
    expect(button).to_be_focused()
    page.keyboard.press("3")
    opened.expect_answers("3", *["·"] * 9)
    opened.expect_stored()
    page.keyboard.press("Enter")
    link.focus()
    page.keyboard.press("Enter")
    expect(page).to_have_url(f"{server.url}/pools/{other}/label")
    expect(page.get_by_role("heading", level=1)).to_have_text("To there")
    page.goto(server.url)
    expect(page.get_by_role("listitem", name="From here")).to_contain_text("nobody")


def test_a_finger_hits_everything_in_the_list_and_in_the_header(
    open_page: OpenPage, server: Server, make_pool: MakePool
) -> None:
    slug = make_pool(name="A name as long as a name may be: " + "m" * 120)
    for width in (320, 375, 390):
        phone = open_page(viewport={"width": width, "height": 667}, has_touch=True, is_mobile=True)
        phone.goto(server.url)
        assert phone.evaluate(TOO_SMALL, TOUCH_PX) == []
        assert phone.evaluate("document.documentElement.scrollWidth") == width
        opened = LabelPage(phone, server.url, slug)
        opened.open()
        phone.get_by_role("button", name="Pools").tap()
        expect(phone.locator(f"#pool-switcher [href='/pools/{slug}/label']")).to_be_visible()
        assert phone.evaluate(TOO_SMALL, TOUCH_PX) == []
        assert phone.evaluate("document.documentElement.scrollWidth") == width
        phone.close()


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("size", SIZES)
def test_the_list_and_the_way_to_another_pool_are_accessible(
    open_page: OpenPage, server: Server, make_pool: MakePool, theme: str, size: str
) -> None:
    page = open_page(color_scheme=theme, viewport=SIZES[size], reduced_motion="reduce")
    slug = make_pool(name="A name as long as a name may be: " + "Donaudampfschifffahrtsgesellschaft " * 4)
    page.goto(server.url)
    expect(page.locator(f"#label-{slug}")).to_be_visible()
    check(page)
    assert page.evaluate("document.documentElement.scrollWidth") == SIZES[size]["width"]
    LabelPage(page, server.url, slug).open()
    page.get_by_role("button", name="Pools").click()
    expect(page.get_by_role("link", name="All pools")).to_be_visible()
    check(page)


def test_buttons_of_two_rows_do_not_touch_on_a_phone(open_page: OpenPage, server: Server, make_pool: MakePool) -> None:
    phone = open_page(viewport={"width": 320, "height": 640}, has_touch=True, is_mobile=True)
    opened = LabelPage(phone, server.url, make_pool())
    opened.open()
    boxes = [part.bounding_box() for part in phone.locator(".tools > *").all()]
    rows = sorted({(box["y"], box["y"] + box["height"]) for box in boxes if box})

    assert len(rows) > 1
    for (_, above), (below, _) in pairwise(rows):
        assert below - above >= 8
