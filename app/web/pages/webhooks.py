"""Webhooks of a pool: register, pause, test and delete them, and see what became of their deliveries."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated

from fastapi import APIRouter, Depends, Form, Request, Response
from fastapi.responses import RedirectResponse
from pydantic import BaseModel, Field
from sqlalchemy.orm import Session

from app import deliveries, webhooks
from app.errors import TooManyWebhooks, WebhookInvalid
from app.models import Delivery, HookEvent, Webhook
from app.pools import get_pool
from app.web.edge.auth import InAdmin, ensure_actor, get_admin
from app.web.edge.deps import InServices, Now, PathId, Slug
from app.web.edge.templates import templates
from app.webhooks import EVENTS, MAX_WEBHOOKS

router = APIRouter(prefix="/pools/{slug}/webhooks", include_in_schema=False, dependencies=[Depends(get_admin)])

SHOWN = 10  # deliveries of each webhook
EVENT_WORDS: dict[HookEvent, str] = {
    "round_stored": "Round stored",
    "goal_reached": "Goal reached",
    "pool_finished": "Pool finished",
    "test": "Test",
}
EXPLAINED: dict[HookEvent, str] = {
    "round_stored": "the model has learned again, and how good it is has been counted",
    "goal_reached": "the pool has as many labels, or the model is as good, as the goal says",
    "pool_finished": "every image has a label",
}


class WebhookForm(BaseModel):
    """What is registered; the boxes that are ticked are the events."""

    url: Annotated[str, Field(max_length=10_000)] = ""
    events: list[HookEvent] = Field(default_factory=list, max_length=len(EVENT_WORDS))


InForm = Annotated[WebhookForm, Form()]


@dataclass(frozen=True, slots=True)
class WebhookView:
    """A webhook with its last deliveries, newest first."""

    webhook: Webhook
    deliveries: Sequence[Delivery]


@dataclass(frozen=True, slots=True)
class WebhooksPage:
    """The webhooks of a pool. `made` has just been registered: its secret is shown this once.

    `refusal` says why nothing was registered, and `form` is what was sent then.
    """

    slug: str
    pool_name: str
    views: Sequence[WebhookView]
    form: WebhookForm
    made: Webhook | None = None
    refusal: str | None = None
    events: Mapping[HookEvent, str] = field(default_factory=lambda: EXPLAINED)
    words: Mapping[HookEvent, str] = field(default_factory=lambda: EVENT_WORDS)

    @property
    def is_full(self) -> bool:
        """Whether the pool has as many webhooks as it may have."""
        return len(self.views) >= MAX_WEBHOOKS


@router.get("")
def show_webhooks(slug: Slug, request: Request, services: InServices) -> Response:
    with services.database.read() as session:
        page = _build_page(session, slug, WebhookForm(events=list(EVENTS)))
    return templates.TemplateResponse(request, "webhooks.html", {"page": page})


@router.post("")
def register_webhook(
    slug: Slug, form: InForm, request: Request, services: InServices, admin: InAdmin, now: Now
) -> Response:
    """Register a webhook and show the page with its secret: no redirect, for nothing else ever shows it."""
    made, refusal, status = None, None, 201
    try:
        with services.database.write() as session:
            by = ensure_actor(session, request, admin, as_admin=True)
            made = webhooks.register(session, get_pool(session, slug), form.url, form.events, by=by, now=now)
    except (WebhookInvalid, TooManyWebhooks) as error:
        refusal, status = error.message, error.status
    with services.database.read() as session:
        page = _build_page(session, slug, WebhookForm(events=list(EVENTS)) if made else form, made, refusal)
    return templates.TemplateResponse(request, "webhooks.html", {"page": page}, status)


@router.post("/{webhook_id}/pause")
def pause_webhook(slug: Slug, webhook_id: PathId, services: InServices, now: Now) -> Response:
    """Send nothing for now, and keep what happens meanwhile."""
    with services.database.write() as session:
        webhooks.change(session, _get(session, slug, webhook_id), is_paused=True, now=now)
    return _back(slug)


@router.post("/{webhook_id}/resume")
def resume_webhook(slug: Slug, webhook_id: PathId, services: InServices, now: Now) -> Response:
    """Send what waited, and what comes."""
    with services.database.write() as session:
        webhooks.change(session, _get(session, slug, webhook_id), is_paused=False, now=now)
    return _back(slug)


@router.post("/{webhook_id}/test")
def send_test(slug: Slug, webhook_id: PathId, services: InServices, now: Now) -> Response:
    """Send a delivery that tells of nothing."""
    with services.database.write() as session:
        deliveries.add(session, [_get(session, slug, webhook_id)], "test", {}, now=now)
    return _back(slug)


@router.post("/{webhook_id}/delete")
def delete_webhook(
    slug: Slug, webhook_id: PathId, request: Request, services: InServices, admin: InAdmin, now: Now
) -> Response:
    """Delete a webhook with its deliveries."""
    with services.database.write() as session:
        by = ensure_actor(session, request, admin, as_admin=True)
        webhooks.delete_webhook(session, _get(session, slug, webhook_id), by=by, now=now)
    return _back(slug)


@router.post("/{webhook_id}/deliveries/{delivery_id}/again")
def send_again(slug: Slug, webhook_id: PathId, delivery_id: PathId, services: InServices, now: Now) -> Response:
    """Send a delivery once more."""
    with services.database.write() as session:
        deliveries.send_again(session, _get(session, slug, webhook_id), delivery_id, now=now)
    return _back(slug)


def _build_page(
    session: Session, slug: str, form: WebhookForm, made: Webhook | None = None, refusal: str | None = None
) -> WebhooksPage:
    pool = get_pool(session, slug)
    found = webhooks.list_webhooks(session, pool)
    last = deliveries.list_last(session, found, SHOWN)
    views = [WebhookView(webhook, last[webhook.id]) for webhook in found]
    return WebhooksPage(slug, pool.name, views, form, made, refusal)


def _get(session: Session, slug: str, webhook_id: int) -> Webhook:
    return webhooks.get_webhook(session, get_pool(session, slug), webhook_id)


def _back(slug: str) -> Response:
    return RedirectResponse(f"/pools/{slug}/webhooks", 303)
