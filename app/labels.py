"""Label events are appended, never changed; the label that stands is their fold, kept in the same transaction."""

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar, cast

from sqlalchemy import Table, bindparam, delete, insert, select
from sqlalchemy.orm import Session

from app.models import Annotator, EventKind, Image, Label, LabelEvent, Lease, Pool, Round, Source

E = TypeVar("E", LabelEvent, "Recorded")

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
    undoes_id: int | None  # the event that was taken back or changed
    remark: str | None
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
        LabelEvent.remark,
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
    connection = session.connection()  # Core: the ORM would take as long again
    event_ids: list[int] = list(connection.scalars(_INSERT_EVENTS, events))
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
    connection.execute(_INSERT_LABELS, folded)
    return event_ids


def source_of(annotator: Annotator) -> Source:
    """Whose labels these are: the oracle's are never mistaken for a person's."""
    return "oracle" if annotator.role == "oracle" else "human"


def append_event(
    session: Session, annotator: Annotator, kind: EventKind, asked: LabelEvent | Lease, **values: Any
) -> LabelEvent:
    """An event about an image, with what was known when it was asked; the fold is the caller's."""
    event = LabelEvent(
        annotator_id=annotator.id,
        kind=kind,
        source=source_of(annotator),
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


class Fold(Generic[E]):
    """The events whose values stand, by image: what `Label` must hold after the events that were added."""

    def __init__(self) -> None:
        self.standing: dict[int, E] = {}
        self._by_id: dict[int, E] = {}

    def add(self, event: E) -> None:
        """The next event; events come in their order."""
        self._by_id[event.id] = event
        if event.kind in ("label", "change"):
            self.standing[event.image_id] = event
        elif event.kind == "undo" and event.undoes_id is not None:
            undone = self._by_id[event.undoes_id]
            if undone.kind == "label":
                del self.standing[undone.image_id]
            elif undone.kind == "change" and undone.undoes_id is not None:
                self.standing[undone.image_id] = self._by_id[undone.undoes_id]


def fold(events: Iterable[E]) -> dict[int, E]:
    """What stands after all of these events."""
    folded = Fold[E]()
    for event in events:
        folded.add(event)
    return folded.standing


def events_by_key(session: Session, annotator: Annotator, keys: Sequence[str]) -> dict[str, Recorded]:
    """The events that these keys of the annotator made already."""
    if not keys:
        return {}
    rows = session.connection().execute(_BY_KEY, {"annotator_id": annotator.id, "keys": keys})
    return {event.key: event for event in (Recorded(*tuple(row)) for row in rows) if event.key is not None}


def read_events(session: Session, event_ids: Sequence[int]) -> list[Recorded]:
    """Events in the order of the ids."""
    found = {row.id: Recorded(*tuple(row)) for row in session.connection().execute(_BY_ID, {"ids": event_ids})}
    return [found[event_id] for event_id in event_ids]
