"""What webhooks are to be told: written with the event, claimed by one sender at a time, tried until it is taken.

At least once: a sender that dies after the receiver has taken a delivery, and before that is stored, sends it again.
"""

import datetime as dt
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import delete, func, or_, select, update
from sqlalchemy.orm import Session

from app.changes import Change, note
from app.errors import NotFound
from app.models import Delivery, HookEvent, Pool, Webhook
from app.paging import page_of

FIRST_PAUSE = dt.timedelta(seconds=10)  # after the first failure; after further ones see `pause_after`
LONGEST_PAUSE = dt.timedelta(hours=1)
TRIED = dt.timedelta(days=3)  # so long a delivery is tried; a receiver may be down over a weekend
KEPT = dt.timedelta(days=30)  # what has ended, for the list of deliveries
CLAIMED = dt.timedelta(minutes=2)  # longer than any attempt takes, also where a name server does not answer
MAX_WAITING = 1000  # deliveries of one webhook, also of one that is paused for ever; the oldest are given up
MAX_REASON = 300


@dataclass(frozen=True, slots=True)
class Claimed:
    """An attempt at a delivery that nobody else makes meanwhile: what is sent, and where."""

    id: int
    webhook_id: int
    attempt: int
    url: str
    secret: str
    event: HookEvent
    body: bytes


def find_webhooks(session: Session, pool_id: int, event: HookEvent) -> list[Webhook]:
    """The webhooks of the pool that want to be told of this event."""
    of_pool = session.scalars(select(Webhook).where(Webhook.pool_id == pool_id).order_by(Webhook.id))
    return [webhook for webhook in of_pool if event in webhook.events]


def add(
    session: Session, webhooks: Sequence[Webhook], event: HookEvent, facts: dict[str, Any], *, now: dt.datetime
) -> list[Delivery]:
    """Write a delivery for each of these webhooks, to be sent after the commit. A test is tried once.

    Of those that wait for a webhook the newest `MAX_WAITING` are kept.
    """
    until = now if event == "test" else now + TRIED
    added = [
        Delivery(webhook_id=each.id, event=event, facts=facts, created_at=now, due_at=now, tried_until=until)
        for each in webhooks
    ]
    session.add_all(added)
    session.flush()
    for each in webhooks:
        _give_up_beyond(session, each.id, now=now)
        _forget(session, each.id, now=now)
    for pool_id in {each.pool_id for each in webhooks}:
        note(session, Change("delivery", pool_id))
    return added


def find_due(session: Session, *, now: dt.datetime) -> dict[int, int]:
    """The oldest delivery that is to be sent now, by webhook."""
    is_open = or_(Webhook.paused_at.is_(None), Delivery.event == "test")
    due = (
        select(Delivery.webhook_id, func.min(Delivery.id))
        .join(Webhook, Webhook.id == Delivery.webhook_id)
        .where(Delivery.status == "waiting", Delivery.due_at <= now, is_open)
        .group_by(Delivery.webhook_id)
    )
    return dict(session.execute(due).all())


def claim(session: Session, delivery_id: int, *, now: dt.datetime) -> Claimed | None:
    """Take a delivery that is due, in the caller's transaction; None if another sender was first, or it is gone."""
    claimed = session.scalar(
        update(Delivery)
        .where(Delivery.id == delivery_id, Delivery.status == "waiting", Delivery.due_at <= now)
        .values(due_at=now + CLAIMED, n_attempts=Delivery.n_attempts + 1)
        .returning(Delivery)
    )
    if claimed is None:
        return None
    webhook = session.get_one(Webhook, claimed.webhook_id)
    slug = session.scalars(select(Pool.slug).where(Pool.id == webhook.pool_id)).one()
    told = {
        "delivery_id": claimed.id,
        "event": claimed.event,
        "pool": slug,
        "created_at": claimed.created_at.isoformat(),
        **claimed.facts,
    }
    body = json.dumps(told, ensure_ascii=False).encode()
    return Claimed(claimed.id, webhook.id, claimed.n_attempts, webhook.url, webhook.secret, claimed.event, body)


def record_success(session: Session, claimed: Claimed, *, now: dt.datetime) -> None:
    """The receiver has taken it: what waits for a later attempt is sent at once. What ended long ago is forgotten."""
    session.execute(
        update(Delivery)
        .where(Delivery.id == claimed.id, Delivery.status == "waiting")
        .values(status="delivered", last_error=None, ended_at=now)
    )
    # What another sender may be sending just now is due no later than that, and stays claimed.
    is_later = Delivery.due_at > now + CLAIMED
    waiting = (Delivery.webhook_id == claimed.webhook_id, Delivery.status == "waiting")
    session.execute(update(Delivery).where(*waiting, is_later).values(due_at=now))
    _forget(session, claimed.webhook_id, now=now)


def record_failure(session: Session, claimed: Claimed, reason: str, *, now: dt.datetime) -> None:
    """The attempt failed: try again after a pause, or give up. Does nothing once another attempt was begun.

    Whatever else waits for the webhook waits as long, so that a backlog costs one attempt at a time; what would wait
    for longer than it is tried is given up with it.
    """
    delivery = session.scalar(
        select(Delivery).where(
            Delivery.id == claimed.id, Delivery.status == "waiting", Delivery.n_attempts == claimed.attempt
        )
    )
    if delivery is None:
        return
    reason = reason[:MAX_REASON]
    delivery.last_error = reason
    if delivery.event == "test":  # tried once, whenever: it says nothing of how long the others have waited
        delivery.status, delivery.ended_at = "given_up", now
        return
    others = (Delivery.webhook_id == claimed.webhook_id, Delivery.status == "waiting", Delivery.event != "test")
    oldest = session.scalars(select(func.min(Delivery.tried_until)).where(*others)).one()
    due_at = now + pause_after(now - (oldest - TRIED))
    is_later = Delivery.due_at < due_at  # one that is being sent elsewhere may be due later: it stays claimed
    session.execute(update(Delivery).where(*others, is_later | (Delivery.id == claimed.id)).values(due_at=due_at))
    given_up = {"status": "given_up", "ended_at": now, "last_error": reason}
    session.execute(update(Delivery).where(*others, Delivery.tried_until < Delivery.due_at).values(given_up))
    _forget(session, claimed.webhook_id, now=now)


def pause_after(failing: dt.timedelta) -> dt.timedelta:
    """How long to wait after a failure, if the oldest delivery that waits has been tried for so long: as long again.

    So each pause is twice the one before, also where a new delivery was tried meanwhile or an old one was given up.
    """
    return min(max(failing, dt.timedelta()) + FIRST_PAUSE, LONGEST_PAUSE)


def list_deliveries(
    session: Session, webhook: Webhook, *, before: int | None = None, limit: int = 100
) -> tuple[Sequence[Delivery], int | None]:
    """The webhook's deliveries, newest first."""
    query = select(Delivery).where(Delivery.webhook_id == webhook.id).order_by(Delivery.id.desc())
    if before is not None:
        query = query.where(Delivery.id < before)
    return page_of(session.scalars(query.limit(limit + 1)).all(), limit, lambda delivery: delivery.id)


def list_last(session: Session, webhooks: Sequence[Webhook], n: int) -> dict[int, list[Delivery]]:
    """The last `n` deliveries of each of these webhooks, newest first, by webhook."""
    place = func.row_number().over(partition_by=Delivery.webhook_id, order_by=Delivery.id.desc())
    placed = (
        select(Delivery.id, place.label("place"))
        .where(Delivery.webhook_id.in_([webhook.id for webhook in webhooks]))
        .subquery()
    )
    query = select(Delivery).join(placed, placed.c.id == Delivery.id).where(placed.c.place <= n)
    last: dict[int, list[Delivery]] = {webhook.id: [] for webhook in webhooks}
    for delivery in session.scalars(query.order_by(Delivery.id.desc())):
        last[delivery.webhook_id].append(delivery)
    return last


def send_again(session: Session, webhook: Webhook, delivery_id: int, *, now: dt.datetime) -> Delivery:
    """Send a delivery now, under the same id, whatever became of it; its attempts are counted from 0.

    If it is being sent at this moment, the receiver may get it twice.

    Raises:
        NotFound: the webhook has no such delivery.
    """
    delivery = session.get(Delivery, delivery_id)
    if delivery is None or delivery.webhook_id != webhook.id:
        raise NotFound(f"Webhook {webhook.id} has no delivery {delivery_id}.", delivery_id=delivery_id)
    delivery.status, delivery.ended_at, delivery.n_attempts = "waiting", None, 0
    delivery.due_at, delivery.tried_until = now, now if delivery.event == "test" else now + TRIED
    note(session, Change("delivery", webhook.pool_id))
    return delivery


def resume(session: Session, webhook: Webhook, *, now: dt.datetime) -> None:
    """Send what waited while the webhook was paused, and try it for as long as if it were new."""
    waiting = (Delivery.webhook_id == webhook.id, Delivery.status == "waiting")
    session.execute(update(Delivery).where(*waiting).values(due_at=now, tried_until=now + TRIED))
    note(session, Change("delivery", webhook.pool_id))


def _give_up_beyond(session: Session, webhook_id: int, *, now: dt.datetime) -> None:
    """Give up the oldest deliveries of a webhook for which too many wait."""
    waiting = (Delivery.webhook_id == webhook_id, Delivery.status == "waiting")
    newest_first = select(Delivery.id).where(*waiting).order_by(Delivery.id.desc())
    newest_beyond = session.scalar(newest_first.offset(MAX_WAITING).limit(1))
    if newest_beyond is not None:
        reason = f"More than {MAX_WAITING:,} waited, and the oldest were given up."
        too_old = update(Delivery).where(*waiting, Delivery.id <= newest_beyond)
        session.execute(too_old.values(status="given_up", ended_at=now, last_error=reason))


def _forget(session: Session, webhook_id: int, *, now: dt.datetime) -> None:
    """Delete what ended long ago."""
    of_webhook = (Delivery.webhook_id == webhook_id, Delivery.status != "waiting")
    session.execute(delete(Delivery).where(*of_webhook, Delivery.ended_at < now - KEPT))
