"""Models to take away: the button, how far the training is, and what came out."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import RedirectResponse
from sqlalchemy.orm import Session

from app import queries, trained_models
from app.accuracy import Accuracy
from app.errors import ModelFinished, NothingToLearn, TooManyModels
from app.model_cards import TESTED_ON, get_accuracy, tell_why_unknown
from app.models import RunStatus, TrainedModel
from app.pools import get_pool
from app.queries import Counts
from app.web.edge.auth import get_admin
from app.web.edge.deps import Cursor, InServices, Now, PathId, Services, Slug, get_training
from app.web.edge.templates import templates

router = APIRouter(prefix="/pools/{slug}/models", include_in_schema=False, dependencies=[Depends(get_admin)])

MODELS_A_PAGE = 20


@dataclass(frozen=True, slots=True)
class ModelView:
    """A model. `tested_on` says which images `accuracy` counts, `why_unknown` why a model that is done has none.

    `trained_on` are labels by who gave them.
    """

    id: int
    status: RunStatus
    step: str
    share: float
    accuracy: Accuracy | None
    tested_on: str
    why_unknown: str
    trained_on: Sequence[tuple[str, int]]
    seconds: float | None
    error: str | None
    created_at: dt.datetime

    @classmethod
    def of(cls, model: TrainedModel) -> "ModelView":
        counts = (("people", model.n_human), ("oracle", model.n_oracle), ("the learner", model.n_machine))
        return cls(
            id=model.id,
            status=model.status,
            step=model.step,
            share=model.share,
            accuracy=get_accuracy(model),
            tested_on=TESTED_ON[model.tested_on] if model.tested_on else "",
            why_unknown=tell_why_unknown(model),
            trained_on=[(who, count) for who, count in counts if count],
            seconds=None if model.train_ms is None else model.train_ms / 1000,
            error=model.error,
            created_at=model.created_at,
        )

    @property
    def is_active(self) -> bool:
        """Whether the model is queued or being trained."""
        return self.status in ("queued", "running")


@dataclass(frozen=True, slots=True)
class ModelsPage:
    """A pool's models, newest first. `refusal` says why the button did nothing; `has_trainer`, whether one is there."""

    slug: str
    pool_name: str
    counts: Counts
    models: Sequence[ModelView]
    older: int | None
    is_first_page: bool
    has_trainer: bool
    refusal: str | None = None


@router.get("")
def show_models(slug: Slug, request: Request, services: InServices, now: Now, cursor: Cursor = None) -> Response:
    with services.database.read() as session:
        page = _build_page(session, services, slug, cursor, now=now)
    return templates.TemplateResponse(request, "models.html", {"page": page})


@router.post("")
def train_model(slug: Slug, request: Request, services: InServices, now: Now) -> Response:
    """Queue a model and show the page with it; on a refusal the page says why."""
    try:
        with services.database.write() as session:
            trained_models.request_model(session, get_pool(session, slug), seed=0, now=now)
    except (NothingToLearn, TooManyModels) as error:
        with services.database.read() as session:
            page = _build_page(session, services, slug, None, now=now, refusal=error.message)
        return templates.TemplateResponse(request, "models.html", {"page": page}, error.status)
    return RedirectResponse(f"/pools/{slug}/models", 303)


@router.post("/{model_id}/stop")
def stop_model(slug: Slug, model_id: PathId, services: InServices, now: Now) -> Response:
    """Stop a model and show the page with what it says now."""
    try:
        with services.database.write() as session:
            trained_models.stop_model(session, get_pool(session, slug), model_id, now=now)
    except ModelFinished:
        pass  # it ended before the click: the page shows how, and that is no error
    return RedirectResponse(f"/pools/{slug}/models", 303)


def _build_page(
    session: Session,
    services: Services,
    slug: str,
    cursor: int | None,
    *,
    now: dt.datetime,
    refusal: str | None = None,
) -> ModelsPage:
    pool = get_pool(session, slug)
    models, older = trained_models.list_models(session, pool, before=cursor, limit=MODELS_A_PAGE)
    return ModelsPage(
        slug=slug,
        pool_name=pool.name,
        counts=queries.view_pool(session, pool, now=now).counts,
        models=[ModelView.of(model) for model in models],
        older=older,
        is_first_page=cursor is None,
        has_trainer=get_training(services, session, pool, now).status != "absent",
        refusal=refusal,
    )
