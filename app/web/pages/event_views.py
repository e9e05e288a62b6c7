"""What a page shows of a label event."""

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy.orm import Session

from app import queries
from app.labels import Recorded
from app.models import EventKind, Pool
from app.web.edge.image_urls import image_url


@dataclass(frozen=True, slots=True)
class EventView:
    """One event about one image. `value` is an index into the pool's classes, `value_name` the class."""

    id: int
    kind: EventKind
    at: dt.datetime
    annotator: str
    image_id: int
    image_url: str
    value: int | None
    value_name: str | None
    round: int
    confidence: float | None
    undoes: int | None
    remark: str | None


def view_events(session: Session, pool: Pool, events: Iterable[Recorded]) -> list[EventView]:
    """Events of a pool, with names loaded, as pages show them; one query for all their pictures."""
    events = list(events)
    pixels = queries.read_pixels(session, [event.image_id for event in events])
    return [
        EventView(
            id=event.id,
            kind=event.kind,
            at=event.created_at,
            annotator=event.annotator,
            image_id=event.image_id,
            image_url=image_url(event.image_id, pixels[event.image_id]),
            value=event.value,
            value_name=None if event.value is None else pool.classes[event.value],
            round=event.round,
            confidence=event.confidence,
            undoes=event.undoes_id,
            remark=event.remark,
        )
        for event in events
    ]
