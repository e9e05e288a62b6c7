"""Images as files: what the learner sees, a preview of the original, and the original as a download."""

from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Depends, Query, Response

from app import queries
from app.rendering import as_png, as_webp
from app.web.api.pool_schemas import ImageOut
from app.web.edge.auth import InAdmin, InCaller, get_caller
from app.web.edge.deps import InServices, PathId
from app.web.edge.image_urls import image_version
from app.web.edge.problems import responses

router = APIRouter(tags=["images"])
api_router = APIRouter(prefix="/images", tags=["images"], dependencies=[Depends(get_caller)])

PREVIEW_SIDE = 800  # pixels: as large as a labeling page shows it


@router.get(
    "/images/{image_id}.png",
    response_class=Response,
    responses=responses(401, 404, 422, ok={"content": {"image/png": {}}, "description": "The image"}),
)
def get_image(image_id: PathId, services: InServices, caller: InCaller, v: str | None = None) -> Response:
    """One image as the learner sees it, cached for ever if `v` is the version of its content.

    Validation and test images are for admins.
    """
    with services.database.read() as session:
        image = queries.get_pixels(session, image_id, with_held_out=caller.is_admin)
    return _picture(as_png(image.pixels), "image/png", v == image_version(image.sha256))


@router.get(
    "/images/{image_id}.webp",
    response_class=Response,
    responses=responses(401, 404, 422, 503, ok={"content": {"image/webp": {}}, "description": "The preview"}),
)
def get_preview(
    image_id: PathId,
    services: InServices,
    caller: InCaller,
    v: str | None = None,
    side: Annotated[int, Query(ge=16, le=PREVIEW_SIDE, description="At most so many pixels a side.")] = PREVIEW_SIDE,
) -> Response:
    """One image for people, as in a lease's `url`: its original made anew by us, upright, without what else was in it.

    An image without an original is what the learner sees. Validation and test images are for admins.
    """
    with services.database.read() as session:
        image = queries.get_pixels(session, image_id, with_held_out=caller.is_admin)
        blob = queries.find_blob(session, image.sha256)
    content = as_webp(image.pixels) if blob is None else services.previews.get(services.database, blob, side)
    return _picture(content, "image/webp", v == image_version(image.sha256))


@router.get(
    "/images/{image_id}/original",
    response_class=Response,
    responses=responses(
        401, 403, 404, 422, ok={"content": {"application/octet-stream": {}}, "description": "The original"}
    ),
)
def get_original(image_id: PathId, services: InServices, admin: InAdmin) -> Response:  # noqa: ARG001 (being admin is all)
    """The original, byte for byte, as a download: no browser shows what others have sent."""
    with services.database.read() as session:
        image, _, _ = queries.get_image(session, image_id, with_held_out=True)
        blob = queries.get_blob(session, image)
    name = quote((image.name or "").rpartition("/")[2])
    headers = {
        "Content-Disposition": f"attachment; filename*=UTF-8''{name}",
        "Content-Security-Policy": "sandbox; default-src 'none'",
        "Cache-Control": "private, no-cache",
    }
    return Response(blob.content, media_type="application/octet-stream", headers=headers)


@api_router.get("/{image_id}", responses=responses(404))
def describe_image(image_id: PathId, services: InServices, caller: InCaller) -> ImageOut:
    """What is known of an image but its labels. Validation and test images are for admins."""
    with services.database.read() as session:
        image, pool, _ = queries.get_image(session, image_id, with_held_out=caller.is_admin)
        blob = queries.find_blob(session, image.sha256)
        return ImageOut.of(image, pool, blob, is_admin=caller.is_admin)


def _picture(content: bytes, media_type: str, is_this: bool) -> Response:
    headers = {"Cache-Control": "private, max-age=31536000, immutable" if is_this else "no-cache"}
    return Response(content, media_type=media_type, headers=headers)
