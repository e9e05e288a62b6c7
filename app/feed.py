"""Announces in this process what others commit: a trainer's rounds, a command's acts."""

from collections.abc import Callable

from app.changes import Change
from app.db import ChangeLog, Database
from app.loops import BackgroundLoop

POLL_SECONDS = 0.003  # adds half of that to the wait for a round; a poll costs some microseconds


class Feed:
    """Polls the database, and calls `publish` with each change that another process committed."""

    def __init__(self, database: Database, publish: Callable[[Change], None]) -> None:
        self._database, self._publish = database, publish
        self._log: ChangeLog | None = None
        self._loop = BackgroundLoop("feed", self.read, poll_seconds=POLL_SECONDS, retry_seconds=1.0)

    def open(self) -> None:
        """Announce the changes from now on."""
        self._log = self._database.follow_changes()

    def start(self) -> None:
        """Poll in a thread of its own."""
        self.open()
        self._loop.start()

    def stop(self) -> None:
        """Stop polling."""
        self._loop.stop()
        if self._log is not None:
            self._log.close()

    def read(self) -> bool:
        """Announce the new changes; return whether there were any."""
        changes = self._log.read() if self._log is not None else []
        for change in changes:
            self._publish(change)
        return bool(changes)
