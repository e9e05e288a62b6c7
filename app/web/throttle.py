"""Slow down whoever guesses passwords: per account and per address, in a bounded memory and few threads."""

import datetime as dt
import math
import threading
from collections import OrderedDict, deque
from collections.abc import Iterator
from contextlib import contextmanager

from app.errors import TooManyAttempts, TooManyLogins

WINDOW = dt.timedelta(minutes=15)
PER_ACCOUNT = 10  # failures within the window
PER_ADDRESS = 50
MAX_REMEMBERED = 10_000  # accounts and addresses; the ones heard of longest ago are forgotten


class LoginThrottle:
    """Failed logins of the last minutes. One lock around a hash keeps Argon2's memory bounded, too."""

    # 64 MB and four threads each: two at once are no quicker on two cores, and slow all else down.
    CONCURRENT_HASHES = 1
    MAX_WAITING = 30  # for one of these, each in one of the server's 120 threads: three seconds' work

    def __init__(self) -> None:
        self._failures: OrderedDict[str, deque[dt.datetime]] = OrderedDict()
        self._lock = threading.Lock()
        self._places = threading.BoundedSemaphore(self.CONCURRENT_HASHES + self.MAX_WAITING)
        self.hashing = threading.BoundedSemaphore(self.CONCURRENT_HASHES)

    @contextmanager
    def place(self) -> Iterator[None]:
        """A place among those whose passwords are checked, or are next.

        Raises:
            TooManyLogins: at once, with the seconds to wait in the context.
        """
        if not self._places.acquire(blocking=False):
            raise TooManyLogins("Too many are logging in just now. Try again in a few seconds.", seconds=5)
        try:
            yield
        finally:
            self._places.release()

    def begin(self, name: str, address: str, *, now: dt.datetime) -> None:
        """An attempt, which counts as failed until it succeeds: many at once find no gap.

        Raises:
            TooManyAttempts: with the seconds to wait in the context.
        """
        limits = ((f"account {name}", PER_ACCOUNT), (f"address {address}", PER_ADDRESS))
        with self._lock:
            seconds = math.ceil(max(self._wait(key, limit, now) for key, limit in limits))
            if seconds <= 0:
                self._note(name, address, now)
        if seconds > 0:
            raise TooManyAttempts(
                f"Too many failed logins. Try again in {max(1, seconds // 60)} min, or ask an admin.", seconds=seconds
            )

    def succeed(self, name: str, address: str, *, now: dt.datetime) -> None:
        """The attempt that began at `now` was a login: the account's failures are forgotten."""
        with self._lock:
            self._failures.pop(f"account {name}", None)
            of_address = self._failures.get(f"address {address}")
            if of_address is not None and now in of_address:
                of_address.remove(now)

    def _note(self, name: str, address: str, now: dt.datetime) -> None:
        for key in (f"account {name}", f"address {address}"):
            self._failures.setdefault(key, deque(maxlen=PER_ADDRESS)).append(now)
            self._failures.move_to_end(key)
        while len(self._failures) > MAX_REMEMBERED:
            self._failures.popitem(last=False)

    def _wait(self, key: str, limit: int, now: dt.datetime) -> float:
        """Seconds until there are fewer than `limit` failures in the window."""
        # Requests that come at once were not clocked in the order in which they come here: a little later counts too.
        recent = [at for at in self._failures.get(key, ()) if abs(now - at) < WINDOW]
        if len(recent) < limit:
            return 0.0
        return (recent[-limit] + WINDOW - now).total_seconds()
