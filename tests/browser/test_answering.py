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


def test_undo_after_a_reload_brings_back_what_the_server_has(label_page: LabelPage) -> None:
    first, second, *_ = label_page.image_ids()
    label_page.press("7", "3")
    label_page.expect_stored()
    label_page.open()
    expect(label_page.tiles).to_have_count(8)
    label_page.page.get_by_role("button", name="Undo").click()
    expect(label_page.tiles).to_have_count(9)
    assert label_page.image_ids()[0] == second
    assert label_page.stored() == {first: 7}


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
    expect(opened.pad.get_by_role("button")).to_have_text(["cat", "dog", "owl"])
    expect(opened.pad.get_by_role("button").first).to_be_enabled()
    page.keyboard.press("7")
    page.keyboard.press("2")
    opened.expect_answers("owl", *[OPEN] * 9)
