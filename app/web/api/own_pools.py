"""Pools of one's own: make one, set it up, add images, and change its classes. For admins."""

import datetime as dt
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from fastapi.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile

from app import own_pools, queries
from app.adding import Quota
from app.errors import NothingSent
from app.importing import LabelUse, Upload, take_uploads
from app.models import Pool
from app.own_pools import OwnPoolSpec
from app.pools import get_pool
from app.web.api.pool_schemas import (
    ClassesIn,
    ClassIn,
    ClassOrderIn,
    PlacedOut,
    PoolChangeIn,
    PoolIn,
    PoolSettingsOut,
    UploadOut,
)
from app.web.api.schemas import PoolDetail
from app.web.edge.auth import InAdmin, get_admin
from app.web.edge.deps import InServices, Now, Services, Slug, get_training
from app.web.edge.problems import responses

router = APIRouter(prefix="/pools", tags=["pools"], responses=responses(403, 413), dependencies=[Depends(get_admin)])

FILES_A_REQUEST = 1000
ClassNumber = Annotated[int, Path(ge=0, le=999)]
UPLOAD_BODY = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["files"],
                    "properties": {"files": {"type": "array", "items": {"type": "string", "format": "binary"}}},
                }
            }
        },
    }
}


@router.post("", status_code=201, responses=responses(409))
def create_pool(body: PoolIn, response: Response, services: InServices, now: Now) -> PoolDetail:
    """Make a pool without images. `Location` is its address; images are added at `…/images`."""
    spec = OwnPoolSpec(
        slug=body.slug,
        name=body.slug if body.name is None else body.name,
        classes=body.classes,
        height=body.height,
        width=body.width,
        channels=3 if body.colours else 1,
        learner=body.learner,
        strategy=body.strategy,
        batch_size=body.batch_size,
        chance_every=body.chance_every,
        description=body.description,
    )
    with services.database.write() as session:
        pool = own_pools.create_pool(session, spec, filled=True, now=now)
    response.headers["Location"] = f"/api/v1/pools/{pool.slug}"
    return _view(services, pool.slug, now)


@router.patch("/{slug}", responses=responses(404))
def change_pool(slug: Slug, body: PoolChangeIn, services: InServices, now: Now) -> PoolSettingsOut:
    """Name, texts, goals; archive a pool, so that it is listed no more; pause it, so that it asks nobody."""
    given = body.model_dump(exclude_unset=True)
    for name in ("archived", "paused"):
        if f"is_{name}" in given:
            given[f"{name}_at"] = now if given.pop(f"is_{name}") else None
    with services.database.write() as session:
        return PoolSettingsOut.of(own_pools.change_pool(session, get_pool(session, slug), now=now, **given))


@router.get("/{slug}/settings", responses=responses(404))
def get_settings(slug: Slug, services: InServices) -> PoolSettingsOut:
    """What `PATCH` changes."""
    with services.database.read() as session:
        return PoolSettingsOut.of(get_pool(session, slug))


@router.post("/{slug}/classes", status_code=201, responses=responses(404))
def add_classes(slug: Slug, body: ClassesIn, services: InServices, now: Now) -> PoolDetail:
    """Append classes; the next round knows them."""
    with services.database.write() as session:
        own_pools.add_classes(session, get_pool(session, slug), body.names)
    return _view(services, slug, now)


@router.patch("/{slug}/classes/{index}", responses=responses(404))
def rename_class(slug: Slug, index: ClassNumber, body: ClassIn, services: InServices, now: Now) -> PoolDetail:
    """Give a class another name; what was labeled with it has that name, too."""
    with services.database.write() as session:
        own_pools.rename_class(session, get_pool(session, slug), index, body.name)
    return _view(services, slug, now)


@router.put("/{slug}/class-order", responses=responses(404))
def order_classes(slug: Slug, body: ClassOrderIn, services: InServices, now: Now) -> PoolDetail:
    """Put the buttons in another order."""
    with services.database.write() as session:
        own_pools.order_classes(session, get_pool(session, slug), body.order)
    return _view(services, slug, now)


@router.post("/{slug}/images", status_code=201, responses=responses(404, 409, 415), openapi_extra=UPLOAD_BODY)
async def add_images(
    slug: Slug,
    request: Request,
    services: InServices,
    caller: InAdmin,
    is_test: Annotated[bool, Query(description="Whether they test the model instead of being labeled.")] = False,
    class_name: Annotated[
        str | None, Query(alias="class", max_length=100, description="The known class of all of them.")
    ] = None,
    folders: Annotated[
        LabelUse,
        Query(
            description="What the folder just above a file says, as in `bee/017.jpg`: nothing; its known truth, which "
            "people do not see; or a label that stands, as an answer of the caller."
        ),
    ] = "none",
) -> UploadOut:
    """Add images: PNG, JPEG, WebP, TIFF, BMP, GIF, or zip and tar archives of them, as parts `files`.

    What is no image is named and refused; the others stand. The same bytes twice are one image. Chance may
    ask them at once; the learner chooses among them from the next round on.
    """
    pool = await run_in_threadpool(_read_pool, services, slug)
    async with request.form(max_files=FILES_A_REQUEST, max_fields=1) as form:
        files = [each for each in form.getlist("files") if isinstance(each, UploadFile)]
        if not files:
            raise NothingSent("The request has no file. Send each as a part named files, as multipart/form-data.")
        uploads = [Upload(each.filename or "", each.file) for each in files]

        def take() -> UploadOut:
            placed = take_uploads(
                services.database,
                pool,
                uploads,
                services.decoders,
                split="test" if is_test else "pool",
                class_name=class_name,
                folders=folders,
                by=caller.name,
                quota=Quota(services.settings.max_pool_images, services.settings.max_pool_bytes),
                clock=lambda: dt.datetime.now(dt.UTC),
            )
            n_images = _read_pool(services, slug).n_images
            items = [PlacedOut(**each.as_dict()) for each in placed]
            counts = {status: sum(item.status == status for item in items) for status in ("added", "known", "refused")}
            return UploadOut(**counts, items=items, n_images=n_images)

        return await run_in_threadpool(take)


def _read_pool(services: Services, slug: str) -> Pool:
    with services.database.read() as session:
        return get_pool(session, slug)


def _view(services: Services, slug: str, now: Now) -> PoolDetail:
    with services.database.read() as session:
        view = queries.view_pool(session, get_pool(session, slug), now=now)
        training = get_training(services, session, view.pool, now)
    return PoolDetail.of_view(view, training)
