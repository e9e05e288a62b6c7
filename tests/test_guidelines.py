"""A guideline's text becomes paragraphs and lists, and nothing else."""

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


def test_a_line_in_brackets_is_a_picture_and_several_stand_beside_each_other() -> None:
    assert parse_guideline("See:\n[image 12: a bee]\n [picture 3]\n[image 0]\n[video 3]") == [
        Block("paragraph", ["See:"], []),
        Block("pictures", [], [Reference("image", 12, "a bee"), Reference("picture", 3, "")]),
        Block("paragraph", ["[image 0]", "[video 3]"], []),
    ]
