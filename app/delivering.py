"""Sends what webhooks are to be told, in a thread of the web process. No transaction is open meanwhile."""

import datetime as dt
import hashlib
import hmac
import itertools
import logging
from collections.abc import Callable

from app import deliveries, posting
from app.changes import Change
from app.db import Database
from app.deliveries import Claimed
from app.loops import BackgroundLoop

logger = logging.getLogger(__name__)

POLL_SECONDS = 2.0  # finds what is due again after a failure; what is new is announced


def now_utc() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


def sign(secret: str, timestamp: str, body: bytes) -> str:
    """The signature of a body that is sent at this time: HMAC-SHA-256 of time, full stop and body, in hexadecimal."""
    return hmac.new(secret.encode(), timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()


class Deliverer:
    """Sends what is due, one delivery after the other. The webhooks take turns, those whose last attempt failed after
    the others: however many do not answer, they delay the others by no more than one attempt.
    """

    def __init__(
        self,
        database: Database,
        *,
        allow_private: bool,
        seconds: float = posting.MAX_SECONDS,
        clock: Callable[[], dt.datetime] = now_utc,
    ) -> None:
        """`allow_private` as for `posting.is_allowed`; `seconds` is the longest that one attempt may take, without the
        time in which a name is looked up.
        """
        self._database, self._allow_private, self._seconds, self._clock = database, allow_private, seconds, clock
        self._turns = itertools.count(1)
        self._last_turn: dict[int, int] = {}  # by webhook
        self._failing = set[int]()  # webhooks
        self._loop = BackgroundLoop("sender of webhooks", self.run_one, poll_seconds=POLL_SECONDS)

    def start(self) -> None:
        """Send in a thread of its own."""
        self._loop.start()

    def stop(self) -> None:
        """End after the attempt under way, which takes some seconds, or longer where no name server answers."""
        self._loop.stop()

    def hear(self, change: Change) -> None:
        """Send what was just committed, here or in another process."""
        if change.kind == "delivery":
            self._loop.wake()

    def run_one(self) -> bool:
        """Make one attempt at what is due; return whether there was one to make."""
        with self._database.read() as session:
            due = deliveries.find_due(session, now=self._clock())
        for webhook_id in sorted(due, key=lambda each: (each in self._failing, self._last_turn.get(each, 0))):
            claimed = self._claim(due[webhook_id])
            if claimed is not None:
                self._last_turn[webhook_id] = next(self._turns)
                self._attempt(claimed)
                return True
        return False

    def _claim(self, delivery_id: int) -> Claimed | None:
        return self._database.write_together(
            lambda session: deliveries.claim(session, delivery_id, now=self._clock()),
        )

    def _attempt(self, claimed: Claimed) -> None:
        headers = self._make_headers(claimed)
        try:
            reason = posting.post(
                claimed.url, headers, claimed.body, allow_private=self._allow_private, seconds=self._seconds
            )
        except Exception:  # a job's boundary: as any failure it is tried again, and in the end given up
            logger.exception("webhook %d: delivery %d could not be sent", claimed.webhook_id, claimed.id)
            reason = "It could not be sent; the server’s log says why."
        now = self._clock()
        if reason is None:
            self._failing.discard(claimed.webhook_id)
            self._database.write_together(lambda session: deliveries.record_success(session, claimed, now=now))
        else:
            self._failing.add(claimed.webhook_id)
            self._database.write_together(lambda session: deliveries.record_failure(session, claimed, reason, now=now))
            # Not the URL: some have a password in their path.
            logger.warning(
                "webhook %d: attempt %d at delivery %d failed: %s",
                *(claimed.webhook_id, claimed.attempt, claimed.id, reason),
            )

    def _make_headers(self, claimed: Claimed) -> dict[str, str]:
        timestamp = str(int(self._clock().timestamp()))
        return {
            "Content-Type": "application/json",
            "User-Agent": "Inkling",
            "Inkling-Event": claimed.event,
            "Inkling-Delivery": str(claimed.id),
            "Inkling-Timestamp": timestamp,
            "Inkling-Signature": f"sha256={sign(claimed.secret, timestamp, claimed.body)}",
        }
