"""A name is of one script and one spelling, and looks like nobody else's."""

import pytest

from app.errors import NameInvalid
from app.names import check_name, looks_like

CYRILLIC_ANN = "\u0430nn"  # its first letter is Cyrillic


@pytest.mark.parametrize(
    "name",
    [
        "ada",
        "Ada Lovelace",
        "ada.lovelace@example-1.org",
        "_ci",
        "7",
        "José",
        "O.Brien",
        "Ọlọ́run",  # an accent that no single letter has
        "Андрій 2",
        "Ελένη",
        "नेहा",  # vowel signs are marks
        "山田 ヤマダー 佐々木",
        "김철수",
        "محمد",
        "สมชาย",
        "x" * 64,
    ],
)
def test_a_name_of_any_one_script_is_kept_as_it_is(name: str) -> None:
    assert check_name(name) == name


@pytest.mark.parametrize(
    ("typed", "stored"),
    [("ｂｅｎ", "ben"), ("Jose\u0301", "José"), ("ada\u00a0l", "ada l"), ("𝐚𝐝𝐚", "ada"), ("ﬁn", "fin")],
)
def test_a_name_has_one_spelling(typed: str, stored: str) -> None:
    assert check_name(typed) == stored


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("", "at most 64"),
        ("x" * 65, "at most 64"),
        ("<script>", "letters, digits"),
        ("-x", "begins with a letter"),
        (" ann", "begins with a letter"),
        ("ann\n", "letters, digits"),
        ("ann\x1b[31m", "letters, digits"),
        ("ann\u202e", "letters, digits"),  # turns the writing round
        ("ann\u200b", "letters, digits"),  # a space of no width
        ("\u3164", "letters, digits"),  # a letter that is not seen
        ("ann ", "single spaces, and none at its end"),
        ("ann\u00a0", "single spaces, and none at its end"),
        ("ann  lee", "single spaces"),
        (CYRILLIC_ANN, r"several scripts \(Cyrillic, Latin\)"),
        ("pay\u03c1al", r"several scripts \(Greek, Latin\)"),
        ("ann\u034f", "several scripts"),  # an accent that is not seen
        ("ann\ufe0f", "several scripts"),
        ("ada\u0661", r"several scripts \(Arabic, Latin\)"),
    ],
)
def test_what_could_be_taken_for_another_name_is_refused(name: str, reason: str) -> None:
    with pytest.raises(NameInvalid, match=reason):
        check_name(name)


@pytest.mark.parametrize("other", ["ace", "ACE", "Ace", "\u0430\u0441\u0435", "\u0410\u0421\u0415", "ａｃｅ"])
def test_names_that_differ_in_capitals_or_script_alone_look_alike(other: str) -> None:
    assert looks_like("ace", other)


@pytest.mark.parametrize("other", ["aces", "acé", "a.ce", "ace1", "\u0430\u0436\u0435"])
def test_other_names_do_not(other: str) -> None:
    assert not looks_like("ace", other)
