"""Watch the code from outside: the statements that it executes, and what comes of it when many run it at once."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Barrier
from typing import TypeVar

from sqlalchemy import event

from app.db import Database

T = TypeVar("T")


@contextmanager
def count_queries(database: Database) -> Iterator[list[str]]:
    """The statements that are executed inside the block."""
    statements: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        statements.append(statement)

    event.listen(database.engine, "before_cursor_execute", note)
    try:
        yield statements
    finally:
        event.remove(database.engine, "before_cursor_execute", note)


def race(n: int, contend: Callable[[int], T]) -> list[T | Exception]:
    """Run `contend(0)` to `contend(n - 1)` in n threads at once; what each returned or raised."""
    start = Barrier(n)

    def run(index: int) -> T | Exception:
        start.wait()
        try:
            return contend(index)
        except Exception as error:
            return error

    with ThreadPoolExecutor(n) as threads:
        return list(threads.map(run, range(n)))
