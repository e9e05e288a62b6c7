"""The audit: entries, page by page."""

import datetime as dt

import pytest

from app import audit
from app.db import Database

from .factories.making import NOW


@pytest.mark.parametrize("limit", [1, 2, 5, 6])
def test_the_audit_comes_in_pages_newest_first(database: Database, limit: int) -> None:
    with database.write() as session:
        for index in range(5):
            audit.record_audit(session, "login", f"name {index}", now=NOW + dt.timedelta(seconds=index))
    names: list[str] = []
    cursor: int | None = None
    while True:
        with database.read() as session:
            rows, cursor = audit.list_audit(session, before=cursor, limit=limit)
        assert len(rows) <= limit
        names += [row.name for row in rows]
        if cursor is None:
            break

    assert names == [f"name {index}" for index in (4, 3, 2, 1, 0)]
