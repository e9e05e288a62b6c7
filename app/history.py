"""The history of one image: its events, the model's predictions for it, and the images beside it."""

from collections.abc import Sequence

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from app import events
from app.events import EVENTS, LabelEventView, whose
from app.models import Image, Label, LabelEvent, RankedImage


def list_image_events(
    session: Session, image_id: int, *, annotator_id: int | None, after: int = 0, limit: int = 100
) -> tuple[Sequence[LabelEventView], int | None]:
    """The history of an image, oldest first, and the cursor of the next page; only one annotator's if given."""
    query = (
        EVENTS.where(LabelEvent.image_id == image_id, LabelEvent.id > after).order_by(LabelEvent.id).limit(limit + 1)
    )
    if annotator_id is not None:
        query = query.where(whose == annotator_id)
    found = events.read(session.execute(query))
    return (found, None) if len(found) <= limit else (found[:limit], found[limit - 1].id)


def read_predictions(session: Session, event_ids: Sequence[int]) -> dict[int, int]:
    """By event: the model's prediction when it asked; none for images beyond the stored ranking."""
    rows = session.execute(
        select(LabelEvent.id, RankedImage.prediction)
        .join(RankedImage, (RankedImage.round_id == LabelEvent.round_id) & (RankedImage.rank == LabelEvent.rank))
        .where(LabelEvent.id.in_(event_ids))
    )
    return {event_id: guess for event_id, guess in rows if guess is not None}


def find_neighbours(session: Session, image: Image, *, annotator_id: int | None) -> tuple[int | None, int | None]:
    """The ids of the images before and after this one in its split, by position.

    If an annotator is named, images count only where that annotator's answer is the current one.
    """

    def find_nearest(
        condition: ColumnElement[bool], order: ColumnElement[int] | InstrumentedAttribute[int]
    ) -> int | None:
        query = select(Image.id).where(Image.pool_id == image.pool_id, Image.split == image.split, condition)
        if annotator_id is not None:
            query = query.join(Label, Label.image_id == Image.id).join(LabelEvent, LabelEvent.id == Label.event_id)
            query = query.where(whose == annotator_id)
        return session.scalar(query.order_by(order).limit(1))

    return (
        find_nearest(Image.position < image.position, Image.position.desc()),
        find_nearest(Image.position > image.position, Image.position),
    )
