"""Label events are appended, never changed; the label that stands is their fold, kept in the same transaction."""

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import delete, insert, select
from sqlalchemy.orm import Session, joinedload

from app.models import Annotator, EventKind, Image, Label, LabelEvent, Lease, Pool, Round, Source

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


def append_event(
    session: Session, annotator: Annotator, kind: EventKind, asked: LabelEvent | Lease, **values: Any
) -> LabelEvent:
    """An event about an image, with what was known when it was asked; the fold is the caller's."""
    event = LabelEvent(
        annotator_id=annotator.id,
        kind=kind,
        source="oracle" if annotator.role == "oracle" else "human",
        image_id=asked.image_id,
        round_id=asked.round_id,
        rank=asked.rank,
        confidence=asked.confidence,
        **values,
    )
    session.add(event)
    session.flush()
    return event


def let_stand(session: Session, event: LabelEvent) -> None:
    """Make this event's value the label of its image, in the place of any other."""
    assert event.value is not None  # a CHECK of the table says so for labels and changes
    session.execute(delete(Label).where(Label.image_id == event.image_id))
    label = Label(
        image_id=event.image_id,
        pool_id=event.pool_id,
        event_id=event.id,
        value=event.value,
        source=event.source,
    )
    session.add(label)
    session.flush()


def fold(events: Iterable[LabelEvent]) -> dict[int, LabelEvent]:
    """The events whose values stand, by image, after these events in their order: what `Label` must hold."""
    standing: dict[int, LabelEvent] = {}
    by_id: dict[int, LabelEvent] = {}
    for event in events:
        by_id[event.id] = event
        if event.kind in ("label", "change"):
            standing[event.image_id] = event
        elif event.kind == "undo" and event.undoes_id is not None:
            undone = by_id[event.undoes_id]
            if undone.kind == "label":
                del standing[undone.image_id]
            elif undone.kind == "change" and undone.undoes_id is not None:
                standing[undone.image_id] = by_id[undone.undoes_id]
    return standing


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
