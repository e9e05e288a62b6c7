"""What takes a training process long and is not urgent: done in child processes, one at a time, at low priority.

A chore is a command of `inkling`. It reads what it needs from the database and stores what it found there, so that one
that is killed is simply begun again.
"""

import logging
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence

from app.loops import BackgroundLoop
from app.settings import Settings, as_environment

logger = logging.getLogger(__name__)

LOOK_SECONDS = 0.5
INKLING = (sys.executable, "-P", "-m", "app.cli")
NextChore = Callable[[], Sequence[str] | None]  # the arguments of a command, or None


class Chores:
    """Runs the next chore whenever there is one, in a thread. A child ends when its standard input is closed."""

    def __init__(self, find_next: NextChore, settings: Settings) -> None:
        self._find_next, self._retry_seconds = find_next, settings.retry_seconds
        self._environment = os.environ | as_environment(settings)
        self._loop = BackgroundLoop(
            "chores", self._look, poll_seconds=LOOK_SECONDS, retry_seconds=settings.retry_seconds
        )
        self._child: subprocess.Popen[bytes] | None = None
        self._arguments: Sequence[str] = ()
        self._start_at = 0.0

    def start(self) -> None:
        """Look for chores from now on."""
        self._loop.start()

    def stop(self) -> None:
        """End the chore under way; it is begun again at the next start."""
        self._loop.stop()
        if self._child is not None:
            self._child.kill()
            self._child.wait()
            self._close(self._child)

    def wake(self) -> None:
        """There may be one."""
        self._loop.wake()

    def _look(self) -> bool:
        if self._child is None:
            arguments = self._find_next() if time.monotonic() >= self._start_at else None
            if arguments is not None:
                self._begin(arguments)
        elif (code := self._child.poll()) is not None:
            self._end(self._child, code)
            return True  # there may be another one
        return False

    def _begin(self, arguments: Sequence[str]) -> None:
        self._arguments = arguments
        command = (*INKLING, *arguments, "--child")
        self._child = subprocess.Popen(  # noqa: S603 (a command of ours)
            command, stdin=subprocess.PIPE, env=self._environment, start_new_session=True
        )

    def _end(self, child: subprocess.Popen[bytes], code: int) -> None:
        self._child = None
        self._close(child)
        if code:
            how = f"was ended by signal {-code}" if code < 0 else f"ended with code {code}"
            name = " ".join(self._arguments)
            logger.error("“inkling %s” %s; it is tried again in %g s", name, how, self._retry_seconds)
            self._start_at = time.monotonic() + self._retry_seconds

    def _close(self, child: subprocess.Popen[bytes]) -> None:
        if child.stdin is not None:
            child.stdin.close()
