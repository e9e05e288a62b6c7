"""Slow down whoever guesses passwords: per account and per address, in a bounded memory."""

import datetime as dt
import math
import threading
from collections import OrderedDict, deque

from app.errors import TooManyAttempts

WINDOW = dt.timedelta(minutes=15)
PER_ACCOUNT = 10  # failures within the window
PER_ADDRESS = 50
MAX_REMEMBERED = 10_000  # accounts and addresses; the ones heard of longest ago are forgotten


class LoginThrottle:
    """Failed logins of the last minutes. One lock around a hash keeps Argon2's memory bounded, too."""

    CONCURRENT_HASHES = 2  # 64 MB each

    def __init__(self) -> None:
        self._failures: OrderedDict[str, deque[dt.datetime]] = OrderedDict()
        self._lock = threading.Lock()
        self.hashing = threading.BoundedSemaphore(self.CONCURRENT_HASHES)

    def check(self, name: str, address: str, *, now: dt.datetime) -> None:
        """
        Raises:
            TooManyAttempts: with the seconds to wait in the context.
        """
        limits = ((f"account {name}", PER_ACCOUNT), (f"address {address}", PER_ADDRESS))
        with self._lock:
            waits = [self._wait(key, limit, now) for key, limit in limits]
        seconds = math.ceil(max(waits))
        if seconds > 0:
            raise TooManyAttempts(
                f"Too many failed logins. Try again in {max(1, seconds // 60)} min, or ask an admin.", seconds=seconds
            )

    def note_failure(self, name: str, address: str, *, now: dt.datetime) -> None:
        """A login failed."""
        with self._lock:
            for key in (f"account {name}", f"address {address}"):
                self._failures.setdefault(key, deque(maxlen=PER_ADDRESS)).append(now)
                self._failures.move_to_end(key)
            while len(self._failures) > MAX_REMEMBERED:
                self._failures.popitem(last=False)

    def forget(self, name: str) -> None:
        """A login of this account succeeded."""
        with self._lock:
            self._failures.pop(f"account {name}", None)

    def _wait(self, key: str, limit: int, now: dt.datetime) -> float:
        """Seconds until there are fewer than `limit` failures in the window."""
        recent = [at for at in self._failures.get(key, ()) if now - WINDOW < at <= now]
        if len(recent) < limit:
            return 0.0
        return (recent[-limit] + WINDOW - now).total_seconds()
