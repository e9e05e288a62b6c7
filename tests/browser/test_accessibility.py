"""axe finds nothing to complain about, in either theme, on a desktop and on a phone."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from app.models import FailedRound
from app.pools import get_pool

from ..factories import NOW
from .accounts import GuardedServer, fill_in
from .conftest import Complaints, MakePool, OpenPage
from .label_page import LabelPage
from .server import Server

SIZES = {"desktop": {"width": 1280, "height": 800}, "phone": {"width": 390, "height": 844}}
LABELING_SIZES = SIZES | {
    "narrow phone": {"width": 320, "height": 640},
    "short phone": {"width": 390, "height": 664},
    "phone on its side": {"width": 844, "height": 390},
    "desktop at 200 %": {"width": 640, "height": 400},
}

in_every_form = pytest.mark.parametrize("size", SIZES)
in_every_theme = pytest.mark.parametrize("theme", ["light", "dark"])


@in_every_theme
@pytest.mark.parametrize("size", LABELING_SIZES)
def test_the_labeling_page_is_accessible(
    open_page: OpenPage, server: Server, make_pool: MakePool, theme: str, size: str
) -> None:
    page = open_page(color_scheme=theme, viewport=LABELING_SIZES[size], reduced_motion="reduce")
    check_labeling(LabelPage(page, server.url, make_pool()))


def test_the_labeling_page_is_accessible_in_forced_colours(
    open_page: OpenPage, server: Server, make_pool: MakePool
) -> None:
    page = open_page(forced_colors="active", reduced_motion="reduce")
    check_labeling(LabelPage(page, server.url, make_pool()))


def check_labeling(opened: LabelPage) -> None:
    """With the guess, several notices, an answered and a flagged tile; then the keys."""
    page = opened.page
    opened.open()
    page.get_by_role("switch").check()
    opened.answer_batch()
    expect(opened.notice("round")).to_be_visible()
    opened.wait_for_image()
    opened.flag("two digits in one image, and neither of them is one that I have ever seen before")
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


@in_every_theme
@in_every_form
def test_the_login_and_the_pages_about_people_are_accessible_and_fit_the_window(
    open_page: OpenPage,
    guarded: GuardedServer,
    make_guarded_pool: MakePool,
    complaints: Complaints,
    theme: str,
    size: str,
) -> None:
    complaints.may_requests_fail = True
    page = open_page(color_scheme=theme, viewport=SIZES[size], reduced_motion="reduce")
    page.goto(f"{guarded.url}/login")
    fill_in(page, "ada", "not the password")
    expect(page.get_by_role("alert")).to_be_visible()
    check(page)
    fill_in(page, "ada")
    expect(page.get_by_title("Logged in as ada")).to_be_visible()
    opened = LabelPage(page, guarded.url, make_guarded_pool())
    opened.open()
    first, *_ = opened.image_ids()
    opened.flag("two digits in one image, and neither of them is one that I have ever seen before")
    opened.press("3", "s", "4")
    opened.expect_stored()
    check(page)
    add_failed_round(guarded, opened)
    base = opened.url.removesuffix("/label")
    for url in (*(base + name for name in ("/me", "/answers", "/people")), f"{guarded.url}/images/{first}"):
        check_at(page, url, SIZES[size]["width"])
    check_at(page, f"{guarded.url}/audit", SIZES[size]["width"])


@in_every_theme
@in_every_form
def test_the_pages_about_accounts_are_accessible_and_fit_the_window(
    open_page: OpenPage, guarded: GuardedServer, complaints: Complaints, theme: str, size: str
) -> None:
    complaints.may_requests_fail = True
    page, guest = (open_page(color_scheme=theme, viewport=SIZES[size], reduced_motion="reduce") for _ in range(2))
    width = SIZES[size]["width"]
    page.goto(f"{guarded.url}/login?next=/accounts")
    fill_in(page, "ada")
    page.get_by_label("Name", exact=True).fill("ben")
    page.get_by_role("button", name="Make a link").click()
    expect(page.get_by_role("alert")).to_be_visible()
    check_fitting(page, width)
    page.get_by_label("Name", exact=True).fill("")
    page.get_by_role("button", name="Make a link").click()
    expect(page.get_by_role("button", name="Copy")).to_be_visible()
    check_fitting(page, width)
    link = page.get_by_label("Link").input_value()
    page.get_by_role("link", name="Done").click()
    for where in ("accounts", "account"):
        page.goto(f"{guarded.url}/{where}")
        page.get_by_label("For", exact=True).fill(f"nightly export {theme} {size}")
        page.get_by_role("button", name="Make a token").click()
        check_fitting(page, width)
        page.get_by_role("link", name="Done").click()
        expect(page.get_by_text(f"nightly export {theme} {size}").first).to_be_visible()
        check_fitting(page, width)

    guest.goto(link)
    guest.get_by_label("Name").fill("ben")
    for label in ("Password", "Password again"):
        guest.get_by_label(label, exact=True).fill("a password of mine")
    guest.get_by_role("button", name="Join").click()
    expect(guest.get_by_role("alert")).to_be_visible()
    check_fitting(guest, width)
    guest.goto(link[:-1])
    expect(guest.get_by_role("heading", name="This link opens nothing")).to_be_visible()
    check_fitting(guest, width)


@in_every_theme
@in_every_form
def test_a_server_without_accounts_says_accessibly_how_to_get_them(
    open_page: OpenPage, server: Server, make_pool: MakePool, theme: str, size: str
) -> None:
    page = open_page(color_scheme=theme, viewport=SIZES[size])
    for path in ("/accounts", f"/pools/{make_pool()}/people"):
        page.goto(f"{server.url}{path}")
        expect(page.get_by_text("inkling user add NAME --admin")).to_be_visible()
        check_fitting(page, SIZES[size]["width"])


def check_fitting(page: Page, width: int) -> None:
    """axe, and nothing beside the window's edge."""
    check(page)
    assert page.evaluate("document.documentElement.scrollWidth") == width, page.url


def check_at(page: Page, url: str, width: int) -> None:
    """The same of a page for ada."""
    page.goto(url)
    expect(page.get_by_title("Logged in as ada")).to_be_visible()
    check_fitting(page, width)


def add_failed_round(guarded: GuardedServer, opened: LabelPage) -> None:
    """A training that failed, for the people page to show."""
    slug = opened.api_url.rsplit("/", 1)[1]
    with guarded.database.write() as session:
        pool = get_pool(session, slug)
        error = "The loss was not a number after step 12."
        session.add(FailedRound(pool_id=pool.id, number=1, n_attempts=3, error=error, failed_at=NOW))


@in_every_theme
@in_every_form
def test_what_can_be_taken_away_is_accessible_and_downloaded(
    open_page: OpenPage, server: Server, make_pool: MakePool, theme: str, size: str
) -> None:
    page = open_page(color_scheme=theme, viewport=SIZES[size])
    opened = LabelPage(page, server.url, make_pool(n_images=10))
    slug = opened.api_url.rsplit("/", 1)[1]
    opened.open()
    page.goto(f"{server.url}/pools/{slug}/export")
    expect(page.get_by_text("Nobody has labeled an image of this pool yet.")).to_be_visible()
    check(page)
    opened.open()
    opened.answer_batch()
    page.get_by_role("link", name="Take the labels away").click()
    expect(page.get_by_text("10 labels of 10 images")).to_be_visible()
    check(page)
    assert page.evaluate("document.documentElement.scrollWidth") == SIZES[size]["width"]
    page.get_by_label("Test").select_option("30 %")
    with page.expect_download() as waiting:
        page.get_by_role("button", name="Class folders").click()
    assert waiting.value.suggested_filename == f"{slug}.zip"


@in_every_theme
@in_every_form
def test_webhooks_are_accessible_with_and_without_deliveries(
    open_page: OpenPage, server: Server, make_pool: MakePool, complaints: Complaints, theme: str, size: str
) -> None:
    complaints.may_requests_fail = True  # a form that is refused is a page with status 422
    page = open_page(color_scheme=theme, viewport=SIZES[size])
    page.goto(f"{server.url}/pools/{make_pool()}/webhooks")
    expect(page.get_by_text("No webhooks yet.")).to_be_visible()
    check(page)
    page.get_by_label("URL of the receiver").fill("ftp://receiver.example/hook")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("http:// or https://")
    check(page)
    page.get_by_label("URL of the receiver").fill(f"http://127.0.0.1:1/{'a-long-path-' * 12}")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_contain_text("Its secret is shown this once")
    page.get_by_role("button", name="Send a test to webhook").click()
    while page.get_by_text("given up").count() == 0:  # it is sent in a moment; the page has no script that shows it
        page.reload()
    page.get_by_text("Delete… webhook").click()
    expect(page.get_by_role("button", name="Delete it for good")).to_be_visible()
    check(page)
    assert page.evaluate("document.documentElement.scrollWidth") == SIZES[size]["width"]
    page.get_by_role("button", name="Pause webhook").click()
    expect(page.get_by_text("paused", exact=True)).to_be_visible()
    check(page)


@in_every_theme
@in_every_form
def test_waiting_for_others_and_flagging_are_accessible(
    open_page: OpenPage, server: Server, make_pool: MakePool, theme: str, size: str
) -> None:
    page = open_page(color_scheme=theme, viewport=SIZES[size], reduced_motion="reduce")
    opened = LabelPage(page, server.url, make_pool(n_images=10))
    page.request.post(f"{opened.api_url}/leases", data={"annotator": "ada", "count": 9})
    opened.open()
    page.keyboard.press("f")
    expect(opened.dialog).to_be_visible()
    check(page)
    page.keyboard.press("Escape")
    expect(opened.dialog).to_be_hidden()
    opened.press("s")
    expect(page.get_by_role("timer")).to_contain_text("The next is free in")
    check(page)


def test_the_page_works_by_keyboard_alone_with_focus_in_sight(label_page: LabelPage) -> None:
    label_page.page.keyboard.press("Tab")
    expect(label_page.page.get_by_role("link", name="Skip to content")).to_be_focused()
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


@in_every_theme
@in_every_form
def test_the_documentation_of_the_api_is_accessible_shut_open_and_executed(
    open_page: OpenPage, server: Server, theme: str, size: str
) -> None:
    page = open_page(color_scheme=theme, viewport=SIZES[size], reduced_motion="reduce")
    page.goto(f"{server.url}/docs")
    expect(page.get_by_role("heading", name="Inkling")).to_be_visible()
    check(page)
    for name in ("List Pools", "Export Labels", "Label Images"):
        page.get_by_role("button", name=name).click()
    page.get_by_role("button", name="Execute").first.click()
    expect(page.get_by_role("heading", name="Server response")).to_be_visible()
    expect(page.get_by_role("textbox", name="Request body")).to_be_visible()
    page.get_by_role("button", name="Problem").click()
    check(page)


def check(page: Page) -> None:
    """Fail with axe's own words."""
    results = Axe().run(page, options={"resultTypes": ["violations"]})  # it need not describe what is right
    assert results.violations_count == 0, results.generate_report()
