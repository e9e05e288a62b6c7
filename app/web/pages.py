"""The pages. Each one's context is one frozen dataclass."""

from dataclasses import dataclass

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import RedirectResponse

from app import queries
from app.errors import NotFound
from app.pools import get_pool
from app.web.auth import get_caller
from app.web.deps import InServices, Now, Slug
from app.web.schemas import PoolDetail
from app.web.templates import templates

router = APIRouter(include_in_schema=False, dependencies=[Depends(get_caller)])


@dataclass(frozen=True, slots=True)
class LabelPage:
    """The labeling page: where the pool stands as the page is made; its script asks for the images."""

    pool: PoolDetail


@router.get("/")
def show_start(services: InServices) -> Response:
    """To the first pool's labeling page."""
    with services.database.read() as session:
        pools, _ = queries.list_pools(session, limit=1)
    if not pools:
        raise NotFound("There is no pool yet. Create one with: inkling pool create")
    return RedirectResponse(f"/pools/{pools[0].slug}/label", 302)


@router.get("/pools/{slug}/label")
def show_label_page(slug: Slug, request: Request, services: InServices, now: Now) -> Response:
    """Where people answer."""
    with services.database.read() as session:
        view = queries.view_pool(session, get_pool(session, slug), now=now)
    page = LabelPage(PoolDetail.of_view(view, services.trainer.training(view.pool.id)))
    return templates.TemplateResponse(request, "label.html", {"page": page})
