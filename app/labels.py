"""Current answers and labels: folds of the events, kept in the same transaction."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import cast

from sqlalchemy import BindParameter, Table, and_, bindparam, delete, insert, or_, select, update
from sqlalchemy.orm import Session, aliased

from app import events
from app.events import EVENTS, LabelEventView
from app.models import Answer, Label, LabelEvent

_ANSWERS, _LABELS = cast(Table, Answer.__table__), cast(Table, Label.__table__)
_INSERT_ANSWERS, _INSERT_LABELS = insert(_ANSWERS), insert(_LABELS)
_OF_IMAGES: BindParameter[int] = bindparam("image_ids", expanding=True)
_DROP_LABELS = delete(_LABELS).where(_LABELS.c.image_id.in_(_OF_IMAGES))
_REPLACE_ANSWER = (
    update(_ANSWERS)
    .where(_ANSWERS.c.event_id == bindparam("old"))
    .values(event_id=bindparam("new"), value=bindparam("given"))
)
_undo = aliased(LabelEvent)
_IS_ANSWER = select(Answer.event_id).where(Answer.event_id == LabelEvent.id).exists()
_IS_UNDONE = select(_undo.id).where(_undo.image_id == LabelEvent.image_id, _undo.undoes_id == LabelEvent.id).exists()
_STANDING = EVENTS.where(
    LabelEvent.image_id.in_(_OF_IMAGES),
    or_(_IS_ANSWER, and_(LabelEvent.source == "model", LabelEvent.kind == "label", ~_IS_UNDONE)),
)


def agree(standing: Iterable[LabelEventView], given: Mapping[int, int]) -> LabelEventView | None:
    """The event that gives an image its label, of its current answers. Only this function decides.

    An annotator's answer goes before a model's; of several answers the oldest decides. How old an answer is that a
    merge of classes has changed, `given` says: by the id of that change, the event that the annotator gave.
    """
    return min(standing, key=lambda event: (event.source == "model", given.get(event.id, event.id)), default=None)


def append_answers(
    session: Session, answers: Sequence[LabelEventView], labeled: Collection[int]
) -> list[LabelEventView]:
    """Append first answers of annotators to these images; return the events with their ids.

    `labeled` has the images that have a label already: a model's, or one that other annotators gave.

    Raises:
        sqlalchemy.exc.IntegrityError: there is such an answer already, or a label that `labeled` does not name.
    """
    appended = events.append(session, answers)
    connection = session.connection()
    connection.execute(_INSERT_ANSWERS, [_as_answer(event) for event in appended])
    first = [event for event in appended if event.image_id not in labeled]  # the answer is the label
    if first:
        connection.execute(_INSERT_LABELS, [_as_label(event) for event in first])
    if labeled:
        update_labels(session, labeled)
    return appended


def replace_answer(session: Session, old: LabelEventView, new: LabelEventView | None) -> None:
    """Let another event give an answer its value; without one, delete the answer. Updates the label."""
    answer = Answer.event_id == old.id
    if new is None:
        session.execute(delete(Answer).where(answer))
    else:
        session.execute(update(Answer).where(answer).values(event_id=new.id, value=new.value))
    update_labels(session, [old.image_id])


def replace_answers(session: Session, pairs: Sequence[tuple[LabelEventView, LabelEventView]]) -> None:
    """Let another event give each of many answers its value. Updates the labels."""
    given = [{"old": old.id, "new": new.id, "given": new.value} for old, new in pairs]
    session.connection().execute(_REPLACE_ANSWER, given)
    update_labels(session, {old.image_id for old, _ in pairs})


def update_labels(session: Session, image_ids: Collection[int]) -> None:
    """Set the labels of these images to what their answers agree on, or else to a model's."""
    connection = session.connection()
    connection.execute(_DROP_LABELS, {"image_ids": image_ids})
    by_image = defaultdict(list)
    for event in events.read(connection.execute(_STANDING, {"image_ids": image_ids})):
        by_image[event.image_id].append(event)
    several = [event for standing in by_image.values() if len(standing) > 1 for event in standing]
    merged = [event for event in several if event.merge_id is not None]
    given = {key: chain[-1].id for key, chain in events.read_chains(session, merged).items()}
    agreed = [each for standing in by_image.values() if (each := agree(standing, given)) is not None]
    if agreed:
        connection.execute(_INSERT_LABELS, [_as_label(event) for event in agreed])


class Fold:
    """The answers and labels after the events added so far: what the tables `Answer` and `Label` must hold.

    `answers` maps an image and then an annotator to the event that gives the answer its value. For a model's answer,
    minus the id of its autolabel stands in for the annotator. `labels` maps an image to the event that was agreed on.
    """

    def __init__(self) -> None:
        self.answers: dict[int, dict[int, LabelEventView]] = defaultdict(dict)
        self.labels: dict[int, LabelEventView] = {}
        self._by_id: dict[int, LabelEventView] = {}
        self._whose: dict[int, int] = {}  # by event
        self._given: dict[int, int] = {}  # what an annotator gave, by the change that a merge of classes made of it

    def add(self, event: LabelEventView) -> None:
        """Add the next event, in the order of their ids.

        Raises:
            KeyError: it changes or undoes an event that was not added, or is undone already.
        """
        self._by_id[event.id] = event
        if event.kind == "label":
            self._put(event, _whose(event))
        elif event.kind == "change" and event.undoes_id is not None:
            if event.merge_id is not None:
                self._given[event.id] = self._given.get(event.undoes_id, event.undoes_id)
            self._put(event, self._whose[event.undoes_id])
        elif event.kind == "undo" and event.undoes_id is not None:
            self._take_back(self._by_id[event.undoes_id])

    def _take_back(self, undone: LabelEventView) -> None:
        if undone.kind == "label":
            del self.answers[undone.image_id][self._whose[undone.id]]
            self._agree(undone.image_id)
        elif undone.kind == "change" and undone.undoes_id is not None:
            self._put(self._by_id[undone.undoes_id], self._whose[undone.id])

    def _put(self, event: LabelEventView, whose: int) -> None:
        self._whose[event.id] = whose
        self.answers[event.image_id][whose] = event
        self._agree(event.image_id)

    def _agree(self, image_id: int) -> None:
        agreed = agree(self.answers[image_id].values(), self._given)
        if agreed is None:
            self.labels.pop(image_id, None)
        else:
            self.labels[image_id] = agreed


def _whose(event: LabelEventView) -> int:
    return -(event.autolabel_id or 0) if event.annotator_id is None else event.annotator_id


def _as_answer(event: LabelEventView) -> dict[str, object]:
    return {
        "image_id": event.image_id,
        "annotator_id": event.annotator_id,
        "pool_id": event.pool_id,
        "event_id": event.id,
        "value": event.value,
    }


def _as_label(event: LabelEventView) -> dict[str, object]:
    return {
        "image_id": event.image_id,
        "pool_id": event.pool_id,
        "event_id": event.id,
        "value": event.value,
        "source": event.source,
    }
