"""Server-sent events from a real server: what changed is told as soon as it is committed."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx2

from tests.factories import race

POOL = "/api/v1/pools/digits"


@contextmanager
def events_of(server: str) -> Iterator[Iterator[tuple[str, Any]]]:
    """The stream's events, (name, data), as they come; a comment is ("", its text)."""
    with httpx2.stream("GET", f"{server}{POOL}/events", timeout=60) as response:
        assert response.status_code == 200
        assert response.headers["content-type"].startswith("text/event-stream")

        def read() -> Iterator[tuple[str, Any]]:
            name = ""
            for line in response.iter_lines():
                field, _, value = line.partition(":")
                if field == "event":
                    name = value.strip()
                elif field == "data":
                    yield name, json.loads(value)
                elif line.startswith(":"):
                    yield "", value.strip()

        yield read()


def oracle_labels(server: str, count: int) -> None:
    httpx2.post(f"{server}{POOL}/oracle-labels", json={"count": count}, timeout=60).raise_for_status()


def test_a_stream_begins_with_the_newest_round_and_tells_of_labels_and_the_next(server: str) -> None:
    with events_of(server) as events:
        assert next(events) == ("round", {"number": 0})
        oracle_labels(server, 10)
        assert next(events) == ("labels", {"number": None})
        assert next(events) == ("due", {"number": None})
        assert next(events) == ("round", {"number": 1})
    with events_of(server) as events:
        assert next(events) == ("round", {"number": 1})


def test_all_who_look_are_told(server: str) -> None:
    def watch(_: int) -> tuple[str, Any]:
        with events_of(server) as events:
            assert next(events) == ("round", {"number": 0})
            ready.append(True)
            if len(ready) == 3:
                oracle_labels(server, 1)
            return next(events)

    ready: list[bool] = []
    assert race(3, watch) == [("labels", {"number": None})] * 3


def test_a_stream_of_a_pool_that_is_not_there_is_not_found(server: str) -> None:
    response = httpx2.get(f"{server}/api/v1/pools/nowhere/events", timeout=60)

    assert response.status_code == 404
    assert response.json()["code"] == "NotFound"


def test_asking_waits_for_the_round_that_is_due(server: str) -> None:
    for number in range(1, 4):
        oracle_labels(server, 10)
        with events_of(server) as events:
            while next(events) != ("round", {"number": number}):
                pass
        asked = httpx2.post(f"{server}{POOL}/leases", json={"count": 1}, timeout=60).json()
        assert (asked["round"], asked["stale"]) == (number, False)
