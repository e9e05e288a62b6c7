"""The caller's last answers, each with a form that changes it."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Depends, Form, Request, Response
from fastapi.responses import RedirectResponse
from pydantic import BaseModel, Field

from app import queries, revising
from app.errors import AppError
from app.pools import get_pool
from app.web.api.schemas import Id, Key
from app.web.edge.auth import InCaller, ensure_annotator, get_caller
from app.web.edge.deps import Cursor, InServices, Now, Services, Slug
from app.web.edge.gate import Caller
from app.web.edge.pace import ACTS
from app.web.edge.problems import retry_after
from app.web.edge.templates import templates
from app.web.pages.event_views import EventView, view_events

router = APIRouter(include_in_schema=False, dependencies=[Depends(get_caller)])

ANSWERS_A_PAGE = 20


class ChangeForm(BaseModel):
    """Another value for an answer. The key makes a second click on the button harmless."""

    event_id: Id
    value: Annotated[int, Field(ge=-(2**31), lt=2**31)]
    key: Key
    cursor: Id | None = None


InChange = Annotated[ChangeForm, Form()]


@dataclass(frozen=True, slots=True)
class AnswersPage:
    """The caller's current answers, newest first. `problem` says why nothing was changed; `changed` which one was."""

    slug: str
    pool_name: str
    classes: Sequence[str]
    buttons: Sequence[int]
    answers: Sequence[EventView]
    older: int | None
    cursor: int | None
    changed: int | None
    problem: str | None
    key: str  # fresh for each page, so that each change has its own


@router.get("/pools/{slug}/answers")
def show_answers(
    slug: Slug,
    request: Request,
    services: InServices,
    caller: InCaller,
    cursor: Cursor = None,
    changed: Cursor = None,
) -> Response:
    page = _build_answers(services, slug, caller, cursor, changed=changed)
    return templates.TemplateResponse(request, "answers.html", {"page": page})


@router.post("/pools/{slug}/answers")
def change_answer(
    slug: Slug, form: InChange, request: Request, services: InServices, caller: InCaller, now: Now
) -> Response:
    """Change an answer and show the list again, at the same place."""
    try:
        with services.database.write() as session:
            pool, annotator = get_pool(session, slug), ensure_annotator(session, caller, None, now=now)
            services.pace.spend(annotator, ACTS, now=now)
            event = revising.change(session, pool, annotator, form.event_id, form.value, key=form.key, now=now)
    except AppError as error:
        page = _build_answers(services, slug, caller, form.cursor, problem=error.message)
        return templates.TemplateResponse(request, "answers.html", {"page": page}, error.status, retry_after(error))
    return RedirectResponse(f"/pools/{slug}/answers?changed={event.id}#answer-{event.id}", 303)


def _build_answers(
    services: Services,
    slug: str,
    caller: Caller,
    cursor: int | None,
    *,
    changed: int | None = None,
    problem: str | None = None,
) -> AnswersPage:
    with services.database.read() as session:
        pool = get_pool(session, slug)
        whose = queries.find_annotator_id(session, caller.name)
        found, older = (
            queries.list_last_answers(session, pool, whose, before=cursor, limit=ANSWERS_A_PAGE)
            if whose
            else ([], None)
        )
        return AnswersPage(
            slug=slug,
            pool_name=pool.name,
            classes=pool.classes,
            buttons=pool.buttons,
            answers=view_events(pool, found),
            older=older,
            cursor=cursor,
            changed=changed,
            problem=problem,
            key=secrets.token_hex(16),
        )
