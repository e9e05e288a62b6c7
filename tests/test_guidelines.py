"""A guideline's text becomes paragraphs and lists, and nothing else."""

import time

import pytest

from app.guidelines import Block, Reference, parse_guideline


def test_empty_lines_end_paragraphs_and_hyphens_begin_items() -> None:
    text = (
        "Label what is largest.\nNot the rest.\n\n\nIf in doubt:\n- flag it\n  - or skip it  \nThen go on.\r\n\r\n- one"
    )
    assert parse_guideline(text) == [
        Block("paragraph", ["Label what is largest.", "Not the rest."], []),
        Block("paragraph", ["If in doubt:"], []),
        Block("list", ["flag it", "or skip it"], []),
        Block("paragraph", ["Then go on."], []),
        Block("list", ["one"], []),
    ]


def test_what_says_nothing_is_no_guideline() -> None:
    assert parse_guideline(None) == parse_guideline("") == parse_guideline(" \n\n ") == []


def test_markup_is_text_and_a_hyphen_alone_is_no_item() -> None:
    assert parse_guideline("<b>bold</b>\n-5 degrees") == [Block("paragraph", ["<b>bold</b>", "-5 degrees"], [])]


def test_pictures_stand_in_one_line_and_their_words_have_no_bracket() -> None:
    text = "[image 1:  a bee ] [picture 2 ][image 3:]\n[image 4: a [bee] here]\nSee [image 5]"
    assert parse_guideline(text) == [
        Block("pictures", [], [Reference("image", 1, "a bee"), Reference("picture", 2, ""), Reference("image", 3, "")]),
        Block("paragraph", ["[image 4: a [bee] here]", "See [image 5]"], []),
    ]


@pytest.mark.parametrize(
    "text",
    ["[image 1:" + " " * 20_000 + "x", "[image 1" + " " * 20_000 + "x", "[image 1]" * 2_000 + " " * 2_000 + "x"],
)
def test_what_is_nearly_a_picture_takes_no_long_time(text: str) -> None:
    begun = time.process_time()  # some milliseconds; where it grew with the square of the length, some seconds
    assert parse_guideline(text) == [Block("paragraph", [text], [])]
    assert time.process_time() - begun < 1


def test_a_line_in_brackets_is_a_picture_and_several_stand_beside_each_other() -> None:
    assert parse_guideline("See:\n[image 12: a bee]\n [picture 3]\n[image 0]\n[video 3]") == [
        Block("paragraph", ["See:"], []),
        Block("pictures", [], [Reference("image", 12, "a bee"), Reference("picture", 3, "")]),
        Block("paragraph", ["[image 0]", "[video 3]"], []),
    ]
