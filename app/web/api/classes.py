"""The classes of a pool: merges of them, examples of them, and the pictures of the guideline that explains them."""

import datetime as dt
import hashlib
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from app import guidelines, merging
from app.db import Database
from app.errors import NothingSent
from app.models import GuidelinePicture, Pool
from app.pools import get_pool
from app.rendering import as_webp, preview_shape
from app.web.api.pool_schemas import (
    ClassExamplesOut,
    ExampleOut,
    ExamplesOut,
    GuidelinePictureOut,
    MergeIn,
    MergeOut,
)
from app.web.edge.auth import InAdmin, ensure_actor, ensure_annotator, get_admin, get_caller
from app.web.edge.deps import InServices, Now, PathId, Services, Slug
from app.web.edge.image_urls import image_url, image_version
from app.web.edge.multipart import read_files
from app.web.edge.problems import responses

router = APIRouter(prefix="/pools/{slug}", tags=["pools"], responses=responses(404))
admin_router = APIRouter(
    prefix="/pools/{slug}", tags=["pools"], responses=responses(403, 404), dependencies=[Depends(get_admin)]
)
picture_router = APIRouter(tags=["images"], dependencies=[Depends(get_caller)])

FOLLOW_SECONDS = 1.0  # how long a request lets labels follow a merge; the server's loop goes on from there
PICTURE_SIDE = 800  # pixels, of a picture in a guideline
PICTURE_BODY = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file"],
                    "properties": {"file": {"type": "string", "format": "binary"}},
                }
            }
        },
    }
}


async def read_body(request: Request) -> bytes:
    """The whole body; its size is bounded by then."""
    return await request.body()


Body = Annotated[bytes, Depends(read_body)]


@router.get("/examples")
def get_examples(slug: Slug, services: InServices) -> ExamplesOut:
    """Some images of each class: of those that people have labeled and nobody is asked about any more."""
    with services.database.read() as session:
        pool = get_pool(session, slug)
        found = services.examples.get(session, pool)
    by_class: dict[int, list[ExampleOut]] = {value: [] for value in pool.buttons}
    for example in found:
        url = image_url(example.image_id, example.sha256, is_own=example.is_own)
        by_class[example.value].append(ExampleOut(image_id=example.image_id, url=url))
    return ExamplesOut(classes=[ClassExamplesOut(value=value, images=images) for value, images in by_class.items()])


@admin_router.get("/merges")
def list_merges(slug: Slug, services: InServices) -> list[MergeOut]:
    """All merges of classes, newest first, those that were taken back among them."""
    with services.database.read() as session:
        return [MergeOut.of(told) for told in merging.list_merges(session, get_pool(session, slug))]


@admin_router.post("/merges", status_code=201, responses=responses(409))
def merge_classes(
    slug: Slug, body: MergeIn, request: Request, services: InServices, admin: InAdmin, now: Now
) -> MergeOut:
    """Merge a class into another: it has no button any more, and all its labels become labels of the other.

    Its index keeps its meaning. Each label is changed by an event, so the merge can be taken back. Many labels follow
    after the answer came: see `done_at`.
    """
    with services.database.write() as session:
        pool, annotator = get_pool(session, slug), ensure_annotator(session, admin, None, now=now)
        by = ensure_actor(session, request, admin, as_admin=True)
        merge = merging.merge_classes(session, pool, body.from_class, body.into_class, annotator, by=by, now=now)
    return _follow(services.database, pool, merge.id, now=now)


@admin_router.delete("/merges/{merge_id}", responses=responses(409))
def take_merge_back(
    slug: Slug, merge_id: PathId, request: Request, services: InServices, admin: InAdmin, now: Now
) -> MergeOut:
    """Take a merge back: the class has its button again, and its labels, but for those that people changed since."""
    with services.database.write() as session:
        pool, annotator = get_pool(session, slug), ensure_annotator(session, admin, None, now=now)
        by = ensure_actor(session, request, admin, as_admin=True)
        merging.take_merge_back(session, pool, merge_id, annotator, by=by, now=now)
    return _follow(services.database, pool, merge_id, now=now)


@admin_router.get("/guideline-pictures")
def list_pictures(slug: Slug, services: InServices) -> list[GuidelinePictureOut]:
    """What was uploaded for the guideline, oldest first."""
    with services.database.read() as session:
        found = guidelines.list_pictures(session, get_pool(session, slug))
    return [GuidelinePictureOut.of(picture, slug) for picture in found]


@admin_router.post("/guideline-pictures", status_code=201, responses=responses(413, 415), openapi_extra=PICTURE_BODY)
def add_picture(slug: Slug, request: Request, body: Body, services: InServices, now: Now) -> GuidelinePictureOut:
    """Upload a picture for the guideline, as one part of multipart/form-data. It is scaled down and encoded anew."""
    with services.database.read() as session:
        get_pool(session, slug)  # where there is none, nothing is decoded
    return GuidelinePictureOut.of(store_picture(services, slug, request, body, now), slug)


@admin_router.delete("/guideline-pictures/{picture_id}", status_code=204)
def remove_picture(slug: Slug, picture_id: PathId, services: InServices) -> None:
    """Delete a picture of the guideline; where the text shows it, it shows nothing any more."""
    with services.database.write() as session:
        guidelines.remove_picture(session, get_pool(session, slug), picture_id)


@picture_router.get(
    "/pools/{slug}/guideline/{picture_id}.webp",
    response_class=Response,
    responses=responses(401, 404, 422, ok={"content": {"image/webp": {}}, "description": "The picture"}),
)
def get_picture(slug: Slug, picture_id: PathId, services: InServices, v: str | None = None) -> Response:
    """A picture of a guideline."""
    with services.database.read() as session:
        picture = guidelines.get_picture(session, get_pool(session, slug), picture_id)
        content, is_this = picture.content, v == image_version(picture.sha256)
    headers = {"Cache-Control": "private, max-age=31536000, immutable" if is_this else "no-cache"}
    return Response(content, media_type="image/webp", headers=headers)


def store_picture(services: Services, slug: str, request: Request, body: bytes, now: Now) -> GuidelinePicture:
    """Decode the one file of a form, and store it scaled down.

    Raises:
        NothingSent
    """
    files = read_files(request.headers.get("content-type", ""), body, max_files=1)
    if not files or not files[0].content:
        raise NothingSent("No picture came. Choose a file.")
    with services.database.read() as session:
        pool = get_pool(session, slug)
    file = files[0]
    seen = services.decoders.decode(file.content, (8, 8, 3))  # says how large it is
    pixels = services.decoders.decode(file.content, preview_shape(seen.width, seen.height, PICTURE_SIDE)).pixels
    picture = GuidelinePicture(
        sha256=hashlib.sha256(file.content).hexdigest(),
        name=file.name or "picture",
        width=pixels.shape[1],
        height=pixels.shape[0],
        content=as_webp(pixels),
    )
    with services.database.write() as session:
        return guidelines.add_picture(session, pool, picture, now=now)


def _follow(database: Database, pool: Pool, merge_id: int, *, now: dt.datetime) -> MergeOut:
    merging.follow(database, pool, now=now, seconds=FOLLOW_SECONDS)
    with database.read() as session:
        return MergeOut.of(merging.get_merge(session, pool, merge_id))
