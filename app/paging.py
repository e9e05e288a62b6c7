"""Lists in pages: a query asks for one row more than a page has, which tells whether there is a next page."""

from collections.abc import Callable, Sequence
from typing import TypeVar

T = TypeVar("T")


def page_of(rows: Sequence[T], limit: int, cursor: Callable[[T], int]) -> tuple[Sequence[T], int | None]:
    """The rows of the page without that one, and the cursor of the next page if there is one."""
    return (rows, None) if len(rows) <= limit else (rows[:limit], cursor(rows[limit - 1]))
