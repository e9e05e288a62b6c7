"""Webhooks and their deliveries, and pools that have something to tell."""

import datetime as dt
from collections.abc import Sequence
from typing import Any

from sqlalchemy import select

from app import deliveries, milestones, own_pools, rounds, webhooks
from app.db import Database
from app.delivering import Deliverer
from app.models import Delivery, HookEvent, Pool, Round, Webhook
from app.webhooks import EVENTS

from .making import NOW, add_round


class Clock:
    """The time of a test, which moves when the test says so."""

    def __init__(self, now: dt.datetime = NOW) -> None:
        self.now = now

    def __call__(self) -> dt.datetime:
        return self.now

    def move(self, seconds: float) -> None:
        """Let so many seconds pass."""
        self.now += dt.timedelta(seconds=seconds)


def add_webhook(
    database: Database,
    pool: Pool,
    url: str = "https://receiver.example/hook",
    events: Sequence[HookEvent] = EVENTS,
    *,
    now: dt.datetime = NOW,
) -> Webhook:
    """A webhook of all events, if nothing else is said."""
    with database.write() as session:
        return webhooks.register(session, pool, url, events, now=now)


def pause(database: Database, webhook: Webhook, *, is_paused: bool = True, now: dt.datetime = NOW) -> None:
    """Pause a webhook, or resume it."""
    with database.write() as session:
        webhooks.change(session, session.get_one(Webhook, webhook.id), is_paused=is_paused, now=now)


def send_test(database: Database, webhook: Webhook, *, now: dt.datetime = NOW) -> Delivery:
    """A delivery that tells of nothing."""
    with database.write() as session:
        (delivery,) = deliveries.add(session, [session.get_one(Webhook, webhook.id)], "test", {}, now=now)
        return delivery


def set_goals(database: Database, pool: Pool, *, now: dt.datetime = NOW, **goals: float | None) -> Pool:
    """Set `goal_labels` or `goal_accuracy`, as a lead does; the pool as it is then."""
    with database.write() as session:
        return own_pools.change_pool(session, pool, now=now, **goals)


def count_test(database: Database, pool: Pool, correct: int, *, now: dt.datetime = NOW) -> Round:
    """The next round, with so many of the 30 test images right, as a trainer stores and counts it."""
    stored = add_round(database, pool)
    with database.write() as session:
        counted = rounds.record_test(session, stored.id, correct)
        milestones.notice_round(session, counted, now=now)
        return counted


def deliveries_of(database: Database) -> list[Delivery]:
    """All deliveries in their order."""
    with database.read() as session:
        return list(session.scalars(select(Delivery).order_by(Delivery.id)))


def told(database: Database) -> list[tuple[str, dict[str, Any]]]:
    """Event and facts of all deliveries in their order."""
    return [(each.event, each.facts) for each in deliveries_of(database)]


def make_deliverer(database: Database, clock: Clock, *, seconds: float = 5.0) -> Deliverer:
    """A sender that no thread runs, to receivers on this machine."""
    return Deliverer(database, allow_private=True, seconds=seconds, clock=clock)
