"""Answers after they were given: one's own last ones, and the history of an image. Both can change an answer."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Depends, Form, Request, Response
from fastapi.responses import RedirectResponse
from pydantic import BaseModel, Field
from starlette.convertors import Convertor, register_url_convertor

from app import people, queries, revising
from app.errors import AppError
from app.pools import get_pool
from app.web.auth import InCaller, get_annotator, get_caller
from app.web.deps import Cursor, InServices, Now, PathId, Services, Slug
from app.web.event_views import EventView, view_events
from app.web.gate import Caller
from app.web.images import image_url
from app.web.pace import ACTS
from app.web.problems import retry_after
from app.web.schemas import Id, Key
from app.web.templates import templates


class _IdConvertor(Convertor[int]):
    """An id in an address; Starlette's own for numbers breaks on one of 5,000 digits."""

    regex = "[1-9][0-9]{0,18}"

    def convert(self, value: str) -> int:
        return int(value)

    def to_string(self, value: int) -> str:
        return str(value)


register_url_convertor("id", _IdConvertor())

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
    """One's own answers that stand, newest first. `problem` says why nothing was changed; `changed` which one was."""

    slug: str
    pool_name: str
    classes: Sequence[str]
    answers: Sequence[EventView]
    older: int | None
    cursor: int | None
    changed: int | None
    problem: str | None
    key: str  # fresh for each page, so that each change has its own


@dataclass(frozen=True, slots=True)
class ImagePage:
    """What happened to an image, oldest first: everything to an admin, else one's own part.

    `answer` is the answer that stands, if the caller may change it.
    """

    slug: str
    pool_name: str
    classes: Sequence[str]
    image_id: int
    position: int
    split: str
    url: str
    events: Sequence[EventView]
    answer: EventView | None
    is_whole: bool
    problem: str | None
    key: str


@router.get("/pools/{slug}/answers")
def show_answers(
    slug: Slug,
    request: Request,
    services: InServices,
    caller: InCaller,
    cursor: Cursor = None,
    changed: Cursor = None,
) -> Response:
    """One's own last answers."""
    page = _build_answers(services, slug, caller, cursor, changed=changed)
    return templates.TemplateResponse(request, "answers.html", {"page": page})


@router.post("/pools/{slug}/answers")
def change_answer(
    slug: Slug, form: InChange, request: Request, services: InServices, caller: InCaller, now: Now
) -> Response:
    """Change an answer and show the list again, at the same place."""
    try:
        with services.database.write() as session:
            pool, annotator = get_pool(session, slug), get_annotator(session, caller, None, now=now)
            services.pace.spend(annotator, ACTS, now=now)
            event = revising.change(session, pool, annotator, form.event_id, form.value, key=form.key, now=now)
    except AppError as error:
        page = _build_answers(services, slug, caller, form.cursor, problem=error.message)
        return templates.TemplateResponse(request, "answers.html", {"page": page}, error.status, retry_after(error))
    return RedirectResponse(f"/pools/{slug}/answers?changed={event.id}#answer-{event.id}", 303)


@router.get("/images/{image_id:id}")
def show_image(image_id: PathId, request: Request, services: InServices, caller: InCaller) -> Response:
    """The history of an image."""
    page = _build_image(services, image_id, caller)
    return templates.TemplateResponse(request, "image.html", {"page": page})


@router.post("/images/{image_id:id}")
def change_image(
    image_id: PathId, form: InChange, request: Request, services: InServices, caller: InCaller, now: Now
) -> Response:
    """Change the answer that stands, and show the history with it."""
    try:
        with services.database.write() as session:
            _, pool, _ = queries.get_image(session, image_id, with_held_out=caller.is_admin)
            annotator = get_annotator(session, caller, None, now=now)
            services.pace.spend(annotator, ACTS, now=now)
            revising.change(session, pool, annotator, form.event_id, form.value, key=form.key, now=now)
    except AppError as error:
        page = _build_image(services, image_id, caller, problem=error.message)
        return templates.TemplateResponse(request, "image.html", {"page": page}, error.status, retry_after(error))
    return RedirectResponse(f"/images/{image_id}", 303)


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
        found, older = queries.list_last_labels(session, pool, whose or 0, before=cursor, limit=ANSWERS_A_PAGE)
        return AnswersPage(
            slug=slug,
            pool_name=pool.name,
            classes=pool.classes,
            answers=view_events(session, pool, found),
            older=older,
            cursor=cursor,
            changed=changed,
            problem=problem,
            key=secrets.token_hex(16),
        )


def _build_image(services: Services, image_id: int, caller: Caller, *, problem: str | None = None) -> ImagePage:
    only = None if caller.is_admin else caller.annotator_id
    with services.database.read() as session:
        image, pool, standing_id = queries.get_image(session, image_id, with_held_out=caller.is_admin)
        found = people.list_image_events(session, image_id, annotator_id=only)
        events = view_events(session, pool, found)
        return ImagePage(
            slug=pool.slug,
            pool_name=pool.name,
            classes=pool.classes,
            image_id=image_id,
            position=image.position,
            split=image.split,
            url=image_url(image_id, image.pixels),
            events=events,
            answer=next((event for event in events if event.id == standing_id), None),
            is_whole=only is None,
            problem=problem,
            key=secrets.token_hex(16),
        )
