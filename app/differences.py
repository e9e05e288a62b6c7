"""The first difference between what is stored and what is computed."""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Difference:
    """The first place where the stored value is not the computed one."""

    place: str
    stored: str
    computed: str

    def __str__(self) -> str:
        return f"{self.place}: stored is {self.stored}, computed {self.computed}"


def first_difference(pairs: Iterable[tuple[str, object, object]]) -> Difference | None:
    """Of places with their stored and their computed value the first whose two are not equal."""
    for place, stored, computed in pairs:
        if stored != computed:
            return Difference(place, _in_short(stored, computed), _in_short(computed, stored))
    return None


def _in_short(value: object, other: object) -> str:
    """The value; of bytes, the first that differs."""
    if not isinstance(value, bytes) or not isinstance(other, bytes):
        return str(value)
    differs = next(
        (i for i, (a, b) in enumerate(zip(value, other, strict=False)) if a != b), min(len(value), len(other))
    )
    return f"{len(value)} bytes, byte {differs} is {value[differs] if differs < len(value) else 'missing'}"
