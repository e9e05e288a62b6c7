"""The bodies about webhooks and their deliveries."""

import datetime as dt
from typing import Annotated, Self

from pydantic import BaseModel, Field, StringConstraints

from app.models import MAX_URL_LENGTH, Delivery, DeliveryStatus, HookEvent, Webhook
from app.web.api.schemas import Strict
from app.webhooks import EVENTS

Url = Annotated[str, StringConstraints(min_length=1, max_length=MAX_URL_LENGTH)]
Events = Annotated[list[HookEvent], Field(min_length=1, max_length=len(EVENTS))]


class WebhookIn(Strict):
    """Where to send to, and which events: `round_stored`, `goal_reached`, `pool_finished`."""

    url: Url = Field(examples=["https://example.org/inkling"])
    events: Events = Field(examples=[["goal_reached", "pool_finished"]])


class WebhookChangeIn(Strict):
    """What is to change; what is left out stays. While a webhook is paused, what happens is kept and sent later."""

    url: Url = ""
    events: Events = Field(default_factory=list)
    is_paused: bool = False


class WebhookOut(BaseModel):
    """A webhook without its secret."""

    webhook_id: int
    url: str
    events: list[HookEvent]
    created_at: dt.datetime
    paused_at: dt.datetime | None

    @classmethod
    def of(cls, webhook: Webhook) -> Self:
        return cls.model_validate(_as_dict(webhook))


class WebhookMade(WebhookOut):
    """A new webhook with the secret that signs what is sent to it. It is shown this once."""

    secret: str


class DeliveryOut(BaseModel):
    """What one webhook is told of one event: `waiting`, `delivered`, or `given_up` after three days of failures.

    While it waits, `due_at` is when it is tried next. `last_error` is what was wrong with the last attempt.
    """

    delivery_id: int
    event: HookEvent
    status: DeliveryStatus
    attempts: int
    last_error: str | None
    created_at: dt.datetime
    due_at: dt.datetime | None
    ended_at: dt.datetime | None

    @classmethod
    def of(cls, delivery: Delivery) -> Self:
        return cls(
            delivery_id=delivery.id,
            event=delivery.event,
            status=delivery.status,
            attempts=delivery.n_attempts,
            last_error=delivery.last_error,
            created_at=delivery.created_at,
            due_at=delivery.due_at if delivery.status == "waiting" else None,
            ended_at=delivery.ended_at,
        )


def _as_dict(webhook: Webhook) -> dict[str, object]:
    names = ("url", "events", "created_at", "paused_at", "secret")
    return {"webhook_id": webhook.id} | {name: getattr(webhook, name) for name in names}
