"""The page that makes a pool of one's own images, and the one that adds further images to a pool."""

from dataclasses import dataclass

from fastapi import APIRouter, Depends, Request, Response

from app.models import Pool
from app.pools import get_pool
from app.web.api.own_pools import FILES_A_REQUEST
from app.web.edge.auth import get_admin
from app.web.edge.deps import InServices, Slug
from app.web.edge.templates import templates

router = APIRouter(prefix="/pools", include_in_schema=False, dependencies=[Depends(get_admin)])


@dataclass(frozen=True, slots=True)
class BringPage:
    """`pool` is None where it is to be made. A request may have so many files and bytes."""

    pool: Pool | None
    max_files: int
    max_bytes: int


@router.get("/new")
def show_new_pool(request: Request, services: InServices) -> Response:
    return _show(request, services, None)


@router.get("/{slug}/images")
def show_adding(slug: Slug, request: Request, services: InServices) -> Response:
    with services.database.read() as session:
        pool = get_pool(session, slug)
    return _show(request, services, pool)


def _show(request: Request, services: InServices, pool: Pool | None) -> Response:
    page = BringPage(pool, FILES_A_REQUEST, services.settings.max_upload_bytes)
    return templates.TemplateResponse(request, "bring.html", {"page": page})
