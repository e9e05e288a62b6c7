"""Whoever sends or reads too slowly is cut off, and nobody else. The server is real, its application a few lines."""

import asyncio
import socket
import threading
import tomllib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from importlib.metadata import version

import h11
import pytest
import uvicorn
from packaging.requirements import Requirement
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from app.connection import MAX_HEAD_BYTES, Connection
from app.settings import ROOT

GET = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
HEAD = b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n"
PIECE = bytes(1 << 16)
START: Message = {"type": "http.response.start", "status": 200, "headers": []}


class Hasty(Connection):
    """The same with little patience; tells when a connection is gone."""

    REQUEST_SECONDS = 0.3
    READING_SECONDS = 0.3
    lost = threading.Event()

    def connection_lost(self, exc: Exception | None) -> None:
        """It is gone."""
        super().connection_lost(exc)
        self.lost.set()


class Server(uvicorn.Server):
    """Tells when it listens."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listens = threading.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen, and say so."""
        await super().startup(sockets)
        self.listens.set()


@contextmanager
def serving(app: ASGIApp, protocol: type[Connection] = Hasty) -> Iterator[Callable[[], socket.socket]]:
    """Serve, and give what opens a connection."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = Server(
            uvicorn.Config(
                app, http=protocol, lifespan="off", log_config=None, h11_max_incomplete_event_size=MAX_HEAD_BYTES
            )
        )
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        assert server.listens.wait(60)
        try:
            yield lambda: socket.create_connection(listener.getsockname(), timeout=60)
        finally:
            server.should_exit = True
            thread.join()


async def echo(_: Scope, receive: Receive, send: Send) -> None:
    """Answer with the length of the body, or with "gone" if it does not come."""
    n_read, is_over = 0, False
    while not is_over:
        message = await receive()
        n_read += len(message.get("body", b""))
        is_over = not message.get("more_body", False)
    body = b"gone" if message["type"] == "http.disconnect" else str(n_read).encode()
    await send({**START, "headers": [(b"content-length", str(len(body)).encode())]})
    await send({"type": "http.response.body", "body": body})


def read_all(client: socket.socket) -> bytes:
    """Until the other end has closed."""
    read = b""
    with suppress(ConnectionResetError):
        while piece := client.recv(1 << 16):
            read += piece
    return read


@pytest.mark.parametrize("begun", [b"", GET[:20], HEAD, HEAD + b"some"], ids=["nothing", "half a head", "head", "body"])
def test_a_request_that_does_not_come_whole_is_not_waited_for(begun: bytes) -> None:
    with serving(echo) as connect, connect() as client:
        client.sendall(begun)

        assert read_all(client) == b""


@pytest.mark.parametrize("begun", [b"GET / HTTP/1.1\r\nHost: localhost\r\nX-Long: ", HEAD], ids=["head", "body"])
def test_a_byte_now_and_then_buys_no_time(begun: bytes) -> None:
    with serving(echo) as connect, connect() as client:
        client.sendall(begun)
        client.settimeout(0.05)
        n_sent = 0
        with suppress(ConnectionError):
            while n_sent < 900:
                client.send(b"a")
                n_sent += 1
                with suppress(TimeoutError):
                    if client.recv(100) == b"":
                        break

    assert n_sent < 100


def test_the_application_hears_that_the_rest_of_a_body_does_not_come() -> None:
    heard = threading.Event()

    async def app(_: Scope, receive: Receive, __: Send) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        heard.set()

    with serving(app) as connect, connect() as client:
        client.sendall(HEAD + b"some")

        assert heard.wait(60)


def test_a_request_that_came_whole_is_answered_however_long_that_takes() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await asyncio.sleep(3 * Hasty.REQUEST_SECONDS)
        await echo(scope, receive, send)

    with serving(app) as connect, connect() as client:
        client.sendall(HEAD + bytes(400))
        client.sendall(bytes(600))

        answer = b""
        while not answer.endswith(b"\r\n\r\n1000"):
            answer += client.recv(1000)


def test_the_second_request_of_a_connection_is_not_waited_for_either() -> None:
    with serving(echo) as connect, connect() as client:
        client.sendall(HEAD + bytes(1000) + GET)
        answers = b""
        while answers.count(b"HTTP/1.1 200 ") < 2 or not answers.endswith(b"\r\n\r\n0"):
            answers += client.recv(1000)
        client.sendall(GET[:-2])

        assert read_all(client) == b""


def test_a_request_that_begins_in_the_packet_of_another_is_not_waited_for_either() -> None:
    for begun in (HEAD, HEAD + bytes(999), GET[:-2]):
        with serving(echo) as connect, connect() as client:
            client.sendall(GET + begun)

            assert read_all(client).count(b"HTTP/1.1 200 ") == 1


def test_a_client_that_does_not_read_is_cut_off_and_the_application_hears_of_it() -> None:
    heard = threading.Event()

    async def app(_: Scope, receive: Receive, send: Send) -> None:
        await send(START)

        async def send_for_ever() -> None:
            while True:
                await send({"type": "http.response.body", "body": PIECE, "more_body": True})
                await asyncio.sleep(0)

        sending = asyncio.create_task(send_for_ever())
        while (await receive())["type"] != "http.disconnect":
            pass
        sending.cancel()
        heard.set()

    with serving(app) as connect, connect() as client:
        client.sendall(GET)

        assert heard.wait(60)


def test_an_answer_that_is_complete_is_not_kept_for_a_client_that_does_not_take_it() -> None:
    size = 50_000_000  # more than the system takes off the server's hands

    async def app(_: Scope, __: Receive, send: Send) -> None:
        await send(START)
        await send({"type": "http.response.body", "body": bytes(size)})

    with serving(app) as connect, connect() as client:
        Hasty.lost.clear()
        client.sendall(GET)

        assert Hasty.lost.wait(60)
        assert len(read_all(client)) < size


class LessHasty(Hasty):
    """What is sent comes in less time than this, however busy the machine is."""

    READING_SECONDS = 1.5


def test_a_client_that_takes_it_after_a_while_gets_it_all() -> None:
    n_pieces = 50

    async def app(_: Scope, __: Receive, send: Send) -> None:
        await send({**START, "headers": [(b"connection", b"close")]})
        for body in [PIECE] * n_pieces:
            await send({"type": "http.response.body", "body": body, "more_body": True})
        await asyncio.sleep(1.2 * LessHasty.READING_SECONDS)
        await send({"type": "http.response.body", "body": b"the end"})

    with serving(app, LessHasty) as connect, connect() as client:
        client.sendall(GET)

        read = read_all(client)
    assert len(read) > n_pieces * len(PIECE)
    assert read.rstrip(b"\r\n0").endswith(b"the end")


class Few(Connection):
    """Patient, with little room."""

    MAX_CONNECTIONS = 5


def test_where_there_is_no_more_room_those_give_way_who_have_owed_their_request_the_longest() -> None:
    with serving(echo, Few) as connect, ExitStack() as clients:
        silent = [clients.enter_context(connect()) for _ in range(Few.MAX_CONNECTIONS)]
        newcomer = clients.enter_context(connect())

        assert read_all(silent[0]) == b""
        for client in (newcomer, silent[1]):
            client.sendall(GET)
            assert client.recv(12) == b"HTTP/1.1 200"


def test_where_all_are_served_the_newcomer_is_turned_away() -> None:
    async def app(_: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send(START)
        await send({"type": "http.response.body", "body": b"begun", "more_body": True})
        await receive()

    with serving(app, Few) as connect, ExitStack() as clients:
        for _ in range(Few.MAX_CONNECTIONS):
            served = clients.enter_context(connect())
            served.sendall(GET)
            assert served.recv(12) == b"HTTP/1.1 200"
        newcomer = clients.enter_context(connect())

        assert read_all(newcomer) == b""


# Heads


@pytest.mark.parametrize(
    "head",
    [
        b"GET /?" + b"a&" * 25_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\nCookie: " + b"a=1;" * 12_500 + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\n" + b"".join(b"x%d:\r\n" % n for n in range(6_000)) + b"\r\n",
    ],
    ids=["query", "cookie", "headers"],
)
def test_a_long_head_is_refused_even_if_it_comes_at_once(head: bytes) -> None:
    with serving(echo) as connect, connect() as client:
        with suppress(ConnectionError):
            client.sendall(head)

        assert read_all(client).partition(b"\r\n")[0] in (b"HTTP/1.1 400 Bad Request", b"")


def test_a_head_as_long_as_browsers_send_is_read() -> None:
    with serving(echo) as connect, connect() as client:
        client.sendall(GET[:-2] + b"Cookie: " + b"a" * (MAX_HEAD_BYTES - 100) + b"\r\n\r\n")

        assert client.recv(100).startswith(b"HTTP/1.1 200")


def test_a_large_body_that_comes_at_once_arrives_whole() -> None:
    with serving(echo) as connect, connect() as client:
        client.sendall(HEAD.replace(b"1000", b"500000") + bytes(500_000))

        answer = b""
        while not answer.endswith(b"\r\n\r\n500000"):
            answer += client.recv(1000)


# What a connection knows of the insides of uvicorn and h11


@pytest.mark.parametrize("library", ["h11", "uvicorn"])
def test_the_versions_of_what_is_reached_into_are_bounded(library: str) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    (needed,) = (each for each in map(Requirement, project["dependencies"]) if each.name == library)

    assert needed.specifier.contains(version(library))
    assert any(bound.operator == "<" for bound in needed.specifier)


def test_what_is_overridden_is_what_uvicorn_calls() -> None:
    public = {name for name, value in vars(Connection).items() if callable(value) and name[0] != "_"}
    asyncios = {name for name in public if hasattr(asyncio.Protocol, name)}

    assert asyncios == {"connection_made", "data_received", "pause_writing", "resume_writing", "connection_lost"}
    assert public - asyncios == {"on_response_complete"}
    assert asyncios | {"on_response_complete"} <= set(vars(H11Protocol))


def test_the_state_of_a_request_is_where_it_was() -> None:
    conn = h11.Connection(h11.SERVER)
    seen = []
    for data in (b"", HEAD[:20], HEAD[20:], bytes(1000) + GET):
        if data:
            conn.receive_data(data)
        while conn.next_event() not in (h11.NEED_DATA, h11.PAUSED):
            pass
        seen.append((conn.their_state, conn.trailing_data[0]))

    assert seen == [(h11.IDLE, b""), (h11.IDLE, HEAD[:20]), (h11.SEND_BODY, b""), (h11.DONE, GET)]


def test_each_connection_knows_its_h11_its_transport_and_all_others_and_when_it_has_answered() -> None:
    seen: list[Connection] = []
    answered: list[Connection] = []

    class Seen(Connection):
        def data_received(self, data: bytes) -> None:
            seen.append(self)
            super().data_received(data)

        def on_response_complete(self) -> None:
            super().on_response_complete()
            answered.append(self)

    with serving(echo, Seen) as connect, connect() as one, connect() as other:
        for client in (one, other):
            client.sendall(GET)
            assert client.recv(100)
        first, second = seen
        assert first.connections is second.connections
        assert first.connections == {first, second}
        assert isinstance(first.conn, h11.Connection)
        assert first.transport is not second.transport
    assert answered == seen
