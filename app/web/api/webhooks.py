"""Webhooks of a pool, and what became of their deliveries. For admins."""

from fastapi import APIRouter, Depends, Request, Response

from app import deliveries, webhooks
from app.pools import get_pool
from app.web.api.schemas import Page
from app.web.api.webhook_schemas import DeliveryOut, WebhookChangeIn, WebhookIn, WebhookMade, WebhookOut
from app.web.edge.auth import InAdmin, ensure_actor, get_admin
from app.web.edge.deps import Cursor, InServices, Limit, Now, PathId, Slug
from app.web.edge.problems import responses

router = APIRouter(
    prefix="/pools/{slug}/webhooks", tags=["webhooks"], responses=responses(403, 404), dependencies=[Depends(get_admin)]
)


@router.get("")
def list_webhooks(slug: Slug, services: InServices) -> Page[WebhookOut]:
    """All webhooks of the pool; there are twenty at most."""
    with services.database.read() as session:
        found = webhooks.list_webhooks(session, get_pool(session, slug))
    return Page(items=[WebhookOut.of(each) for each in found], next=None)


@router.post("", status_code=201, responses=responses(409))
def register_webhook(
    slug: Slug, body: WebhookIn, request: Request, response: Response, services: InServices, admin: InAdmin, now: Now
) -> WebhookMade:
    """Register an address that is told what happens. The answer has its secret, which is shown this once."""
    with services.database.write() as session:
        by = ensure_actor(session, request, admin, as_admin=True)
        webhook = webhooks.register(session, get_pool(session, slug), body.url, body.events, by=by, now=now)
    response.headers["Location"] = f"/api/v1/pools/{slug}/webhooks/{webhook.id}"
    return WebhookMade.of(webhook)


@router.patch("/{webhook_id}")
def change_webhook(slug: Slug, webhook_id: PathId, body: WebhookChangeIn, services: InServices, now: Now) -> WebhookOut:
    """Another address, other events; pause it, or resume it with what waited meanwhile."""
    with services.database.write() as session:
        webhook = webhooks.get_webhook(session, get_pool(session, slug), webhook_id)
        return WebhookOut.of(webhooks.change(session, webhook, **body.model_dump(exclude_unset=True), now=now))


@router.delete("/{webhook_id}", status_code=204)
def delete_webhook(
    slug: Slug, webhook_id: PathId, request: Request, services: InServices, admin: InAdmin, now: Now
) -> None:
    """Delete a webhook with its deliveries: what waits is not sent."""
    with services.database.write() as session:
        by = ensure_actor(session, request, admin, as_admin=True)
        webhook = webhooks.get_webhook(session, get_pool(session, slug), webhook_id)
        webhooks.delete_webhook(session, webhook, by=by, now=now)


@router.post("/{webhook_id}/test", status_code=202)
def send_test(slug: Slug, webhook_id: PathId, services: InServices, now: Now) -> DeliveryOut:
    """Send a delivery that tells of nothing. It is tried once."""
    with services.database.write() as session:
        webhook = webhooks.get_webhook(session, get_pool(session, slug), webhook_id)
        (delivery,) = deliveries.add(session, [webhook], "test", {}, now=now)
        return DeliveryOut.of(delivery)


@router.get("/{webhook_id}/deliveries")
def list_deliveries(
    slug: Slug, webhook_id: PathId, services: InServices, cursor: Cursor = None, limit: Limit = 100
) -> Page[DeliveryOut]:
    """What the webhook was told and is to be told, newest first; what has ended is kept for thirty days."""
    with services.database.read() as session:
        webhook = webhooks.get_webhook(session, get_pool(session, slug), webhook_id)
        found, following = deliveries.list_deliveries(session, webhook, before=cursor, limit=limit)
    return Page(items=[DeliveryOut.of(each) for each in found], next=following)


@router.post("/{webhook_id}/deliveries/{delivery_id}/again", status_code=202)
def send_again(slug: Slug, webhook_id: PathId, delivery_id: PathId, services: InServices, now: Now) -> DeliveryOut:
    """Send a delivery now, under the same id, whatever became of it."""
    with services.database.write() as session:
        webhook = webhooks.get_webhook(session, get_pool(session, slug), webhook_id)
        return DeliveryOut.of(deliveries.send_again(session, webhook, delivery_id, now=now))
