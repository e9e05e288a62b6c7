"""Skip, flag, change and undo: each is a new event, and what stands is folded in the same transaction."""

import datetime as dt
from dataclasses import dataclass

from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from app import labels, leases, rounds
from app.changes import Change, note
from app.errors import (
    AlreadyLabeled,
    AlreadySkipped,
    ImageNotFound,
    KeyReused,
    LeasedByAnother,
    NotFound,
    NothingToUndo,
    ValueNotAClass,
)
from app.labels import Recorded
from app.leases import LeasedImage
from app.models import Annotator, EventKind, Image, Label, LabelEvent, Lease, Pool, RankedImage, Skip


@dataclass(frozen=True, slots=True)
class Undone:
    """The undo, and the image if it is the annotator's to answer again."""

    event: Recorded
    image: LeasedImage | None


def skip(
    session: Session, pool: Pool, annotator: Annotator, image_id: int, *, key: str | None, now: dt.datetime
) -> Recorded:
    """Leave the image to others ("can't tell"): it does not come to this annotator again.

    Unless they answer it all the same and undo that: then it is theirs, and a new skip takes the old one's place.
    A skip with a key is the standing one if there is one: two devices of one person may show the same image.

    Raises:
        ImageNotFound, AlreadyLabeled, AlreadySkipped, LeasedByAnother, KeyReused
    """
    if done := _find_replayed(session, pool, annotator, key, "skip", image_id=image_id):
        return done
    if key is not None and (done := _find_standing_skip(session, pool, annotator, image_id)):
        return done
    asked = _get_asked(session, pool, annotator, image_id, now)
    if session.get(Label, image_id) is not None:
        raise AlreadyLabeled(f"Image {image_id} has a label already. Change or undo that instead.", image_id=image_id)
    is_theirs = asked.annotator_id == annotator.id
    if session.get(Skip, (image_id, annotator.id)) is not None and not is_theirs:
        raise AlreadySkipped(f"{annotator.name} skipped image {image_id} already.", image_id=image_id)
    event = labels.append_event(session, annotator, "skip", asked, pool_id=pool.id, key=key, created_at=now)
    session.merge(Skip(image_id=image_id, annotator_id=annotator.id, pool_id=pool.id, event_id=event.id))
    leases.end(session, [image_id])
    note(session, Change("labels", pool.id))
    return _recorded(session, event)


def flag(
    session: Session, pool: Pool, annotator: Annotator, image_id: int, remark: str, *, key: str | None, now: dt.datetime
) -> Recorded:
    """A remark about an image, for the admins. It changes neither label nor lease.

    Raises:
        ImageNotFound, KeyReused
    """
    if done := _find_replayed(session, pool, annotator, key, "flag", image_id=image_id, remark=remark):
        return done
    asked = _get_asked(session, pool, annotator, image_id, None)
    event = labels.append_event(
        session, annotator, "flag", asked, pool_id=pool.id, remark=remark, key=key, created_at=now
    )
    return _recorded(session, event)


def change(
    session: Session, pool: Pool, annotator: Annotator, event_id: int, value: int, *, key: str | None, now: dt.datetime
) -> Recorded:
    """Another value for an answer that stands: one's own, or anybody's for an admin.

    A change with a key is the standing one if the annotator has made the same change on another device.

    Raises:
        NotFound: no such answer in the pool, or not the annotator's.
        NothingToUndo: the answer stands no more.
        ValueNotAClass, KeyReused
    """
    if done := _find_replayed(session, pool, annotator, key, "change", undoes_id=event_id, value=value):
        return done
    if key is not None and (done := _find_standing_change(session, pool, annotator, event_id, value)):
        return done
    if not 0 <= value < len(pool.classes):
        raise ValueNotAClass(f"The value {value} is not a class of {pool.slug}. Give 0 to {len(pool.classes) - 1}.")
    event = _get_answer(session, pool, annotator, event_id)
    values = {"pool_id": pool.id, "value": value, "undoes_id": event.id, "key": key, "created_at": now}
    changed = labels.append_event(session, annotator, "change", event, **values)
    labels.let_stand(session, changed)
    note(session, Change("labels", pool.id))
    if rounds.is_due(session, pool):
        note(session, Change("due", pool.id))
    return _recorded(session, changed)


def undo(
    session: Session,
    pool: Pool,
    annotator: Annotator,
    event_id: int | None = None,
    *,
    key: str | None = None,
    now: dt.datetime,
    lease_seconds: int,
) -> Undone:
    """Take back the annotator's last act that stands, or that of `event_id`: an answer, a change, or a skip.

    An admin may name anybody's. After one's own, an image that is unlabeled is one's own to answer again, unless one
    holds as many as one may; after another's it is for whoever asks first. After a change that is taken back, the
    answer before it stands again.

    Raises:
        NotFound: the event is not there, or not the annotator's.
        NothingToUndo: nothing of the annotator stands, or this event stands no more.
        KeyReused: the key belongs to something else.
    """
    until = now + dt.timedelta(seconds=lease_seconds)
    expected = {} if event_id is None else {"undoes_id": event_id}
    if done := _find_replayed(session, pool, annotator, key, "undo", **expected):
        return Undone(done, _find_held(session, annotator, done.image_id))
    event = _get_undoable(session, pool, annotator, event_id)
    undone = take_back(session, annotator, event, key=key, now=now)
    note(session, Change("labels", pool.id))
    if event.annotator_id != annotator.id:
        note(session, Change("leases", pool.id))  # others may wait for the image
    elif session.get(Label, event.image_id) is None:
        _give_back(session, pool, annotator, event, now, until)
    return Undone(_recorded(session, undone), _find_held(session, annotator, event.image_id))


def take_back(
    session: Session, annotator: Annotator, event: LabelEvent, *, key: str | None = None, now: dt.datetime
) -> LabelEvent:
    """The annotator takes back an answer, change or skip that stands; the new event. The caller announces it."""
    values = {"pool_id": event.pool_id, "undoes_id": event.id, "key": key, "created_at": now}
    undone = labels.append_event(session, annotator, "undo", event, **values)
    if event.kind == "skip":
        session.delete(session.get_one(Skip, (event.image_id, event.annotator_id)))
    else:
        session.delete(session.get_one(Label, event.image_id))
    session.flush()
    if event.kind == "change":
        labels.let_stand(session, session.get_one(LabelEvent, event.undoes_id))
    return undone


def _recorded(session: Session, event: LabelEvent) -> Recorded:
    (recorded,) = labels.read_events(session, [event.id])
    return recorded


def _find_replayed(
    session: Session, pool: Pool, annotator: Annotator, key: str | None, kind: EventKind, **expected: object
) -> Recorded | None:
    """The event that this key made already, so that a retry stores nothing twice."""
    event = labels.events_by_key(session, annotator, [key]).get(key) if key is not None else None
    if event is None:
        return None
    if (event.kind, event.pool_id) != (kind, pool.id) or any(
        getattr(event, name) != value for name, value in expected.items()
    ):
        raise KeyReused(f"The key {key} belongs to another request. Send a new one.", key=key, event_id=event.id)
    return event


def _find_standing_skip(session: Session, pool: Pool, annotator: Annotator, image_id: int) -> Recorded | None:
    """None also where the image is the annotator's to answer again: then a new skip is meant."""
    skipped, lease = session.get(Skip, (image_id, annotator.id)), session.get(Lease, image_id)
    is_theirs = lease is not None and lease.annotator_id == annotator.id
    if skipped is None or skipped.pool_id != pool.id or is_theirs:
        return None
    return labels.read_events(session, [skipped.event_id])[0]


def _find_standing_change(
    session: Session, pool: Pool, annotator: Annotator, event_id: int, value: int
) -> Recorded | None:
    standing_id = session.scalar(
        select(LabelEvent.id)
        .join(Label, Label.event_id == LabelEvent.id)
        .where(
            LabelEvent.pool_id == pool.id,
            LabelEvent.annotator_id == annotator.id,
            LabelEvent.kind == "change",
            LabelEvent.undoes_id == event_id,
            LabelEvent.value == value,
        )
    )
    return labels.read_events(session, [standing_id])[0] if standing_id is not None else None


def _get_asked(
    session: Session, pool: Pool, annotator: Annotator, image_id: int, must_be_free_at: dt.datetime | None
) -> Lease:
    """The annotator's lease of the image; a stand-in of the newest round if there is none."""
    image = session.get(Image, image_id)
    if image is None or (image.pool_id, image.split) != (pool.id, "pool"):
        raise ImageNotFound(f"The pool {pool.slug} has no image {image_id} to label.", image_ids=[image_id])
    lease = session.get(Lease, image_id)
    if lease is not None and lease.annotator_id == annotator.id:
        return lease
    if lease is not None and must_be_free_at is not None and lease.expires_at > must_be_free_at:
        raise LeasedByAnother(f"Image {image_id} is with somebody else. Go on with others.", image_ids=[image_id])
    newest = rounds.find_newest(session, pool)
    rank, confidence = rounds.read_ranks(session, newest, [image_id]).get(image_id, (None, None))
    return Lease(image_id=image_id, round_id=newest.id, rank=rank, confidence=confidence)


def _get_answer(session: Session, pool: Pool, annotator: Annotator, event_id: int) -> LabelEvent:
    event = session.get(LabelEvent, event_id)
    is_theirs = event is not None and (event.annotator_id == annotator.id or annotator.role == "admin")
    if event is None or event.pool_id != pool.id or event.value is None or not is_theirs:
        raise NotFound(f"{annotator.name} gave no answer with the event {event_id} in {pool.slug}.", event_id=event_id)
    label = session.get(Label, event.image_id)
    if label is None or label.event_id != event.id:
        raise NothingToUndo(f"The answer of event {event_id} was changed or undone already.", event_id=event_id)
    return event


def _get_undoable(session: Session, pool: Pool, annotator: Annotator, event_id: int | None) -> LabelEvent:
    of_pool = select(LabelEvent).where(LabelEvent.pool_id == pool.id)
    mine = of_pool.where(LabelEvent.annotator_id == annotator.id)
    stands = exists().where(Label.event_id == LabelEvent.id) | exists().where(Skip.event_id == LabelEvent.id)
    if event_id is None:
        last = session.scalar(mine.where(stands).order_by(LabelEvent.id.desc()).limit(1))
        if last is None:
            raise NothingToUndo(f"No answer of {annotator.name} stands in {pool.slug}: there is nothing to undo.")
        return last
    named = (of_pool if annotator.role == "admin" else mine).where(LabelEvent.id == event_id)
    event = session.scalar(named.where(LabelEvent.kind.in_(("label", "change", "skip"))))
    if event is None:
        raise NotFound(f"{annotator.name} gave no answer with the event {event_id} in {pool.slug}.", event_id=event_id)
    if session.scalar(named.where(stands)) is None:
        raise NothingToUndo(f"The answer of event {event_id} was changed or undone already.", event_id=event_id)
    return event


def _give_back(
    session: Session, pool: Pool, annotator: Annotator, event: LabelEvent, now: dt.datetime, until: dt.datetime
) -> None:
    """Lease the image to the annotator, unless another works on it by now or they hold as many as they may."""
    lease = session.get(Lease, event.image_id)
    is_with_another = lease is not None and lease.annotator_id != annotator.id and lease.expires_at > now
    if is_with_another or not leases.has_room(session, pool, annotator):
        return
    prediction = session.scalar(
        select(RankedImage.prediction).where(RankedImage.round_id == event.round_id, RankedImage.rank == event.rank)
    )
    given = Lease(
        image_id=event.image_id,
        pool_id=pool.id,
        annotator_id=annotator.id,
        round_id=event.round_id,
        rank=event.rank,
        confidence=event.confidence,
        prediction=prediction,
        expires_at=until,
        given_at=now,
    )
    leases.give(session, given)


def _find_held(session: Session, annotator: Annotator, image_id: int) -> LeasedImage | None:
    lease = session.get(Lease, image_id)
    if lease is None or lease.annotator_id != annotator.id:
        return None
    image = session.get_one(Image, image_id)
    return LeasedImage(image.id, image.position, image.pixels, lease.confidence, lease.prediction, lease.expires_at)
