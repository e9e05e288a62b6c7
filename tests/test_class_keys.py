"""Keys of classes: digits where they are digits, then in order, and never one that the page needs."""

import pytest

from app.web.pages.class_keys import KEYS, TAKEN, are_digits, assign_keys, describe_keys, measure_names

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def keys_in_order(classes: str | list[str], buttons: list[int] | None = None) -> str:
    order = list(range(len(classes))) if buttons is None else buttons
    keys = assign_keys(list(classes), order)
    return "".join(keys.get(index, ".") for index in order)


def test_digits_keep_theirs_whatever_the_order() -> None:
    assert keys_in_order("0123456789") == "0123456789"
    assert keys_in_order("0123456789", [9, 0, 5]) == "905"


def test_others_get_what_is_left_in_the_order_of_the_buttons() -> None:
    assert keys_in_order(["bee", "wasp", "fly"], [2, 0]) == "12"
    assert keys_in_order(["none", "2", "1", "several"]) == "3214"
    assert keys_in_order(["none", "2", "C", "several"]) == "12c3"


def test_letters_keep_theirs_but_for_those_that_the_page_needs() -> None:
    assert keys_in_order(LETTERS) == "abcde12hijklmnopqr3t4vwxy5"
    assert keys_in_order("fgsuz") == "12345"
    assert keys_in_order(["a", "A", "ä"]) == "a12"


def test_of_more_classes_than_keys_the_last_have_none() -> None:
    keys = keys_in_order([f"class {number}" for number in range(40)])
    assert keys == KEYS + "." * (40 - len(KEYS))
    assert not set(keys) & set(TAKEN)


def test_a_digit_of_another_script_is_a_name() -> None:
    assert keys_in_order(["٣", "²", "3"]) == "123"


@pytest.mark.parametrize(
    ("classes", "expected"), [("0123456789", True), ("01", True), ("10", False), ("123", False), (["0", "one"], False)]
)
def test_only_digits_from_0_on_are_digits(classes: str, expected: bool) -> None:
    assert are_digits(list(classes)) is expected


def test_keys_are_told_in_runs() -> None:
    assert describe_keys("0123456789") == [("0", "9")]
    assert describe_keys("1234567890abcdehijt") == [("1", "9"), ("0", "0"), ("a", "e"), ("h", "j"), ("t", "t")]
    assert describe_keys("") == []


def test_the_longest_name_says_how_wide_the_buttons_are() -> None:
    assert [measure_names(names) for names in (["A"], ["A", "dragonfly"], ["A", "an emperor dragonfly"])] == [
        "narrow",
        "medium",
        "wide",
    ]
