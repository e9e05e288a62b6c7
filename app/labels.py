"""Label events are appended, never changed; the label that stands is their fold, kept in the same transaction."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

from sqlalchemy import Table, bindparam, delete, insert, select
from sqlalchemy.orm import Session

from app.models import Annotator, EventKind, Image, Label, LabelEvent, Pool, Round, Source

# Statements of the way from a click to the disk are built once: building one takes longer than running it.
_EVENTS, _LABELS = cast(Table, LabelEvent.__table__), cast(Table, Label.__table__)
_INSERT_EVENTS = insert(_EVENTS).returning(_EVENTS.c.id, sort_by_parameter_order=True)
_INSERT_LABELS = insert(_LABELS)


@dataclass(frozen=True, slots=True)
class Recorded:
    """An event as it is shown. `position` is the image's, `round` the number of the round that asked for it."""

    id: int
    pool_id: int
    kind: EventKind
    image_id: int
    position: int
    value: int | None
    source: Source
    annotator: str
    round: int
    rank: int | None
    confidence: float | None
    undoes_id: int | None
    key: str | None
    created_at: dt.datetime


RECORDED = (
    select(
        LabelEvent.id,
        LabelEvent.pool_id,
        LabelEvent.kind,
        LabelEvent.image_id,
        Image.position,
        LabelEvent.value,
        LabelEvent.source,
        Annotator.name,
        Round.number,
        LabelEvent.rank,
        LabelEvent.confidence,
        LabelEvent.undoes_id,
        LabelEvent.key,
        LabelEvent.created_at,
    )
    .join(Image, Image.id == LabelEvent.image_id)
    .join(Annotator, Annotator.id == LabelEvent.annotator_id)
    .join(Round, Round.id == LabelEvent.round_id)
)
_BY_ID = RECORDED.where(LabelEvent.id.in_(bindparam("ids", expanding=True)))
_BY_KEY = RECORDED.where(
    LabelEvent.annotator_id == bindparam("annotator_id"), LabelEvent.key.in_(bindparam("keys", expanding=True))
)


@dataclass(frozen=True, slots=True)
class Answer:
    """A value for one image, with what was known when the image was asked."""

    image_id: int
    value: int
    key: str | None
    round_id: int
    rank: int | None
    confidence: float | None


def append_labels(
    session: Session, pool: Pool, annotator: Annotator, answers: Sequence[Answer], *, now: dt.datetime
) -> list[int]:
    """Events and standing labels for images that have none; the events' ids in the order of the answers.

    Raises:
        sqlalchemy.exc.IntegrityError: one of the images has a label already.
    """
    source = source_of(annotator)
    events = [
        {
            "pool_id": pool.id,
            "image_id": answer.image_id,
            "annotator_id": annotator.id,
            "kind": "label",
            "value": answer.value,
            "source": source,
            "round_id": answer.round_id,
            "rank": answer.rank,
            "confidence": answer.confidence,
            "key": answer.key,
            "created_at": now,
        }
        for answer in answers
    ]
    event_ids: list[int] = list(session.scalars(_INSERT_EVENTS, events))
    folded = [
        {
            "image_id": answer.image_id,
            "pool_id": pool.id,
            "event_id": event_id,
            "value": answer.value,
            "source": source,
        }
        for answer, event_id in zip(answers, event_ids, strict=True)
    ]
    session.execute(_INSERT_LABELS, folded)
    return event_ids


def source_of(annotator: Annotator) -> Source:
    """Whose labels these are: the oracle's are never mistaken for a person's."""
    return "oracle" if annotator.role == "oracle" else "human"


def append_undo(
    session: Session, event: LabelEvent, annotator: Annotator, *, key: str | None, now: dt.datetime
) -> LabelEvent:
    """Take back the label that `event` gave; it must stand."""
    undo = LabelEvent(
        pool_id=event.pool_id,
        image_id=event.image_id,
        annotator_id=annotator.id,
        kind="undo",
        source=event.source,
        undoes_id=event.id,
        round_id=event.round_id,
        rank=event.rank,
        confidence=event.confidence,
        key=key,
        created_at=now,
    )
    session.add(undo)
    session.execute(delete(Label).where(Label.event_id == event.id))
    session.flush()
    return undo


def events_by_key(session: Session, annotator: Annotator, keys: Sequence[str]) -> dict[str, Recorded]:
    """The events that these keys of the annotator made already."""
    if not keys:
        return {}
    rows = session.execute(_BY_KEY, {"annotator_id": annotator.id, "keys": keys})
    return {event.key: event for event in (Recorded(*tuple(row)) for row in rows) if event.key is not None}


def read_events(session: Session, event_ids: Sequence[int]) -> list[Recorded]:
    """Events in the order of the ids."""
    found = {row.id: Recorded(*tuple(row)) for row in session.execute(_BY_ID, {"ids": event_ids})}
    return [found[event_id] for event_id in event_ids]
