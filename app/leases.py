"""Who has which image for now: claim, renew, give back, expire. A claim is one conditional insert.

Two bounds keep one annotator from holding the head of the ranking against all others: how many images they hold, and
how often a lease is renewed before the image is free for a moment.
"""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

from sqlalchemy import (
    ColumnElement,
    Connection,
    CursorResult,
    Insert,
    Table,
    and_,
    bindparam,
    case,
    delete,
    func,
    insert,
    null,
    select,
    update,
)
from sqlalchemy.orm import Session

from app.changes import Change, note
from app.models import Annotator, Image, Label, Lease, Pool, RankedImage, Skip
from app.rounds import Newest

HELD_BATCHES = 3  # the most that one annotator holds, in batches of the pool
HELD_IMAGES = 30  # or so many, where batches are small
LONGEST_HOLD = 6  # lease times: an image that waits for longer may go to others


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


# Everybody who labels waits for these, and building a statement takes longer than running it: they are built once.
_LEASES = cast(Table, Lease.__table__)
_MINE = (Lease.pool_id == bindparam("in_pool"), Lease.annotator_id == bindparam("by"))
_IN_ORDER = (Lease.round_id, Lease.rank.nulls_last(), Lease.image_id)
_HELD = select(Lease.image_id).where(*_MINE).order_by(*_IN_ORDER).limit(bindparam("most"))
_LEASED = (
    select(Lease.image_id, Image.position, Image.pixels, Lease.confidence, Lease.prediction, Lease.expires_at)
    .join(Image, Image.id == Lease.image_id)
    .where(*_MINE)
    .order_by(*_IN_ORDER)
    .limit(bindparam("most"))
)
_N_OUT = select(func.count()).where(Lease.pool_id == bindparam("in_pool"))
_NAMED = _LEASES.c.image_id.in_(bindparam("image_ids", expanding=True))
_IS_OVER = _LEASES.c.expires_at <= bindparam("now")
# An ended lease that nobody took starts anew; a running one is extended unless it is older than LONGEST_HOLD.
_HOLD = (
    update(_LEASES)
    .where(_LEASES.c.pool_id == bindparam("in_pool"), _LEASES.c.annotator_id == bindparam("by"))
    .where(_IS_OVER | (_LEASES.c.given_at > bindparam("given_after")))
    .values(
        expires_at=bindparam("until"),
        given_at=case((_IS_OVER, bindparam("now", type_=_LEASES.c.given_at.type)), else_=_LEASES.c.given_at),
    )
)
_HOLD_NAMED = _HOLD.where(_NAMED)
_END = delete(_LEASES).where(_NAMED)
_DROP_EXPIRED = delete(_LEASES).where(
    _LEASES.c.pool_id == bindparam("in_pool"),
    _IS_OVER,
    _LEASES.c.annotator_id != bindparam("by"),
)


def _claiming(
    image_id: ColumnElement[int], ranked: Sequence[ColumnElement[Any]], where: ColumnElement[bool], order: Any
) -> Insert:
    """Lease the first `missing` images that nobody labeled, nobody holds, and the annotator did not skip."""
    is_free = (
        ~select(Label.image_id).where(Label.image_id == image_id).exists(),
        ~select(Lease.image_id).where(Lease.image_id == image_id).exists(),
        ~select(Skip.image_id).where(Skip.image_id == image_id, Skip.annotator_id == bindparam("by")).exists(),
    )
    values = {
        "image_id": image_id,
        "pool_id": bindparam("in_pool", type_=Lease.pool_id.type),
        "annotator_id": bindparam("by", type_=Lease.annotator_id.type),
        "round_id": bindparam("in_round", type_=Lease.round_id.type),
        **dict(zip(("rank", "confidence", "prediction"), ranked, strict=True)),
        "expires_at": bindparam("until", type_=Lease.expires_at.type),
        "given_at": bindparam("now", type_=Lease.given_at.type),
    }
    first = select(*values.values()).where(where, *is_free).order_by(order).limit(bindparam("missing"))
    return insert(_LEASES).from_select(list(values), first)


_CLAIM_RANKED = _claiming(
    RankedImage.image_id.expression,
    [RankedImage.rank.expression, RankedImage.confidence.expression, RankedImage.prediction.expression],
    RankedImage.round_id == bindparam("in_round"),
    RankedImage.rank,
)
# Beyond the stored head of the ranking: by position, so that nobody runs dry before the next round.
_CLAIM_UNRANKED = _claiming(
    Image.id.expression,
    [null(), null(), null()],
    and_(Image.pool_id == bindparam("in_pool"), Image.split == "pool"),
    Image.position,
)


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

    At most `max_held` of them, however many are asked for.
    Without a count, what is held comes alone. If nothing is, a batch comes, or what the next round still waits
    for beside the labels it has and the images that are out: so a batch that was broken off is finished
    before a new one starts. Expired leases of one's own that nobody took count as held. What the annotator
    skipped does not come again.
    """
    connection = session.connection()
    most = pool.n_images if count is None else min(count, max_held(pool, annotator))
    given = {**_holding(pool, annotator, now, seconds), "in_round": newest.id, "most": most}
    held = connection.scalars(_HELD, given).all()
    if held:
        connection.execute(_HOLD_NAMED, {**given, "image_ids": held})
    missing = max(0, most - len(held)) if count is not None else 0
    if missing or (count is None and not held):
        connection.execute(_DROP_EXPIRED, given)
        missing = missing or _next_batch(connection, pool, newest.n_new)
        missing -= connection.execute(_CLAIM_RANKED, {**given, "missing": missing}).rowcount
    if missing:
        connection.execute(_CLAIM_UNRANKED, {**given, "missing": missing})
    return [LeasedImage(*row) for row in connection.execute(_LEASED, given)]


def max_held(pool: Pool, annotator: Annotator) -> int:
    """How many images of the pool the annotator may hold. The oracle answers in the same moment, and may hold all."""
    return pool.n_images if annotator.role == "oracle" else max(HELD_IMAGES, HELD_BATCHES * pool.batch_size)


def has_room(session: Session, pool: Pool, annotator: Annotator) -> bool:
    """Whether the annotator may hold one more."""
    mine = select(func.count()).where(Lease.pool_id == pool.id, Lease.annotator_id == annotator.id)
    return (session.scalar(mine) or 0) < max_held(pool, annotator)


def give(session: Session, lease: Lease) -> None:
    """Hold one image for an annotator, whoever had it."""
    session.execute(delete(Lease).where(Lease.image_id == lease.image_id))
    session.add(lease)
    session.flush()


def renew(session: Session, pool: Pool, annotator: Annotator, *, now: dt.datetime, seconds: int) -> int:
    """Hold for longer what the annotator holds; how many images that are.

    A lease that was given more than `LONGEST_HOLD` lease times ago is left to end. If nobody takes the image
    then, it may be renewed again.
    """
    return session.connection().execute(_HOLD, _holding(pool, annotator, now, seconds)).rowcount


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


def end(session: Session, image_ids: Sequence[int]) -> None:
    """The images are with nobody any more."""
    session.connection().execute(_END, {"image_ids": image_ids})


def _holding(pool: Pool, annotator: Annotator, now: dt.datetime, seconds: int) -> dict[str, Any]:
    lease_time = dt.timedelta(seconds=seconds)
    return {
        "in_pool": pool.id,
        "by": annotator.id,
        "now": now,
        "until": now + lease_time,
        "given_after": now - LONGEST_HOLD * lease_time,
    }


def _next_batch(connection: Connection, pool: Pool, n_new: int) -> int:
    n_out: int = connection.scalar(_N_OUT, {"in_pool": pool.id}) or 0
    return max(0, pool.batch_size - n_new - n_out) or pool.batch_size
