"""A client's connection that waits for nobody for ever. uvicorn would: for a request that comes by the byte, for a
reader who does not read, and for any number of them.
"""

import asyncio
import socket

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from app.limits import MAX_CONNECTIONS

MAX_HEAD_BYTES = 16_384  # of a request's first line and headers: h11 and the query's parser take a second a megabyte


class Connection(H11Protocol):
    """Cuts off whoever is slower than any network is. A request that came whole is answered however long that takes."""

    REQUEST_SECONDS = 30.0  # for a request to come, from the connection or its first byte to the last of its body
    READING_SECONDS = 60.0  # for a client to take what was sent
    MAX_CONNECTIONS = MAX_CONNECTIONS

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as in uvicorn
        """Expect a request. If there are too many, whoever has owed theirs the longest gives way."""
        super().connection_made(transport)
        self._sending = _Deadline(self.loop, self.REQUEST_SECONDS, transport)
        self._reading = _Deadline(self.loop, self.READING_SECONDS, transport)
        transport.set_write_buffer_limits(high=0)  # whatever the client leaves lying is noticed, however little
        if hasattr(socket, "TCP_USER_TIMEOUT"):  # Linux gives up a client that is gone without a word after 15 min
            milliseconds = int(self.READING_SECONDS * 1000)
            transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, milliseconds)
        self._sending.start()
        if len(self.connections) > self.MAX_CONNECTIONS:
            self._make_room()

    def data_received(self, data: bytes) -> None:
        """Part of a request, or of several, in pieces: h11 bounds a head only as long as it is incomplete."""
        for start in range(0, len(data), MAX_HEAD_BYTES):
            if not self.transport.is_closing():
                super().data_received(data[start : start + MAX_HEAD_BYTES])
        self._watch_request()

    def on_response_complete(self) -> None:
        """The next request may have begun already, behind the one that is answered."""
        super().on_response_complete()
        self._watch_request()

    def pause_writing(self) -> None:
        """The client does not take more for now."""
        super().pause_writing()
        self._reading.start()

    def resume_writing(self) -> None:
        """The client took it all."""
        self._reading.stop()
        super().resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing is waited for any more."""
        self._sending.stop()
        self._reading.stop()
        super().connection_lost(exc)

    def _watch_request(self) -> None:
        """With the first byte of a request the time for it begins, with the last it is over."""
        is_begun = self.conn.their_state is h11.IDLE and bool(self.conn.trailing_data[0])
        if not is_begun and self.conn.their_state is not h11.SEND_BODY:
            self._sending.stop()
        elif not self._sending.is_running:
            self._sending.start()

    def _make_room(self) -> None:
        owing = (each for each in self.connections if isinstance(each, Connection) and each._sending.is_running)
        longest = min(owing, key=lambda each: each._sending.ends_at)
        longest._sending.stop()  # it is counted until it is lost, and must not be chosen again
        longest.transport.abort()


class _Deadline:
    """Ends a connection so many seconds after `start`, unless it is stopped."""

    def __init__(self, loop: asyncio.AbstractEventLoop, seconds: float, transport: asyncio.Transport) -> None:
        self._loop = loop
        self._seconds = seconds
        self._transport = transport
        self._timer: asyncio.TimerHandle | None = None

    @property
    def is_running(self) -> bool:
        return self._timer is not None

    @property
    def ends_at(self) -> float:
        """By the loop's clock."""
        return self._timer.when() if self._timer else float("inf")

    def start(self) -> None:
        self._timer = self._loop.call_later(self._seconds, self._transport.abort)

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
