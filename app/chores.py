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
LONGEST_PAUSE_SECONDS = 600.0  # before one that has failed again and again is tried once more
Chore = tuple[str, ...]  # the arguments of a command
INKLING = (sys.executable, "-P", "-m", "app.cli")
FindChores = Callable[[], Sequence[Chore]]  # the most urgent first


class Chores:
    """Runs the next chore whenever there is one, in a thread. A child ends when its standard input is closed.

    One that fails is tried again after a pause that doubles; the others have their turn meanwhile.
    """

    def __init__(self, find_all: FindChores, settings: Settings) -> None:
        self._find_all, self._retry_seconds = find_all, settings.retry_seconds
        self._environment = os.environ | as_environment(settings)
        self._loop = BackgroundLoop(
            "chores", self._look, poll_seconds=LOOK_SECONDS, retry_seconds=settings.retry_seconds
        )
        self._child: subprocess.Popen[bytes] | None = None
        self._chore: Chore = ()
        self._n_failed: dict[Chore, int] = {}
        self._start_at: dict[Chore, float] = {}

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
            now = time.monotonic()
            chore = next((each for each in self._find_all() if now >= self._start_at.get(each, 0.0)), None)
            if chore is not None:
                self._begin(chore)
        elif (code := self._child.poll()) is not None:
            self._end(self._child, code)
            return True  # there may be another one
        return False

    def _begin(self, chore: Chore) -> None:
        self._chore = chore
        self._child = subprocess.Popen(  # noqa: S603 (a command of ours)
            (*INKLING, *chore, "--child"), stdin=subprocess.PIPE, env=self._environment, start_new_session=True
        )

    def _end(self, child: subprocess.Popen[bytes], code: int) -> None:
        self._child = None
        self._close(child)
        if not code:
            self._n_failed.pop(self._chore, None)
            return
        n_failed = self._n_failed[self._chore] = self._n_failed.get(self._chore, 0) + 1
        pause = min(self._retry_seconds * 2.0 ** (n_failed - 1), LONGEST_PAUSE_SECONDS)
        self._start_at[self._chore] = time.monotonic() + pause
        how = f"was ended by signal {-code}" if code < 0 else f"ended with code {code}"
        logger.error("“inkling %s” %s; it is tried again in %g s", " ".join(self._chore), how, pause)

    def _close(self, child: subprocess.Popen[bytes]) -> None:
        if child.stdin is not None:
            child.stdin.close()
