"""Which key answers with which class, and how much room the names need on the buttons."""

from collections.abc import Sequence
from typing import Literal

Width = Literal["narrow", "medium", "wide"]

TAKEN = "fgsuz"  # letters that the labeling page itself uses
KEYS = "1234567890" + "".join(letter for letter in "abcdefghijklmnopqrstuvwxyz" if letter not in TAKEN)


def assign_keys(classes: Sequence[str], buttons: Sequence[int]) -> dict[int, str]:
    """The key of each class by its index. `buttons` are the classes that have one, in the order of the buttons.

    A class that is a digit has this digit, and one that is a letter this letter, if the page leaves it free: who sees a
    C presses C. The others get the keys that are left, until there are none.
    """
    keys: dict[int, str] = {}
    for index in buttons:
        own = classes[index].lower()
        if own in KEYS and len(own) == 1 and own not in keys.values():
            keys[index] = own
    left = (key for key in KEYS if key not in keys.values())
    others = (index for index in buttons if index not in keys)
    return keys | dict(zip(others, left, strict=False))


def are_digits(classes: Sequence[str]) -> bool:
    """Whether the classes are 0, 1, 2 and so on: then their buttons need neither keys nor colours."""
    return list(classes) == list("0123456789"[: len(classes)])


def describe_keys(keys: Sequence[str]) -> list[tuple[str, str]]:
    """The keys as runs, each by its first and its last: 1 to 9, 0, a to e. A single key is a run of its own."""
    runs: list[tuple[str, str]] = []
    for key in keys:
        if runs and ord(key) == ord(runs[-1][1]) + 1:
            runs[-1] = (runs[-1][0], key)
        else:
            runs.append((key, key))
    return runs


def measure_names(classes: Sequence[str]) -> Width:
    """How wide the buttons are to be, so that the longest name takes few lines."""
    longest = max(map(len, classes), default=0)
    return "narrow" if longest <= 3 else "medium" if longest <= 14 else "wide"
