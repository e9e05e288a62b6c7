"""The open streams of changes: how many each user has, and the queue of each stream."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from app.changes import Change, ChangeKind
from app.errors import TooManyStreams
from app.limits import STREAM_LIMIT, STREAMS_OF_ALL, STREAMS_OF_ONE
from app.live import Live

# What everybody with access to a pool may know; the documentation of the stream names them. The rest does not take the
# place of these in the queues.
FORWARDED: frozenset[ChangeKind] = frozenset({"round", "labels", "due", "leases", "training", "features"})


@dataclass(frozen=True, slots=True, eq=False)
class _Stream:
    pool_id: int
    name: str
    queue: asyncio.Queue[Change | None]

    def put(self, change: Change | None) -> None:
        if self.queue.full():  # the page fetches the current state anyway: the oldest change matters least
            self.queue.get_nowait()
        self.queue.put_nowait(change)


class Streams:
    """All streams of one event loop. A change wakes the loop once, however many streams it goes to."""

    def __init__(self, live: Live) -> None:
        self._streams: list[_Stream] = []
        self._loop: asyncio.AbstractEventLoop | None = None
        live.listen(self._forward)

    @property
    def n_open(self) -> int:
        return len(self._streams)

    @contextmanager
    def open(self, pool_id: int, name: str) -> Iterator[asyncio.Queue[Change | None]]:
        """A queue of the pool's changes in the running loop, counted for the user `name`; None is its end.

        Raises:
            TooManyStreams: this user, or all users together, have reached the limit.
        """
        self._check_room(name)
        self._loop = asyncio.get_running_loop()
        stream = _Stream(pool_id, name, asyncio.Queue(STREAM_LIMIT))
        self._streams.append(stream)
        try:
            yield stream.queue
        finally:
            self._streams.remove(stream)

    def end(self) -> None:
        """Let every stream end, so that the server can stop. To be called in the streams' loop."""
        for stream in self._streams:
            stream.put(None)

    def _forward(self, change: Change) -> None:
        if change.kind not in FORWARDED:
            return
        loop = self._loop
        if self._streams and loop is not None and not loop.is_closed():
            loop.call_soon_threadsafe(self._deliver, change)

    def _deliver(self, change: Change) -> None:
        for stream in self._streams:
            if stream.pool_id == change.pool_id:
                stream.put(change)

    def _check_room(self, name: str) -> None:
        # No lock is needed: all streams come and go in one loop.
        of_one = sum(stream.name == name for stream in self._streams)
        for whose, n_open, limit in ((name, of_one, STREAMS_OF_ONE), ("all", self.n_open, STREAMS_OF_ALL)):
            if n_open >= limit:
                raise TooManyStreams(
                    f"There are {n_open} event streams of {whose} open, and no more than {limit} may be. "
                    "Close some, or fetch the pool every few seconds instead.",
                    open=n_open,
                    limit=limit,
                )
