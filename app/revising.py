"""Skip, flag, change and undo. Each appends an event, and updates answers and labels in the same transaction."""

import datetime as dt
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, or_, select
from sqlalchemy.orm import Session

from app import asking, events, labels, leases, rounds, settling
from app.asking import AskedImage
from app.changes import Change, note
from app.errors import AlreadySkipped, NotFound, NothingToUndo
from app.events import EVENTS, LabelEventView, whose
from app.leases import LeasedImage
from app.models import Annotator, Answer, EventKind, Label, LabelEvent, Pool, Skip

_IS_ANSWER = select(Answer.event_id).where(Answer.event_id == LabelEvent.id).exists()
_STANDS = or_(
    _IS_ANSWER,
    select(Label.event_id).where(Label.event_id == LabelEvent.id).exists(),
    select(Skip.event_id).where(Skip.event_id == LabelEvent.id).exists(),
)


@dataclass(frozen=True, slots=True)
class UndoResult:
    """The undo, and the image if the annotator holds it."""

    event: LabelEventView
    image: LeasedImage | None


def skip(
    session: Session, pool: Pool, annotator: Annotator, image_id: int, *, key: str | None, now: dt.datetime
) -> LabelEventView:
    """Leave the image to others ("can't tell"): this annotator is not asked about it again.

    An annotator who answers it all the same, and undoes that, holds it again. A new skip then replaces the old one.
    With a key, a second skip returns the first: two devices of one annotator may show the same image.

    Raises:
        ImageNotFound, AlreadyLabeled, AlreadySkipped, LeasedByAnother, KeyReused
    """
    if done := _find_replayed(session, pool, annotator, key, "skip", image_id=image_id):
        return done
    asked = _read_asked(session, pool, annotator, image_id, now)
    skipped = session.get(Skip, (image_id, annotator.id))
    if skipped is not None and not asked.is_held and key is not None:
        return events.read_by_id(session, [skipped.event_id])[0]
    asking.check_free(session, [asked], annotator)
    if skipped is not None and not asked.is_held:
        raise AlreadySkipped(f"{annotator.name} skipped image {image_id} already.", image_id=image_id)
    (event,) = events.append(session, [asking.make_event(asked, annotator, "skip", key=key, now=now)])
    session.merge(Skip(image_id=image_id, annotator_id=annotator.id, pool_id=pool.id, event_id=event.id))
    session.flush()
    leases.end(session, annotator, [image_id], now=now)
    note(session, Change("labels", pool.id))
    return event


def flag(
    session: Session, pool: Pool, annotator: Annotator, image_id: int, remark: str, *, key: str | None, now: dt.datetime
) -> LabelEventView:
    """A remark about an image, for the admins. It changes neither label nor lease.

    Raises:
        ImageNotFound, KeyReused
    """
    if done := _find_replayed(session, pool, annotator, key, "flag", image_id=image_id, remark=remark):
        return done
    asked = _read_asked(session, pool, annotator, image_id, now)
    (event,) = events.append(session, [asking.make_event(asked, annotator, "flag", remark=remark, key=key, now=now)])
    return event


def change(
    session: Session, pool: Pool, annotator: Annotator, event_id: int, value: int, *, key: str | None, now: dt.datetime
) -> LabelEventView:
    """Give a current answer another value. An admin may change the answers of all annotators.

    With a key, a change that the annotator has made on another device is returned and not repeated.

    Raises:
        NotFound: no such answer in the pool, or not the annotator's.
        NothingToUndo: the answer was changed or undone already.
        ValueNotAClass, KeyReused
    """
    if done := _find_replayed(session, pool, annotator, key, "change", undoes_id=event_id, value=value):
        return done
    if key is not None and (done := _find_standing_change(session, pool, annotator, event_id, value)):
        return done
    answer = _get_answer(session, pool, annotator, event_id)
    asking.check_value(pool, answer.image_id, value)
    new = asking.make_event(answer, annotator, "change", value=value, undoes_id=answer.id, key=key, now=now)
    (changed,) = events.append(session, [new])
    labels.replace_answer(session, answer, changed)
    settling.settle(session, pool, [changed], now=now)
    note(session, Change("labels", pool.id))
    if rounds.is_due(session, pool):
        note(session, Change("due", pool.id))
    return changed


def undo(
    session: Session,
    pool: Pool,
    annotator: Annotator,
    event_id: int | None = None,
    *,
    key: str | None = None,
    now: dt.datetime,
    lease_seconds: int,
) -> UndoResult:
    """Undo the annotator's last current act, or the act `event_id`: an answer, a change, or a skip.

    An admin may undo the acts of all annotators. After undoing their own act, annotators hold the image again if it is
    free and they may hold one more. After undoing another's, the image is for the first annotator who asks. Undoing a
    change restores the answer before it.

    Raises:
        NotFound: the event is not there, or not the annotator's.
        NothingToUndo: the annotator has no current act, or this event was changed or undone already.
        KeyReused: the key belongs to another request.
    """
    expected = {} if event_id is None else {"undoes_id": event_id}
    if done := _find_replayed(session, pool, annotator, key, "undo", **expected):
        return UndoResult(done, leases.find_leased(session, pool, annotator, done.image_id))
    event = _get_undoable(session, pool, annotator, event_id, now)
    undone = take_back(session, pool, annotator, event, key=key, now=now)
    note(session, Change("labels", pool.id))
    if event.annotator_id != annotator.id:
        note(session, Change("leases", pool.id))  # others may wait for the image
    else:
        asked = _read_asked(session, pool, annotator, event.image_id, now)
        is_free = not asked.is_answered and asked.taken_until is None
        if is_free and leases.has_room(session, pool, annotator):
            leases.give_back(session, pool, annotator, event, now=now, seconds=lease_seconds)
    return UndoResult(undone, leases.find_leased(session, pool, annotator, event.image_id))


def take_back(
    session: Session,
    pool: Pool,
    annotator: Annotator,
    event: LabelEventView,
    *,
    key: str | None = None,
    now: dt.datetime,
) -> LabelEventView:
    """Undo a current answer, change or skip; return the new event. The caller announces it."""
    new = asking.make_event(event, annotator, "undo", undoes_id=event.id, key=key, now=now)
    (undone,) = events.append(session, [new])
    if event.kind == "skip":
        session.delete(session.get_one(Skip, (event.image_id, event.annotator_id)))
        session.flush()
    else:
        before = events.read_by_id(session, [event.undoes_id]) if event.undoes_id is not None else []
        labels.replace_answer(session, event, before[0] if before else None)
        settling.settle(session, pool, before, now=now)
    return undone


def _find_replayed(
    session: Session, pool: Pool, annotator: Annotator, key: str | None, kind: EventKind, **expected: object
) -> LabelEventView | None:
    """The event that this key has stored, so that a retry stores nothing twice."""
    event = events.read_by_key(session, annotator, [key]).get(key) if key is not None else None
    if event is not None:
        asking.check_replay(event, pool, kind, expected)
    return event


def _find_standing_change(
    session: Session, pool: Pool, annotator: Annotator, event_id: int, value: int
) -> LabelEventView | None:
    rows = session.execute(
        EVENTS.join(Answer, Answer.event_id == LabelEvent.id).where(
            LabelEvent.pool_id == pool.id,
            LabelEvent.annotator_id == annotator.id,
            LabelEvent.kind == "change",
            LabelEvent.undoes_id == event_id,
            LabelEvent.value == value,
        )
    )
    return next(iter(events.read(rows)), None)


def _read_asked(session: Session, pool: Pool, annotator: Annotator, image_id: int, now: dt.datetime) -> AskedImage:
    newest = rounds.get_newest(session, pool)
    return asking.read_asked(session, pool, annotator, newest, [image_id], now=now)[image_id]


def _get_answer(session: Session, pool: Pool, annotator: Annotator, event_id: int) -> LabelEventView:
    """A current answer, for its annotator or an admin. A model's label is not changed: an answer replaces it."""
    named = EVENTS.where(LabelEvent.id == event_id, LabelEvent.pool_id == pool.id, LabelEvent.source != "model")
    named = named.where(LabelEvent.kind.in_(("label", "change")))
    return _get_one(session, pool, annotator, event_id, named, _IS_ANSWER)[1]


def _get_undoable(
    session: Session, pool: Pool, annotator: Annotator, event_id: int | None, now: dt.datetime
) -> LabelEventView:
    of_pool = EVENTS.where(LabelEvent.pool_id == pool.id)
    if event_id is None:
        mine = of_pool.where(LabelEvent.annotator_id == annotator.id, LabelEvent.merge_id.is_(None), _STANDS)
        last = events.read(session.execute(mine.order_by(LabelEvent.id.desc()).limit(1)))
        if not last:
            raise NothingToUndo(
                f"{annotator.name} has no current answer in {pool.slug}: there is nothing to undo.", event_id=None
            )
        return last[0]
    named = of_pool.where(LabelEvent.id == event_id, LabelEvent.kind.in_(("label", "change", "skip")))
    event, standing = _get_one(session, pool, annotator, event_id, named, _STANDS)
    if event.merge_id is not None:
        raise NothingToUndo(
            f"Event {event_id} belongs to a merge of classes. Take the merge back, or change this answer.",
            event_id=event_id,
        )
    if event.id != standing.id:
        settling.uncover(session, annotator, standing, event, now=now)
    return event


def _get_one(
    session: Session,
    pool: Pool,
    annotator: Annotator,
    event_id: int,
    named: Select[Any],
    stands: ColumnElement[bool],
) -> tuple[LabelEventView, LabelEventView]:
    """The event, and the one that stands: merges of classes may lie on it."""
    if annotator.role != "admin":
        named = named.where(or_(LabelEvent.annotator_id == annotator.id, whose == annotator.id))
    found = events.read(session.execute(named))
    if not found:
        raise NotFound(f"{annotator.name} gave no answer with the event {event_id} in {pool.slug}.", event_id=event_id)
    if events.read(session.execute(named.where(stands))):
        return found[0], found[0]
    top = settling.find_top(session, found[0]) if found[0].kind != "skip" else None
    if top is None:
        raise NothingToUndo(f"The answer of event {event_id} was changed or undone already.", event_id=event_id)
    return found[0], top
