"""Who is logged in, who works in a pool, what happened to an image, and the audit."""

from typing import Annotated

from fastapi import APIRouter, Path

from app import annotators, audit, history, queries, revoking
from app.pools import get_pool
from app.web.api.people_schemas import AnnotatorOut, AuditEntryOut, CallerOut, RevokedOut
from app.web.api.schemas import ActIn, EventOut, Page
from app.web.edge.auth import InAdmin, InCaller, ensure_annotator
from app.web.edge.deps import Cursor, InServices, Limit, Now, PathId, Slug
from app.web.edge.problems import responses

router = APIRouter(tags=["people"])


@router.get("/me")
def get_me(caller: InCaller) -> CallerOut:
    """Who is logged in."""
    return CallerOut(name=caller.name, role=caller.role, open=caller.annotator_id is None)


@router.get("/pools/{slug}/annotators", responses=responses(404))
def list_annotators(slug: Slug, services: InServices, caller: InCaller, now: Now) -> Page[AnnotatorOut]:
    """Who works, how fast, and how often they agree with the model; to an annotator, only themselves.

    `agrees_with_truth` is for admins; to an annotator it is null.
    """
    only = None if caller.is_admin else caller.annotator_id
    with services.database.read() as session:
        pool = get_pool(session, slug)
        work = annotators.list_work(session, pool, annotator_id=only, with_truth=caller.is_admin, now=now)
    return Page(items=[AnnotatorOut.of(one) for one in work], next=None)


@router.post("/pools/{slug}/annotators/{name}/revoke", responses=responses(403, 404))
def revoke_labels(
    slug: Slug,
    name: Annotated[str, Path(max_length=64)],
    body: ActIn,
    services: InServices,
    admin: InAdmin,
    now: Now,
) -> RevokedOut:
    """Undo every current label of an annotator; each undo is an act of yours. The images are free again.

    Others can label meanwhile. Disable the account first if it goes on labeling.
    """
    with services.database.write() as session:
        pool, annotator = get_pool(session, slug), ensure_annotator(session, admin, body.annotator, now=now)
    revoked = revoking.revoke_labels(services.database, pool, annotator, name, now=now)
    return RevokedOut(revoked=revoked)


@router.get("/images/{image_id}/events", responses=responses(404))
def list_image_events(
    image_id: PathId, services: InServices, caller: InCaller, cursor: Cursor = None, limit: Limit = 100
) -> Page[EventOut]:
    """The history of an image, oldest first; to an annotator, what they did themselves."""
    only = None if caller.is_admin else caller.annotator_id
    with services.database.read() as session:
        # Raises NotFound: an image without a history is an empty list.
        queries.get_image(session, image_id, with_held_out=caller.is_admin)
        events, following = history.list_image_events(
            session, image_id, annotator_id=only, after=cursor or 0, limit=limit
        )
        return Page(items=[EventOut.model_validate(event) for event in events], next=following)


@router.get("/audit", responses=responses(403))
def list_audit(
    services: InServices,
    admin: InAdmin,  # noqa: ARG001 (being admin is all)
    cursor: Cursor = None,
    limit: Limit = 100,
) -> Page[AuditEntryOut]:
    """Logins and what was done to accounts, newest first."""
    with services.database.read() as session:
        entries, following = audit.list_audit(session, before=cursor, limit=limit)
    return Page(items=[AuditEntryOut.model_validate(entry) for entry in entries], next=following)
