"""Names of users: which are allowed, so that no two different names look alike."""

import re
import unicodedata

from app.errors import NameInvalid

MAX_LENGTH = 64
# One name may have letters of all of these.
_TOGETHER = dict.fromkeys(("CJK", "IDEOGRAPHIC", "HIRAGANA", "KATAKANA", "HANGUL", "BOPOMOFO"), "East Asian")
# Cyrillic and Greek letters that are drawn as Latin ones: a name of such letters alone looks Latin.
_AS_LATIN = str.maketrans(
    "АВЕКМНОРСТУХІЈЅаеорсухіјѕһӏΑΒΕΖΗΙΚΜΝΟΡΤΥΧαονρ", "ABEKMHOPCTYXIJSaeopcyxijshlABEZHIKMNOPTYXaovp"
)


def normalize(name: str) -> str:
    """The one spelling of what Unicode can spell in several ways: composed accents, no wide or styled letters."""
    return unicodedata.normalize("NFKC", name)


def check_name(name: str) -> str:
    """The name as it is stored.

    Raises:
        NameInvalid: it has other characters, spaces that cannot be seen, or letters of several scripts.
    """
    name = normalize(name)
    if not 0 < len(name) <= MAX_LENGTH or not all(map(_is_allowed, name)) or name[0] in " .@-":
        raise NameInvalid(
            f"A name has letters, digits, spaces and . @ - _, at most {MAX_LENGTH} of them, and begins with a letter, "
            "a digit or _.",
            name=name,
        )
    if name.endswith(" ") or "  " in name:
        raise NameInvalid("A name has single spaces, and none at its end: they would not be seen.", name=name)
    scripts = sorted({_script_of(char) for char in name} - {""})
    if len(scripts) > 1:
        raise NameInvalid(
            f"The name {name} has letters of several scripts ({', '.join(scripts)}), and some of them look alike. "
            "Write it in one script.",
            name=name,
        )
    return name


def looks_like(name: str, other: str) -> bool:
    """Whether people could take one name for the other: they differ in capitals or in the script at most."""
    return _as_drawn(name) == _as_drawn(other)


def _as_drawn(name: str) -> str:
    return normalize(name).translate(_AS_LATIN).casefold()


def _is_allowed(char: str) -> bool:
    if char in " .@-_":
        return True
    is_word = unicodedata.category(char) in ("Lu", "Ll", "Lt", "Lm", "Lo", "Mn", "Mc", "Nd")
    return is_word and "FILLER" not in unicodedata.name(char, "FILLER")  # a filler is an invisible letter


def _script_of(char: str) -> str:
    """The script, which is the first word of the character's Unicode name; "" if it goes with any script."""
    if char.isascii() and not char.isalpha():
        return ""
    word = re.split("[ -]", unicodedata.name(char))[0]
    if word == "COMBINING" and "JOINER" not in unicodedata.name(char):  # an accent; the joiner is invisible
        return ""
    return _TOGETHER.get(word, word.capitalize())
