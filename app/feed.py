"""What other processes commit, announced in this one: a trainer's rounds to the pages, a command's acts to both."""

from collections.abc import Callable

from app.changes import Change
from app.db import ChangeLog, Database
from app.loops import BackgroundLoop

POLL_SECONDS = 0.003  # who waits for a round waits half of it longer; a look costs some microseconds


class Feed:
    """Follows the database once it is open, and calls `publish` with each change that another process committed."""

    def __init__(self, database: Database, publish: Callable[[Change], None]) -> None:
        self._database, self._publish = database, publish
        self._log: ChangeLog | None = None
        self._loop = BackgroundLoop("feed", self.read, poll_seconds=POLL_SECONDS, retry_seconds=1.0)

    def open(self) -> None:
        """Follow from now on."""
        self._log = self._database.follow_changes()

    def start(self) -> None:
        """Follow in a thread of its own."""
        self.open()
        self._loop.start()

    def stop(self) -> None:
        """Follow no more."""
        self._loop.stop()
        if self._log is not None:
            self._log.close()

    def read(self) -> bool:
        """Announce what is new; whether there was anything."""
        changes = self._log.read() if self._log is not None else []
        for change in changes:
            self._publish(change)
        return bool(changes)
