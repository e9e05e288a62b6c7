"""Pools: their counts, rounds, labels, export, and the stream of changes."""

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Request
from fastapi.responses import StreamingResponse
from fastapi.sse import EventSourceResponse, ServerSentEvent

from app import deleting, export, queries
from app.export.rows import MAX_SEED, Splits
from app.pools import get_pool
from app.web.api.oracle_downloads import attachment
from app.web.api.schemas import EventOut, Page, PoolDetail, PoolOut, RoundOut
from app.web.api.stream import Stream, open_stream, stream_changes
from app.web.edge.auth import InAdmin, InCaller, actor_of
from app.web.edge.deps import Cursor, InServices, Limit, Now, Slug, get_training
from app.web.edge.problems import responses

router = APIRouter(prefix="/pools", tags=["pools"])


@router.get("")
def list_pools(services: InServices, cursor: Cursor = None, limit: Limit = 100) -> Page[PoolOut]:
    """All pools."""
    with services.database.read() as session:
        pools, following = queries.list_pools(session, after=cursor or 0, limit=limit)
    return Page(items=[PoolOut.model_validate(pool) for pool in pools], next=following)


@router.get("/{slug}", responses=responses(404))
def get_one_pool(slug: Slug, services: InServices, now: Now) -> PoolDetail:
    """Counts, classes, the newest round, what the trainer does, and which data set it is."""
    with services.database.read() as session:
        view = queries.view_pool(session, get_pool(session, slug), now=now)
        training = get_training(services, session, view.pool, now)
    return PoolDetail.of_view(view, training)


@router.delete("/{slug}", status_code=204, responses=responses(403, 404, 409))
def delete_pool(
    slug: Slug,
    request: Request,
    services: InServices,
    admin: InAdmin,
    now: Now,
    confirm: Annotated[str, Query(description="The pool's slug once more, so that no slip deletes it.")],
) -> None:
    """Delete a pool for good: images, originals that no other pool has, answers with their history, rounds and models.

    It answers when all is gone. The pool is out of sight at once; nobody else waits meanwhile.
    """
    deleting.delete_pool(services.database, slug, confirm=confirm, by=actor_of(request, admin), now=now)


@router.get("/{slug}/rounds", responses=responses(404))
def list_rounds(slug: Slug, services: InServices, cursor: Cursor = None, limit: Limit = 100) -> Page[RoundOut]:
    """The rounds, from round 0 on."""
    after = -1 if cursor is None else cursor
    with services.database.read() as session:
        found, following = queries.list_rounds(session, get_pool(session, slug), after=after, limit=limit)
    return Page(items=[RoundOut.of(round_) for round_ in found], next=following)


@router.get("/{slug}/rounds/{number}", responses=responses(404))
def get_round(slug: Slug, number: Annotated[int, Path(ge=0, le=2**63 - 1)], services: InServices) -> RoundOut:
    """One round."""
    with services.database.read() as session:
        return RoundOut.of(queries.get_round(session, get_pool(session, slug), number))


@router.get("/{slug}/labels", responses=responses(404))
def list_labels(
    slug: Slug, services: InServices, caller: InCaller, cursor: Cursor = None, limit: Limit = 100
) -> Page[EventOut]:
    """The current labels, in the order in which they were given; to an annotator, their own."""
    only = None if caller.is_admin else caller.annotator_id
    with services.database.read() as session:
        pool = get_pool(session, slug)
        events, following = queries.list_labels(session, pool, annotator_id=only, after=cursor or 0, limit=limit)
    return Page(items=[EventOut.model_validate(event) for event in events], next=following)


@router.get(
    "/{slug}/export",
    response_class=StreamingResponse,
    responses=responses(
        403,
        404,
        ok={
            "description": "Every current label, by position in the pool",
            "content": {media: {} for media in export.MEDIA_TYPES.values()},
        },
    ),
)
def export_labels(
    slug: Slug,
    services: InServices,
    admin: InAdmin,  # noqa: ARG001 (being admin is all)
    format: Annotated[export.Format, Query()] = "csv",
    validation: Annotated[int, Query(ge=0, le=99, description="Of a hundred, how many to validate.")] = 0,
    test: Annotated[int, Query(ge=0, le=99, description="Of a hundred, how many to test.")] = 0,
    seed: Annotated[int, Query(ge=0, le=MAX_SEED, description="The same splits in the same way.")] = 0,
) -> StreamingResponse:
    """Labels with class, source, annotator, time, round, confidence and how the image was asked; npz carries the images
    too. `folders` is a zip with a folder for each class, `hf` the same as Hugging Face's `datasets` reads it.

    With `validation` or `test` each label has its split. An image keeps its split when more labels come.
    """
    splits = Splits(validation, test, seed) if validation or test else None
    with services.database.read() as session:
        pool = get_pool(session, slug)
    body = export.stream(services.database, pool, format, splits)
    headers = attachment(export.file_name(pool, format))
    return StreamingResponse(body, media_type=export.MEDIA_TYPES[format], headers=headers)


@router.get("/{slug}/stream", response_class=EventSourceResponse, responses=responses(404, 429))
@router.get("/{slug}/events", response_class=EventSourceResponse, responses=responses(404, 429), deprecated=True)
async def stream_pool(stream: Annotated[Stream, Depends(open_stream)]) -> AsyncIterator[ServerSentEvent]:
    """Server-sent events `round` (with its number), `labels`, `due`, `leases`, `training`, `features`: fetch what has
    changed. `features` tells that the learner's look at the images has come further.

    The stream ends after five minutes; browsers come again by themselves, and a script should.
    """
    async for event in stream_changes(stream):
        yield event
