"""Rounds: is one due, what it is trained on, and storing what came out."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import func, insert, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, undefer

from app.accuracy import Accuracy
from app.live import Change, note
from app.models import FailedRound, Image, Label, LabelEvent, Pool, RankedImage, Round


@dataclass(frozen=True, slots=True)
class TrainingSet:
    """n labels as positions in the pool (n,) and values (n,), in the order that training depends on.

    The order is (round asked, rank asked, position): never that of the answers, so that whoever labels
    correctly gets the same model, however they click.
    """

    positions: NDArray[np.int64]
    values: NDArray[np.int64]
    last_event_id: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a training brought: the state as bytes, its counts, and the head of the new ranking.

    `ranking` holds image ids (n,), `confidence` (n,) and `prediction` (n,) belong to them.
    """

    state: bytes
    steps: int
    validation: Accuracy
    test_correct: int
    test_total: int
    fit_ms: float
    rank_ms: float
    ranking: NDArray[np.int64]
    confidence: NDArray[np.float32]
    prediction: NDArray[np.int64]


def get_newest(session: Session, pool: Pool) -> Round:
    """The pool's newest round; there is always one, for round 0 comes with the pool."""
    newest = select(Round).where(Round.pool_id == pool.id).order_by(Round.number.desc()).limit(1)
    return session.scalars(newest).one()


def get_newest_with_state(session: Session, pool: Pool) -> Round:
    """The same with the model's state loaded."""
    newest = select(Round).where(Round.pool_id == pool.id).order_by(Round.number.desc()).limit(1)
    return session.scalars(newest.options(undefer(Round.state))).one()


def count_new_labels(session: Session, newest: Round) -> int:
    """Standing labels by people or the oracle that the newest round has not seen."""
    new = select(func.count()).where(
        Label.pool_id == newest.pool_id, Label.event_id > newest.last_event_id, Label.source != "model"
    )
    return session.scalar(new) or 0


def is_due(session: Session, pool: Pool, newest: Round) -> bool:
    """Whether enough new labels are there for the next round."""
    return count_new_labels(session, newest) >= pool.batch_size


def read_training_set(session: Session, pool: Pool) -> TrainingSet:
    """All standing labels, and the newest event that made them so. Both are read from one state."""
    last = session.scalar(select(func.max(LabelEvent.id)).where(LabelEvent.pool_id == pool.id)) or 0
    rows = session.execute(
        select(Image.position, Label.value)
        .join(LabelEvent, LabelEvent.id == Label.event_id)
        .join(Round, Round.id == LabelEvent.round_id)
        .join(Image, Image.id == Label.image_id)
        .where(Label.pool_id == pool.id)
        .order_by(Round.number, LabelEvent.rank.nulls_last(), Image.position)
    ).all()
    table = np.array(rows, dtype=np.int64).reshape(len(rows), 2)  # (n, 2)
    return TrainingSet(table[:, 0], table[:, 1], last)


def note_failure(session: Session, pool: Pool, number: int, error: str, *, now: dt.datetime) -> None:
    """Mark the round as failed: it is not stored, and tried again."""
    failed = session.scalar(select(FailedRound).where(FailedRound.pool_id == pool.id, FailedRound.number == number))
    if failed is None:
        failed = FailedRound(pool_id=pool.id, number=number, n_attempts=0)
        session.add(failed)
    failed.n_attempts += 1
    failed.error = error[:1000]
    failed.failed_at = now


def read_ranks(session: Session, newest: Round, image_ids: Sequence[int]) -> dict[int, tuple[int, float | None]]:
    """Rank and confidence of those of the images that the stored head of the ranking has."""
    if not image_ids:
        return {}
    rows = session.execute(
        select(RankedImage.image_id, RankedImage.rank, RankedImage.confidence).where(
            RankedImage.round_id == newest.id, RankedImage.image_id.in_(image_ids)
        )
    )
    return {row.image_id: (row.rank, row.confidence) for row in rows}


def store(session: Session, previous: Round, training: TrainingSet, outcome: Outcome, *, now: dt.datetime) -> bool:
    """Store the round after `previous` with its ranking; False if another trainer was first."""
    new = Round(
        pool_id=previous.pool_id,
        number=previous.number + 1,
        last_event_id=training.last_event_id,
        n_labels=len(training.positions),
        steps=outcome.steps,
        validation_correct=outcome.validation.correct,
        validation_total=outcome.validation.total,
        test_correct=outcome.test_correct,
        test_total=outcome.test_total,
        fit_ms=outcome.fit_ms,
        rank_ms=outcome.rank_ms,
        state=outcome.state,
        created_at=now,
    )
    try:
        with session.begin_nested():
            session.add(new)
            session.flush()
    except IntegrityError:
        return False
    columns = zip(outcome.ranking, outcome.confidence, outcome.prediction, strict=True)
    rows = [
        {
            "round_id": new.id,
            "rank": rank,
            "image_id": int(image_id),
            "confidence": float(confidence),
            "prediction": int(prediction),
        }
        for rank, (image_id, confidence, prediction) in enumerate(columns)
    ]
    if rows:
        session.execute(insert(RankedImage), rows)
    note(session, Change("round", previous.pool_id, new.number))
    return True
