"""The work of all annotators of a pool, the caller's own work, and the audit."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Form, Request, Response
from fastapi.responses import RedirectResponse
from pydantic import BaseModel, Field
from sqlalchemy.orm import Session

from app import annotators, audit, queries, revoking
from app.accuracy import Accuracy
from app.annotators import AnnotatorWork
from app.models import AuditEntry, FailedRound, Pool
from app.pools import get_pool
from app.web.edge.auth import InAdmin, InCaller, ensure_annotator, get_admin, get_caller
from app.web.edge.deps import Cursor, InServices, Now, Slug
from app.web.edge.templates import templates
from app.web.pages.event_views import EventView, view_events

router = APIRouter(include_in_schema=False, dependencies=[Depends(get_caller)])

FLAGS_A_PAGE = 20
ENTRIES_A_PAGE = 50
WORKING = dt.timedelta(minutes=10)  # since the last answer


class RevocationForm(BaseModel):
    """Whose labels are to be revoked; the box has to be ticked."""

    name: Annotated[str, Field(max_length=64)]
    is_sure: Literal["yes"]


InRevocation = Annotated[RevocationForm, Form()]


@dataclass(frozen=True, slots=True)
class WorkView:
    """An annotator's work; an agreement is None where there was nothing to agree with, or it is not shown."""

    work: AnnotatorWork
    is_working: bool
    is_online: bool  # a labeling page is open somewhere: it renews its leases
    like_model: Accuracy | None
    like_truth: Accuracy | None

    @classmethod
    def of(cls, work: AnnotatorWork, now: dt.datetime) -> "WorkView":
        is_recent = work.last_event_at is not None and now - work.last_event_at < WORKING
        return cls(
            work=work,
            is_working=is_recent,
            is_online=work.held > 0,
            like_model=Accuracy(*work.model_agreement) if work.model_agreement[1] else None,
            like_truth=Accuracy(*work.truth_agreement) if work.truth_agreement[1] else None,
        )


@dataclass(frozen=True, slots=True)
class PeoplePage:
    """The work of all annotators of a pool, what they flagged, and the trainings that failed.

    `revoked` is how many labels the form has just taken back.
    """

    slug: str
    pool_name: str
    work: Sequence[WorkView]
    flags: Sequence[EventView]
    older: int | None
    is_first_page: bool
    failed_rounds: Sequence[FailedRound]
    revoked: int | None


@dataclass(frozen=True, slots=True)
class MyPage:
    """The caller's own work in a pool; None before the first act. Only admins see the agreement with the truth."""

    slug: str
    pool_name: str
    name: str
    has_truth: bool
    mine: WorkView | None
    flags: Sequence[EventView]
    older: int | None
    is_first_page: bool


@dataclass(frozen=True, slots=True)
class AuditPage:
    """Logins, failed logins and account changes, newest first."""

    entries: Sequence[AuditEntry]
    older: int | None
    is_first_page: bool


@router.get("/pools/{slug}/people", dependencies=[Depends(get_admin)])
def show_people(
    slug: Slug, request: Request, services: InServices, now: Now, cursor: Cursor = None, revoked: Cursor = None
) -> Response:
    with services.database.read() as session:
        pool = get_pool(session, slug)
        work = annotators.list_work(session, pool, with_truth=True, now=now)
        flags, older = _read_flags(session, pool, None, cursor)
        failed = annotators.list_failed_rounds(session, pool)
    page = PeoplePage(
        slug=slug,
        pool_name=pool.name,
        work=[WorkView.of(one, now) for one in work],
        flags=flags,
        older=older,
        is_first_page=cursor is None,
        failed_rounds=failed,
        revoked=revoked,
    )
    return templates.TemplateResponse(request, "people.html", {"page": page})


@router.post("/pools/{slug}/people")
def revoke_labels(slug: Slug, form: InRevocation, services: InServices, admin: InAdmin, now: Now) -> Response:
    """Take back all labels of an annotator, and show the page with their number."""
    with services.database.write() as session:
        pool, annotator = get_pool(session, slug), ensure_annotator(session, admin, None, now=now)
    revoked = revoking.revoke_labels(services.database, pool, annotator, form.name, now=now)
    return RedirectResponse(f"/pools/{slug}/people?revoked={revoked}", 303)


@router.get("/pools/{slug}/me")
def show_me(
    slug: Slug, request: Request, services: InServices, caller: InCaller, now: Now, cursor: Cursor = None
) -> Response:
    with services.database.read() as session:
        pool = get_pool(session, slug)
        whose = queries.find_annotator_id(session, caller.name)
        with_truth = caller.is_admin
        work = annotators.list_work(session, pool, annotator_id=whose, with_truth=with_truth, now=now) if whose else []
        flags, older = _read_flags(session, pool, whose, cursor) if whose else ([], None)
    page = MyPage(
        slug=slug,
        pool_name=pool.name,
        name=caller.name,
        has_truth=caller.is_admin,
        mine=WorkView.of(work[0], now) if work else None,
        flags=flags,
        older=older,
        is_first_page=cursor is None,
    )
    return templates.TemplateResponse(request, "me.html", {"page": page})


@router.get("/audit", dependencies=[Depends(get_admin)])
def show_audit(request: Request, services: InServices, caller: InCaller, cursor: Cursor = None) -> Response:
    """The audit; without accounts there is nothing in it."""
    if caller.annotator_id is None:
        return RedirectResponse("/", 303)
    with services.database.read() as session:
        entries, older = audit.list_audit(session, before=cursor, limit=ENTRIES_A_PAGE)
    page = AuditPage(entries=entries, older=older, is_first_page=cursor is None)
    return templates.TemplateResponse(request, "audit.html", {"page": page})


def _read_flags(
    session: Session, pool: Pool, annotator_id: int | None, cursor: int | None
) -> tuple[list[EventView], int | None]:
    flags, older = annotators.list_flags(session, pool, annotator_id=annotator_id, before=cursor, limit=FLAGS_A_PAGE)
    return view_events(pool, flags), older
