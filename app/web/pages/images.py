"""The page of an image: its history, and the form that changes its answer."""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated
from urllib.parse import urlencode, urlsplit

from fastapi import APIRouter, Depends, Form, Query, Request, Response
from fastapi.responses import RedirectResponse
from pydantic import BaseModel, Field
from sqlalchemy.orm import Session

from app import events, history, queries, revising
from app.errors import AppError
from app.models import Image, Pool
from app.web.api.schemas import Id, Key
from app.web.edge.auth import InCaller, ensure_annotator, get_caller
from app.web.edge.deps import Cursor, InServices, Now, PathId, Services
from app.web.edge.gate import Caller
from app.web.edge.image_urls import image_url
from app.web.edge.pace import ACTS
from app.web.edge.problems import retry_after
from app.web.edge.security import own_path
from app.web.edge.templates import templates
from app.web.pages.event_views import EventView, view_events

router = APIRouter(include_in_schema=False, dependencies=[Depends(get_caller)])

EVENTS_A_PAGE = 50
ORIGINS = {"people": "People", "me": "My work", "answers": "your last answers"}  # by the last part of their address

Back = Annotated[str, Query(max_length=300, description="The page that led here.")]


class ImageChangeForm(BaseModel):
    """Another value for the current answer. The key makes a second click on the button harmless."""

    event_id: Id
    value: Annotated[int, Field(ge=-(2**31), lt=2**31)]
    key: Key
    back: Annotated[str, Field(max_length=300)] = ""


@dataclass(frozen=True, slots=True)
class ImagePage:
    """What happened to an image, oldest first: everything to an admin, else the caller's own part.

    `answer` is the current answer, if the caller may change it. `predictions` has the model's by event, and is empty
    without an answer: a guess that is shown before it would bias it.
    """

    pool: Pool
    image: Image
    url: str
    events: Sequence[EventView]
    later: int | None
    is_first_page: bool
    answer: EventView | None
    predictions: Mapping[int, str]
    previous_id: int | None
    next_id: int | None
    back: str
    back_name: str
    is_whole: bool
    changed: int | None
    problem: str | None
    key: str


@router.get("/images/{image_id:id}")
def show_image(
    image_id: PathId,
    request: Request,
    services: InServices,
    caller: InCaller,
    cursor: Cursor = None,
    changed: Cursor = None,
    back: Back = "",
) -> Response:
    page = _build_page(services, image_id, caller, back, cursor=cursor, changed=changed)
    return templates.TemplateResponse(request, "image.html", {"page": page})


@router.post("/images/{image_id:id}")
def change_image(
    image_id: PathId,
    form: Annotated[ImageChangeForm, Form()],
    request: Request,
    services: InServices,
    caller: InCaller,
    now: Now,
) -> Response:
    """Change the current answer, and show the history with it."""
    try:
        with services.database.write() as session:
            _, pool, _ = queries.get_image(session, image_id, with_held_out=caller.is_admin)
            annotator = ensure_annotator(session, caller, None, now=now)
            services.pace.spend(annotator, ACTS, now=now)
            event = revising.change(session, pool, annotator, form.event_id, form.value, key=form.key, now=now)
    except AppError as error:
        page = _build_page(services, image_id, caller, form.back, problem=error.message)
        return templates.TemplateResponse(request, "image.html", {"page": page}, error.status, retry_after(error))
    query = urlencode({"changed": event.id} | ({"back": form.back} if form.back else {}))
    return RedirectResponse(f"/images/{image_id}?{query}#changed", 303)


def _build_page(
    services: Services,
    image_id: int,
    caller: Caller,
    back: str,
    *,
    cursor: int | None = None,
    changed: int | None = None,
    problem: str | None = None,
) -> ImagePage:
    only = None if caller.is_admin else caller.annotator_id
    with services.database.read() as session:
        image, pool, current_id = queries.get_image(session, image_id, with_held_out=caller.is_admin)
        found, later = history.list_image_events(
            session, image_id, annotator_id=only, after=cursor or 0, limit=EVENTS_A_PAGE
        )
        shown = view_events(pool, found)
        answer = _view_answer(session, pool, current_id, caller)
        predictions = history.read_predictions(session, [event.id for event in shown]) if answer else {}
        previous_id, next_id = history.find_neighbours(session, image, annotator_id=only)
        back, back_name = _get_origin(back, pool.slug, caller)
        return ImagePage(
            pool=pool,
            image=image,
            url=image_url(image_id, image.sha256, is_own=image.name is not None),
            events=shown,
            later=later,
            is_first_page=cursor is None,
            answer=answer,
            predictions={event_id: pool.classes[guess] for event_id, guess in predictions.items()},
            previous_id=previous_id,
            next_id=next_id,
            back=back,
            back_name=back_name,
            is_whole=only is None,
            changed=changed,
            problem=problem,
            key=secrets.token_hex(16),
        )


def _view_answer(session: Session, pool: Pool, event_id: int | None, caller: Caller) -> EventView | None:
    if event_id is None:
        return None
    found = events.read_by_id(session, [event_id])
    is_own = caller.annotator_id is not None and queries.find_whose(session, event_id) == caller.annotator_id
    return view_events(pool, found)[0] if caller.is_admin or is_own else None


def _get_origin(back: str, slug: str, caller: Caller) -> tuple[str, str]:
    """Where the caller came from and what it is called; without a known origin, the list that leads to images."""
    name = ORIGINS.get(urlsplit(own_path(back)).path.rpartition("/")[2])
    if name is not None:
        return back, name
    default = "people" if caller.is_admin else "answers"
    return f"/pools/{slug}/{default}", ORIGINS[default]
