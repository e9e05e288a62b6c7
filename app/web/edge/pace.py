"""How fast an account may act: one counter an account and kind of act, in memory. A refused act may be sent again."""

import datetime as dt
import math
import threading
from dataclasses import dataclass

from app.errors import TooManyActs
from app.models import Annotator


@dataclass(frozen=True, slots=True)
class Allowance:
    """A token bucket: `at_once` acts, refilled by `per_second`."""

    name: str
    at_once: int
    per_second: float


# Scripts send a thousand labels at a time. An image takes one, so the pool bounds them, too.
LABELS = Allowance("labels", 10_000, 100)
# A person makes four changes, skips, flags or undos a second for a short time. Each is kept for ever, and ten changes
# train a round of 100 kB.
ACTS = Allowance("changes, skips, flags and undos", 120, 0.5)


class Pace:
    """The recent acts of each account. Admins, and all callers of a server without accounts, are not limited."""

    def __init__(self) -> None:
        self._spent: dict[tuple[int, Allowance], tuple[float, dt.datetime]] = {}  # how much at which time
        self._lock = threading.Lock()

    def spend(self, annotator: Annotator, allowance: Allowance, n: int = 1, *, now: dt.datetime) -> None:
        """Count `n` acts.

        Raises:
            TooManyActs: they are more than the allowance has left; with the seconds to wait in the context.
        """
        if annotator.role != "annotator" or annotator.password_hash is None:
            return
        key = (annotator.id, allowance)
        with self._lock:
            spent, at = self._spent.get(key, (0.0, now))
            passed = max(0.0, (now - at).total_seconds())  # a clock may be set back
            spent = max(0.0, spent - passed * allowance.per_second) + n
            if spent <= allowance.at_once:
                self._spent[key] = (spent, now)
                return
        seconds = math.ceil((spent - allowance.at_once) / allowance.per_second)
        raise TooManyActs(
            f"This account has done much at once: {allowance.at_once:,} {allowance.name}, then "
            f"{allowance.per_second * 60:g} a minute are taken. Send it again in {seconds} s.",
            seconds=seconds,
        )
