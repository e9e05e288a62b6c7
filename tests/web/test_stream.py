"""Server-sent events from a real server: what changed is told as soon as it is committed."""

import datetime as dt
import json
import socket
import struct
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from itertools import takewhile
from typing import Any

import httpx2
import pytest
from fastapi.testclient import TestClient

from app import accounts, queries
from app.limits import STREAMS_OF_ONE
from app.main import create_app
from app.settings import Settings
from app.web.api import stream
from app.web.edge.deps import Services
from tests.factories import add_account, add_round, add_trainer, ask, opened, race

POOL = "/api/v1/pools/digits"


@contextmanager
def events_of(server: str) -> Iterator[Iterator[tuple[str, Any]]]:
    """The stream's events, (name, data), as they come; a comment is ("", its text)."""
    with httpx2.stream("GET", f"{server}{POOL}/stream", timeout=60) as response:
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


@pytest.mark.tensorflow
@pytest.mark.usefixtures("training")
def test_a_stream_begins_with_the_newest_round_and_tells_of_labels_and_the_next(server: str) -> None:
    with events_of(server) as events:
        assert next(events) == ("round", {"number": 0})
        oracle_labels(server, 10)
        told = [*takewhile(lambda event: event != ("round", {"number": 1}), events)]
        assert [name for name, _ in told if name != "training"] == ["labels", "due"]  # the trainer tells how far it is
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


def test_a_stream_ends_after_its_time_so_that_the_caller_is_looked_at_again(
    server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "STREAM_SECONDS", 0.2)

    with events_of(server) as events:
        assert [event for event in events if event[0]] == [("round", {"number": 0})]


def test_a_stream_of_a_pool_that_is_not_there_is_not_found(server: str) -> None:
    response = httpx2.get(f"{server}/api/v1/pools/nowhere/stream", timeout=60)

    assert response.status_code == 404
    assert response.json()["code"] == "NotFound"


def test_the_address_of_earlier_versions_still_streams_and_is_called_deprecated(server: str) -> None:
    with httpx2.stream("GET", f"{server}{POOL}/events", timeout=60) as response:
        assert next(response.iter_lines()) == "event: round"

    paths = httpx2.get(f"{server}/api/v1/openapi.json", timeout=60).json()["paths"]
    operations = {what: paths[f"/api/v1/pools/{{slug}}/{what}"]["get"] for what in ("stream", "events")}
    assert {what: operation.get("deprecated", False) for what, operation in operations.items()} == {
        "stream": False,
        "events": True,
    }


def open_socket(server: str) -> socket.socket:
    """A stream by hand, so that it can be broken off; it has begun."""
    port = int(server.rpartition(":")[2])
    client = socket.create_connection(("127.0.0.1", port), timeout=60)
    client.sendall(f"GET {POOL}/stream HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    assert client.recv(4096).startswith(b"HTTP/1.1 200 ")
    return client


def test_one_stream_too_many_is_refused_before_it_begins(server: str) -> None:
    with ExitStack() as streams:
        for _ in range(STREAMS_OF_ONE):
            streams.enter_context(events_of(server))
        refused = streams.enter_context(httpx2.stream("GET", f"{server}{POOL}/stream", timeout=60))
        assert (refused.status_code, refused.headers["content-type"]) == (429, "application/problem+json")
        refused.read()

    assert refused.json()["code"] == "TooManyStreams"
    assert "Close some" in refused.json()["detail"]


@pytest.mark.parametrize("is_reset", [False, True])
def test_streams_of_a_client_that_vanished_are_given_back(server: str, services: Services, is_reset: bool) -> None:
    clients = [open_socket(server) for _ in range(STREAMS_OF_ONE)]
    for client in clients:
        if is_reset:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        client.close()

    deadline = time.monotonic() + 60
    while services.streams.n_open and time.monotonic() < deadline:
        httpx2.get(f"{server}/healthz", timeout=60)
    with events_of(server) as events:
        assert next(events) == ("round", {"number": 0})
    assert services.streams.n_open <= 1


@pytest.mark.tensorflow
@pytest.mark.usefixtures("training")
def test_asking_waits_for_the_round_that_is_due(server: str) -> None:
    for number in range(1, 4):
        oracle_labels(server, 10)
        with events_of(server) as events:
            while next(events) != ("round", {"number": number}):
                pass
        asked = httpx2.post(f"{server}{POOL}/leases", json={"count": 1}, timeout=60).json()
        assert (asked["round"], asked["stale"]) == (number, False)


def test_what_a_command_does_reaches_open_pages(server: str, services: Services) -> None:
    with opened(services.database.path) as command, events_of(server) as events:
        assert next(events) == ("round", {"number": 0})
        account = add_account(command, "ada")
        with command.read() as session:
            (pool,) = queries.list_pools(session)[0]
        ask(command, pool, account, 3, now=dt.datetime.now(dt.UTC))
        with command.write() as session:
            accounts.set_disabled(session, "ada", True, now=dt.datetime.now(dt.UTC))

        assert next(events) == ("leases", {"number": None})


def test_an_ask_waits_for_the_round_that_another_process_stores(settings: Settings) -> None:
    """The trainer's way: a round of another connection is told by the feed, and ends the wait."""
    app = create_app(settings.model_copy(update={"round_wait_seconds": 30.0}))
    services: Services = app.state.services
    with TestClient(app, base_url="http://localhost") as client, opened(services.database.path) as trainer:
        add_trainer(trainer, now=dt.datetime.now(dt.UTC))
        client.post(f"{POOL}/oracle-labels", json={"count": 10}).raise_for_status()
        with ThreadPoolExecutor(1) as thread:
            asked = thread.submit(client.post, f"{POOL}/leases", json={"count": 1})
            with trainer.read() as session:
                (pool,) = queries.list_pools(session)[0]
            add_round(trainer, pool)
            lease = asked.result(60).json()

    assert (lease["round"], lease["stale"]) == (1, False)
