"""Merge a class into another, and take that back: first the fact in one transaction, then the labels, in batches.

From the fact on the class has no button, and whatever is answered with it is settled at once; see `settling`. The
labels that were there follow in bites of their own transactions, so that people can answer meanwhile. Work that is cut
off is begun anew by whoever looks next: the request, the loop of a server, or its next start.
"""

import datetime as dt
import time
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, func, or_, select
from sqlalchemy.orm import Session

from app import events, settling
from app.audit import COMMAND, Actor, record_audit
from app.changes import Change, note
from app.db import Database
from app.errors import ClassMerged, MergeInvalid, NotFound
from app.events import EVENTS, LabelEventView
from app.merges import Merges, read_merges
from app.models import IS_FILLED, Annotator, Answer, ClassMerge, LabelEvent, Pool
from app.own_pools import get_class

BITE = 100  # answers of one transaction: some hundredths of a second at most, for which others wait
STEP_SECONDS = 1.0  # of the loop, so that a server that stops need not wait long
PAUSE_SECONDS = 0.003  # after a bite: the lock within a process knows no turns


def merge_classes(
    session: Session,
    pool: Pool,
    from_class: int,
    into_class: int,
    annotator: Annotator,
    *,
    now: dt.datetime,
    by: Actor = COMMAND,
) -> ClassMerge:
    """From now on a class counts for another, and has no button. `follow` brings the labels after it.

    Raises:
        NotFound: the pool has no such class.
        MergeInvalid: it is the same class, or too few would be left.
        ClassMerged: one of the two has been merged already.
    """
    pool = session.get_one(Pool, pool.id)
    from_name, into_name = get_class(pool, from_class), get_class(pool, into_class)
    if from_class == into_class:
        raise MergeInvalid(f"{from_name} cannot be merged into itself. Choose two classes.", from_class=from_class)
    merges = read_merges(session, pool)
    standing = merges.standing
    for index, name in ((from_class, from_name), (into_class, into_name)):
        if index in standing:
            into = pool.classes[standing[index].into_class]
            raise ClassMerged(
                f"{name} is merged into {into} already. Take that back first, or choose another class.",
                class_index=index,
                merge_id=standing[index].id,
            )
    if len(pool.buttons) <= 2:
        raise MergeInvalid(
            f"{pool.name} has two classes left. A question needs two: add a class first.", from_class=from_class
        )
    pool.class_order = [index for index in pool.buttons if index != from_class]
    # Labels that still follow an earlier merge into this class go on to the other.
    values = [value for value in range(len(pool.classes)) if merges.resolve(value) == from_class]
    n_wanted = session.scalar(select(func.count()).where(Answer.pool_id == pool.id, Answer.value.in_(values))) or 0
    row = _insert(session, pool, annotator, from_class, into_class, n_wanted, None, now)
    record_audit(session, f"class {from_class} merged into {into_class}", pool.slug, by=by, now=now)
    return row


def take_merge_back(
    session: Session, pool: Pool, merge_id: int, annotator: Annotator, *, now: dt.datetime, by: Actor = COMMAND
) -> ClassMerge:
    """The class has its button again, at the end. What people changed since stays as they want it.

    Raises:
        NotFound: the pool knows no such merge.
        ClassMerged: it was taken back already.
    """
    pool = session.get_one(Pool, pool.id)
    told = get_merge(session, pool, merge_id)
    merge = told.merge
    if told.taken_back is not None:
        raise ClassMerged(f"Merge {merge_id} was taken back already.", merge_id=merge_id)
    pool.class_order = [*pool.buttons, merge.from_class]
    n_wanted = _count_changed(session, pool, merge.id)
    record_audit(session, f"merge {merge_id} taken back", pool.slug, by=by, now=now)
    return _insert(session, pool, annotator, merge.from_class, merge.into_class, n_wanted, merge.id, now)


def follow(
    database: Database,
    pool: Pool,
    *,
    now: dt.datetime,
    seconds: float = float("inf"),
    pause: float = PAUSE_SECONDS,
) -> bool:
    """Let the labels follow all merges of a pool for so long at most; return whether all have. Events say `now`."""
    until, after = time.monotonic() + seconds, 0
    while True:
        with database.write() as session:
            last = _bite(session, pool, after, now=now)
        if last is None:
            return True
        if time.monotonic() >= until:
            return False
        after = last
        time.sleep(pause)


@dataclass(frozen=True, slots=True)
class MergeView:
    """A merge, and its taking back if there was one, each with the name of whoever did it."""

    merge: ClassMerge
    by: str
    taken_back: ClassMerge | None
    taken_back_by: str | None


def list_merges(session: Session, pool: Pool) -> list[MergeView]:
    """All merges of a pool, newest first."""
    merges = read_merges(session, pool)
    ids = {row.annotator_id for row in merges.rows}
    names = {row.id: row.name for row in session.scalars(select(Annotator).where(Annotator.id.in_(ids)))}
    return [
        MergeView(row, names[row.annotator_id], back, names[back.annotator_id] if back else None)
        for row in reversed(merges.rows)
        if row.undoes_id is None
        for back in [merges.taken_back.get(row.id)]
    ]


def get_merge(session: Session, pool: Pool, merge_id: int) -> MergeView:
    """
    Raises:
        NotFound: the pool knows no such merge.
    """
    found = next((told for told in list_merges(session, pool) if told.merge.id == merge_id), None)
    if found is None:
        raise NotFound(f"{pool.name} has no merge {merge_id}.", merge_id=merge_id)
    return found


def find_open(session: Session) -> Sequence[Pool]:
    """The pools whose labels have not all followed."""
    is_open = select(ClassMerge.id).where(ClassMerge.pool_id == Pool.id, ClassMerge.done_at.is_(None)).exists()
    return session.scalars(select(Pool).where(IS_FILLED, is_open).order_by(Pool.id)).all()


def follow_open(database: Database, *, now: dt.datetime) -> bool:
    """Go on with what was cut off or takes long, pool by pool; return whether there was anything. A step of a loop."""
    with database.read() as session:
        pools = find_open(session)
    for pool in pools:
        follow(database, pool, now=now, seconds=STEP_SECONDS)
    return bool(pools)


def _insert(
    session: Session,
    pool: Pool,
    annotator: Annotator,
    from_class: int,
    into_class: int,
    n_wanted: int,
    undoes_id: int | None,
    now: dt.datetime,
) -> ClassMerge:
    row = ClassMerge(
        pool_id=pool.id,
        from_class=from_class,
        into_class=into_class,
        annotator_id=annotator.id,
        undoes_id=undoes_id,
        n_wanted=n_wanted,
        n_changed=0,
        created_at=now,
    )
    session.add(row)
    session.flush()
    note(session, Change("pool", pool.id))
    return row


def _count_changed(session: Session, pool: Pool, merge_id: int) -> int:
    """The current answers that a merge has changed, under the changes that later merges have laid on them."""
    columns = LabelEvent.merge_id.label("merge_id"), LabelEvent.undoes_id.label("below_id")
    tops = select(*columns).join(Answer, Answer.event_id == LabelEvent.id)
    chain = tops.where(Answer.pool_id == pool.id, LabelEvent.merge_id >= merge_id).cte("chain", recursive=True)
    below = select(*columns).join(chain, LabelEvent.id == chain.c.below_id)
    chain = chain.union_all(below.where(chain.c.merge_id > merge_id, LabelEvent.merge_id >= merge_id))
    return session.scalar(select(func.count()).where(chain.c.merge_id == merge_id)) or 0


def _bite(session: Session, pool: Pool, after: int, *, now: dt.datetime) -> int | None:
    """Settle some answers behind the image `after`; return the last image, or None once there are no more."""
    merges = read_merges(session, pool)
    if merges.is_settled:
        return None
    standing = _read_unsettled(session, pool, merges, after)
    settled = settling.settle(session, pool, standing, now=now)
    by_id = {row.id: row for row in merges.rows}
    for row_id, n_changed in settled.n_changed.items():
        by_id[row_id].n_changed += n_changed
    note(session, Change("labels", pool.id))
    if standing:
        return standing[-1].image_id
    for row in merges.rows:
        row.done_at = row.done_at or now
    for kind in ("pool", "due"):
        note(session, Change(kind, pool.id))
    return None


def _read_unsettled(session: Session, pool: Pool, merges: Merges, after: int) -> list[LabelEventView]:
    """The next answers that may not be in line, all of an image together.

    A change by a merge lies on those of older merges only, so what a merge that was taken back has changed is found by
    the ids from there on.
    """
    taken_back = [row.undoes_id for row in merges.rows if row.undoes_id is not None and row.done_at is None]
    may_be_off: list[ColumnElement[bool]] = [Answer.value.in_(list(merges.standing))]
    if taken_back:
        may_be_off.append(LabelEvent.merge_id >= min(taken_back))
    of_pool = EVENTS.join(Answer, Answer.event_id == LabelEvent.id).where(Answer.pool_id == pool.id, or_(*may_be_off))
    ordered = of_pool.order_by(Answer.image_id, Answer.annotator_id)
    found = events.read(session.execute(ordered.where(Answer.image_id > after).limit(BITE)))
    if len(found) == BITE:  # the last image may have further answers
        last = found[-1].image_id
        rest = events.read(session.execute(ordered.where(Answer.image_id == last)))
        found = [event for event in found if event.image_id != last] + rest
    return found
