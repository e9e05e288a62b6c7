"""Announces changes within one process."""

import threading
from collections.abc import Callable

from app.changes import Change
from app.db import Database


class Live:
    """Announces commits to listeners: its own process's at once, others as the feed reads them. Thread-safe."""

    def __init__(self, database: Database) -> None:
        self._condition = threading.Condition()
        self._newest_round: dict[int, int] = {}
        self._listeners: list[Callable[[Change], None]] = []
        database.on_commit(self.publish)

    def listen(self, listener: Callable[[Change], None]) -> None:
        """Call `listener` with each change, in the thread that announces it: it must return at once."""
        self._listeners.append(listener)

    def publish(self, change: Change) -> None:
        """Announce a change that is committed."""
        with self._condition:
            if change.kind == "round" and change.pool_id is not None and change.number is not None:
                newest = max(change.number, self._newest_round.get(change.pool_id, -1))
                self._newest_round[change.pool_id] = newest
            self._condition.notify_all()
        for listener in tuple(self._listeners):
            listener(change)

    def wait_for_round(self, pool_id: int, *, after: int, seconds: float) -> bool:
        """Block until a round of the pool newer than `after` is announced; False on timeout."""
        with self._condition:
            return self._condition.wait_for(lambda: self._newest_round.get(pool_id, -1) > after, seconds)

    def newest_round(self, pool_id: int) -> int:
        """The number of the newest round that was announced in this process; -1 before the first."""
        with self._condition:
            return self._newest_round.get(pool_id, -1)
