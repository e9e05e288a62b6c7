"""Who has which image for now: claim, renew, give back, expire. A claim is one conditional insert."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

from sqlalchemy import (
    ColumnElement,
    CursorResult,
    Select,
    Table,
    bindparam,
    delete,
    func,
    insert,
    literal,
    select,
    update,
)
from sqlalchemy.orm import Session

from app.live import Change, note
from app.models import Annotator, Image, Label, Lease, Pool, RankedImage, Skip
from app.rounds import Newest


@dataclass(frozen=True, slots=True)
class LeasedImage:
    """An image that was asked of an annotator. `position` is the index into the pool."""

    image_id: int
    position: int
    pixels: bytes
    confidence: float | None
    prediction: int | None
    expires_at: dt.datetime


@dataclass(frozen=True, slots=True)
class Shortage:
    """Why there is nothing to give: of the `unlabeled` images some are with others, some this annotator skipped.

    `next_free_at` is when the first lease of somebody else ends, if it is not renewed.
    """

    unlabeled: int
    with_others: int
    skipped: int
    next_free_at: dt.datetime | None


def claim(
    session: Session,
    pool: Pool,
    newest: Newest,
    annotator: Annotator,
    count: int | None,
    *,
    now: dt.datetime,
    seconds: int,
) -> list[LeasedImage]:
    """Up to `count` images for the annotator: those already held first, then the head of the ranking.

    Without a count, what is held comes alone. If nothing is, a batch comes, or what the next round still waits
    for beside the labels it has and the images that are out: so a batch that was broken off is finished
    before a new one starts. Expired leases of one's own that nobody took count as held. What the annotator
    skipped does not come again.
    """
    until = now + dt.timedelta(seconds=seconds)
    held = list(
        session.scalars(
            select(Lease.image_id)
            .where(Lease.pool_id == pool.id, Lease.annotator_id == annotator.id)
            .order_by(Lease.round_id, Lease.rank.nulls_last(), Lease.image_id)
            .limit(count)
        )
    )
    if held:
        session.execute(update(Lease).where(Lease.image_id.in_(held)).values(expires_at=until))
    missing = max(0, count - len(held)) if count is not None else 0
    if missing or (count is None and not held):
        _drop_expired(session, pool, annotator, now)
        missing = missing or _next_batch(session, pool, newest.n_new)
        missing -= _insert(session, _ranked(pool, newest, annotator, until, missing))
    if missing:
        _insert(session, _unranked(pool, newest, annotator, until, missing))
    return _read(session, pool, annotator, count)


def give(session: Session, lease: Lease) -> None:
    """Hold one image for an annotator, whoever had it."""
    session.execute(delete(Lease).where(Lease.image_id == lease.image_id))
    session.add(lease)
    session.flush()


def renew(session: Session, pool: Pool, annotator: Annotator, *, now: dt.datetime, seconds: int) -> int:
    """Hold for longer whatever the annotator holds; how many images that are."""
    until = now + dt.timedelta(seconds=seconds)
    renewed = session.execute(
        update(Lease).where(Lease.pool_id == pool.id, Lease.annotator_id == annotator.id).values(expires_at=until)
    )
    assert isinstance(renewed, CursorResult)  # an UPDATE's result has a row count
    return renewed.rowcount


def release(session: Session, pool: Pool, annotator: Annotator, image_ids: Sequence[int] | None) -> int:
    """Give images back, all that the annotator holds if none are named; how many that were."""
    mine = delete(Lease).where(Lease.pool_id == pool.id, Lease.annotator_id == annotator.id)
    if image_ids is not None:
        mine = mine.where(Lease.image_id.in_(image_ids))
    released = session.execute(mine)
    assert isinstance(released, CursorResult)  # a DELETE's result has a row count
    if released.rowcount:
        note(session, Change("leases", pool.id))  # somebody may be waiting for one of them
    return released.rowcount


def find_shortage(session: Session, pool: Pool, annotator: Annotator, *, now: dt.datetime) -> Shortage:
    """What keeps the annotator from getting an image."""
    n_labeled = session.scalar(select(func.count()).where(Label.pool_id == pool.id)) or 0
    others = (Lease.pool_id == pool.id, Lease.annotator_id != annotator.id, Lease.expires_at > now)
    with_others, next_free_at = session.execute(select(func.count(), func.min(Lease.expires_at)).where(*others)).one()
    is_labeled = select(Label.image_id).where(Label.image_id == Skip.image_id).exists()
    skipped = select(func.count()).where(Skip.pool_id == pool.id, Skip.annotator_id == annotator.id, ~is_labeled)
    return Shortage(
        unlabeled=pool.n_images - n_labeled,
        with_others=with_others,
        skipped=session.scalar(skipped) or 0,
        next_free_at=next_free_at,
    )


_LEASES = cast(Table, Lease.__table__)
_END = delete(_LEASES).where(_LEASES.c.image_id.in_(bindparam("image_ids", expanding=True)))


def end(session: Session, image_ids: Sequence[int]) -> None:
    """The images are with nobody any more."""
    session.connection().execute(_END, {"image_ids": image_ids})


def _next_batch(session: Session, pool: Pool, n_new: int) -> int:
    n_out = session.scalar(select(func.count()).where(Lease.pool_id == pool.id)) or 0
    return max(0, pool.batch_size - n_new - n_out) or pool.batch_size


def _drop_expired(session: Session, pool: Pool, annotator: Annotator, now: dt.datetime) -> None:
    session.execute(
        delete(Lease).where(Lease.pool_id == pool.id, Lease.expires_at <= now, Lease.annotator_id != annotator.id)
    )


_COLUMNS = [
    "image_id",
    "pool_id",
    "annotator_id",
    "round_id",
    "rank",
    "confidence",
    "prediction",
    "expires_at",
]


def _is_free(image_id: ColumnElement[int], annotator: Annotator) -> tuple[ColumnElement[bool], ...]:
    """Nobody labeled it, nobody holds it, and the annotator did not skip it."""
    return (
        ~select(Label.image_id).where(Label.image_id == image_id).exists(),
        ~select(Lease.image_id).where(Lease.image_id == image_id).exists(),
        ~select(Skip.image_id).where(Skip.image_id == image_id, Skip.annotator_id == annotator.id).exists(),
    )


def _ranked(
    pool: Pool, newest: Newest, annotator: Annotator, until: dt.datetime, count: int
) -> Select[*tuple[Any, ...]]:
    return (
        select(
            RankedImage.image_id,
            literal(pool.id),
            literal(annotator.id),
            literal(newest.id),
            RankedImage.rank,
            RankedImage.confidence,
            RankedImage.prediction,
            literal(until, Lease.expires_at.type),
        )
        .where(RankedImage.round_id == newest.id, *_is_free(RankedImage.image_id.expression, annotator))
        .order_by(RankedImage.rank)
        .limit(count)
    )


def _unranked(
    pool: Pool, newest: Newest, annotator: Annotator, until: dt.datetime, count: int
) -> Select[*tuple[Any, ...]]:
    """Beyond the stored head of the ranking: by position, so that nobody runs dry before the next round."""
    return (
        select(
            Image.id,
            literal(pool.id),
            literal(annotator.id),
            literal(newest.id),
            literal(None, Lease.rank.type),
            literal(None, Lease.confidence.type),
            literal(None, Lease.prediction.type),
            literal(until, Lease.expires_at.type),
        )
        .where(Image.pool_id == pool.id, Image.split == "pool", *_is_free(Image.id.expression, annotator))
        .order_by(Image.position)
        .limit(count)
    )


def _insert(session: Session, rows: Select[*tuple[Any, ...]]) -> int:
    inserted = session.execute(insert(Lease).from_select(_COLUMNS, rows))
    assert isinstance(inserted, CursorResult)  # an INSERT's result has a row count
    return inserted.rowcount


def _read(session: Session, pool: Pool, annotator: Annotator, count: int | None) -> list[LeasedImage]:
    rows = session.execute(
        select(Lease.image_id, Image.position, Image.pixels, Lease.confidence, Lease.prediction, Lease.expires_at)
        .join(Image, Image.id == Lease.image_id)
        .where(Lease.pool_id == pool.id, Lease.annotator_id == annotator.id)
        .order_by(Lease.round_id, Lease.rank.nulls_last(), Lease.image_id)
        .limit(count)
    )
    return [LeasedImage(*row) for row in rows]
