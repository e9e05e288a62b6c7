"""Answering, changing and undoing on the labeling page."""

import pytest
from playwright.sync_api import Page, expect

from .conftest import Complaints, MakePool
from .label_page import LabelPage
from .server import Server

OPEN = "·"


def test_a_digit_key_answers_and_moves_on(label_page: LabelPage) -> None:
    first, second, *_ = label_page.image_ids()
    label_page.press("7", "3")
    label_page.expect_answers("7", "3", *[OPEN] * 8)
    expect(label_page.waiting).to_have_text("All answers are stored.")
    expect(label_page.tiles.nth(2)).to_have_attribute("aria-current", "true")
    label_page.expect_stored()
    assert label_page.stored() == {first: 7, second: 3}


def test_the_number_pad_answers_too(label_page: LabelPage) -> None:
    label_page.press("Numpad4", "Numpad0")
    label_page.expect_answers("4", "0", *[OPEN] * 8)


def test_clicking_a_button_answers(label_page: LabelPage) -> None:
    label_page.button(5).click()
    label_page.expect_answers("5", *[OPEN] * 9)


def test_the_next_image_is_there_without_waiting_for_the_server(label_page: LabelPage) -> None:
    label_page.page.route("**/labels", lambda _: None)  # never answered
    label_page.press("1", "2", "3")
    label_page.expect_answers("1", "2", "3", *[OPEN] * 7)
    expect(label_page.waiting).to_have_text("3 answers not yet stored.")


def test_tiles_can_be_answered_in_any_order(label_page: LabelPage) -> None:
    ids = label_page.image_ids()
    order = [4, 9, 0, 7, 1, 8, 2, 6, 3, 5]
    for index in order[:9]:
        label_page.tiles.nth(index).click()
        label_page.button(index).click()
    label_page.expect_answers("0", "1", "2", "3", "4", OPEN, "6", "7", "8", "9")
    label_page.button(5).click()
    expect(label_page.shown("round")).to_have_text("1")
    assert label_page.stored() == {image_id: value for value, image_id in enumerate(ids)}


def test_arrows_move_between_images(label_page: LabelPage) -> None:
    label_page.page.keyboard.press("ArrowRight")
    expect(label_page.tiles.nth(1)).to_have_attribute("aria-current", "true")
    label_page.page.keyboard.press("ArrowLeft")
    label_page.page.keyboard.press("ArrowLeft")
    expect(label_page.tiles.nth(9)).to_have_attribute("aria-current", "true")


@pytest.mark.parametrize("key", ["Backspace", "u", "Control+z", "Meta+z"])
def test_each_undo_key_takes_back_the_last_answer(label_page: LabelPage, key: str) -> None:
    first, *_ = label_page.image_ids()
    label_page.press("7", "3")
    label_page.page.keyboard.press(key)
    label_page.expect_answers("7", *[OPEN] * 9)
    expect(label_page.tiles.nth(1)).to_have_attribute("aria-current", "true")
    label_page.expect_stored()
    assert label_page.stored() == {first: 7}


def test_undo_brings_back_an_answer_of_the_batch_before(label_page: LabelPage) -> None:
    last = label_page.image_ids()[-1]
    label_page.answer_batch()
    expect(label_page.shown("round")).to_have_text("1")
    label_page.wait_for_image()
    label_page.page.keyboard.press("Backspace")
    expect(label_page.tiles).to_have_count(11)
    assert label_page.image_ids()[0] == last
    label_page.press("2")
    label_page.expect_answers("2", *[OPEN] * 10)
    label_page.expect_stored()
    assert label_page.stored()[last] == 2


def test_after_a_reload_the_batch_is_as_it_was_and_its_answers_can_be_changed_and_undone(label_page: LabelPage) -> None:
    ids = label_page.image_ids()
    label_page.press("7", "3")
    label_page.expect_stored()
    label_page.open()
    label_page.expect_answers("7", "3", *[OPEN] * 8)
    expect(label_page.page.locator("[data-counter]")).to_have_text("3 of 10")
    assert label_page.image_ids() == ids
    label_page.tiles.nth(0).click()
    label_page.press("1")
    label_page.expect_stored()
    assert label_page.history(ids[0]) == [("label", 7), ("change", 1)]
    label_page.open()
    label_page.press("Backspace", "Backspace")
    label_page.expect_answers("7", *[OPEN] * 9)
    label_page.expect_stored()
    assert label_page.stored() == {ids[0]: 7}


def test_a_reload_after_the_last_of_a_batch_shows_the_next_and_undo_brings_back_the_last(label_page: LabelPage) -> None:
    last = label_page.image_ids()[-1]
    label_page.answer_batch()
    label_page.wait_for_image()
    label_page.expect_answers(*[OPEN] * 10)
    label_page.open()
    label_page.expect_answers(*[OPEN] * 10)
    label_page.page.get_by_role("button", name="Undo").click()
    expect(label_page.tiles).to_have_count(11)
    assert label_page.image_ids()[0] == last
    assert len(label_page.stored()) == 9


def test_what_another_device_did_meanwhile_counts_after_a_reload(label_page: LabelPage) -> None:
    first, second, third, *_ = label_page.image_ids()
    label_page.press("7", "3")
    label_page.expect_stored()
    post = label_page.page.request.post
    post(f"{label_page.api_url}/undo", data={})
    post(f"{label_page.api_url}/labels", data={"labels": [{"image_id": third, "value": 4}]})
    label_page.open()
    label_page.expect_answers("7", *[OPEN] * 8)
    assert third not in label_page.image_ids()
    label_page.press("5")
    label_page.expect_stored()
    assert label_page.stored() == {first: 7, second: 5, third: 4}


def test_the_pictures_of_three_batches_are_kept_and_older_answers_are_undone_all_the_same(
    page: Page, server: Server, make_pool: MakePool
) -> None:
    opened = LabelPage(page, server.url, make_pool(n_images=80))
    opened.open()
    first, *_ = batches = [answer_a_batch(opened) for _ in range(6)]
    opened.wait_for_image()
    in_page = page.locator("img").count()
    assert count_images(page) <= in_page + 3 * 10
    given_back = 30 - 10  # as many as one may hold, less those that are open
    for turn, image_id in enumerate(image_id for image_ids in reversed(batches) for image_id in reversed(image_ids)):
        page.keyboard.press("Backspace")
        if turn < given_back:
            expect(opened.current).to_have_attribute("data-image-id", str(image_id))
    opened.expect_stored()
    assert opened.stored() == {}
    assert opened.history(first[0]) == [("label", 0), ("undo", None)]


def answer_a_batch(opened: LabelPage) -> list[int]:
    opened.wait_for_image()
    image_ids = opened.image_ids()
    opened.answer_batch()
    expect(opened.tiles.first).not_to_have_attribute("data-image-id", str(image_ids[0]))
    return image_ids


def count_images(page: Page) -> int:
    """The image elements in the page's memory, also those that are not in the page."""
    devtools = page.context.new_cdp_session(page)
    prototype = devtools.send("Runtime.evaluate", {"expression": "HTMLImageElement.prototype"})["result"]["objectId"]
    found = devtools.send("Runtime.queryObjects", {"prototypeObjectId": prototype})["objects"]["objectId"]
    length = {"objectId": found, "functionDeclaration": "function () { return this.length; }", "returnByValue": True}
    count: int = devtools.send("Runtime.callFunctionOn", length)["result"]["value"]
    return count


def test_undo_with_nothing_to_undo_says_so(label_page: LabelPage, complaints: Complaints) -> None:
    complaints.may_requests_fail = True
    label_page.page.route("**/undo", lambda route: route.fulfill(status=409, json={"detail": "Nothing stands."}))
    label_page.page.get_by_role("button", name="Undo").click()
    expect(label_page.notice("refused")).to_contain_text("Nothing was undone. Nothing stands.")


def test_an_answer_is_changed_by_going_back_and_answering_again(label_page: LabelPage) -> None:
    first, second, *_ = label_page.image_ids()
    label_page.press("7", "3")
    label_page.tiles.nth(0).click()
    expect(label_page.button(7)).to_have_attribute("aria-pressed", "true")
    label_page.press("1")
    label_page.expect_answers("1", "3", *[OPEN] * 8)
    label_page.expect_stored()
    assert label_page.stored() == {first: 1, second: 3}


def test_a_modifier_or_a_key_held_down_answers_nothing(label_page: LabelPage) -> None:
    label_page.page.keyboard.press("Alt+5")
    label_page.page.keyboard.down("4")
    label_page.page.keyboard.down("4")
    label_page.page.keyboard.up("4")
    label_page.expect_answers("4", *[OPEN] * 9)


def test_the_question_mark_shows_the_keys_and_digits_rest_meanwhile(label_page: LabelPage) -> None:
    label_page.page.keyboard.press("?")
    expect(label_page.dialog).to_contain_text("Undo the last answer")
    label_page.page.keyboard.press("5")
    label_page.page.keyboard.press("Escape")
    expect(label_page.dialog).to_be_hidden()
    label_page.expect_answers(*[OPEN] * 10)


def test_the_guess_is_hidden_until_it_is_switched_on_and_the_switch_is_remembered(label_page: LabelPage) -> None:
    label_page.answer_batch()
    expect(label_page.shown("round")).to_have_text("1")
    expect(label_page.guess).to_be_hidden()
    switch = label_page.page.get_by_role("switch", name="Model’s guess")
    expect(switch).not_to_be_checked()
    switch.check()
    expect(label_page.guess).to_contain_text("The model’s guess: ")
    label_page.open()
    expect(switch).to_be_checked()
    expect(label_page.guess).to_contain_text("The model’s guess: ")


def test_a_pool_with_other_classes_has_other_buttons(page: Page, server: Server, make_pool: MakePool) -> None:
    opened = LabelPage(page, server.url, make_pool(classes=["cat", "dog", "owl"]))
    page.goto(opened.url)
    for key, name in enumerate(["cat", "dog", "owl"], 1):
        expect(opened.pad.get_by_role("button", name=name, exact=True)).to_have_text(f"{name} {key}")
    expect(page.get_by_role("group", name="Which one is this?")).to_be_visible()
    expect(page.get_by_text("Press 1–3")).to_be_visible()
    expect(opened.pad.get_by_role("button").first).to_be_enabled()
    page.keyboard.press("7")
    page.keyboard.press("3")
    opened.expect_answers("owl", *[OPEN] * 9)
