"""What a page shows of a label event."""

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass

from app.events import LabelEventView
from app.models import EventKind, Pool
from app.web.edge.image_urls import image_url


@dataclass(frozen=True, slots=True)
class EventView:
    """One event about one image. `value` is an index into the pool's classes, `value_name` the class.

    An event that `is_of_merge` came about because classes were merged, or because that was taken back.
    """

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
    is_of_merge: bool
    remark: str | None


def view_events(pool: Pool, events: Iterable[LabelEventView]) -> list[EventView]:
    """Events of a pool as pages show them."""
    return [
        EventView(
            id=event.id,
            kind=event.kind,
            at=event.created_at,
            annotator=event.annotator or "the model",
            image_id=event.image_id,
            image_url=image_url(event.image_id, event.sha256),
            value=event.value,
            value_name=None if event.value is None else pool.classes[event.value],
            round=event.round,
            confidence=event.confidence,
            undoes=event.undoes_id,
            is_of_merge=event.merge_id is not None,
            remark=event.remark,
        )
        for event in events
    ]
