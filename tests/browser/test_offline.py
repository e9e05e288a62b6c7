"""The labeling page is loaded while the server cannot be reached: it shows what it held, and nobody else's."""

import datetime as dt
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Error, Page, expect
from sqlalchemy import select

from app.db import Database
from app.models import LabelEvent
from app.web.edge.assets import static_url

from ..factories.invited import invite
from .accounts import GuardedServer, fill_in, log_in
from .conftest import Complaints, MakePool
from .label_page import LabelPage
from .server import Server

OPEN = "·"
DIGITS = "01234567899876543210"

OpenKept = Callable[[Server | GuardedServer, str], LabelPage]

# Everything that the page needs to be loaded without the server, and that it was loaded with the worker.
IS_KEPT = """async () => {
  const parts = [...document.querySelectorAll("link[href], script[src], [data-tiles] img")];
  const urls = [location.pathname, ...parts.map((part) => part.href ?? part.src)];
  const kept = await Promise.all(urls.map((url) => url && caches.match(url)));
  return navigator.serviceWorker.controller !== null && kept.every(Boolean);
}"""
KEPT_PATHS = """async () => {
  const caught = await Promise.all((await caches.keys()).map(async (name) => (await caches.open(name)).keys()));
  return caught.flat().map(({ url }) => new URL(url).pathname);
}"""
IS_FORGOTTEN = f"async () => (await ({KEPT_PATHS})()).every((path) => path.startsWith('/static/'))"
IS_BOUNDED = "async () => (await (await caches.open('inkling-images')).keys()).length === 100"
IS_OLD_PART_GONE = "async () => !(await caches.match('/static/0123456789ab/label.js'))"
WAYS_TO_THE_API = """performance
  .getEntriesByType("resource")
  .filter(({ name }) => new URL(name).pathname.startsWith("/api/"))
  .map((entry) => entry.workerMatchedSourceType)"""
END_LEASE = """() => {
  const ends = Object.keys(localStorage).filter((key) => /:held:.*:until$/.test(key));
  return ends.map((key) => (localStorage[key] = 0));
}"""
WAITING = """async () => {
  const end = performance.now() + 60_000;
  while (!(await (%s)())) {
    if (performance.now() > end) throw new Error("not within a minute");
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}"""
PUT = """async ([name, paths]) => {
  const cache = await caches.open(name);
  for (const path of paths) await cache.put(path, new Response("old", { headers: { "Inkling-Annotator": "local" } }));
}"""


@pytest.fixture(autouse=True)
def _failing_requests_are_meant(complaints: Complaints) -> None:
    complaints.may_requests_fail = True


@pytest.fixture
def context(open_context: Callable[..., BrowserContext]) -> BrowserContext:
    """A window in which service workers may run."""
    return open_context(service_workers="allow")


@pytest.fixture
def open_kept(context: BrowserContext, complaints: Complaints) -> OpenKept:
    """The labeling page of a pool, once the browser keeps all that it needs."""

    def open_one(server: Server | GuardedServer, slug: str) -> LabelPage:
        page = context.new_page()
        complaints.watch(page)
        opened = LabelPage(page, server.url, slug)
        opened.open()
        wait_until(page, IS_KEPT)
        return opened

    return open_one


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[Server]:
    """One that may be killed."""
    server = Server(tmp_path, dataset="sample", pool_size="60", validation_size="50", batch_size="20")
    try:
        server.start()
        yield server
    finally:
        server.kill()


def wait_until(page: Page, condition: str) -> None:
    """Until an asynchronous function says yes; `wait_for_function` takes its promise for a yes."""
    page.evaluate(WAITING % condition)


def go_offline(context: BrowserContext) -> None:
    """Cut the network, of the worker too.

    What a page sends in the moment in which it is reloaded may still arrive: a test that counts on an answer not being
    there kills the server instead.
    """
    context.set_offline(True)
    (worker,) = context.service_workers
    assert worker.evaluate("() => fetch('/healthz').then(() => 'answered', () => 'cut')") == "cut"


def expect_all_stored(opened: LabelPage) -> None:
    """Soon after the server can be reached again, nothing waits."""
    opened.expect_stored()


def events_of(server: Server) -> list[tuple[int, str, int | None]]:
    """What people did, in the order in which it was stored."""
    database = Database(server.database_url)
    with database.read() as session:
        rows = session.execute(
            select(LabelEvent.image_id, LabelEvent.kind, LabelEvent.value).order_by(LabelEvent.id)
        ).all()
    database.close()
    return [(image_id, kind, value) for image_id, kind, value in rows]


def labels_given(ids: list[int]) -> list[tuple[int, str, int | None]]:
    return [(image_id, "label", int(digit)) for image_id, digit in zip(ids, DIGITS, strict=True)]


def test_twenty_answers_without_the_network_and_a_reload_amid_arrive_once_and_in_order(
    context: BrowserContext, open_kept: OpenKept, server: Server, make_pool: MakePool
) -> None:
    opened = open_kept(server, make_pool(batch_size=20))
    ids = opened.image_ids()
    go_offline(context)
    opened.press(*DIGITS[:10])
    expect(opened.notice("connection")).to_contain_text("10 answers are saved here")

    opened.page.reload()
    opened.expect_answers(*DIGITS[:10], *[OPEN] * 10)
    assert opened.image_ids() == ids
    expect(opened.notice("connection")).to_contain_text("Can’t reach the server. 10 answers are saved here")
    opened.press(*DIGITS[10:])
    expect(opened.waiting).to_have_text("20 answers not yet stored.")
    opened.page.reload()
    expect(opened.notice("connection")).to_contain_text("Can’t reach the server. 20 answers are saved here")

    context.set_offline(False)
    expect_all_stored(opened)
    expect(opened.notice("connection")).to_be_hidden()
    assert [event for event in events_of(server) if event[0] in ids] == labels_given(ids)
    opened.expect_answers(*[OPEN] * 20)
    assert not set(ids) & set(opened.image_ids())


def test_a_reload_while_the_server_is_dead_loses_no_answer_either(
    context: BrowserContext, open_kept: OpenKept, own_server: Server
) -> None:
    opened = open_kept(own_server, "digits")
    ids = opened.image_ids()
    own_server.kill()
    opened.press(*DIGITS[:10])
    expect(opened.notice("connection")).to_contain_text("10 answers are saved here")
    opened.page.reload()
    opened.expect_answers(*DIGITS[:10], *[OPEN] * 10)
    opened.press(*DIGITS[10:])
    expect(opened.notice("connection")).to_contain_text("Can’t reach the server. 20 answers are saved here")
    assert len(context.service_workers) == 1

    own_server.start()
    expect_all_stored(opened)
    assert events_of(own_server) == labels_given(ids)


def test_what_was_stored_before_the_cut_is_not_asked_again(
    context: BrowserContext, open_kept: OpenKept, server: Server, make_pool: MakePool
) -> None:
    opened = open_kept(server, make_pool())
    ids = opened.image_ids()
    opened.press("1", "2")
    opened.flag("smudged")
    opened.press("s")
    opened.tiles.nth(4).click()
    opened.flag("two digits")
    opened.expect_stored()
    go_offline(context)
    opened.press("3")
    expect(opened.notice("connection")).to_contain_text("1 answer is saved here")
    opened.page.reload()
    opened.expect_answers("1", "2", "?", OPEN, "3", *[OPEN] * 5)
    assert opened.image_ids() == ids
    expect(opened.tiles.nth(4)).to_have_accessible_name("Image 5, answered 3, flagged")
    context.set_offline(False)
    expect_all_stored(opened)
    expect(opened.notice("connection")).to_be_hidden()
    opened.expect_answers("1", "2", "?", OPEN, "3", *[OPEN] * 5)
    assert opened.stored() == {ids[0]: 1, ids[1]: 2, ids[4]: 3}


def test_an_answer_that_waits_is_undone_after_a_reload_without_the_network(
    context: BrowserContext, open_kept: OpenKept, server: Server, make_pool: MakePool
) -> None:
    opened = open_kept(server, make_pool())
    first, second, third, *_ = opened.image_ids()
    go_offline(context)
    opened.press("1", "2", "3")
    expect(opened.notice("connection")).to_contain_text("3 answers are saved here")
    opened.page.reload()
    opened.expect_answers("1", "2", "3", *[OPEN] * 7)
    opened.press("Backspace", "Backspace")
    opened.expect_answers("1", *[OPEN] * 9)
    expect(opened.current).to_have_attribute("data-image-id", str(second))
    opened.press("7")
    opened.expect_answers("1", "7", *[OPEN] * 8)
    context.set_offline(False)
    expect_all_stored(opened)
    assert opened.stored() == {first: 1, second: 7}
    assert opened.history(third) == []


def test_an_image_that_others_answered_meanwhile_is_told_by_the_refusal(
    context: BrowserContext, open_kept: OpenKept, server: Server, make_pool: MakePool
) -> None:
    opened = open_kept(server, make_pool())
    first, second, *_ = opened.image_ids()
    go_offline(context)
    opened.page.request.post(f"{opened.api_url}/labels", data={"labels": [{"image_id": first, "value": 9}]})
    opened.press("1")
    expect(opened.notice("connection")).to_contain_text("1 answer is saved here")
    opened.page.reload()
    opened.press("2")
    context.set_offline(False)
    expect_all_stored(opened)
    expect(opened.notice("refused")).to_contain_text("Your answer 1 wasn’t saved.")
    opened.expect_answers("×", "2", *[OPEN] * 8)
    assert opened.stored() == {first: 9, second: 2}


def test_images_that_went_to_others_meanwhile_are_closed_once_the_server_is_back(
    context: BrowserContext, open_kept: OpenKept, server: Server, make_pool: MakePool
) -> None:
    opened = open_kept(server, make_pool(n_images=20))
    go_offline(context)
    opened.page.reload()
    opened.wait_for_image()
    opened.page.request.post(f"{opened.api_url}/leases/release", data={"annotator": "local"})
    opened.page.request.post(f"{opened.api_url}/leases", data={"annotator": "ada", "count": 10})
    context.set_offline(False)
    expect(opened.tiles).to_have_count(20)
    opened.expect_answers(*["×"] * 10, *[OPEN] * 10)


def test_a_batch_whose_lease_has_ended_is_not_shown(
    context: BrowserContext, open_kept: OpenKept, server: Server, make_pool: MakePool
) -> None:
    opened = open_kept(server, make_pool())
    go_offline(context)
    assert opened.page.evaluate(END_LEASE) == [0]
    opened.page.reload()
    expect(opened.notice("connection")).to_contain_text("The page goes on as soon as it is back.")
    expect(opened.tiles).to_have_count(0)
    context.set_offline(False)
    opened.wait_for_image()


def test_a_reload_with_the_server_shows_the_newest_page_and_drops_parts_of_an_older_version(
    open_kept: OpenKept, server: Server, make_pool: MakePool
) -> None:
    opened = open_kept(server, make_pool())
    page = opened.page
    page.evaluate(PUT, ["inkling-pages", [page.evaluate("location.pathname")]])
    page.evaluate(PUT, ["inkling-parts", ["/static/0123456789ab/label.js"]])
    page.reload()
    opened.wait_for_image()
    wait_until(page, IS_OLD_PART_GONE)
    assert page.evaluate("async () => (await caches.match(location.pathname)).text()") != "old"
    assert page.evaluate("async (path) => !!(await caches.match(path))", f"{static_url()}/label.js")


def test_what_the_page_asks_of_the_api_goes_past_the_worker(
    open_kept: OpenKept, server: Server, make_pool: MakePool
) -> None:
    opened = open_kept(server, make_pool())
    opened.open()
    opened.page.wait_for_function(f"{WAYS_TO_THE_API}.length >= 2")  # an entry comes after its answer
    assert set(opened.page.evaluate(WAYS_TO_THE_API)) == {"network"}


def test_the_browser_keeps_a_hundred_images_and_no_answer_of_the_api(
    open_kept: OpenKept, server: Server, make_pool: MakePool
) -> None:
    opened = open_kept(server, make_pool())
    opened.page.evaluate(PUT, ["inkling-images", [f"/images/{number}.png?v=old" for number in range(150)]])
    opened.answer_batch()
    opened.expect_answers(*[OPEN] * 10)
    wait_until(opened.page, IS_KEPT)
    wait_until(opened.page, IS_BOUNDED)
    wait_until(opened.page, IS_KEPT)
    paths = opened.page.evaluate(KEPT_PATHS)
    assert [path for path in paths if not path.startswith(("/static/", "/images/", "/pools/"))] == []


def test_a_kept_page_is_gone_after_its_person_logged_out(
    context: BrowserContext, open_kept: OpenKept, guarded: GuardedServer, make_guarded_pool: MakePool
) -> None:
    log_in(context, guarded.url, "ben")
    opened = open_kept(guarded, make_guarded_pool())
    page = opened.page
    page.get_by_role("button", name="Log out").click()
    expect(page).to_have_url(f"{guarded.url}/login")
    wait_until(page, IS_FORGOTTEN)
    go_offline(context)
    with pytest.raises(Error, match="ERR_"):
        page.goto(opened.url)


def test_a_kept_page_is_gone_once_somebody_opens_the_link_of_an_invitation_here(
    context: BrowserContext, open_kept: OpenKept, guarded: GuardedServer, make_guarded_pool: MakePool
) -> None:
    log_in(context, guarded.url, "ben")
    opened = open_kept(guarded, make_guarded_pool())
    page = context.new_page()
    page.goto(f"{guarded.url}/join/{invite(guarded.database, None, now=dt.datetime.now(dt.UTC))}")
    expect(page.get_by_text("ben is logged in here, and is logged out when you go on.")).to_be_visible()
    wait_until(opened.page, IS_FORGOTTEN)


def test_a_kept_page_is_never_shown_to_the_next_person(
    context: BrowserContext, open_kept: OpenKept, guarded: GuardedServer, make_guarded_pool: MakePool
) -> None:
    slug = make_guarded_pool()
    log_in(context, guarded.url, "ben")
    opened = open_kept(guarded, slug)
    guarded.end_sessions("ben")
    page = context.new_page()
    page.goto(f"{guarded.url}/")
    fill_in(page, "cleo")
    expect(page.get_by_title("Logged in as cleo")).to_be_visible()
    page.goto(opened.url)
    wait_until(page, IS_KEPT)
    go_offline(context)
    opened.page.reload()
    expect(opened.page.get_by_title("Logged in as cleo")).to_be_visible()


def test_a_session_that_has_ended_shows_the_login_and_not_the_kept_page(
    context: BrowserContext, open_kept: OpenKept, guarded: GuardedServer, make_guarded_pool: MakePool
) -> None:
    log_in(context, guarded.url, "ben")
    opened = open_kept(guarded, make_guarded_pool())
    guarded.end_sessions("ben")
    opened.page.reload()
    expect(opened.page.get_by_role("heading", level=1)).to_have_text("Log in")
    wait_until(opened.page, IS_FORGOTTEN)
    go_offline(context)
    with pytest.raises(Error, match="ERR_"):
        opened.page.goto(opened.url)


def test_without_a_worker_the_page_works_as_well(page: Page, server: Server, make_pool: MakePool) -> None:
    opened = LabelPage(page, server.url, make_pool())
    page.add_init_script("Object.defineProperty(Navigator.prototype, 'serviceWorker', { value: undefined })")
    opened.open()
    opened.answer_batch()
    opened.expect_answers(*[OPEN] * 10)
