"""Skipping, flagging, changing, and taking each of them back."""

import pytest
from playwright.sync_api import Page, expect

from .conftest import Complaints, MakePool, OpenPage
from .label_page import LabelPage
from .server import Server

OPEN = "·"


def test_an_image_that_nobody_can_tell_is_skipped_and_the_next_comes(label_page: LabelPage) -> None:
    first, *_ = label_page.image_ids()
    label_page.press("s")
    label_page.expect_answers("?", *[OPEN] * 9)
    label_page.skip.click()
    label_page.expect_answers("?", "?", *[OPEN] * 8)
    label_page.expect_stored()
    assert label_page.history(first) == [("skip", None)]
    assert label_page.stored() == {}


def test_a_skip_is_undone(label_page: LabelPage) -> None:
    first, *_ = label_page.image_ids()
    label_page.press("s")
    label_page.expect_stored()
    label_page.press("Backspace", "8")
    label_page.expect_answers("8", *[OPEN] * 9)
    label_page.expect_stored()
    assert label_page.history(first) == [("skip", None), ("undo", None), ("label", 8)]


def test_a_skipped_image_can_be_answered_after_all_and_an_answered_one_skipped(label_page: LabelPage) -> None:
    first, second, *_ = label_page.image_ids()
    label_page.press("s", "2")
    label_page.expect_stored()
    label_page.tiles.nth(0).click()
    expect(label_page.skip).to_have_attribute("aria-pressed", "true")
    label_page.press("1")
    label_page.tiles.nth(1).click()
    label_page.press("s")
    label_page.expect_answers("1", "?", *[OPEN] * 8)
    label_page.expect_stored()
    assert label_page.stored() == {first: 1}
    assert label_page.history(second) == [("label", 2), ("undo", None), ("skip", None)]


def test_a_skip_of_an_earlier_visit_is_undone_after_a_reload(label_page: LabelPage) -> None:
    first, *_ = label_page.image_ids()
    label_page.press("s")
    label_page.expect_stored()
    label_page.open()
    label_page.expect_answers("?", *[OPEN] * 9)
    label_page.page.keyboard.press("u")
    label_page.expect_answers(*[OPEN] * 10)
    expect(label_page.current).to_have_attribute("data-image-id", str(first))
    label_page.expect_stored()
    assert label_page.history(first) == [("skip", None), ("undo", None)]


def test_a_flag_takes_a_remark_and_leaves_the_answer_to_come(label_page: LabelPage) -> None:
    first, *_ = label_page.image_ids()
    label_page.flag("two digits in one image")
    expect(label_page.notice("flag")).to_contain_text("Flagged: “two digits in one image”")
    expect(label_page.tiles.nth(0)).to_have_accessible_name("Image 1, not answered, flagged")
    label_page.press("3")
    label_page.expect_stored()
    assert label_page.history(first) == [("flag", None), ("label", 3)]


def test_an_empty_remark_is_not_sent_and_escape_leaves_the_dialog(label_page: LabelPage) -> None:
    first, *_ = label_page.image_ids()
    label_page.page.keyboard.press("f")
    field = label_page.page.get_by_label("What’s wrong with it?")
    expect(field).to_be_focused()
    expect(field).to_have_value("")
    expect(field).to_have_attribute("maxlength", "200")
    field.fill("   ")
    label_page.page.keyboard.press("Enter")
    expect(label_page.dialog).to_be_visible()
    label_page.page.keyboard.press("Escape")
    expect(label_page.dialog).to_be_hidden()
    label_page.press("3")
    expect(label_page.answered).to_have_count(1)
    label_page.expect_stored()
    assert label_page.history(first) == [("label", 3)]


def test_an_answer_that_is_stored_is_changed_and_the_change_undone(label_page: LabelPage) -> None:
    first, *_ = label_page.image_ids()
    label_page.press("7")
    label_page.expect_stored()
    label_page.tiles.nth(0).click()
    label_page.press("1")
    label_page.expect_answers("1", *[OPEN] * 9)
    label_page.expect_stored()
    assert label_page.history(first) == [("label", 7), ("change", 1)]
    label_page.press("Backspace")
    label_page.expect_answers("7", *[OPEN] * 9)
    label_page.expect_stored()
    assert label_page.stored() == {first: 7}
    label_page.press("Backspace")
    label_page.expect_answers(*[OPEN] * 10)
    label_page.expect_stored()
    assert label_page.stored() == {}


def test_an_answer_that_was_never_sent_is_replaced(label_page: LabelPage, complaints: Complaints) -> None:
    complaints.may_requests_fail = True
    first, second, *_ = label_page.image_ids()
    label_page.cut()
    label_page.press("7", "3")
    label_page.tiles.nth(1).click()
    label_page.press("4")
    expect(label_page.waiting).to_have_text("2 answers not yet stored.")
    label_page.mend()
    label_page.expect_stored()
    assert label_page.stored() == {first: 7, second: 4}
    assert label_page.history(second) == [("label", 4)]


def test_everything_done_without_the_server_arrives_in_its_order(label_page: LabelPage, complaints: Complaints) -> None:
    complaints.may_requests_fail = True
    first, second, third, *_ = label_page.image_ids()
    label_page.page.context.set_offline(True)
    label_page.press("1")
    expect(label_page.notice("connection")).to_be_visible()
    label_page.flag("blurred")
    label_page.press("s", "3")
    label_page.tiles.nth(0).click()
    label_page.press("9")
    label_page.tiles.nth(1).click()
    label_page.press("2")
    expect(label_page.waiting).to_have_text("5 answers not yet stored.")
    label_page.page.context.set_offline(False)
    label_page.expect_stored()
    assert label_page.stored() == {first: 9, second: 2, third: 3}
    assert label_page.history(first) == [("label", 1), ("change", 9)]
    assert label_page.history(second) == [("flag", None), ("label", 2)]


def test_an_answer_of_an_earlier_batch_is_changed_among_the_last_answers(label_page: LabelPage) -> None:
    ids = label_page.image_ids()
    label_page.answer_batch()
    label_page.page.get_by_role("link", name="Your last answers").click()
    answers = label_page.page.get_by_role("main").get_by_role("listitem")
    expect(answers).to_have_count(10)
    expect(answers.first.get_by_role("combobox")).to_have_value("9")
    answers.nth(5).get_by_role("combobox").select_option("0")
    answers.nth(5).get_by_role("button", name="Change").click()
    expect(answers.first).to_contain_text("Changed.")
    expect(answers.first).to_be_focused()
    assert label_page.stored()[ids[4]] == 0
    answers.first.get_by_role("link", name="history").click()
    expect(label_page.page.get_by_role("row")).to_have_count(3)
    expect(label_page.page.get_by_role("row").last).to_contain_text("changed the answer to 0")


@pytest.mark.parametrize("has_scripts", [True, False])
def test_a_change_that_came_too_late_is_refused_in_words(
    open_page: OpenPage, server: Server, make_pool: MakePool, complaints: Complaints, has_scripts: bool
) -> None:
    complaints.may_requests_fail = True
    page: Page = open_page(java_script_enabled=has_scripts)
    opened = LabelPage(page, server.url, make_pool())
    leased = page.request.post(f"{opened.api_url}/leases", data={"count": 1}).json()["images"]
    labels = [{"image_id": leased[0]["image_id"], "value": 4}]
    event = page.request.post(f"{opened.api_url}/labels", data={"labels": labels}).json()["events"][0]
    page.goto(opened.url.replace("/label", "/answers"))
    page.request.post(f"{opened.api_url}/undo", data={"event_id": event["event_id"]})
    page.get_by_role("combobox").select_option("5")
    page.get_by_role("button", name="Change").click()
    expect(page.get_by_role("alert")).to_contain_text("Nothing was changed.")
    expect(page.get_by_role("alert")).to_be_focused()
    expect(page.get_by_text("No answer yet.")).to_be_visible()
