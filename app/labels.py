"""Label events are appended, never changed; the label that stands is their fold, kept in the same transaction."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import delete, insert, select
from sqlalchemy.orm import Session, joinedload

from app.models import Annotator, Image, Label, LabelEvent, Pool, Round, Source

# What an event is shown with: one query, and no pixels.
WITH_NAMES = (
    joinedload(LabelEvent.image, innerjoin=True).load_only(Image.position),
    joinedload(LabelEvent.round, innerjoin=True).load_only(Round.number),
    joinedload(LabelEvent.annotator, innerjoin=True).load_only(Annotator.name),
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
    source: Source = "oracle" if annotator.role == "oracle" else "human"
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
    returning = insert(LabelEvent).returning(LabelEvent.id, sort_by_parameter_order=True)
    event_ids = list(session.scalars(returning, events))
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
    session.execute(insert(Label), folded)
    return event_ids


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


def events_by_key(session: Session, annotator: Annotator, keys: Sequence[str]) -> dict[str, LabelEvent]:
    """The events that these keys of the annotator made already."""
    if not keys:
        return {}
    found = session.scalars(select(LabelEvent).where(LabelEvent.annotator_id == annotator.id, LabelEvent.key.in_(keys)))
    return {event.key: event for event in found if event.key is not None}


def read_events(session: Session, event_ids: Sequence[int]) -> list[LabelEvent]:
    """Events with their image, round and annotator, in the order of the ids."""
    found = session.scalars(select(LabelEvent).where(LabelEvent.id.in_(event_ids)).options(*WITH_NAMES))
    by_id = {event.id: event for event in found}
    return [by_id[event_id] for event_id in event_ids]
