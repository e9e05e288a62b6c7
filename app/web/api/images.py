"""Images as PNG files."""

from fastapi import APIRouter, Response

from app import queries
from app.png import as_png
from app.web.edge.auth import InCaller
from app.web.edge.deps import InServices, PathId
from app.web.edge.image_urls import image_version
from app.web.edge.problems import responses

router = APIRouter(tags=["images"])


@router.get(
    "/images/{image_id}.png",
    response_class=Response,
    responses=responses(401, 404, 422, ok={"content": {"image/png": {}}, "description": "The image"}),
)
def get_image(image_id: PathId, services: InServices, caller: InCaller, v: str | None = None) -> Response:
    """One image as a PNG, cached for ever if `v` is the version of its content, as in a lease's `url`.

    Validation and test images are for admins.
    """
    with services.database.read() as session:
        image = queries.get_pixels(session, image_id, with_held_out=caller.is_admin)
    is_this = v == image_version(image.sha256)
    headers = {"Cache-Control": "private, max-age=31536000, immutable" if is_this else "no-cache"}
    return Response(as_png(image.pixels), media_type="image/png", headers=headers)
