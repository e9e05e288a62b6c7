"""The newest model of a pool, whole or at work: as one file, and predictions for images that are sent."""

from typing import Annotated, Any

import numpy as np
from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import BaseModel, Field

from app import predicting, trained_models
from app.errors import PictureRefused
from app.merges import read_merges
from app.pools import get_pool
from app.predicting import Predictor
from app.web.api.oracle_downloads import attachment
from app.web.edge.auth import get_admin
from app.web.edge.deps import InServices, Services, Slug
from app.web.edge.multipart import UploadedFile, read_files
from app.web.edge.problems import responses

router = APIRouter(prefix="/pools/{slug}", tags=["models"], dependencies=[Depends(get_admin)])

MAX_IMAGES = 1000  # of one request
_FORM = {
    "required": True,
    "content": {
        "multipart/form-data": {
            "schema": {
                "type": "object",
                "required": ["images"],
                "properties": {
                    "images": {
                        "type": "array",
                        "minItems": 1,
                        "maxItems": MAX_IMAGES,
                        "items": {"type": "string", "format": "binary"},
                    }
                },
            }
        }
    },
}


class RefusedOut(BaseModel):
    """Why a file was not predicted: `code` for programs, `message` for people."""

    code: str
    message: str


class PredictionOut(BaseModel):
    """One file. `probabilities` are by the classes' names, the likeliest first; they are not calibrated.

    A class that was merged counts for the one that it was merged into.

    Either `refused` is null, or all the others but the name are.
    """

    name: str
    class_: str | None = Field(serialization_alias="class")
    confidence: float | None
    probabilities: dict[str, float] | None
    refused: RefusedOut | None


class PredictionsOut(BaseModel):
    """The files in the order in which they were sent, and the model that predicted."""

    model_id: int
    images: list[PredictionOut]


async def read_body(request: Request) -> bytes:
    """The whole body; how large it may be is checked at the door."""
    return await request.body()


@router.get(
    "/model",
    response_class=Response,
    responses=responses(403, 404, ok={"description": "The model", "content": {"application/octet-stream": {}}}),
)
def download_newest_model(slug: Slug, services: InServices) -> Response:
    """The newest model in one file with all that predicting needs: the network, the classes, how pictures are brought
    to it, and its card. `inkling predict` opens it without a database, and Keras its part network.keras.
    """
    with services.database.read() as session:
        pool = get_pool(session, slug)
        model = trained_models.get_newest_done(session, pool)
        content = trained_models.read_content(session, model)
        predictions = trained_models.read_predictions(session, model)
        merges = read_merges(session, pool)
    packed = predicting.pack_model(pool, merges, model, content, predictions)
    headers = attachment(f"{slug}-model-{model.id}{predicting.ENDING}")
    return Response(packed, media_type="application/octet-stream", headers=headers)


@router.post("/predict", responses=responses(403, 404, 413), openapi_extra={"requestBody": _FORM})
def predict(
    slug: Slug,
    request: Request,
    services: InServices,
    body: Annotated[bytes, Depends(read_body)],
    top: Annotated[int | None, Query(ge=1, le=1000, description="Only so many classes an image.")] = None,
) -> PredictionsOut:
    """Say which class each image has by the newest model. A file that is no picture is named, and the others count."""
    predictor = services.predictors.get_newest(services.database, slug)
    files = read_files(request.headers.get("content-type", ""), body, max_files=MAX_IMAGES)
    return PredictionsOut(model_id=predictor.model_id, images=_predict(services, predictor, files, top))


def _predict(
    services: Services, predictor: Predictor, files: list[UploadedFile], top: int | None
) -> list[PredictionOut]:
    shape = predictor.image_shape

    def decode(file: UploadedFile) -> Any:
        return services.decoders.decode(file.content, shape).pixels

    decoded = [found for _, found in services.decoders.run_ahead(files, decode, lambda file: len(file.content))]
    pictures = [found for found in decoded if not isinstance(found, PictureRefused)]
    images = np.stack(pictures) if pictures else np.zeros((0, *shape), np.uint8)
    probabilities = iter(services.predictors.predict(predictor, images).tolist())
    return [
        _refuse(file, found)
        if isinstance(found, PictureRefused)
        else _as_prediction(file, predictor, next(probabilities), top)
        for file, found in zip(files, decoded, strict=True)
    ]


def _as_prediction(
    file: UploadedFile, predictor: Predictor, probabilities: list[float], top: int | None
) -> PredictionOut:
    found = sorted(zip(predictor.classes, probabilities, strict=True), key=lambda each: -each[1])[:top]
    best, confidence = found[0]
    return PredictionOut(name=file.name, class_=best, confidence=confidence, probabilities=dict(found), refused=None)


def _refuse(file: UploadedFile, refusal: PictureRefused) -> PredictionOut:
    refused = RefusedOut(code=type(refusal).__name__, message=refusal.message)
    return PredictionOut(name=file.name, class_=None, confidence=None, probabilities=None, refused=refused)
