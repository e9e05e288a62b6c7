"""What a screen reader is told, where the Tab key stops, and which keys can be turned off."""

import pytest
from playwright.sync_api import expect

from .conftest import MakePool, OpenPage
from .label_page import LabelPage
from .server import Server


def test_each_key_says_what_it_did_and_which_image_comes_next(label_page: LabelPage) -> None:
    expect(label_page.said).to_have_role("status")
    expect(label_page.said).to_have_text("Image 1 of 10.")
    for key, words in (
        ("5", "5. Image 2 of 10."),
        ("s", "Skipped. Image 3 of 10."),
        ("ArrowLeft", "Image 2 of 10, skipped."),
        ("ArrowLeft", "Image 1 of 10, answered 5."),
        ("7", "7. Image 3 of 10."),
        ("Backspace", "Undone. Image 1 of 10, answered 5."),
        ("Backspace", "Undone. Image 2 of 10."),
    ):
        label_page.press(key)
        expect(label_page.said).to_have_text(words)


def test_the_end_of_a_batch_and_the_next_one_are_said(label_page: LabelPage) -> None:
    label_page.page.route("**/leases", lambda _: None)  # never answered
    label_page.answer_batch()
    expect(label_page.said).to_have_text("9. All 10 are done.")
    label_page.page.unroute_all()
    label_page.open()
    expect(label_page.said).to_have_text("Image 1 of 10.")


def test_the_tiles_are_one_stop_and_the_focus_goes_with_the_current_one(label_page: LabelPage) -> None:
    stops = label_page.page.locator("[data-tiles] button[tabindex='0']")
    expect(stops).to_have_count(1)
    stops.focus()
    label_page.press("ArrowRight", "ArrowRight")
    expect(label_page.tiles.nth(2)).to_be_focused()
    label_page.press("4")
    expect(label_page.tiles.nth(3)).to_be_focused()
    expect(stops).to_have_count(1)
    label_page.page.keyboard.press("Tab")
    expect(label_page.button(0)).to_be_focused()


def test_two_links_lead_past_the_header_and_to_the_answer_buttons(label_page: LabelPage) -> None:
    keyboard = label_page.page.keyboard
    keyboard.press("Tab")
    expect(label_page.page.get_by_role("link", name="Skip to content")).to_be_focused()
    keyboard.press("Tab")
    link = label_page.page.get_by_role("link", name="Skip to the answer buttons")
    expect(link).to_be_focused()
    expect(link).to_be_in_viewport(ratio=1)
    keyboard.press("Enter")
    expect(label_page.pad).to_be_focused()
    keyboard.press("Tab")
    expect(label_page.button(0)).to_be_focused()


def test_the_first_line_says_what_to_do_and_the_buttons_show_their_keys(label_page: LabelPage) -> None:
    expect(label_page.page.get_by_text("Which digit is this?")).to_be_visible()
    expect(label_page.page.get_by_text("Press 0–9")).to_be_visible()
    expect(label_page.skip).to_have_accessible_name("Can’t tell")
    expect(label_page.skip.get_by_text("S", exact=True)).to_be_visible()


def test_where_nothing_hovers_no_keys_are_shown(open_page: OpenPage, server: Server, make_pool: MakePool) -> None:
    opened = LabelPage(open_page(has_touch=True, is_mobile=True), server.url, make_pool())
    opened.open()
    expect(opened.page.get_by_text("Which digit is this?")).to_be_visible()
    expect(opened.page.get_by_text("Press 0–9")).to_be_hidden()
    expect(opened.skip.get_by_text("S", exact=True)).to_be_hidden()


@pytest.mark.parametrize("key", ["4", "s", "f", "u", "?"])
def test_single_keys_can_be_turned_off_and_stay_off_after_a_reload(label_page: LabelPage, key: str) -> None:
    turn_single_keys_off(label_page)
    label_page.open()
    expect(label_page.page.get_by_text("Press 0–9")).to_be_hidden()
    label_page.press(key)
    expect(label_page.dialog).to_be_hidden()
    label_page.button(3).click()
    label_page.expect_answers("3", *["·"] * 9)


def turn_single_keys_off(label_page: LabelPage) -> None:
    label_page.page.keyboard.press("?")
    switch = label_page.dialog.get_by_role("switch", name="Single-key shortcuts")
    expect(switch).to_be_checked()
    switch.uncheck()
    label_page.page.keyboard.press("Escape")
    expect(label_page.dialog).to_be_hidden()


def test_the_other_keys_stay_when_single_keys_are_off(label_page: LabelPage) -> None:
    label_page.press("1", "2", "3")
    turn_single_keys_off(label_page)
    label_page.press("Control+z")
    label_page.expect_answers("1", "2", *["·"] * 8)
    label_page.press("Backspace")
    label_page.expect_answers("1", *["·"] * 9)
    label_page.press("ArrowLeft")
    expect(label_page.tiles.nth(0)).to_have_attribute("aria-current", "true")
