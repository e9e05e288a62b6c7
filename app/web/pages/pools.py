"""The list of all pools, and the addresses that lead to pages of the first one."""

from collections.abc import Sequence
from dataclasses import dataclass

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import RedirectResponse

from app import overview, training_status
from app.errors import NotFound
from app.models import LOCAL
from app.overview import PoolOverview
from app.training_status import Training
from app.web.edge.auth import InCaller, get_caller
from app.web.edge.deps import Cursor, InServices, Now, Services, expects_trainer
from app.web.edge.gate import Caller
from app.web.edge.templates import templates
from app.web.pages.learner_words import describe_way

router = APIRouter(include_in_schema=False, dependencies=[Depends(get_caller)])

POOLS_A_PAGE = 50
NAMES_SHOWN = 5


@dataclass(frozen=True, slots=True)
class PoolCard:
    """A pool in the list. `names` are of those who work in it. They are for admins; others learn how many there are."""

    view: PoolOverview
    way: str
    n_working: int
    names: Sequence[str]


@dataclass(frozen=True, slots=True)
class PoolsPage:
    """The pools, in the order in which they were made. `hindrance` says why none of them is trained just now."""

    cards: Sequence[PoolCard]
    further: int | None
    is_first_page: bool
    hindrance: Training | None
    how_to_begin: str


@router.get("/")
def show_pools(request: Request, services: InServices, caller: InCaller, now: Now, cursor: Cursor = None) -> Response:
    with services.database.read() as session:
        pools, further = overview.list_open_pools(session, after=cursor or 0, limit=POOLS_A_PAGE)
        views = overview.view_pools(session, pools, now=now)
        is_supervised = expects_trainer(services)
        hindrance = training_status.find_hindrance(session, is_supervised=is_supervised, now=now)
    page = PoolsPage(
        cards=[_as_card(view, caller) for view in views],
        further=further,
        is_first_page=cursor is None,
        hindrance=hindrance,
        how_to_begin=_how_to_begin(caller),
    )
    return templates.TemplateResponse(request, "pools.html", {"page": page})


@router.get("/label")
def show_label_page(services: InServices, caller: InCaller) -> Response:
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


def _as_card(view: PoolOverview, caller: Caller) -> PoolCard:
    named = caller.is_admin and list(view.workers) != [LOCAL]  # who gave no name has none
    return PoolCard(view, describe_way(view.pool), len(view.workers), view.workers[:NAMES_SHOWN] if named else [])


def _how_to_begin(caller: Caller) -> str:
    return "Create one with: inkling pool create" if caller.is_admin else "Ask your admin to create one."


def _to_first_pool(services: Services, caller: Caller, name: str) -> Response:
    with services.database.read() as session:
        pools, _ = overview.list_open_pools(session, limit=1)
    if not pools:
        raise NotFound(f"There is no pool yet. {_how_to_begin(caller)}")
    return RedirectResponse(f"/pools/{pools[0].slug}/{name}", 302)
