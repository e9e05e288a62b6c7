"""The server is gone, refuses, or cannot train: the page says so, and no answer is lost or counted twice."""

import json

import pytest
from playwright.sync_api import Page, Route, expect

from app.changes import Change, note
from app.db import Database
from app.pools import get_pool

from .conftest import Complaints, MakePool
from .label_page import LabelPage
from .server import Server


@pytest.fixture(autouse=True)
def _failing_requests_are_meant(complaints: Complaints) -> None:
    complaints.may_requests_fail = True


def test_without_the_server_answers_are_kept_and_arrive_once_it_is_back(label_page: LabelPage) -> None:
    first, second, third, *_ = label_page.image_ids()
    label_page.press("1")
    label_page.expect_stored()
    label_page.page.context.set_offline(True)
    label_page.press("2", "3")
    expect(label_page.notice("connection")).to_contain_text(
        "Can’t reach the server. 2 answers are saved here and will be sent when the connection is back."
    )
    expect(label_page.waiting).to_have_text("2 answers not yet stored.")
    label_page.page.context.set_offline(False)
    label_page.expect_stored()
    expect(label_page.waiting).to_have_text("All answers are stored.")
    expect(label_page.notice("connection")).to_be_hidden()
    assert label_page.stored() == {first: 1, second: 2, third: 3}


def test_answers_that_wait_survive_a_reload(label_page: LabelPage) -> None:
    first, second, third, *_ = label_page.image_ids()
    label_page.cut()
    label_page.press("4", "5")
    expect(label_page.waiting).to_have_text("2 answers not yet stored.")
    label_page.page.reload()
    expect(label_page.notice("connection")).to_contain_text("2 answers are saved here")
    assert label_page.stored() == {}
    label_page.mend()
    label_page.expect_stored()
    label_page.wait_for_image()
    assert label_page.stored() == {first: 4, second: 5}
    label_page.expect_answers("4", "5", *["·"] * 8)
    expect(label_page.current).to_have_attribute("data-image-id", str(third))


def test_twenty_answers_without_the_server_and_a_reload_arrive_once_and_in_order(
    page: Page, server: Server, make_pool: MakePool
) -> None:
    opened = LabelPage(page, server.url, make_pool(batch_size=20))
    opened.open()
    ids, values = opened.image_ids(), [index % 10 for index in range(20)]
    assert len(ids) == 20
    opened.cut()
    opened.press(*map(str, values))
    expect(opened.waiting).to_have_text("20 answers not yet stored.")
    page.reload()
    expect(opened.notice("connection")).to_contain_text("20 answers are saved here")
    opened.mend()
    opened.wait_for_image()
    opened.expect_stored()
    stored = page.request.get(f"{opened.api_url}/labels").json()["items"]
    assert [(item["image_id"], item["value"]) for item in stored] == list(zip(ids, values, strict=True))
    assert [opened.history(image_id) for image_id in ids] == [[("label", value)] for value in values]


def test_a_full_disk_is_told_in_words_and_answers_are_sent_again(label_page: LabelPage) -> None:
    is_full = True

    def refuse_while_full(route: Route) -> None:
        problem = {"status": 503, "code": "DatabaseUnavailable", "detail": "The database cannot be used just now."}
        if is_full:
            route.fulfill(status=503, json=problem)
        else:
            route.continue_()

    label_page.page.route("**/labels", refuse_while_full)
    first, second, *_ = label_page.image_ids()
    label_page.press("1", "2")
    expect(label_page.notice("connection")).to_contain_text("The server cannot store anything just now")
    expect(label_page.notice("connection")).to_contain_text("2 answers are saved here and will be sent again")
    is_full = False
    label_page.expect_stored()
    assert label_page.stored() == {first: 1, second: 2}


def test_an_answer_whose_receipts_were_lost_counts_once(label_page: LabelPage) -> None:
    is_losing, keys = True, list[str]()

    def lose_receipts(route: Route) -> None:
        keys.append(json.loads(route.request.post_data or "")["labels"][0]["key"])
        response = route.fetch()  # the server has it
        if is_losing:
            route.abort("connectionreset")
        else:
            route.fulfill(response=response)

    label_page.page.route("**/labels", lose_receipts)
    first, *_ = label_page.image_ids()
    label_page.press("6")
    expect(label_page.notice("connection")).to_be_visible()
    is_losing = False
    label_page.expect_stored()
    assert len(keys) > 1
    assert len(set(keys)) == 1
    assert label_page.history(first) == [("label", 6)]
    assert label_page.stored() == {first: 6}
    expect(label_page.notice("refused")).to_be_hidden()


def test_a_server_error_is_tried_again_in_order(label_page: LabelPage) -> None:
    is_failing, sent = True, list[int]()

    def fail_at_first(route: Route) -> None:
        body = json.loads(route.request.post_data or "")
        sent.append(body["labels"][0]["value"])
        if is_failing or len(sent) < 3:
            route.fulfill(status=503, json={"detail": "The database cannot be used just now."})
        else:
            route.continue_()

    label_page.page.route("**/labels", fail_at_first)
    label_page.press("1", "2")
    expect(label_page.notice("connection")).to_contain_text("The database cannot be used just now.")
    is_failing = False
    label_page.expect_stored()
    assert len(sent) > 3
    assert sent == [*[1] * (len(sent) - 1), 2]


def test_an_answer_that_was_never_sent_is_undone_without_the_server(label_page: LabelPage) -> None:
    first, *_ = label_page.image_ids()
    label_page.cut()
    label_page.press("1", "2")
    label_page.page.keyboard.press("Backspace")
    label_page.expect_answers("1", *["·"] * 9)
    expect(label_page.waiting).to_have_text("1 answer not yet stored.")
    label_page.mend()
    label_page.expect_stored()
    assert label_page.stored() == {first: 1}


def test_an_answer_on_its_way_is_undone_after_it_has_arrived(label_page: LabelPage) -> None:
    first, second, *_ = label_page.image_ids()
    label_page.cut()
    label_page.press("1", "2")
    expect(label_page.notice("connection")).to_be_visible()
    label_page.tiles.nth(0).click()
    label_page.press("8")
    label_page.mend()
    label_page.expect_stored()
    assert label_page.stored() == {first: 8, second: 2}


def test_a_refused_answer_is_dropped_and_the_page_says_what_stands(label_page: LabelPage) -> None:
    first, second, *_ = label_page.image_ids()
    label = {"image_id": first, "value": 9}
    label_page.page.request.post(f"{label_page.api_url}/labels", data={"labels": [label]})
    label_page.press("1", "2")
    expect(label_page.notice("refused")).to_contain_text("Your answer 1 wasn’t saved.")
    expect(label_page.notice("refused")).to_contain_text(f"Image {first} has the label 9 by local already.")
    label_page.expect_answers("×", "2", *["·"] * 8)
    label_page.expect_stored()
    assert label_page.stored() == {first: 9, second: 2}
    label_page.notice("refused").get_by_role("button").click()
    expect(label_page.notice("refused")).to_be_hidden()


def test_the_rest_of_a_batch_goes_on_after_a_refusal(label_page: LabelPage) -> None:
    first, *_ = label_page.image_ids()
    label_page.page.request.post(f"{label_page.api_url}/labels", data={"labels": [{"image_id": first, "value": 9}]})
    label_page.answer_batch()
    expect(label_page.shown("round")).to_have_text("1")
    label_page.wait_for_image()
    label_page.expect_answers(*["·"] * 10)


def test_a_finished_batch_waits_for_a_server_that_is_gone(label_page: LabelPage) -> None:
    label_page.cut("/leases")
    label_page.answer_batch()
    expect(label_page.notice("connection")).to_contain_text("The page goes on as soon as it is back.")
    label_page.mend()
    label_page.wait_for_image()
    label_page.expect_answers(*["·"] * 10)


def test_a_training_that_failed_is_told_in_words(label_page: LabelPage) -> None:
    detail = label_page.page.request.get(label_page.api_url).json()
    detail["training"] = {"status": "failed", "message": "Training round 1 failed. Your answers are kept."}
    label_page.page.route(label_page.api_url, lambda route: route.fulfill(json=detail))
    label_page.press("1")
    expect(label_page.notice("training")).to_have_text("Training round 1 failed. Your answers are kept.")


@pytest.mark.parametrize("is_streaming", [True, False])
def test_a_model_that_is_loading_is_waited_for_after_the_batch_and_nobody_asks_for_it(
    page: Page, server: Server, make_pool: MakePool, is_streaming: bool
) -> None:
    opened = LabelPage(page, server.url, make_pool())
    is_ready, leased, n_looks = False, list[bool](), 0

    def note_lease(route: Route) -> None:
        leased.append(is_ready)
        route.continue_()

    def tell_of_training(route: Route) -> None:
        nonlocal n_looks
        n_looks += 1
        detail = route.fetch().json()
        route.fulfill(json=detail | {"training": {"status": "idle" if is_ready else "loading", "message": None}})

    page.clock.install()
    if not is_streaming:
        page.route("**/stream", lambda route: route.fulfill(status=429, json={"code": "TooManyStreams"}))
    opened.open()
    page.route("**/leases", note_lease)
    page.route(opened.api_url, tell_of_training)
    page.context.set_offline(True)
    opened.press("0")
    expect(opened.notice("connection")).to_be_visible()
    page.context.set_offline(False)
    opened.answer_batch(range(1, 10))
    expect(opened.notice("loading")).to_contain_text("The model is being loaded.")
    if is_streaming:
        expect(opened.shown("round")).to_have_text("1")
        expect(opened.shown("test-note")).to_contain_text("of 30")  # the last of the news
        before = n_looks
        page.wait_for_timeout(2_000)  # not by the page's clock: stopped, it would end the half minute of waiting
        assert n_looks <= before + 4  # two pieces of news may be late, and each is looked at twice
    assert leased == []
    is_ready = True
    if is_streaming:
        announce_training(server, opened.slug)
    else:
        page.clock.run_for(6_000)
    opened.wait_for_image()
    expect(opened.notice("loading")).to_be_hidden()
    assert leased == [True]


def announce_training(server: Server, slug: str) -> None:
    """As a trainer does that has loaded its model."""
    database = Database(server.database_url)
    with database.write() as session:
        note(session, Change("training", get_pool(session, slug).id))
    database.close()


def test_a_stale_ranking_is_said_quietly(page: Page, server: Server, make_pool: MakePool) -> None:
    opened = LabelPage(page, server.url, make_pool())

    def make_stale(route: Route) -> None:
        response = route.fetch()
        route.fulfill(response=response, json=response.json() | {"stale": True})

    page.route("**/leases", make_stale)
    opened.open()
    expect(opened.notice("stale")).to_have_text("Asked by the model of round 0; a newer one is being trained.")


def test_a_page_whose_stream_is_refused_asks_now_and_then_and_opens_it_ever_more_rarely(
    page: Page, server: Server, make_pool: MakePool
) -> None:
    opened = LabelPage(page, server.url, make_pool())
    refused: list[str] = []

    def refuse(route: Route) -> None:
        refused.append(route.request.url)
        route.fulfill(status=429, json={"status": 429, "code": "TooManyStreams"})

    page.clock.install()
    page.route("**/stream", refuse)
    opened.open()
    page.evaluate("dispatchEvent(new Event('pageshow'))")  # the browser may send it after the first refusal
    opened.stop_clock()
    for _ in range(60):
        page.clock.run_for(5_000)
    assert 4 <= len(refused) <= 10  # in five minutes; at once, and after 3, 6, 12, 24, 48 and 60 seconds

    opened.page.request.post(f"{opened.api_url}/oracle-labels", data={"count": 3})
    page.clock.run_for(6_000)
    expect(opened.shown("labels")).to_have_text("3 of 60")
    page.unroute("**/stream")
    with page.expect_request("**/stream"):
        page.clock.run_for(60_000)
    page.clock.resume()
    opened.page.request.post(f"{opened.api_url}/oracle-labels", data={"count": 1})
    expect(opened.shown("labels")).to_have_text("4 of 60")


def test_answers_that_come_faster_than_the_server_takes_them_are_sent_later_and_none_is_lost(
    label_page: LabelPage,
) -> None:
    ids = label_page.image_ids()[:3]
    problem = {"status": 429, "code": "TooManyActs", "detail": "Much at once.", "context": {"seconds": 1}}
    is_busy = True

    def refuse_while_busy(route: Route) -> None:
        if is_busy:
            route.fulfill(status=429, json=problem, headers={"Retry-After": "1"})
        else:
            route.continue_()

    label_page.page.route("**/labels", refuse_while_busy)
    label_page.press("1", "2", "3")
    expect(label_page.notice("connection")).to_contain_text("That was much at once. 3 answers are saved here")
    is_busy = False
    label_page.expect_stored()
    expect(label_page.notice("connection")).to_be_hidden()
    assert label_page.stored() == dict(zip(ids, (1, 2, 3), strict=True))
