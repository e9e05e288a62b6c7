"""A guideline's text becomes paragraphs and lists, and nothing else."""

from app.guidelines import Block, read_guideline


def test_empty_lines_end_paragraphs_and_hyphens_begin_items() -> None:
    text = (
        "Label what is largest.\nNot the rest.\n\n\nIf in doubt:\n- flag it\n  - or skip it  \nThen go on.\r\n\r\n- one"
    )
    assert read_guideline(text) == [
        Block(False, ["Label what is largest.", "Not the rest."]),
        Block(False, ["If in doubt:"]),
        Block(True, ["flag it", "or skip it"]),
        Block(False, ["Then go on."]),
        Block(True, ["one"]),
    ]


def test_what_says_nothing_is_no_guideline() -> None:
    assert read_guideline(None) == read_guideline("") == read_guideline(" \n\n ") == []


def test_markup_is_text_and_a_hyphen_alone_is_no_item() -> None:
    assert read_guideline("<b>bold</b>\n-5 degrees") == [Block(False, ["<b>bold</b>", "-5 degrees"])]
