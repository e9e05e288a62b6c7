"""Which annotator holds which image until when: claim, renew, release, expire. A claim is one conditional insert.

Two bounds keep one annotator from blocking the head of the ranking: how many images an annotator may hold, and how long
a lease may be renewed before others can claim the image.
"""

import datetime as dt
import random
from collections.abc import Sequence
from dataclasses import dataclass, fields
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
    literal,
    null,
    select,
    update,
)
from sqlalchemy.orm import Session

from app.changes import Change, note
from app.events import LabelEventView
from app.learning.names import PREPARING
from app.models import Annotator, Answer, AskedBy, Image, Lease, Pool, RankedImage, Round, Skip
from app.rounds import NewestRound

HELD_BATCHES = 3  # the most that one annotator holds, in batches of the pool
HELD_IMAGES = 30  # the same bound in images, where batches are small
LONGEST_HOLD = 6  # in lease times; an older lease is left to expire
DRAWS = 30  # positions that are tried for one image by chance, before all images are looked through


@dataclass(frozen=True, slots=True)
class LeasedImage:
    """An image that was asked of an annotator, and who chose it. `position` is the index into the pool.

    `name` is that of the original, if there is one; it may tell the class.
    """

    image_id: int
    position: int
    sha256: str
    name: str | None
    confidence: float | None
    prediction: int | None
    asked_by: AskedBy
    expires_at: dt.datetime


@dataclass(frozen=True, slots=True)
class Shortage:
    """Why there is no image to lease: some of the `unlabeled` ones are leased to others, some this annotator skipped.

    An image that only a model labeled counts as unlabeled, because annotators may answer it. `next_free_at` is when the
    first lease of another annotator expires, unless it is renewed.
    """

    unlabeled: int
    with_others: int
    skipped: int
    next_free_at: dt.datetime | None


# Every ask waits for these statements. They are built once, because building one takes longer than running it.
_LEASES = cast(Table, Lease.__table__)
_MINE = (Lease.pool_id == bindparam("in_pool"), Lease.annotator_id == bindparam("by"))
_IN_ORDER = (Lease.round_id, Lease.rank.nulls_last(), Lease.image_id)
_HELD = select(Lease.image_id).where(*_MINE).order_by(*_IN_ORDER).limit(bindparam("most"))
_OF_IMAGE = ("position", "sha256", "name")
_SHOWN = [field.name for field in fields(LeasedImage)]
_LEASE_OF = (
    select(*((getattr(Image, n) if n in _OF_IMAGE else getattr(Lease, n)).label(n) for n in _SHOWN))
    .join(Image, Image.id == Lease.image_id)
    .where(*_MINE)
)
_LEASED = _LEASE_OF.order_by(*_IN_ORDER).limit(bindparam("most"))
_LEASED_IMAGE = _LEASE_OF.where(Lease.image_id == bindparam("of_image"))
_N_OUT = select(func.count()).where(Lease.pool_id == bindparam("in_pool"))
_NAMED = _LEASES.c.image_id.in_(bindparam("image_ids", expanding=True))
_IS_OVER = _LEASES.c.expires_at <= bindparam("now", type_=_LEASES.c.expires_at.type)
# An expired lease that no other annotator claimed starts anew. One in force is extended unless it is too old.
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
_END = delete(_LEASES).where(_NAMED, (_LEASES.c.annotator_id == bindparam("by")) | _IS_OVER)
_DROP_BY_CHANCE = delete(_LEASES).where(
    _LEASES.c.pool_id == bindparam("in_pool"),
    _LEASES.c.annotator_id == bindparam("by"),
    _LEASES.c.round_id.in_(select(Round.id).where(Round.pool_id == bindparam("in_pool"), Round.asked_by == "chance")),
)
_DROP_EXPIRED = delete(_LEASES).where(
    _LEASES.c.pool_id == bindparam("in_pool"),
    _IS_OVER,
    _LEASES.c.annotator_id != bindparam("by"),
)


def _claiming(
    image_id: ColumnElement[int],
    ranked: Sequence[ColumnElement[Any]],
    where: ColumnElement[bool],
    order: Any,
    asked_by: ColumnElement[Any],
) -> Insert:
    """Lease the first `missing` images that want answers and that the annotator neither holds, answered nor skipped."""
    n_answers, n_leases = (
        select(func.count()).where(each.image_id == image_id).scalar_subquery() for each in (Answer, Lease)
    )
    is_free = (
        n_answers < bindparam("wanted"),  # first, because most images that are passed over are answered
        n_answers + n_leases < bindparam("wanted"),
        *(
            ~select(each.image_id).where(each.image_id == image_id, each.annotator_id == bindparam("by")).exists()
            for each in (Answer, Lease, Skip)
        ),
    )
    values = {
        "image_id": image_id,
        "pool_id": bindparam("in_pool", type_=Lease.pool_id.type),
        "annotator_id": bindparam("by", type_=Lease.annotator_id.type),
        "asked_by": asked_by,
        "round_id": bindparam("in_round", type_=Lease.round_id.type),
        **dict(zip(("rank", "confidence", "prediction"), ranked, strict=True)),
        "expires_at": bindparam("until", type_=Lease.expires_at.type),
        "given_at": bindparam("now", type_=Lease.given_at.type),
    }
    first = select(*values.values()).where(where, *is_free).order_by(order).limit(bindparam("missing"))
    return insert(_LEASES).from_select(list(values), first)


_IN_POOL = and_(Image.pool_id == bindparam("in_pool"), Image.split == "pool")
_NO_RANK = [null(), null(), null()]  # and no guess
_CLAIM_RANKED = _claiming(
    RankedImage.image_id.expression,
    [RankedImage.rank.expression, RankedImage.confidence.expression, RankedImage.prediction.expression],
    RankedImage.round_id == bindparam("in_round"),
    RankedImage.rank,
    bindparam("chosen_by", type_=Lease.asked_by.type),
)
# Beyond the stored head of the ranking images come by position, so that there is always a next one.
_CLAIM_UNRANKED = _claiming(
    Image.id.expression,
    _NO_RANK,
    _IN_POOL,
    Image.position,
    literal("strategy"),
)
_CLAIM_AT = _claiming(
    Image.id.expression, _NO_RANK, and_(_IN_POOL, Image.position == bindparam("at")), Image.id, literal("chance")
)
_CLAIM_ANY = _claiming(Image.id.expression, _NO_RANK, _IN_POOL, func.random(), literal("chance"))


def claim(
    session: Session,
    pool: Pool,
    newest: NewestRound,
    annotator: Annotator,
    count: int | None,
    *,
    now: dt.datetime,
    seconds: int,
) -> list[LeasedImage]:
    """Up to `count` images for the annotator: those already held first, then the head of the ranking.

    An annotator holds at most `max_held` images. An expired lease that no other annotator claimed counts as held.
    Images that the annotator skipped do not come again.

    Without a count, the held images come alone; but those that came by chance while the learner looked at the images
    make room once it asks. If there are none, a batch comes, or the part of a batch that is
    neither labeled nor leased yet: so an interrupted batch is finished before a new one starts.

    Where the pool says so, some of them are drawn by chance: see `_draw`.
    """
    connection = session.connection()
    if count is None and pool.learner in PREPARING and newest.asked_by == "strategy":
        connection.execute(_DROP_BY_CHANCE, {"in_pool": pool.id, "by": annotator.id})
    most = pool.n_images if count is None else min(count, max_held(pool, annotator))
    given = {
        **_holding(pool, annotator, now, seconds),
        "in_round": newest.id,
        "chosen_by": newest.asked_by,  # SQLAlchemy would set a column of this name wherever leases are updated
        "most": most,
        "wanted": pool.answers_wanted,
    }
    held = connection.scalars(_HELD, given).all()
    if held:
        connection.execute(_HOLD_NAMED, {**given, "image_ids": held})
    missing = max(0, most - len(held)) if count is not None else 0
    if missing or (count is None and not held):
        connection.execute(_DROP_EXPIRED, given)
        missing = missing or _next_batch(connection, pool, newest.n_new)
        missing -= _draw(connection, pool, given, _count_by_chance(pool, newest, missing))
        missing -= connection.execute(_CLAIM_RANKED, {**given, "missing": missing}).rowcount
    if missing and newest.asked_by == "chance":
        missing -= _draw(connection, pool, given, missing)
    if missing:
        connection.execute(_CLAIM_UNRANKED, {**given, "missing": missing})
    return [LeasedImage(**row) for row in connection.execute(_LEASED, given).mappings()]


def _count_by_chance(pool: Pool, newest: NewestRound, missing: int) -> int:
    """How many of the next questions are drawn by chance: one in `chance_every` on average, in full batches exactly."""
    if pool.chance_every is None or newest.asked_by == "chance":
        return 0
    whole, rest = divmod(missing, pool.chance_every)
    return whole + (random.randrange(pool.chance_every) < rest)  # noqa: S311 (nobody gains by guessing it)


def _draw(connection: Connection, pool: Pool, given: dict[str, Any], count: int) -> int:
    """Claim `count` of the free images, each as likely as any other; return how many there were.

    Drawing positions is quick while much is free. Once it is not, one look through the pool claims all that is missing.
    """
    one = {**given, "missing": 1}
    for drawn in range(count):
        tries = (random.randrange(pool.n_images) for _ in range(DRAWS if pool.n_images else 0))  # noqa: S311
        if not any(connection.execute(_CLAIM_AT, {**one, "at": at}).rowcount for at in tries):
            return drawn + connection.execute(_CLAIM_ANY, {**given, "missing": count - drawn}).rowcount
    return count


def find_leased(session: Session, pool: Pool, annotator: Annotator, image_id: int) -> LeasedImage | None:
    """The image, if the annotator holds it."""
    given = {"in_pool": pool.id, "by": annotator.id, "of_image": image_id}
    row = session.connection().execute(_LEASED_IMAGE, given).mappings().one_or_none()
    return None if row is None else LeasedImage(**row)


def max_held(pool: Pool, annotator: Annotator) -> int:
    """How many images of the pool the annotator may hold. The oracle answers at once, so it may hold all."""
    return pool.n_images if annotator.role == "oracle" else max(HELD_IMAGES, HELD_BATCHES * pool.batch_size)


def has_room(session: Session, pool: Pool, annotator: Annotator) -> bool:
    """Whether the annotator may hold one more."""
    mine = select(func.count()).where(Lease.pool_id == pool.id, Lease.annotator_id == annotator.id)
    return (session.scalar(mine) or 0) < max_held(pool, annotator)


def give_back(
    session: Session, pool: Pool, annotator: Annotator, event: LabelEventView, *, now: dt.datetime, seconds: int
) -> None:
    """Lease the image of an undone answer to its annotator again, with the round, rank and confidence of then."""
    end(session, annotator, [event.image_id], now=now)
    prediction = session.scalar(
        select(RankedImage.prediction).where(RankedImage.round_id == event.round_id, RankedImage.rank == event.rank)
    )
    lease = Lease(
        image_id=event.image_id,
        annotator_id=annotator.id,
        pool_id=pool.id,
        asked_by=event.asked_by or "strategy",  # also if it was never asked: only "chance" counts in estimates
        round_id=event.round_id,
        rank=event.rank,
        confidence=event.confidence,
        prediction=prediction,
        expires_at=now + dt.timedelta(seconds=seconds),
        given_at=now,
    )
    session.add(lease)
    session.flush()


def renew(session: Session, pool: Pool, annotator: Annotator, *, now: dt.datetime, seconds: int) -> int:
    """Renew the annotator's leases; return how many.

    A lease given more than `LONGEST_HOLD` lease times ago is left to expire. It can be renewed after that, unless
    another annotator has claimed the image.
    """
    return session.connection().execute(_HOLD, _holding(pool, annotator, now, seconds)).rowcount


def release(session: Session, pool: Pool, annotator: Annotator, image_ids: Sequence[int] | None) -> int:
    """Release these images, or all that the annotator holds if `image_ids` is None; return how many."""
    mine = delete(Lease).where(Lease.pool_id == pool.id, Lease.annotator_id == annotator.id)
    if image_ids is not None:
        mine = mine.where(Lease.image_id.in_(image_ids))
    released = session.execute(mine)
    assert isinstance(released, CursorResult)  # a DELETE's result has a row count
    if released.rowcount:
        note(session, Change("leases", pool.id))  # another annotator may be waiting for one of them
    return released.rowcount


def get_shortage(session: Session, pool: Pool, annotator: Annotator, *, now: dt.datetime) -> Shortage:
    """Why the annotator gets no image."""
    is_full = func.count() >= pool.answers_wanted
    answered = select(Answer.image_id).where(Answer.pool_id == pool.id).group_by(Answer.image_id).having(is_full)
    others = (Lease.pool_id == pool.id, Lease.annotator_id != annotator.id, Lease.expires_at > now)
    with_others, next_free_at = session.execute(select(func.count(), func.min(Lease.expires_at)).where(*others)).one()
    mine = (Skip.pool_id == pool.id, Skip.annotator_id == annotator.id)
    skipped = select(func.count()).where(*mine, Skip.image_id.not_in(answered))
    return Shortage(
        unlabeled=pool.n_images - (session.scalar(select(func.count()).select_from(answered.subquery())) or 0),
        with_others=with_others,
        skipped=session.scalar(skipped) or 0,
        next_free_at=next_free_at,
    )


def end(session: Session, annotator: Annotator, image_ids: Sequence[int], *, now: dt.datetime) -> None:
    """Delete the annotator's leases of these images, and the expired leases of others."""
    session.connection().execute(_END, {"image_ids": image_ids, "by": annotator.id, "now": now})


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
