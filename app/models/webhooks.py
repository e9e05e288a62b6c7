"""Addresses that are told what happens in a pool, and what they are to be told."""

import datetime as dt
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.types import String

from app.models.base import Base, DeliveryStatus, HookEvent, one_of

MAX_URL_LENGTH = 2000


class Webhook(Base):
    """An address that is told of some events of a pool. While it is paused, nothing is sent; what happens waits.

    `secret` signs what is sent, so it is stored as it is. It is shown once.
    """

    __tablename__ = "webhook"
    __table_args__ = (
        Index("ix_webhook_pool", "pool_id"),  # who is to be told of this event?
        {"sqlite_autoincrement": True},  # an id is never reused: receivers may have noted it
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    pool_id: Mapped[int] = mapped_column(ForeignKey("pool.id"))
    url: Mapped[str] = mapped_column(String(MAX_URL_LENGTH))
    events: Mapped[list[str]]  # of `HookEvent`
    secret: Mapped[str] = mapped_column(String(64))
    created_at: Mapped[dt.datetime]
    paused_at: Mapped[dt.datetime | None]


class Delivery(Base):
    """One event for one webhook, written in the transaction of the event. It waits until a receiver has taken it.

    It is sent from `due_at` on. Whoever sends it first moves `due_at` on, so that nobody else does meanwhile; if they
    die, it is due again then. A failure after `tried_until` is the last one.
    """

    __tablename__ = "delivery"
    __table_args__ = (
        Index("ix_delivery_due", "due_at", sqlite_where=text("status = 'waiting'")),  # what is to be sent now?
        Index("ix_delivery_webhook", "webhook_id", "id"),  # the last deliveries of a webhook
        one_of("event", "round_stored goal_reached pool_finished test"),
        one_of("status", "waiting delivered given_up"),
        CheckConstraint("n_attempts >= 0", name="attempts_are_counted"),
        CheckConstraint("(status = 'waiting') = (ended_at IS NULL)", name="a_delivery_ends"),
        CheckConstraint("status != 'given_up' OR last_error IS NOT NULL", name="what_is_given_up_has_a_reason"),
        {"sqlite_autoincrement": True},  # receivers tell by the id what they have had already
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    webhook_id: Mapped[int] = mapped_column(ForeignKey("webhook.id"))
    event: Mapped[HookEvent]
    facts: Mapped[dict[str, Any]]  # what the body says besides id, event, pool and time
    status: Mapped[DeliveryStatus] = mapped_column(default="waiting")
    n_attempts: Mapped[int] = mapped_column(default=0)
    last_error: Mapped[str | None] = mapped_column(String(300))
    created_at: Mapped[dt.datetime]
    due_at: Mapped[dt.datetime]
    tried_until: Mapped[dt.datetime]
    ended_at: Mapped[dt.datetime | None]
