"""Models to take away: have one trained, watch it, stop it, download it."""

from fastapi import APIRouter, Depends, Response

from app import trained_models
from app.model_cards import write_card
from app.pools import get_pool
from app.web.api.model_schemas import ModelIn, ModelOut
from app.web.api.oracle_downloads import attachment
from app.web.api.schemas import Page
from app.web.edge.auth import get_admin
from app.web.edge.deps import Cursor, InServices, Limit, Now, PathId, Slug
from app.web.edge.problems import responses

router = APIRouter(
    prefix="/pools/{slug}/models", tags=["models"], responses=responses(403, 404), dependencies=[Depends(get_admin)]
)


@router.post("", status_code=202, responses=responses(409, 429))
def request_model(slug: Slug, body: ModelIn, response: Response, services: InServices, now: Now) -> ModelOut:
    """Have a network trained on the labels that stand and on what the learner predicts for the other images.

    One is trained at a time, behind everything else. `Location` says where to watch it.
    """
    with services.database.write() as session:
        model = trained_models.request_model(session, get_pool(session, slug), seed=body.seed, now=now)
        session.refresh(model)
    response.headers["Location"] = f"/api/v1/pools/{slug}/models/{model.id}"
    return ModelOut.of(model)


@router.get("")
def list_models(slug: Slug, services: InServices, cursor: Cursor = None, limit: Limit = 100) -> Page[ModelOut]:
    """The pool's models, newest first."""
    with services.database.read() as session:
        pool = get_pool(session, slug)
        found, following = trained_models.list_models(session, pool, before=cursor, limit=limit)
    return Page(items=[ModelOut.of(model) for model in found], next=following)


@router.get("/{model_id}")
def get_model(slug: Slug, model_id: PathId, services: InServices) -> ModelOut:
    """One model: how far it is, what it was trained on, and how many images it gets right."""
    with services.database.read() as session:
        return ModelOut.of(trained_models.get_model(session, get_pool(session, slug), model_id))


@router.post("/{model_id}/stop", responses=responses(409))
def stop_model(slug: Slug, model_id: PathId, services: InServices, now: Now) -> ModelOut:
    """Stop a model that is queued or being trained. Nothing of it is kept."""
    with services.database.write() as session:
        return ModelOut.of(trained_models.stop_model(session, get_pool(session, slug), model_id, now=now))


@router.get(
    "/{model_id}/file",
    response_class=Response,
    responses=responses(ok={"description": "The model", "content": {"application/octet-stream": {}}}),
)
def download_model(slug: Slug, model_id: PathId, services: InServices) -> Response:
    """The model as a `.keras` file, which Keras alone reads. The card says how."""
    with services.database.read() as session:
        pool = get_pool(session, slug)
        model = trained_models.get_model(session, pool, model_id)
        content = trained_models.read_content(session, model)
    headers = attachment(trained_models.file_name(pool, model, "keras"))
    return Response(content, media_type="application/octet-stream", headers=headers)


@router.get(
    "/{model_id}/card",
    response_class=Response,
    responses=responses(ok={"description": "The card", "content": {"text/markdown": {}}}),
)
def download_card(slug: Slug, model_id: PathId, services: InServices) -> Response:
    """What is to be known about the model, as Markdown: accuracy, use, training data, limits."""
    with services.database.read() as session:
        pool = get_pool(session, slug)
        model = trained_models.get_model(session, pool, model_id)
        card = write_card(pool, model, trained_models.read_predictions(session, model))
    headers = attachment(trained_models.file_name(pool, model, "md"))
    return Response(card, media_type="text/markdown", headers=headers)
