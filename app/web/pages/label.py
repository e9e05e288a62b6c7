"""The labeling page, and the addresses that lead to pages of the first pool."""

from dataclasses import dataclass
from urllib.parse import quote

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import RedirectResponse

from app import queries
from app.errors import NotFound
from app.pools import get_pool
from app.web.api.schemas import PoolDetail
from app.web.edge.auth import InCaller, get_caller
from app.web.edge.deps import InServices, Now, Services, Slug, get_training
from app.web.edge.gate import Caller
from app.web.edge.templates import templates

router = APIRouter(include_in_schema=False, dependencies=[Depends(get_caller)])


@dataclass(frozen=True, slots=True)
class LabelPage:
    """The labeling page: the state of the pool when the page is made; its script asks for the images."""

    pool: PoolDetail
    annotator: str
    lease_seconds: int


@router.get("/")
def show_start(services: InServices, caller: InCaller) -> Response:
    """Redirect to the first pool's labeling page."""
    return _to_first_pool(services, caller, "label")


@router.get("/people")
def show_people(services: InServices, caller: InCaller) -> Response:
    """Redirect to the annotators of the first pool."""
    return _to_first_pool(services, caller, "people")


@router.get("/me")
def show_me(services: InServices, caller: InCaller) -> Response:
    """Redirect to the caller's own work in the first pool."""
    return _to_first_pool(services, caller, "me")


@router.get("/pools/{slug}/label")
def show_label_page(slug: Slug, request: Request, services: InServices, caller: InCaller, now: Now) -> Response:
    with services.database.read() as session:
        view = queries.view_pool(session, get_pool(session, slug), now=now)
        training = get_training(services, session, view.pool, now)
    pool = PoolDetail.of_view(view, training)
    page = LabelPage(pool, annotator=caller.name, lease_seconds=services.settings.lease_seconds)
    # The service worker reads whose page it caches, so that it shows no user another's (static/worker.js).
    owner = {"Inkling-Annotator": quote(caller.name)}
    return templates.TemplateResponse(request, "label.html", {"page": page}, headers=owner)


def _to_first_pool(services: Services, caller: Caller, name: str) -> Response:
    with services.database.read() as session:
        pools, _ = queries.list_pools(session, limit=1)
    if not pools:
        how = "Create one with: inkling pool create" if caller.is_admin else "Ask your admin to create one."
        raise NotFound(f"There is no pool yet. {how}")
    return RedirectResponse(f"/pools/{pools[0].slug}/{name}", 302)
