"""Slows down guessing of passwords, in bounded memory and few threads.

Failures are counted by account and source together, so that an attacker cannot lock a user out. A source is
an IPv4 address or an IPv6 /64, which is what one person has. Guesses at one account from many sources are bounded by
`PER_ACCOUNT`, which does not hold up a source that has logged in to this account since the server started.
"""

import datetime as dt
import ipaddress
import math
import threading
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from app.errors import TooManyAttempts, TooManyLogins
from app.limits import CONCURRENT_HASHES, WAITING_LOGINS

WINDOW = dt.timedelta(minutes=15)
# Failures within the window:
PER_ACCOUNT_AND_SOURCE = 10
PER_SOURCE = 50
PER_ACCOUNT = 100  # from all sources together that have not logged in to it
MAX_REMEMBERED = 30_000  # counts, up to three an attempt: more than can be hashed within the window

_LIMITS = {"account and source": PER_ACCOUNT_AND_SOURCE, "source": PER_SOURCE, "account": PER_ACCOUNT}
_Key = tuple[str, ...]  # one of _LIMITS, and what it is counted by


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt to log in. A new password begins new counts of its account, whichever process has set it."""

    name: str | None  # the account's, or what was typed if there is no such account; None: the attempt opens a link
    password_hash: str | None
    address: str
    at: dt.datetime


class LoginThrottle:
    """Failed logins of the last minutes. One lock around a hash keeps Argon2's memory bounded, too."""

    def __init__(self) -> None:
        self._failures: OrderedDict[_Key, list[dt.datetime]] = OrderedDict()
        self._own: OrderedDict[tuple[str, str], None] = OrderedDict()  # names with sources that logged in as them
        self._lock = threading.Lock()
        self._slots = threading.BoundedSemaphore(CONCURRENT_HASHES + WAITING_LOGINS)
        self.hashing = threading.BoundedSemaphore(CONCURRENT_HASHES)

    @contextmanager
    def slot(self) -> Iterator[None]:
        """A slot among the logins whose passwords are checked now or next.

        Raises:
            TooManyLogins: at once, with the seconds to wait in the context.
        """
        if not self._slots.acquire(blocking=False):
            raise TooManyLogins("Too many are logging in just now. Try again in a few seconds.", seconds=5)
        try:
            yield
        finally:
            self._slots.release()

    def begin(self, attempt: Attempt) -> None:
        """Count an attempt as failed until it succeeds, so that parallel attempts do not slip through.

        Raises:
            TooManyAttempts: with the seconds to wait in the context.
        """
        with self._lock:
            keys = self._keys(attempt)
            waits = {key: self._wait(key, attempt.at) for key in keys}
            if not any(waits.values()):
                self._record(keys, attempt.at)
                return
        seconds = max(waits.values())
        minutes = f"{math.ceil(seconds / 60)} min"
        if waits[keys[0]] == seconds:
            remedy = f"from your address. Try again in {minutes}."
        else:
            remedy = (
                f"to this account. Try again in {minutes}, or ask an admin for a new password, which works at once."
            )
        raise TooManyAttempts(f"Too many failed logins {remedy}", seconds=seconds)

    def succeed(self, attempt: Attempt) -> None:
        """Forget an attempt that succeeded, and the failures of its source at its account."""
        source = source_of(attempt.address)
        with self._lock:
            of_source, *of_account = self._keys(attempt)
            for key in (of_source, *of_account[1:]):
                if attempt.at in self._failures.get(key, ()):
                    self._failures[key].remove(attempt.at)
            if attempt.name is None:
                return
            self._failures.pop(of_account[0], None)
            self._own[attempt.name, source] = None
            self._own.move_to_end((attempt.name, source))
            if len(self._own) > MAX_REMEMBERED:
                self._own.popitem(last=False)

    def _keys(self, attempt: Attempt) -> list[_Key]:
        source = source_of(attempt.address)
        if attempt.name is None:
            return [("source", source)]
        account = (attempt.name, attempt.password_hash or "")
        keys: list[_Key] = [("source", source), ("account and source", *account, source)]
        return keys if (attempt.name, source) in self._own else [*keys, ("account", *account)]

    def _record(self, keys: list[_Key], at: dt.datetime) -> None:
        for key in keys:
            self._failures[key] = [*self._failures.get(key, ()), at][-_LIMITS[key[0]] :]
            self._failures.move_to_end(key)
        while len(self._failures) > MAX_REMEMBERED:
            # Evict the oldest count; one that blocks logins just now only if there is no other.
            oldest = next((key for key in self._failures if not self._wait(key, at)), next(iter(self._failures)))
            del self._failures[oldest]

    def _wait(self, key: _Key, now: dt.datetime) -> int:
        """Seconds until there are fewer failures than the limit in the window."""
        # Simultaneous requests do not arrive here in the order of their times: a little later counts, too.
        recent = [at for at in self._failures.get(key, ()) if abs(now - at) < WINDOW]
        limit = _LIMITS[key[0]]
        if len(recent) < limit:
            return 0
        return math.ceil((recent[-limit] + WINDOW - now).total_seconds())


def source_of(address: str) -> str:
    """What one person at an address is counted by: an IPv6 address's /64, or else the address."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv4Address):
        return str(parsed)
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.IPv6Network((int(parsed), 64), strict=False))
