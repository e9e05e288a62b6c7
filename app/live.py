"""What changed, told to those who wait: note it in the transaction, and it is published after the commit."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

from sqlalchemy import event
from sqlalchemy.orm import Session, SessionTransaction, sessionmaker

from app.errors import TooManyStreams


@dataclass(frozen=True, slots=True)
class Change:
    """A pool has new labels, a round due, a new round (`number`), images given back, or a training that changed."""

    kind: Literal["labels", "due", "round", "leases", "training"]
    pool_id: int
    number: int | None = None


def note(session: Session, change: Change) -> None:
    """Have `change` published once this session's transaction is committed, and not otherwise."""
    session.info.setdefault("changes", []).append((session.get_nested_transaction(), change))


class Live:
    """The announcements of one process. Safe to use from any thread."""

    STREAM_LIMIT = 100  # changes that one slow stream may lag behind; older ones are dropped
    STREAMS_OF_ONE = 20  # a page that is not looked at gives its stream up, so these are as many windows side by side
    STREAMS_OF_ALL = 400  # each takes a file of the 1,024 that a process usually may have open

    def __init__(self, sessions: sessionmaker[Session]) -> None:
        self._condition = threading.Condition()
        self._newest_round: dict[int, int] = {}
        self._listeners: list[Callable[[Change], None]] = []
        self._streams: list[tuple[str, Callable[[], None]]] = []  # whose, and how to end it
        event.listen(sessions, "after_commit", self._publish_noted)
        event.listen(sessions, "after_soft_rollback", self._forget_noted)

    def listen(self, listener: Callable[[Change], None]) -> None:
        """Call `listener` with each change, in the thread that committed it: it must return at once."""
        self._listeners.append(listener)

    def publish(self, change: Change) -> None:
        """Announce a change that no transaction stands behind."""
        with self._condition:
            if change.kind == "round" and change.number is not None:
                self._newest_round[change.pool_id] = change.number
            self._condition.notify_all()
            listeners = tuple(self._listeners)
        for listener in listeners:
            listener(change)

    def wait_for_round(self, pool_id: int, *, after: int, seconds: float) -> bool:
        """Block until a round of the pool newer than `after` is announced; False when time is up first."""
        with self._condition:
            return self._condition.wait_for(lambda: self._newest_round.get(pool_id, -1) > after, seconds)

    def newest_round(self, pool_id: int) -> int:
        """The number of the newest round that was announced in this process; -1 before any."""
        with self._condition:
            return self._newest_round.get(pool_id, -1)

    @property
    def n_streams(self) -> int:
        """How many streams are open."""
        return len(self._streams)

    @contextmanager
    def stream(self, pool_id: int, name: str) -> Iterator[asyncio.Queue[Change | None]]:
        """A queue of the pool's changes for a coroutine of the running loop, in somebody's name; None is its end.

        Raises:
            TooManyStreams: this person, or all together, have as many as they may.
        """
        self._check_streams(name)
        loop = asyncio.get_running_loop()
        queue: asyncio.Queue[Change | None] = asyncio.Queue(self.STREAM_LIMIT)

        def put(change: Change | None) -> None:
            if queue.full():  # the page fetches the present anyway: the oldest news is the least worth
                queue.get_nowait()
            queue.put_nowait(change)

        def forward(change: Change) -> None:
            if change.pool_id == pool_id and not loop.is_closed():
                loop.call_soon_threadsafe(put, change)

        def end() -> None:
            put(None)

        stream = (name, end)
        self._listeners.append(forward)
        self._streams.append(stream)
        try:
            yield queue
        finally:
            self._listeners.remove(forward)
            self._streams.remove(stream)

    def end_streams(self) -> None:
        """Let every stream end, so that the server can stop. To be called in the streams' loop."""
        for _, end in tuple(self._streams):
            end()

    def _check_streams(self, name: str) -> None:
        # No lock, for all streams come and go in one loop.
        of_one = sum(whose == name for whose, _ in self._streams)
        counts = ((name, of_one, self.STREAMS_OF_ONE), ("all", self.n_streams, self.STREAMS_OF_ALL))
        for whose, n_open, limit in counts:
            if n_open >= limit:
                raise TooManyStreams(
                    f"There are {n_open} event streams of {whose} open, and no more than {limit} may be. "
                    "Close some, or fetch the pool every few seconds instead.",
                    open=n_open,
                    limit=limit,
                )

    def _publish_noted(self, session: Session) -> None:
        if session.in_nested_transaction():  # a savepoint: nothing is committed yet
            return
        for _, change in session.info.pop("changes", ()):
            self.publish(change)

    def _forget_noted(self, session: Session, rolled_back: SessionTransaction) -> None:
        """All, or what was noted within a savepoint. What a failed flush rolls back first is neither."""
        if rolled_back.parent is None:
            session.info.pop("changes", None)
        elif rolled_back.nested:
            noted = session.info.pop("changes", ())
            session.info["changes"] = [each for each in noted if each[0] is not rolled_back]
