"""Announces in this process what others commit: a trainer's rounds, a command's acts."""

import time
from collections.abc import Callable

from app.changes import Change
from app.db import ChangeLog, Database
from app.loops import BackgroundLoop

POLL_SECONDS = 0.003  # who waits for a round waits half of it longer; a look costs some microseconds
QUIET_POLL_SECONDS = 0.02  # for 0.6 % of a core, not 2 %
QUIET_AFTER_SECONDS = 60.0  # the slow ones of those who answer are quicker


class Feed:
    """Follows the database once it is open, and calls `publish` with each change that another process committed.

    It looks more rarely when nobody has done anything for a while.
    """

    def __init__(self, database: Database, publish: Callable[[Change], None]) -> None:
        self._database, self._publish = database, publish
        self._log: ChangeLog | None = None
        self._stirred_at = time.monotonic()
        self._loop = BackgroundLoop("feed", self.read, poll_seconds=POLL_SECONDS, retry_seconds=1.0)
        database.on_commit(self._stir)

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
            self._stir(change)
            self._publish(change)
        is_quiet = time.monotonic() - self._stirred_at > QUIET_AFTER_SECONDS
        self._loop.poll_seconds = QUIET_POLL_SECONDS if is_quiet else POLL_SECONDS
        return bool(changes)

    def _stir(self, _: Change) -> None:
        """Somebody does something, here or elsewhere: whoever waits for what comes of it is to hear it at once."""
        self._stirred_at = time.monotonic()
        if self._loop.poll_seconds != POLL_SECONDS:
            self._loop.wake()
