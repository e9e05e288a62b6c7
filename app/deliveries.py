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

FIRST_PAUSE = dt.timedelta(seconds=10)  # after the first failure; twice as long after each further one
LONGEST_PAUSE = dt.timedelta(hours=1)
TRIED = dt.timedelta(days=3)  # so long a delivery is tried; a receiver may be down over a weekend
KEPT = dt.timedelta(days=30)  # what has ended, for the list of deliveries
CLAIMED = dt.timedelta(minutes=2)  # longer than any attempt takes, also where a name server does not answer
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
    """Write a delivery for each of these webhooks, to be sent after the commit. A test is tried once."""
    until = now if event == "test" else now + TRIED
    added = [
        Delivery(webhook_id=each.id, event=event, facts=facts, created_at=now, due_at=now, tried_until=until)
        for each in webhooks
    ]
    session.add_all(added)
    session.flush()
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
    """The receiver has taken it. What ended long ago is forgotten."""
    session.execute(
        update(Delivery)
        .where(Delivery.id == claimed.id, Delivery.status == "waiting")
        .values(status="delivered", last_error=None, ended_at=now)
    )
    of_webhook = (Delivery.webhook_id == claimed.webhook_id, Delivery.status != "waiting")
    session.execute(delete(Delivery).where(*of_webhook, Delivery.ended_at < now - KEPT))


def record_failure(session: Session, claimed: Claimed, reason: str, *, now: dt.datetime) -> None:
    """The attempt failed: try again after a pause, or give up. Does nothing once another attempt was begun."""
    delivery = session.scalar(
        select(Delivery).where(
            Delivery.id == claimed.id, Delivery.status == "waiting", Delivery.n_attempts == claimed.attempt
        )
    )
    if delivery is None:
        return
    delivery.last_error = reason[:MAX_REASON]
    delivery.due_at = now + pause_after(claimed.attempt)
    if delivery.due_at > delivery.tried_until:
        delivery.status, delivery.ended_at = "given_up", now


def pause_after(attempt: int) -> dt.timedelta:
    """How long to wait after the failure of an attempt, counted from 1."""
    doublings = min(attempt - 1, 20)  # more would overflow, and are the longest pause long since
    return min(FIRST_PAUSE * (1 << doublings), LONGEST_PAUSE)


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
