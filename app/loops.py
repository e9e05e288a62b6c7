"""Work in the background, repeated until the process ends."""

import logging
import threading
from collections.abc import Callable

logger = logging.getLogger(__name__)


class BackgroundLoop:
    """Calls `run_one` again and again: at once if it found work, else after a pause or a wake-up.

    A failure is logged, and the loop goes on: a loop that ends silently would be the worst failure.
    """

    def __init__(
        self, name: str, run_one: Callable[[], bool], *, poll_seconds: float, retry_seconds: float | None = None
    ) -> None:
        self._name, self._run_one = name, run_one
        self.poll_seconds = poll_seconds  # may change while it runs
        self._retry_seconds = poll_seconds if retry_seconds is None else retry_seconds
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self.run, name=name, daemon=True)

    def start(self) -> None:
        """Run in a thread of its own."""
        self._thread.start()

    def run(self) -> None:
        """Run in this thread until another one stops it."""
        while not self._stopping.is_set():
            try:
                if self._run_one():
                    continue
                pause = self.poll_seconds
            except Exception:
                logger.exception("the %s failed; it tries again in %s s", self._name, self._retry_seconds)
                pause = self._retry_seconds
            self._wake.wait(pause)
            self._wake.clear()

    def wake(self) -> None:
        """End the pause: there is work."""
        self._wake.set()

    def stop(self) -> None:
        """End after the work under way."""
        self._stopping.set()
        self._wake.set()
        if self._thread.is_alive() and self._thread is not threading.current_thread():
            self._thread.join()
