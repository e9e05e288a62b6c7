"""Label events as they are appended and read: one dataclass, and statements built from its fields.

A new column of an event is a column of the table (with its migration), a field here, and a field of the API's response.
What the annotator gives it comes through `asking.make_event`.
"""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from operator import attrgetter
from typing import Any, cast

from sqlalchemy import Result, Table, bindparam, case, insert, select
from sqlalchemy.orm import Session

from app.models import Annotator, Answer, AskedBy, EventKind, Image, LabelEvent, Round, Source


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelEventView:
    """An event with its image and its annotator. `position` and `sha256` are the image's, `round` is a number.

    `round_id`, `rank`, `confidence` and `asked_by` are as they were when the image was asked. The id is 0 until the
    event is appended.
    """

    id: int = 0
    pool_id: int
    kind: EventKind
    image_id: int
    position: int
    sha256: str
    value: int | None = None
    source: Source
    annotator_id: int | None
    annotator: str | None
    autolabel_id: int | None = None
    asked_by: AskedBy | None
    round_id: int
    round: int
    rank: int | None
    confidence: float | None
    undoes_id: int | None = None  # the event that was undone or changed
    merge_id: int | None = None  # the merge of two classes that changed it
    remark: str | None = None
    key: str | None = None
    created_at: dt.datetime


# Statements on the path of an answer are built once, because building one takes longer than running it.
_EVENTS = cast(Table, LabelEvent.__table__)
_INSERT = insert(_EVENTS).returning(_EVENTS.c.id, sort_by_parameter_order=True)
_STORED = [column.name for column in _EVENTS.c if column.name != "id"]
_get_stored = attrgetter(*_STORED)

_JOINED = {
    "position": Image.position,
    "sha256": Image.sha256,
    "annotator": Annotator.name,
    "round": Round.number,
}
EVENTS = (
    select(*((_JOINED.get(f.name) or getattr(LabelEvent, f.name)).label(f.name) for f in fields(LabelEventView)))
    .join(Image, Image.id == LabelEvent.image_id)
    .outerjoin(Annotator, Annotator.id == LabelEvent.annotator_id)  # a model's event has no annotator
    .join(Round, Round.id == LabelEvent.round_id)
)
# Whose a current answer is: its annotator's, even where a merge of classes has changed it. A merge has no opinion of an
# image. What merges changed that does not stand is nobody's.
whose = case(
    (LabelEvent.merge_id.is_(None), LabelEvent.annotator_id),
    else_=select(Answer.annotator_id).where(Answer.event_id == LabelEvent.id).scalar_subquery(),
)
_BY_ID = EVENTS.where(LabelEvent.id.in_(bindparam("ids", expanding=True)))
_IDS_BY_KEY = select(_EVENTS.c.id).where(
    _EVENTS.c.annotator_id == bindparam("annotator_id"), _EVENTS.c.key.in_(bindparam("keys", expanding=True))
)


def append(session: Session, events: Sequence[LabelEventView]) -> list[LabelEventView]:
    """Append events; return them with their ids. The caller updates answers, labels and skips."""
    rows = [dict(zip(_STORED, _get_stored(event), strict=True)) for event in events]
    ids = session.connection().scalars(_INSERT, rows)  # Core: the ORM would double the time
    return [replace(event, id=event_id) for event, event_id in zip(events, ids, strict=True)]


def read(rows: Result[Any]) -> list[LabelEventView]:
    """The events in the rows of EVENTS, or of a query built from it."""
    return [LabelEventView(**row) for row in rows.mappings()]


def read_by_id(session: Session, event_ids: Sequence[int]) -> list[LabelEventView]:
    """Events in the order of the ids.

    Raises:
        KeyError: there is no event of one of the ids.
    """
    found = {event.id: event for event in read(session.connection().execute(_BY_ID, {"ids": event_ids}))}
    return [found[event_id] for event_id in event_ids]


def read_chains(session: Session, tops: Sequence[LabelEventView]) -> dict[int, list[LabelEventView]]:
    """By the id of an event: it and what it lies on, newest first, through merges down to what a person gave."""
    chains = {top.id: [top] for top in tops}
    while open_ends := {key: chain[-1] for key, chain in chains.items() if chain[-1].merge_id is not None}:
        below = read_by_id(session, [event.undoes_id or 0 for event in open_ends.values()])
        for key, event in zip(open_ends, below, strict=True):
            chains[key].append(event)
    return chains


def read_by_key(session: Session, annotator: Annotator, keys: Sequence[str]) -> dict[str, LabelEventView]:
    """By key: the events that the annotator has stored under these keys."""
    if not keys:
        return {}
    ids = session.connection().scalars(_IDS_BY_KEY, {"annotator_id": annotator.id, "keys": keys}).all()
    # Almost always there is none, and the index alone answers that.
    return {event.key: event for event in read_by_id(session, ids) if event.key is not None} if ids else {}
