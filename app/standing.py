"""What stands, labels, answers and skips, compared with what follows from the events."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.differences import Difference, first_difference
from app.events import LabelEventView
from app.labels import Fold
from app.models import Answer, Label, Pool, Skip


def compare_standing(session: Session, pool: Pool, history: Sequence[LabelEventView]) -> Difference | None:
    """The first difference between the stored labels, answers and skips and those that follow from the events."""
    fold = Fold()
    for event in history:
        try:
            fold.add(event)
        except KeyError:
            place = f"{pool.slug}, event {event.id}, what it takes back"
            return Difference(place, str(event.undoes_id), "nothing that stands")
    labels = select(Label.image_id, Label.event_id, Label.value, Label.source).where(Label.pool_id == pool.id)
    answers = select(Answer.image_id, Answer.annotator_id, Answer.event_id, Answer.value)
    return (
        _compare(
            f"{pool.slug}, the label of image {{}} (event, value, source)",
            {row[0]: tuple(row[1:]) for row in session.execute(labels)},
            {image_id: (event.id, event.value, event.source) for image_id, event in fold.labels.items()},
        )
        or _compare(
            f"{pool.slug}, the answer to an image by an annotator {{}} (event, value)",
            {(row[0], row[1]): tuple(row[2:]) for row in session.execute(answers.where(Answer.pool_id == pool.id))},
            {
                (image_id, whose): (event.id, event.value)
                for image_id, of_image in fold.answers.items()
                for whose, event in of_image.items()
                if whose > 0  # no model's
            },
        )
        or _compare_skips(session, pool, history)
    )


def _compare(place: str, stored: Mapping[Any, object], computed: Mapping[Any, object]) -> Difference | None:
    keys = sorted({*stored, *computed})
    return first_difference((place.format(key), stored.get(key), computed.get(key)) for key in keys)


def _compare_skips(session: Session, pool: Pool, history: Sequence[LabelEventView]) -> Difference | None:
    skipped = sorted(_fold_skips(history).values())
    standing = sorted(session.scalars(select(Skip.event_id).where(Skip.pool_id == pool.id)))
    return first_difference([(f"{pool.slug}, the skips that stand (events)", standing, skipped)])


def _fold_skips(history: Sequence[LabelEventView]) -> dict[tuple[int, int | None], int]:
    """The current skips, by image and annotator: the last of each, unless it was undone."""
    standing: dict[tuple[int, int | None], int] = {}
    whose = {event.id: (event.image_id, event.annotator_id) for event in history if event.kind == "skip"}
    for event in history:
        if event.kind == "skip":
            standing[whose[event.id]] = event.id
        elif event.kind == "undo" and event.undoes_id in whose:  # an admin may have taken it back
            skipped = whose[event.undoes_id]
            if standing.get(skipped) == event.undoes_id:
                del standing[skipped]
    return standing
