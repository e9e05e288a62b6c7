"""What changed, told to those who wait: note it in the transaction, and it is published after the commit."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

from sqlalchemy import event
from sqlalchemy.orm import Session, sessionmaker


@dataclass(frozen=True, slots=True)
class Change:
    """A pool has new labels, a round due, a new round (`number`), images given back, or a training that changed."""

    kind: Literal["labels", "due", "round", "leases", "training"]
    pool_id: int
    number: int | None = None


def note(session: Session, change: Change) -> None:
    """Have `change` published once this session's transaction is committed, and not otherwise."""
    session.info.setdefault("changes", []).append(change)


class Live:
    """The announcements of one process. Safe to use from any thread."""

    STREAM_LIMIT = 100  # changes that one slow stream may lag behind; older ones are dropped

    def __init__(self, sessions: sessionmaker[Session]) -> None:
        self._condition = threading.Condition()
        self._newest_round: dict[int, int] = {}
        self._listeners: list[Callable[[Change], None]] = []
        self._ends: list[Callable[[], None]] = []
        event.listen(sessions, "after_commit", self._publish_noted)
        event.listen(sessions, "after_rollback", self._forget_noted)

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

    @contextmanager
    def stream(self, pool_id: int) -> Iterator[asyncio.Queue[Change | None]]:
        """A queue of the pool's changes for a coroutine of the running loop; None is its end."""
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

        self._listeners.append(forward)
        self._ends.append(end)
        try:
            yield queue
        finally:
            self._listeners.remove(forward)
            self._ends.remove(end)

    def end_streams(self) -> None:
        """Let every stream end, so that the server can stop. To be called in the streams' loop."""
        for end in tuple(self._ends):
            end()

    def _publish_noted(self, session: Session) -> None:
        if session.in_nested_transaction():  # a savepoint: nothing is committed yet
            return
        for change in session.info.pop("changes", ()):
            self.publish(change)

    def _forget_noted(self, session: Session) -> None:
        if not session.in_nested_transaction():
            session.info.pop("changes", None)
