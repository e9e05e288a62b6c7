"""The settings of a pool: what it is called, its goals, its guideline, its classes, and its end. For admins."""

import datetime as dt
from collections.abc import Callable, Mapping
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Form, Request, Response
from fastapi.responses import RedirectResponse
from sqlalchemy.orm import Session

from app import deleting, guidelines, merging, own_pools
from app.deleting import NotConfirmed
from app.errors import AppError, SettingInvalid
from app.models import Pool
from app.pools import get_pool
from app.web.api.classes import FOLLOW_SECONDS, Body, store_picture
from app.web.edge.auth import InAdmin, actor_of, ensure_actor, ensure_annotator, get_admin
from app.web.edge.deps import InServices, Now, PathId, Services, Slug
from app.web.edge.problems import retry_after
from app.web.edge.templates import templates
from app.web.pages.setting_views import Problem, build_page, move_class, read_class, read_settings

router = APIRouter(prefix="/pools/{slug}/settings", include_in_schema=False, dependencies=[Depends(get_admin)])

Text = Annotated[str, Form()]
ClassNumber = Annotated[int, Form(ge=0, le=999)]
Act = Callable[[Session, Pool], object]


@router.get("")
def show_settings(slug: Slug, request: Request, services: InServices, done: str = "", moved: str = "") -> Response:
    page = build_page(services, slug, done=done, moved=moved)
    return templates.TemplateResponse(request, "settings.html", {"page": page})


@router.post("")
def change_settings(
    slug: Slug,
    request: Request,
    services: InServices,
    now: Now,
    name: Text = "",
    description: Text = "",
    guideline: Text = "",
    goal_labels: Text = "",
    goal_accuracy: Text = "",
    chance_every: Text = "",
    preview: Text = "",
) -> Response:
    """Store the texts and the goals; or, with `preview`, show the guideline as annotators would see it."""
    typed = {
        "name": name,
        "description": description,
        "guideline": guideline.replace("\r\n", "\n"),
        "goal_labels": goal_labels,
        "goal_accuracy": goal_accuracy,
        "chance_every": chance_every,
    }
    if preview:
        page = build_page(services, slug, typed=typed, is_preview=True)
        return templates.TemplateResponse(request, "settings.html", {"page": page})

    def change(session: Session, pool: Pool) -> None:
        own_pools.change_pool(session, pool, now=now, **read_settings(pool, typed))

    return _act(request, services, slug, "about", change, typed)


@router.post("/state")
def change_state(slug: Slug, request: Request, services: InServices, now: Now, state: Text) -> Response:
    """Pause or go on; archive or bring back."""
    columns: dict[str, dict[str, dt.datetime | None]] = {
        "pause": {"paused_at": now},
        "go on": {"paused_at": None},
        "archive": {"archived_at": now},
        "bring back": {"archived_at": None},
    }

    def change(session: Session, pool: Pool) -> None:
        if state not in columns:
            raise SettingInvalid(f"{state[:40]!r} is no state of a pool. Say one of: {', '.join(columns)}.")
        own_pools.change_pool(session, pool, now=now, **columns[state])

    return _act(request, services, slug, "state", change)


@router.post("/classes")
def add_classes(slug: Slug, request: Request, services: InServices, names: Text = "") -> Response:
    given = [line for line in names.splitlines() if line.strip()]
    return _act(
        request,
        services,
        slug,
        "classes",
        lambda session, pool: own_pools.add_classes(session, pool, given),
        {"names": names},
    )


@router.post("/class-name")
def rename_class(slug: Slug, request: Request, services: InServices, index: ClassNumber, name: Text = "") -> Response:
    return _act(
        request,
        services,
        slug,
        "classes",
        lambda session, pool: own_pools.rename_class(session, pool, index, name),
        {f"class {index}": name},
    )


@router.post("/class-order")
def order_classes(slug: Slug, request: Request, services: InServices, move: Text = "") -> Response:
    """Move a class by one place: "3 up", "3 down"."""
    return _act(
        request,
        services,
        slug,
        "classes",
        lambda session, pool: own_pools.order_classes(session, pool, move_class(pool.buttons, move)),
        follow_up=urlencode({"moved": move}),
    )


@router.post("/merges")
def merge_classes(
    slug: Slug,
    request: Request,
    services: InServices,
    admin: InAdmin,
    now: Now,
    from_class: Text = "",
    into_class: Text = "",
) -> Response:
    def merge(session: Session, pool: Pool) -> None:
        by = ensure_actor(session, request, admin, as_admin=True)
        annotator = ensure_annotator(session, admin, None, now=now)
        merging.merge_classes(session, pool, read_class(from_class), read_class(into_class), annotator, by=by, now=now)

    typed = {"from_class": from_class, "into_class": into_class}
    return _act(request, services, slug, "merges", merge, typed, follow_at=now)


@router.post("/merges/{merge_id}")
def take_merge_back(
    slug: Slug, merge_id: PathId, request: Request, services: InServices, admin: InAdmin, now: Now
) -> Response:
    def take_back(session: Session, pool: Pool) -> None:
        by = ensure_actor(session, request, admin, as_admin=True)
        annotator = ensure_annotator(session, admin, None, now=now)
        merging.take_merge_back(session, pool, merge_id, annotator, by=by, now=now)

    return _act(request, services, slug, "merges", take_back, follow_at=now)


@router.post("/pictures")
def add_picture(slug: Slug, request: Request, body: Body, services: InServices, now: Now) -> Response:
    try:
        store_picture(services, slug, request, body, now)
    except AppError as error:
        return _show_again(request, services, slug, Problem("pictures", error.message), error)
    return RedirectResponse(f"/pools/{slug}/settings?done=pictures", 303)


@router.post("/pictures/{picture_id}")
def remove_picture(slug: Slug, picture_id: PathId, request: Request, services: InServices) -> Response:
    return _act(
        request,
        services,
        slug,
        "pictures",
        lambda session, pool: guidelines.remove_picture(session, pool, picture_id),
    )


@router.post("/deletion")
def delete_pool(
    slug: Slug, request: Request, services: InServices, admin: InAdmin, now: Now, confirm: Text = ""
) -> Response:
    """Delete the pool, if its name in addresses was typed."""
    try:
        if confirm.strip() != slug:
            raise NotConfirmed(f"To delete this pool, type {slug}. Nothing was deleted.", slug=slug)
        deleting.delete_pool(services.database, slug, confirm=slug, by=actor_of(request, admin), now=now)
    except AppError as error:
        return _show_again(request, services, slug, Problem("deletion", error.message), error, {"confirm": confirm})
    return RedirectResponse("/", 303)


def _act(
    request: Request,
    services: Services,
    slug: str,
    section: str,
    act: Act,
    typed: Mapping[str, str] | None = None,
    *,
    follow_at: dt.datetime | None = None,
    follow_up: str = "",
) -> Response:
    """Do it in one transaction and show the page with it; or the form again, with what was typed and the reason.

    With `follow_at` labels follow a merge afterwards.
    """
    try:
        with services.database.write() as session:
            pool = get_pool(session, slug)
            act(session, pool)
        if follow_at is not None:
            merging.follow(services.database, pool, now=follow_at, seconds=FOLLOW_SECONDS)
    except AppError as error:
        return _show_again(request, services, slug, Problem(section, error.message), error, typed)
    # Without a fragment: a browser gives the focus to what has `autofocus` only if the address names no place.
    return RedirectResponse(f"/pools/{slug}/settings?{follow_up or f'done={section}'}", 303)


def _show_again(
    request: Request,
    services: Services,
    slug: str,
    problem: Problem,
    error: AppError,
    typed: Mapping[str, str] | None = None,
) -> Response:
    page = build_page(services, slug, problem=problem, typed=typed or {})
    return templates.TemplateResponse(
        request, "settings.html", {"page": page}, error.status, headers=retry_after(error)
    )
