"""Who is logged in, who works in a pool, what happened to an image, and the audit."""

from fastapi import APIRouter

from app import history, people, queries
from app.pools import get_pool
from app.web.auth import InAdmin, InCaller
from app.web.deps import Cursor, InServices, Limit, Now, PathId, Slug
from app.web.people_schemas import AnnotatorOut, AuditEntryOut, CallerOut
from app.web.problems import responses
from app.web.schemas import EventOut, Page

router = APIRouter(tags=["people"])


@router.get("/me")
def get_me(caller: InCaller) -> CallerOut:
    """Who is logged in."""
    return CallerOut(name=caller.name, role=caller.role, open=caller.annotator_id is None)


@router.get("/pools/{slug}/annotators", responses=responses(404))
def list_annotators(slug: Slug, services: InServices, caller: InCaller, now: Now) -> Page[AnnotatorOut]:
    """Who works, how fast, and how often they agree with the model and the truth; to an annotator, only themselves."""
    only = None if caller.is_admin else caller.annotator_id
    with services.database.read() as session:
        work = people.list_work(session, get_pool(session, slug), annotator_id=only, now=now)
    return Page(items=[AnnotatorOut.of(one) for one in work], next=None)


@router.get("/images/{image_id}/events", responses=responses(404))
def list_image_events(
    image_id: PathId, services: InServices, caller: InCaller, cursor: Cursor = None, limit: Limit = 100
) -> Page[EventOut]:
    """The history of an image, oldest first; to an annotator, what they did themselves."""
    only = None if caller.is_admin else caller.annotator_id
    with services.database.read() as session:
        queries.get_image(session, image_id)  # an image without a history is not one that does not exist
        events, following = history.list_image_events(
            session, image_id, annotator_id=only, after=cursor or 0, limit=limit
        )
        return Page(items=[EventOut.of(event) for event in events], next=following)


@router.get("/audit", responses=responses(403))
def list_audit(
    services: InServices,
    admin: InAdmin,  # noqa: ARG001 (being admin is all)
    cursor: Cursor = None,
    limit: Limit = 100,
) -> Page[AuditEntryOut]:
    """Logins and what was done to accounts, newest first."""
    with services.database.read() as session:
        entries, following = people.list_audit(session, before=cursor, limit=limit)
    return Page(items=[AuditEntryOut.model_validate(entry) for entry in entries], next=following)
