"""What the database holds, read past the code that is tested."""

from collections.abc import Iterable, Sequence

from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from app import events, rounds
from app.db import Database
from app.events import EVENTS, LabelEventView
from app.labels import Fold
from app.models import Annotator, Answer, Image, Label, LabelEvent, Lease, Pool, RankedImage, Round, Skip
from app.rounds import TrainingSet


def image_ids(database: Database, pool: Pool, positions: Sequence[int] | None = None) -> list[int]:
    """The ids of the pool's images at these positions, or all by position."""
    of_pool = select(Image.id).where(Image.pool_id == pool.id, Image.split == "pool")
    with database.read() as session:
        ids = list(session.scalars(of_pool.order_by(Image.position)))
    return ids if positions is None else [ids[position] for position in positions]


def truth_of(database: Database, ids: Sequence[int]) -> list[int]:
    """The true classes of these images, in their order."""
    with database.read() as session:
        rows = session.execute(select(Image.id, Image.truth).where(Image.id.in_(ids)))
        known = {image_id: truth for image_id, truth in rows if truth is not None}
    return [known[image_id] for image_id in ids]


def standing(database: Database) -> dict[int, int]:
    """The values of the labels that stand, by image."""
    with database.read() as session:
        return {row.image_id: row.value for row in session.scalars(select(Label))}


def count_events(database: Database) -> int:
    """How many label events there are."""
    with database.read() as session:
        return session.scalar(select(func.count()).select_from(LabelEvent)) or 0


def held_by(database: Database, annotator: Annotator) -> set[int]:
    """The images that an annotator's leases name, whether they are over or not."""
    with database.read() as session:
        return set(session.scalars(select(Lease.image_id).where(Lease.annotator_id == annotator.id)))


def skipped_by(database: Database, annotator: Annotator) -> set[int]:
    """The images that an annotator's skips name."""
    with database.read() as session:
        return set(session.scalars(select(Skip.image_id).where(Skip.annotator_id == annotator.id)))


def newest_round(database: Database, pool: Pool) -> Round:
    """The pool's newest round, with its model."""
    with database.read() as session:
        return rounds.get_newest_round(session, pool, with_state=True)


def ranked_ids(database: Database, round_: Round) -> list[int]:
    """The image ids of the stored head of a ranking, in their order."""
    query = select(RankedImage.image_id).where(RankedImage.round_id == round_.id).order_by(RankedImage.rank)
    with database.read() as session:
        return list(session.scalars(query))


def training_set(database: Database, pool: Pool) -> TrainingSet:
    """What the next round would be trained on."""
    with database.read() as session:
        return rounds.read_training_set(session, pool)


def read_history(session: Session) -> list[LabelEventView]:
    """All events in their order."""
    return events.read(session.execute(EVENTS.order_by(LabelEvent.id)))


def history(database: Database) -> list[LabelEventView]:
    """All events in their order, in a session of its own."""
    with database.read() as session:
        return read_history(session)


def fold_of(events: Iterable[LabelEventView]) -> Fold:
    """What stands after all of these events."""
    fold = Fold()
    for event in events:
        fold.add(event)
    return fold


def answers_of(fold: Fold) -> dict[tuple[int, int], int]:
    """The events of the answers of a fold, by image and annotator; without those of models."""
    return {
        (image_id, whose): event.id
        for image_id, of_image in fold.answers.items()
        for whose, event in of_image.items()
        if whose > 0
    }


def check_whole(database: Database) -> None:
    """What stands is the fold of the events, and SQLite finds nothing wrong."""
    with database.read() as session:
        fold = fold_of(read_history(session))
        stored = {row.image_id: row.event_id for row in session.scalars(select(Label))}
        assert stored == {image_id: each.id for image_id, each in fold.labels.items()}
        answers = {(row.image_id, row.annotator_id): row.event_id for row in session.scalars(select(Answer))}
        assert answers == answers_of(fold)
        assert session.scalar(text("PRAGMA integrity_check")) == "ok"
        assert session.execute(text("PRAGMA foreign_key_check")).all() == []
