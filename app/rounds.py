"""Rounds: whether one is due, its training set, and its outcome."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Self, cast

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Table, and_, bindparam, exists, func, insert, select
from sqlalchemy.orm import Session, aliased, undefer

from app import features
from app.changes import Change, note
from app.learning.names import PREPARING
from app.models import (
    AskedBy,
    ClassMerge,
    FailedRound,
    Image,
    Label,
    LabelEvent,
    Pool,
    RankedImage,
    Round,
    TestedOn,
)


@dataclass(frozen=True, slots=True)
class TrainingSet:
    """n labels as positions in the pool (n,) and values (n,), in the order that training depends on.

    The order is (round asked, rank asked, position). It does not depend on the order of the answers: the same labels
    give the same model, in whatever order they were given.

    Held out are the h labels that were asked by chance: where a pool has no test images they take their place. Those of
    round 0 are not among them, for then everything comes by chance.
    """

    positions: NDArray[np.int64]
    values: NDArray[np.int64]
    last_event_id: int
    held_out: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))
    held_out_values: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))

    @classmethod
    def of(cls, rows: Sequence[tuple[int, int, bool]], last_event_id: int, *, hold_out: bool) -> Self:
        """From position, value and "was it asked by chance after round 0" of each label, in the order of training."""
        table = np.array(rows, np.int64).reshape(len(rows), 3)  # (n + h, 3)
        is_out = table[:, 2].astype(np.bool_) & hold_out
        known, out = table[~is_out], table[is_out]
        return cls(known[:, 0], known[:, 1], last_event_id, out[:, 0], out[:, 1])

    def __len__(self) -> int:
        """How many labels, those that are held out included."""
        return len(self.positions) + len(self.held_out)


@dataclass(frozen=True, slots=True)
class Outcome:
    """The outcome of a training: the state as bytes, its counts, and the head of the new ranking.

    `ranking` holds image ids (n,), `confidence` (n,) and `prediction` (n,) belong to them. `numerics` says what
    the last bits depend on besides the labels: see `Learner.numerics`. `validation_correct` is None if the pool has no
    validation images, `test_correct` while the test images are not counted yet. `n_images` and `n_classes` say what the
    pool had, and `last_merge_id` which merges of these. Without a label the model knows no confidence and predicts
    nothing.
    """

    state: bytes
    steps: int
    validation_correct: int | None
    validation_total: int
    test_correct: int | None
    test_total: int
    tested_on: TestedOn | None
    n_images: int
    n_classes: int
    fit_ms: float
    rank_ms: float
    ranking: NDArray[np.int64]
    confidence: NDArray[np.float32] | None
    prediction: NDArray[np.int64] | None
    numerics: str
    last_merge_id: int = 0

    @property
    def is_counted(self) -> bool:
        """Whether nothing is left to be counted."""
        return self.test_total == 0 or self.test_correct is not None

    def ranked(self) -> list[tuple[int, float | None, int | None]]:
        """Image, confidence and prediction by rank, as they are stored."""
        unknown = [None] * len(self.ranking)
        confidence = unknown if self.confidence is None else self.confidence.tolist()
        prediction = unknown if self.prediction is None else self.prediction.tolist()
        return list(zip(self.ranking.tolist(), confidence, prediction, strict=True))


@dataclass(frozen=True, slots=True)
class NewestRound:
    """A pool's newest round; `n_new` current labels by people or the oracle came after it.

    `asked_by` says how its ranking came about, `feature_set_id` what its learner knew of the images, `known_merge_id`
    which merges of classes, and `n_labels` how many labels it learned from. Some of those may be taken back by now, so
    there are `n_labels + n_new` at most. The newest merge of the pool is `last_merge_id`; while labels still follow
    one, the pool `is_merging`.
    """

    id: int
    number: int
    last_event_id: int
    asked_by: AskedBy
    feature_set_id: int | None
    n_labels: int
    n_new: int
    known_merge_id: int = 0
    last_merge_id: int = 0
    is_merging: bool = False

    def until_due(self, pool: Pool) -> int:
        """How many labels the next round still waits for; 0 once it is due."""
        return max(0, pool.batch_size - self.n_new)


_NEWEST_ROUND = select(Round).where(Round.pool_id == bindparam("pool_id")).order_by(Round.number.desc()).limit(1)
_N_NEW = (
    select(func.count())
    .where(Label.pool_id == Round.pool_id, Label.event_id > Round.last_event_id, Label.source != "model")
    .scalar_subquery()
)
_OF_POOL = ClassMerge.pool_id == Round.pool_id
_LAST_MERGE = select(func.coalesce(func.max(ClassMerge.id), 0)).where(_OF_POOL).scalar_subquery()
_NEWEST = _NEWEST_ROUND.with_only_columns(
    Round.id,
    Round.number,
    Round.last_event_id,
    Round.asked_by,
    Round.feature_set_id,
    Round.n_labels,
    _N_NEW.label("n_new"),
    Round.last_merge_id.label("known_merge_id"),
    _LAST_MERGE.label("last_merge_id"),
    exists().where(_OF_POOL, ClassMerge.done_at.is_(None)).label("is_merging"),
)
# Into the table, not the class: the next ask waits for these rows, and Core takes a third less time.
_INSERT_RANKED = insert(cast(Table, RankedImage.__table__))


def get_newest_round(session: Session, pool: Pool, *, with_state: bool = False) -> Round:
    """The pool's newest round; there is always one, because round 0 is made with the pool."""
    query = _NEWEST_ROUND.options(undefer(Round.state)) if with_state else _NEWEST_ROUND
    return session.scalars(query, {"pool_id": pool.id}).one()


def get_newest(session: Session, pool: Pool) -> NewestRound:
    """The newest round as ask and answer need it, in one quick query.

    Raises:
        sqlalchemy.exc.NoResultFound: the pool is not in the database; with the pool there is always a round.
    """
    row = session.connection().execute(_NEWEST, {"pool_id": pool.id}).one()
    return NewestRound(*row)


def is_due(session: Session, pool: Pool, newest: NewestRound | None = None) -> bool:
    """Whether the round after `newest` has enough new labels to learn, or enough revoked labels to forget.

    A learner that looks at the images first is due as soon as it has, even without a label, and never before. Merging
    classes makes a round due, too, once all labels have followed. None is due before, so that none learns half of it.
    """
    newest = newest or get_newest(session, pool)
    if newest.is_merging:
        return False
    if pool.learner in PREPARING:
        ready = features.find_ready(session, pool)
        if ready is None or ready != newest.feature_set_id:
            return ready is not None
    if newest.known_merge_id != newest.last_merge_id and _has_labels(session, pool):
        return True
    return newest.until_due(pool) == 0 or _has_to_forget(session, pool, newest)


def _has_labels(session: Session, pool: Pool) -> bool:
    return bool(session.scalar(select(exists().where(Label.pool_id == pool.id, Label.source != "model"))))


def _has_to_forget(session: Session, pool: Pool, newest: NewestRound) -> bool:
    """Whether the newest round was trained on a batch of labels that were revoked since, and others are left."""
    undo, undone = aliased(LabelEvent), aliased(LabelEvent)
    n_revoked = session.scalar(
        select(func.count())
        .select_from(undo)
        .join(undone, undone.id == undo.undoes_id)
        .where(undo.pool_id == pool.id, undo.id > newest.last_event_id, undo.kind == "undo")
        .where(undone.id <= newest.last_event_id, undone.kind != "skip", undone.annotator_id != undo.annotator_id)
    )
    return (n_revoked or 0) >= pool.batch_size and _has_labels(session, pool)


def read_training_set(session: Session, pool: Pool, *, hold_out: bool | None = None) -> TrainingSet:
    """All current labels of annotators, and the newest event of the pool, read from one state of the database.

    Labels of models are left out: no model learns from them. Those that were asked by chance are held out unless the
    pool has test images, or as `hold_out` says.
    """
    if hold_out is None:
        hold_out = not session.scalar(select(exists().where(Image.pool_id == pool.id, Image.split == "test")))
    last = session.scalar(select(func.max(LabelEvent.id)).where(LabelEvent.pool_id == pool.id)) or 0
    rows = session.execute(
        select(Image.position, Label.value, and_(LabelEvent.asked_by == "chance", Round.number > 0))
        .join(LabelEvent, LabelEvent.id == Label.event_id)
        .join(Round, Round.id == LabelEvent.round_id)
        .join(Image, Image.id == Label.image_id)
        .where(Label.pool_id == pool.id, Label.source != "model")
        .order_by(Round.number, LabelEvent.rank.nulls_last(), Image.position)
    ).all()
    # Plain tuples: NumPy takes fifty times as long to convert rows.
    return TrainingSet.of([(row[0], row[1], bool(row[2])) for row in rows], last, hold_out=hold_out)


def record_failure(session: Session, pool: Pool, number: int, error: str, *, now: dt.datetime) -> None:
    """Record a failed attempt at a round. The round is not stored, and is tried again."""
    failed = session.scalar(select(FailedRound).where(FailedRound.pool_id == pool.id, FailedRound.number == number))
    if failed is None:
        failed = FailedRound(pool_id=pool.id, number=number, n_attempts=0)
        session.add(failed)
    failed.n_attempts += 1
    failed.error = error[:1000]
    failed.failed_at = now


def read_ranks(session: Session, newest: NewestRound, image_ids: Sequence[int]) -> dict[int, tuple[int, float | None]]:
    """Rank and confidence by image, for the images in the stored head of the ranking."""
    if not image_ids:
        return {}
    rows = session.execute(
        select(RankedImage.image_id, RankedImage.rank, RankedImage.confidence).where(
            RankedImage.round_id == newest.id, RankedImage.image_id.in_(image_ids)
        )
    )
    return {row.image_id: (row.rank, row.confidence) for row in rows}


def find_measured(session: Session, pool: Pool) -> Round | None:
    """The newest round that has learned from labels and whose right answers on what it is tested on are counted."""
    is_measured = (Round.n_labels > 0, Round.test_total > 0, Round.test_correct.is_not(None))
    return session.scalar(_NEWEST_ROUND.where(*is_measured), {"pool_id": pool.id})


def find_uncounted(session: Session, *, but: Sequence[int] = ()) -> Round | None:
    """The newest round whose right answers on the test images are not counted yet, with its state.

    Rounds of the pools `but` are left out.
    """
    query = (
        select(Round).where(Round.test_correct.is_(None), Round.pool_id.not_in(but)).order_by(Round.id.desc()).limit(1)
    )
    return session.scalar(query.options(undefer(Round.state)))


def record_test(session: Session, round_id: int, correct: int) -> Round:
    """Store a round's right answers on the test images, and announce the round again."""
    counted = session.get_one(Round, round_id)
    counted.test_correct = correct
    note(session, Change("round", counted.pool_id, counted.number))
    return counted


def store(
    session: Session,
    previous: Round,
    training: TrainingSet,
    outcome: Outcome,
    *,
    feature_set_id: int | None = None,
    trained_model_id: int | None = None,
    now: dt.datetime,
) -> bool:
    """Store the round after `previous` with its ranking; False if another trainer was first.

    `feature_set_id` and `trained_model_id` say what the outcome was computed from besides the labels.

    There is one writer at a time, so the check before the insert is safe; the table's UNIQUE constraint backs it.
    """
    taken = select(Round.id).where(Round.pool_id == previous.pool_id, Round.number == previous.number + 1)
    if session.scalar(taken) is not None:
        return False
    new = Round(
        pool_id=previous.pool_id,
        number=previous.number + 1,
        last_event_id=training.last_event_id,
        n_labels=len(training),
        steps=outcome.steps,
        validation_correct=outcome.validation_correct,
        validation_total=outcome.validation_total,
        test_correct=outcome.test_correct,
        test_total=outcome.test_total,
        tested_on=outcome.tested_on,
        n_images=outcome.n_images,
        n_classes=outcome.n_classes,
        last_merge_id=outcome.last_merge_id,
        fit_ms=outcome.fit_ms,
        rank_ms=outcome.rank_ms,
        state=outcome.state,
        numerics=outcome.numerics,
        asked_by="strategy",
        feature_set_id=feature_set_id,
        trained_model_id=trained_model_id,
        created_at=now,
    )
    session.add(new)
    session.flush()
    rows = [
        {
            "round_id": new.id,
            "rank": rank,
            "image_id": image_id,
            "confidence": confidence,
            "prediction": prediction,
        }
        for rank, (image_id, confidence, prediction) in enumerate(outcome.ranked())
    ]
    if rows:
        session.execute(_INSERT_RANKED, rows)
    note(session, Change("round", previous.pool_id, new.number))
    return True
