"""Logging in and out, and sessions that end while somebody labels: no answer is lost or stored as another's."""

from collections.abc import Callable

import pytest
from playwright.sync_api import BrowserContext, Page, Route, expect

from .accounts import GuardedServer, fill_in, log_in
from .conftest import Complaints, MakePool, OpenPage
from .label_page import LabelPage

OpenContext = Callable[..., BrowserContext]
OpenLabelPage = Callable[..., LabelPage]


@pytest.fixture
def open_label_page(guarded: GuardedServer, complaints: Complaints, make_guarded_pool: MakePool) -> OpenLabelPage:
    """The labeling page of a pool, a new one unless told, in a page of a context in which `name` logs in."""

    def open_one(context: BrowserContext, name: str, slug: str | None = None) -> LabelPage:
        log_in(context, guarded.url, name)
        page = context.new_page()
        complaints.watch(page)
        opened = LabelPage(page, guarded.url, slug or make_guarded_pool())
        opened.open()
        return opened

    return open_one


def links(page: Page) -> list[str]:
    return page.get_by_role("navigation", name="Site").get_by_role("link").all_inner_texts()


def test_whoever_is_not_logged_in_comes_to_the_login_and_then_where_they_wanted(
    page: Page, guarded: GuardedServer
) -> None:
    page.goto(f"{guarded.url}/pools/digits/answers")
    expect(page.get_by_role("heading", level=1)).to_have_text("Log in")
    assert links(page) == ["Pools", "Label", "API"]
    fill_in(page, "ben")
    expect(page).to_have_url(f"{guarded.url}/pools/digits/answers")
    expect(page.get_by_title("Logged in as ben")).to_be_visible()
    assert links(page) == ["Pools", "Label", "My work", "API"]


def test_the_login_works_without_scripts_and_says_what_was_wrong(
    open_page: OpenPage, guarded: GuardedServer, complaints: Complaints
) -> None:
    complaints.may_requests_fail = True
    page = open_page(java_script_enabled=False)
    page.goto(f"{guarded.url}/login?next=/pools/digits/me")
    fill_in(page, "ada", "not the password")
    expect(page.get_by_role("alert")).to_contain_text("The name or the password is wrong.")
    expect(page.get_by_label("Name")).to_have_value("ada")
    expect(page.get_by_label("Password")).to_be_empty()
    fill_in(page, "ada")
    expect(page).to_have_url(f"{guarded.url}/pools/digits/me")
    assert links(page) == ["Pools", "Label", "My work", "Oracle", "API"]
    page.get_by_role("button", name="More", exact=True).click()
    for name in ("Take away", "Models", "Webhooks", "People", "Accounts", "Audit"):
        expect(page.get_by_role("link", name=name, exact=True)).to_be_visible()


def test_logging_out_gives_the_images_back_and_closes_the_door(
    open_context: OpenContext, open_label_page: OpenLabelPage, guarded: GuardedServer
) -> None:
    context = open_context()
    opened = open_label_page(context, "ben")
    other = open_label_page(open_context(), "cleo", opened.api_url.rsplit("/", 1)[1])
    assert other.counts()["held"] == 20
    opened.page.get_by_role("button", name="Log out").click()
    expect(opened.page).to_have_url(f"{guarded.url}/login")
    assert other.counts()["held"] == 10
    opened.page.goto(opened.url)
    expect(opened.page.get_by_role("heading", level=1)).to_have_text("Log in")


def test_logging_out_waits_for_a_slow_server_to_take_the_images_back(
    open_context: OpenContext, open_label_page: OpenLabelPage, guarded: GuardedServer
) -> None:
    context, waiting, asked = open_context(), list[Route](), list[str]()
    context.clock.install()
    opened = open_label_page(context, "ben")
    other = open_label_page(open_context(), "cleo", opened.api_url.rsplit("/", 1)[1])
    opened.stop_clock()
    opened.page.route("**/leases/release", lambda route: waiting.append(route))
    with opened.page.expect_request("**/leases/release"):
        opened.page.get_by_role("button", name="Log out").click()
    opened.page.on("request", lambda request: asked.append(request.url))
    opened.page.clock.run_for(4_000)
    assert other.counts()["held"] == 20
    assert asked == []
    waiting[0].continue_()
    expect(opened.page).to_have_url(f"{guarded.url}/login")
    assert other.counts()["held"] == 10


def test_answers_wait_for_a_new_login_when_the_session_has_ended(
    open_context: OpenContext, open_label_page: OpenLabelPage, guarded: GuardedServer, complaints: Complaints
) -> None:
    complaints.may_requests_fail = True
    opened = open_label_page(open_context(), "ben")
    first, second, third, *_ = opened.image_ids()
    opened.press("1")
    opened.expect_stored()
    guarded.end_sessions("ben")
    opened.press("2", "3")
    expect(opened.notice("connection")).to_contain_text("You are not logged in any more. 2 answers are saved here")
    opened.notice("connection").get_by_role("link", name="Log in again").click()
    fill_in(opened.page, "ben")
    opened.wait_for_image()
    opened.expect_stored()
    assert opened.stored() == {first: 1, second: 2, third: 3}


def test_a_login_in_another_tab_lets_the_page_go_on_by_itself(
    open_context: OpenContext, open_label_page: OpenLabelPage, guarded: GuardedServer, complaints: Complaints
) -> None:
    complaints.may_requests_fail = True
    context = open_context()
    opened = open_label_page(context, "ben")
    first, *_ = opened.image_ids()
    guarded.end_sessions("ben")
    opened.press("4")
    expect(opened.notice("connection")).to_contain_text("1 answer is saved here")
    log_in(context, guarded.url, "ben")
    opened.expect_stored()
    expect(opened.notice("connection")).to_be_hidden()
    assert opened.stored() == {first: 4}


def test_nobody_sends_the_answers_of_another_who_used_the_same_browser(
    open_context: OpenContext, open_label_page: OpenLabelPage, guarded: GuardedServer, complaints: Complaints
) -> None:
    complaints.may_requests_fail = True
    context = open_context()
    opened = open_label_page(context, "ben")
    first, *_ = opened.image_ids()
    guarded.end_sessions("ben")
    opened.press("5")
    expect(opened.notice("connection")).to_contain_text("1 answer is saved here")
    log_in(context, guarded.url, "cleo")
    expect(opened.notice("connection")).to_contain_text(
        "Another account is logged in here: cleo. 1 answer is saved here until ben logs in again."
    )
    opened.notice("connection").get_by_role("link", name="Go on as cleo").click()
    opened.wait_for_image()
    expect(opened.notice("others")).to_contain_text(
        "Saved in this browser: 1 answer of ben: sent when ben logs in here again."
    )
    opened.press("6")
    opened.expect_stored()
    assert set(opened.stored().values()) == {6}

    log_in(context, guarded.url, "ben")
    opened.open()
    opened.expect_stored()
    expect(opened.notice("others")).to_be_hidden()
    assert opened.stored() == {first: 5}
    assert opened.history(first) == [("label", 5)]
