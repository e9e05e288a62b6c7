"""What admins see of people, and what annotators see of themselves."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import BrowserContext, expect

from .accounts import GuardedServer, log_in
from .conftest import Complaints, MakePool, OpenPage
from .label_page import LabelPage
from .server import Server


def test_an_admin_sees_everybody_and_reads_what_they_flagged(
    open_context: Callable[..., BrowserContext], guarded: GuardedServer, make_guarded_pool: MakePool
) -> None:
    slug = make_guarded_pool()
    ben, ada = open_context(), open_context()
    log_in(ben, guarded.url, "ben")
    opened = LabelPage(ben.new_page(), guarded.url, slug)
    opened.open()
    first, *_ = opened.image_ids()
    opened.flag("upside down")
    opened.press("3", "s")
    opened.expect_stored()

    log_in(ada, guarded.url, "ada")
    page = ada.new_page()
    page.goto(f"{guarded.url}/pools/{slug}/people")
    row = page.get_by_role("row", name="ben")
    expect(row).to_contain_text("working")
    expect(row.get_by_role("cell").nth(0)).to_have_text("1")
    expect(row.get_by_role("cell").nth(7)).to_have_text("8")
    expect(page.get_by_text("upside down")).to_be_visible()
    page.get_by_role("link", name=f"history of image {first}").click()
    expect(page.get_by_text("Current answer: 3 by ben")).to_be_visible()
    page.get_by_role("combobox").select_option("5")
    page.get_by_role("button", name="Change").click()
    expect(page.get_by_text("Current answer: 5 by ada")).to_be_visible()
    expect(page.get_by_role("status")).to_have_text("Changed.")
    expect(page.get_by_role("status")).to_be_focused()
    expect(page.get_by_role("row")).to_have_count(4)
    page.get_by_role("link", name="Next image").click()
    expect(page.get_by_role("heading", level=1)).not_to_have_text(f"Image {first}")
    page.get_by_role("link", name="Back to People").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("People")


@pytest.mark.parametrize("has_scripts", [True, False])
def test_a_time_says_how_long_ago_it_is_and_keeps_the_utc_time(
    open_page: OpenPage, server: Server, make_pool: MakePool, has_scripts: bool
) -> None:
    page = open_page(java_script_enabled=has_scripts)
    slug = make_pool()
    api = f"{server.url}/api/v1/pools/{slug}"
    (image,) = page.request.post(f"{api}/leases", data={"count": 1}).json()["images"]
    labels = [{"image_id": image["image_id"], "value": 4}]
    at = page.request.post(f"{api}/labels", data={"labels": labels}).json()["events"][0]["created_at"]
    utc = f"{at[:19].replace('T', ' ')} UTC"
    if has_scripts:
        page.clock.install(time=at)
    page.goto(f"{server.url}/pools/{slug}/answers")

    time = page.locator("time")
    expect(time).to_have_attribute("title", utc)
    expect(time).to_have_text("just now" if has_scripts else utc)
    if has_scripts:
        page.clock.fast_forward("12:31")
        expect(time).to_have_text("12 min ago")
        page.clock.fast_forward("25:00:00")
        expect(time).to_have_text("1 day ago")
        page.clock.fast_forward(31 * 24 * 3600 * 1000)
        expect(time).to_have_text(re.compile(r"\d{1,2} \w+ \d{4}"))
        expect(time).to_have_attribute("title", utc)


def test_an_annotator_sees_their_own_figures_and_no_others(
    open_context: Callable[..., BrowserContext],
    guarded: GuardedServer,
    make_guarded_pool: MakePool,
    complaints: Complaints,
) -> None:
    complaints.may_requests_fail = True
    slug = make_guarded_pool()
    for name in ("ben", "cleo"):
        context = open_context()
        log_in(context, guarded.url, name)
        opened = LabelPage(context.new_page(), guarded.url, slug)
        opened.open()
        opened.press("3", "4")
        opened.expect_stored()
    page = opened.page
    image_id = opened.image_ids()[0]
    page.get_by_role("link", name="My work").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("My work")
    expect(page.get_by_text("Patterns, as cleo.")).to_be_visible()
    assert page.locator("dd").first.inner_text() == "2"
    page.goto(f"{guarded.url}/images/{image_id}")
    expect(page.get_by_role("heading", name="What you did")).to_be_visible()
    for path in (f"/pools/{slug}/people", "/audit", "/oracle"):
        page.goto(guarded.url + path)
        expect(page.get_by_role("heading", level=1)).to_have_text("Forbidden")
