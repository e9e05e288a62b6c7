"""Images are held while they are looked at, given back when the page goes, and waited for while others have them."""

import datetime as dt
import json
import re
import time
from collections.abc import Callable

import pytest
from playwright.sync_api import BrowserContext, Page, Request, expect
from sqlalchemy import update

from app.db import Database
from app.models import Lease

from .conftest import Complaints, MakePool
from .label_page import LabelPage
from .server import Server

# The pool's state is never answered; once the page is to go it fails, as browsers let it.
BREAK_OFF = """url => {
  const { fetch } = window;
  window.fetch = (...request) => request[0] !== new URL(url).pathname ? fetch(...request) : new Promise((_, reject) => {
    window.isUnderWay = true;
    addEventListener("beforeunload", () => reject(new TypeError("broken off")));
  });
}"""
NOTHING_LEFT = "Someone else is working on the rest"


@pytest.fixture
def small_pool(server: Server, page: Page, make_pool: MakePool) -> LabelPage:
    """The labeling page, not yet opened, of a pool of ten images that ada holds."""
    opened = LabelPage(page, server.url, make_pool(n_images=10))
    page.request.post(f"{opened.api_url}/leases", data={"annotator": "ada"})
    return opened


def test_the_page_holds_its_images_for_longer_while_it_is_open(page: Page, server: Server, make_pool: MakePool) -> None:
    page.clock.install()
    opened = LabelPage(page, server.url, make_pool())
    opened.open()
    with page.expect_response("**/leases/renew") as renewal:
        page.clock.run_for(210_000)
    assert renewal.value.json() == {"renewed": 10}


def test_images_that_went_to_others_meanwhile_are_closed(page: Page, server: Server, make_pool: MakePool) -> None:
    page.clock.install()
    opened = LabelPage(page, server.url, make_pool(n_images=20))
    opened.open()
    before = opened.image_ids()
    page.request.post(f"{opened.api_url}/leases/release", data={})
    page.request.post(f"{opened.api_url}/leases", data={"annotator": "ada", "count": 4})
    page.clock.run_for(210_000)
    opened.expect_answers(*["×"] * 4, *["·"] * 6)
    assert opened.image_ids() == before


def test_closing_the_page_gives_back_what_is_not_answered(label_page: LabelPage, server: Server) -> None:
    label_page.answer_batch([1, 2, 3])
    assert label_page.counts()["held"] == 7
    context = label_page.page.context
    other = context.new_page()
    label_page.page.close(run_before_unload=True)
    other.goto(f"{server.url}/docs")
    wait_until_held(label_page, 0)


def wait_until_held(opened: LabelPage, count: int) -> None:
    """What a page sends as it goes arrives a moment later, and no test sees it go."""
    deadline = time.monotonic() + 60
    while opened.counts()["held"] != count and time.monotonic() < deadline:
        time.sleep(0.05)
    assert opened.counts()["held"] == count


def test_what_the_browser_breaks_off_as_the_page_goes_keeps_no_images(label_page: LabelPage, server: Server) -> None:
    page = label_page.page
    page.evaluate(BREAK_OFF, label_page.api_url)
    label_page.answer_batch([6])
    page.wait_for_function("() => window.isUnderWay")
    page.get_by_role("link", name="API", exact=True).click()
    page.wait_for_url(f"{server.url}/docs")
    wait_until_held(label_page, 0)


def test_leaving_the_page_with_answers_under_way_keeps_the_images(
    label_page: LabelPage, server: Server, complaints: Complaints
) -> None:
    complaints.may_requests_fail = True
    label_page.cut("/labels")
    label_page.press("6")
    expect(label_page.notice("connection")).to_be_visible()
    label_page.page.goto(f"{server.url}/docs", wait_until="networkidle")
    assert label_page.counts()["held"] == 10


def test_a_countdown_says_when_the_next_image_is_free_and_the_page_goes_on_by_itself(
    small_pool: LabelPage, server: Server
) -> None:
    page = small_pool.page
    page.clock.install()
    page.goto(small_pool.url)
    expect(page.get_by_role("heading", name=NOTHING_LEFT)).to_be_visible()
    expect(page.get_by_text("10 images are with other people.")).to_be_visible()
    small_pool.stop_clock()
    let_leases_end_in(server, seconds=50)
    page.clock.run_for(10_000)  # the page asks again
    timer = page.get_by_role("timer")
    expect(timer).to_have_text(re.compile(r"^The next is free in [1-5]?\d\u202fs\.$"))
    seconds = int(re.findall(r"\d+", timer.inner_text())[0])
    page.clock.run_for(2_000)
    expect(timer).to_have_text(f"The next is free in {seconds - 2}\u202fs.")
    let_leases_end_in(server, seconds=0)
    page.clock.run_for(8_000)
    small_pool.wait_for_image()
    expect(small_pool.tiles).to_have_count(10)


def let_leases_end_in(server: Server, *, seconds: float) -> None:
    """As if they had been given long ago."""
    database = Database(server.database_url)
    with database.write() as session:
        session.execute(update(Lease).values(expires_at=dt.datetime.now(dt.UTC) + dt.timedelta(seconds=seconds)))
    database.close()


def test_the_page_goes_on_as_soon_as_somebody_gives_images_back(small_pool: LabelPage) -> None:
    page = small_pool.page
    page.goto(small_pool.url)
    expect(page.get_by_role("timer")).to_have_text("The next is free in 10\u202fmin.")
    with page.expect_response("**/stream"):
        page.reload()
    page.request.post(f"{small_pool.api_url}/leases/release", data={"annotator": "ada"})
    small_pool.wait_for_image()
    expect(small_pool.tiles).to_have_count(10)


def test_skipped_images_are_named_when_nothing_else_is_left(page: Page, server: Server, make_pool: MakePool) -> None:
    opened = LabelPage(page, server.url, make_pool(n_images=10))
    opened.open()
    opened.press("s", "s", "s", *"1234567")
    expect(page.get_by_role("heading", name="Nothing is left for you")).to_be_visible()
    expect(page.get_by_text("3 images that you skipped are left for others.")).to_be_visible()
    page.keyboard.press("Backspace")
    opened.wait_for_image()


def test_two_tabs_show_the_same_images_and_each_others_answers(
    open_context: Callable[..., BrowserContext], complaints: Complaints, server: Server, make_pool: MakePool
) -> None:
    context, slug = open_context(), make_pool()
    one, two = (LabelPage(context.new_page(), server.url, slug) for _ in range(2))
    for tab in (one, two):
        complaints.watch(tab.page)
        tab.open()
    assert one.image_ids() == two.image_ids()
    one.press("1", "s")
    two.expect_answers("1", "?", *["·"] * 8)
    two.press("3")
    one.expect_answers("1", "?", "3", *["·"] * 7)
    one.press("Backspace")
    two.expect_answers("1", "?", *["·"] * 8)
    one.press(*"34567890")
    one.expect_stored()
    two.wait_for_image()
    two.expect_answers(*["·"] * len(two.image_ids()))
    assert len(one.stored()) == 9


def test_closing_one_of_two_tabs_gives_nothing_back(
    open_context: Callable[..., BrowserContext], server: Server, make_pool: MakePool
) -> None:
    context, slug = open_context(), make_pool()
    one, two = (LabelPage(context.new_page(), server.url, slug) for _ in range(2))
    one.open()
    two.open()
    one.page.goto(f"{server.url}/docs")
    two.answer_batch([1])
    assert two.counts()["held"] == 9


def test_two_tabs_without_a_server_send_in_order_and_nothing_counts_twice(
    open_context: Callable[..., BrowserContext], complaints: Complaints, server: Server, make_pool: MakePool
) -> None:
    complaints.may_requests_fail = True
    context, slug = open_context(), make_pool()
    one, two = (LabelPage(context.new_page(), server.url, slug) for _ in range(2))
    one.open()
    two.open()
    ids = one.image_ids()
    answered: list[Request] = []
    context.on("response", lambda response: answered.append(response.request))
    context.set_offline(True)
    one.press("0", "1")
    two.expect_answers("0", "1", *["·"] * 8)
    two.press("2", "3")
    one.expect_answers("0", "1", "2", "3", *["·"] * 6)
    one.press("4")
    for tab in (one, two):
        expect(tab.waiting).to_have_text("5 answers not yet stored.")
    context.set_offline(False)
    one.expect_stored()
    two.expect_stored()
    assert [one.history(image_id) for image_id in ids[:5]] == [[("label", value)] for value in range(5)]
    stored = one.page.request.get(f"{one.api_url}/labels").json()["items"]
    assert [item["value"] for item in stored] == [0, 1, 2, 3, 4]
    bodies = [json.loads(request.post_data or "") for request in answered if request.url.endswith("/labels")]
    sent = [body["labels"][0]["key"] for body in bodies]
    assert sent[:5] == sorted(set(sent), key=sent.index), "each once, in the order of the answers"
    assert sent[5:] in ([], sent[4:5]), "a tab may see the last one's end too late, and send it with its key again"
