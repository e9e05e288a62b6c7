"""Who has which image for now: claim, give back, expire. A claim is one conditional insert."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

from sqlalchemy import ColumnElement, CursorResult, Select, Table, bindparam, delete, insert, literal, select, update
from sqlalchemy.orm import Session

from app.models import Annotator, Image, Label, Lease, Pool, RankedImage, Round


@dataclass(frozen=True, slots=True)
class LeasedImage:
    """An image that was asked of an annotator. `position` is the index into the pool."""

    image_id: int
    position: int
    pixels: bytes
    confidence: float | None
    prediction: int | None
    expires_at: dt.datetime


def claim(
    session: Session,
    pool: Pool,
    newest: Round,
    annotator: Annotator,
    count: int | None,
    *,
    now: dt.datetime,
    seconds: int,
) -> list[LeasedImage]:
    """Up to `count` images for the annotator: those already held first, then the head of the ranking.

    Without a count, what is held comes alone, and the next batch only once nothing is: so a batch that was
    broken off is finished before a new one starts. Expired leases of one's own that nobody took count as held.
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
    missing = _missing(count, len(held), pool.batch_size)
    if missing:
        _drop_expired(session, pool, annotator, now)
        missing -= _insert(session, _ranked(pool, newest, annotator, until, missing))
    if missing:
        _insert(session, _unranked(pool, newest, annotator, until, missing))
    return _read(session, pool, annotator, count)


def give(session: Session, lease: Lease) -> None:
    """Hold one image for an annotator, whoever had it."""
    session.execute(delete(Lease).where(Lease.image_id == lease.image_id))
    session.add(lease)
    session.flush()


_LEASES = cast(Table, Lease.__table__)
_END = delete(_LEASES).where(_LEASES.c.image_id.in_(bindparam("image_ids", expanding=True)))


def end(session: Session, image_ids: Sequence[int]) -> None:
    """The images are with nobody any more."""
    session.execute(_END, {"image_ids": image_ids})


def _missing(count: int | None, n_held: int, batch_size: int) -> int:
    if count is None:
        return 0 if n_held else batch_size
    return max(0, count - n_held)


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


def _is_free(image_id: ColumnElement[int]) -> tuple[ColumnElement[bool], ...]:
    """Nobody labeled it and nobody holds it."""
    return (
        ~select(Label.image_id).where(Label.image_id == image_id).exists(),
        ~select(Lease.image_id).where(Lease.image_id == image_id).exists(),
    )


def _ranked(
    pool: Pool, newest: Round, annotator: Annotator, until: dt.datetime, count: int
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
        .where(RankedImage.round_id == newest.id, *_is_free(RankedImage.image_id.expression))
        .order_by(RankedImage.rank)
        .limit(count)
    )


def _unranked(
    pool: Pool, newest: Round, annotator: Annotator, until: dt.datetime, count: int
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
        .where(Image.pool_id == pool.id, Image.split == "pool", *_is_free(Image.id.expression))
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
