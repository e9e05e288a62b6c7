"""Example images of each class, chosen from what people have labeled."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import and_, func, select
from sqlalchemy.orm import Session

from app import rounds
from app.models import Answer, Image, Label, LabelEvent, Pool, RankedImage

A_CLASS = 4


@dataclass(frozen=True, slots=True)
class Example:
    """An image that stands for a class; it `is_own` if it has an original."""

    image_id: int
    value: int
    sha256: str
    is_own: bool


class Examples:
    """The examples of pools, chosen once a round. Safe to use from any thread."""

    def __init__(self) -> None:
        self._chosen: dict[int, tuple[tuple[int, ...], list[int]]] = {}  # by pool, with what they were chosen from
        self._lock = threading.Lock()

    def get(self, session: Session, pool: Pool) -> list[Example]:
        """At most A_CLASS of each class with a button: those that the model was surest of.

        None of them is asked of anybody: only images count that have all the answers that the pool wants, so nothing
        is told of an image that somebody looks at. That is looked up each time; the choice is that of the newest round.
        """
        newest = rounds.get_newest(session, pool)
        basis = (newest.id, newest.last_merge_id, newest.n_new if newest.number == 0 else 0)
        with self._lock:
            known, image_ids = self._chosen.get(pool.id, ((), []))
        if known != basis:
            image_ids = choose(session, pool)
            with self._lock:
                self._chosen[pool.id] = basis, image_ids
        return _read(session, pool, image_ids)


def choose(session: Session, pool: Pool) -> list[int]:
    """The ids of images that stand for the classes, twice as many as are shown: some may lose their label.

    Of each class those come first on which the model agreed when it asked, the surest before the others; then the
    oldest labels. So the choice is always the same for the same labels.
    """
    agreed = RankedImage.prediction == Label.value
    order = (agreed.desc().nulls_last(), LabelEvent.confidence.desc().nulls_last(), Label.event_id)
    place = func.row_number().over(partition_by=Label.value, order_by=order).label("place")
    ranked = (
        select(Label.image_id, place)
        .join(LabelEvent, LabelEvent.id == Label.event_id)
        .outerjoin(RankedImage, and_(RankedImage.round_id == LabelEvent.round_id, RankedImage.rank == LabelEvent.rank))
        .where(Label.pool_id == pool.id, Label.source == "human", Label.value.in_(pool.buttons))
        .subquery()
    )
    query = select(ranked.c.image_id).where(ranked.c.place <= 2 * A_CLASS).order_by(ranked.c.place, ranked.c.image_id)
    return list(session.scalars(query))


def _read(session: Session, pool: Pool, image_ids: Sequence[int]) -> list[Example]:
    n_answers = select(func.count()).where(Answer.image_id == Image.id).scalar_subquery()
    rows = session.execute(
        select(Image.id, Image.sha256, Image.name, Label.value)
        .join(Label, Label.image_id == Image.id)
        .where(Image.id.in_(image_ids), Label.source == "human", n_answers >= pool.answers_wanted)
    )
    by_id = {row.id: Example(row.id, row.value, row.sha256, row.name is not None) for row in rows}
    found: dict[int, list[Example]] = {value: [] for value in pool.buttons}
    for image_id in image_ids:
        example = by_id.get(image_id)
        if example is not None and len(found.get(example.value, [0] * A_CLASS)) < A_CLASS:
            found[example.value].append(example)
    return [example for examples in found.values() for example in examples]
