"""The labeling page of a pool."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import quote

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import RedirectResponse

from app import overview, queries
from app.guidelines import read_guideline
from app.models import Pool
from app.pools import get_pool
from app.web.api.schemas import PoolDetail
from app.web.edge.auth import InCaller, get_caller
from app.web.edge.deps import InServices, Now, Slug, get_training
from app.web.edge.templates import templates
from app.web.pages.class_keys import TAKEN, Width, are_digits, assign_keys, describe_keys, measure_names
from app.web.pages.guideline_views import BlockView, view_guideline
from app.web.pages.learner_words import describe_asked

router = APIRouter(include_in_schema=False, dependencies=[Depends(get_caller)])

POOLS_TO_SWITCH_TO = 20  # a longer list is read on its own page


@dataclass(frozen=True, slots=True)
class LabelPage:
    """The labeling page: the state of the pool when the page is made; its script asks for the images.

    `asked` says which images its learner asks. `pools` are the first of all, this one among them or not. `keys` have
    the key of each class that has one, `key_runs` the same for people; `page_keys` are letters that no class gets.
    A pool `has_guide` if it has a guideline, or classes that need examples.
    """

    pool: PoolDetail
    description: str | None
    asked: str
    are_digits: bool
    keys: Mapping[int, str]
    key_runs: Sequence[tuple[str, str]]
    page_keys: Sequence[str]
    name_width: Width
    guideline: Sequence[BlockView]
    has_guide: bool
    annotator: str
    lease_seconds: int
    pools: Sequence[Pool]


@router.get("/pools/{slug}")
def redirect_to_label_page(slug: Slug) -> RedirectResponse:
    return RedirectResponse(f"/pools/{slug}/label")


@router.get("/pools/{slug}/label")
def show_label_page(slug: Slug, request: Request, services: InServices, caller: InCaller, now: Now) -> Response:
    with services.database.read() as session:
        view = queries.view_pool(session, get_pool(session, slug), now=now)
        training = get_training(services, session, view.pool, now)
        pools, _ = overview.list_open_pools(session, limit=POOLS_TO_SWITCH_TO)
        guideline = view_guideline(slug, read_guideline(session, view.pool, view.pool.guideline))
    classes, buttons = view.pool.classes, view.pool.buttons
    keys = assign_keys(classes, buttons)
    in_order = sorted(keys.values()) if are_digits(classes) else [keys[index] for index in buttons if index in keys]
    page = LabelPage(
        pool=PoolDetail.of_view(view, training),
        description=view.pool.description,
        asked=describe_asked(view.pool),
        are_digits=are_digits(classes),
        keys=keys,
        key_runs=describe_keys(in_order),
        page_keys=list(TAKEN.upper()),
        name_width=measure_names([classes[index] for index in buttons]),
        guideline=guideline,
        has_guide=bool(guideline) or not are_digits(classes),
        annotator=caller.name,
        lease_seconds=services.settings.lease_seconds,
        pools=pools,
    )
    # The service worker reads whose page it caches, so that it shows no user another's (static/worker.js).
    owner = {"Inkling-Annotator": quote(caller.name)}
    return templates.TemplateResponse(request, "label.html", {"page": page}, headers=owner)
