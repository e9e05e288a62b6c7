"""Webhooks of a pool: registered, changed and deleted by leads."""

import datetime as dt
import secrets
from collections.abc import Sequence
from typing import get_args

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from app import deliveries, posting
from app.audit import COMMAND, Actor, record_audit
from app.errors import NotFound, TooManyWebhooks, WebhookInvalid
from app.models import MAX_URL_LENGTH, Delivery, HookEvent, Pool, Webhook

MAX_WEBHOOKS = 20  # of one pool
EVENTS: tuple[HookEvent, ...] = tuple(event for event in get_args(HookEvent) if event != "test")


def register(
    session: Session, pool: Pool, url: str, events: Sequence[HookEvent], *, now: dt.datetime, by: Actor = COMMAND
) -> Webhook:
    """A new webhook with a secret of its own, which is told of these events from now on.

    Raises:
        WebhookInvalid, TooManyWebhooks
    """
    checked = check_url(url), check_events(events)
    n_there = session.scalar(select(func.count()).where(Webhook.pool_id == pool.id)) or 0
    if n_there >= MAX_WEBHOOKS:
        raise TooManyWebhooks(
            f"{pool.name} has {n_there} webhooks, and no pool has more than {MAX_WEBHOOKS}. Delete one first.",
            n_webhooks=n_there,
        )
    webhook = Webhook(
        pool_id=pool.id, url=checked[0], events=checked[1], secret=secrets.token_urlsafe(32), created_at=now
    )
    session.add(webhook)
    session.flush()
    record_audit(session, f"webhook {webhook.id} registered", pool.slug, by=by, now=now)
    return webhook


def check_url(url: str) -> str:
    """The URL without the spaces around it. Where its host leads to is looked at with each delivery.

    Raises:
        WebhookInvalid: nothing could be sent there.
    """
    url = url.strip()
    if len(url) > MAX_URL_LENGTH:
        raise WebhookInvalid(f"The URL has {len(url):,} characters, and {MAX_URL_LENGTH:,} at most are stored.")
    try:
        posting.parse(url)
    except ValueError as error:
        raise WebhookInvalid(str(error)) from None
    return url


def check_events(events: Sequence[HookEvent]) -> list[str]:
    """The events, each once, in the order in which they are always told.

    Raises:
        WebhookInvalid: there are none.
    """
    wanted: list[str] = [event for event in EVENTS if event in events]
    if not wanted:
        raise WebhookInvalid("Choose one event at least, or nothing would ever be sent.")
    return wanted


def list_webhooks(session: Session, pool: Pool) -> Sequence[Webhook]:
    """The pool's webhooks, in the order in which they were registered."""
    return session.scalars(select(Webhook).where(Webhook.pool_id == pool.id).order_by(Webhook.id)).all()


def get_webhook(session: Session, pool: Pool, webhook_id: int) -> Webhook:
    """
    Raises:
        NotFound: the pool has no such webhook.
    """
    webhook = session.get(Webhook, webhook_id)
    if webhook is None or webhook.pool_id != pool.id:
        raise NotFound(f"{pool.name} has no webhook {webhook_id}.", webhook_id=webhook_id)
    return webhook


def change(
    session: Session,
    webhook: Webhook,
    *,
    url: str | None = None,
    events: Sequence[HookEvent] | None = None,
    is_paused: bool | None = None,
    now: dt.datetime,
) -> Webhook:
    """Another URL or other events from now on; pause or resume. What waited meanwhile is sent then.

    Raises:
        WebhookInvalid
    """
    if url is not None:
        webhook.url = check_url(url)
    if events is not None:
        webhook.events = check_events(events)
    if is_paused is True and webhook.paused_at is None:
        webhook.paused_at = now
    if is_paused is False and webhook.paused_at is not None:
        webhook.paused_at = None
        deliveries.resume(session, webhook, now=now)
    return webhook


def delete_webhook(session: Session, webhook: Webhook, *, now: dt.datetime, by: Actor = COMMAND) -> None:
    """Delete it with its deliveries: what waits is not sent."""
    slug = session.get_one(Pool, webhook.pool_id).slug
    record_audit(session, f"webhook {webhook.id} deleted", slug, by=by, now=now)
    session.execute(delete(Delivery).where(Delivery.webhook_id == webhook.id))
    session.delete(webhook)
