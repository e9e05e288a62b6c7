"""What was trained, what failed, and who trains."""

import datetime as dt
from typing import Any

from sqlalchemy import JSON, CheckConstraint, ForeignKey, Index, LargeBinary, UniqueConstraint
from sqlalchemy.orm import Mapped, column_property, mapped_column
from sqlalchemy.types import String

from app.models.base import Base, RunStatus, TrainerActivity, one_of


class Round(Base):
    """One training: from which events, with which result, and the model's whole state after it."""

    __tablename__ = "round"
    __table_args__ = (
        # Two trainers may race; one of them wins here. Also serves "the newest round of a pool".
        UniqueConstraint("pool_id", "number"),
        CheckConstraint("validation_correct BETWEEN 0 AND validation_total", name="validation_is_a_share"),
        CheckConstraint("(validation_correct IS NULL) = (validation_total = 0)", name="validation_is_counted"),
        CheckConstraint("test_correct BETWEEN 0 AND test_total", name="test_is_a_share"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    pool_id: Mapped[int] = mapped_column(ForeignKey("pool.id"))
    number: Mapped[int]
    last_event_id: Mapped[int]  # the newest event it saw; 0 before any
    n_labels: Mapped[int]
    steps: Mapped[int]
    validation_correct: Mapped[int | None]  # null: the pool has no validation images
    validation_total: Mapped[int]
    test_correct: Mapped[int | None]  # counted after the round is announced: nobody waits for it
    test_total: Mapped[int]  # 0: the pool has no test images
    fit_ms: Mapped[float]
    rank_ms: Mapped[float]
    state: Mapped[bytes] = mapped_column(LargeBinary, deferred=True)
    numerics: Mapped[str | None] = mapped_column(String(100))  # null: round 0, and rounds of versions before 0.3
    created_at: Mapped[dt.datetime]


class RankedImage(Base):
    """The head of a round's ranking; `rank` counts from 0. Round 0 knows no confidence and no prediction."""

    __tablename__ = "ranked_image"
    __table_args__ = {"sqlite_with_rowid": False}  # noqa: RUF012 (500 rows a round, found by key only)

    round_id: Mapped[int] = mapped_column(ForeignKey("round.id"), primary_key=True)
    rank: Mapped[int] = mapped_column(primary_key=True)
    image_id: Mapped[int] = mapped_column(ForeignKey("image.id"))
    confidence: Mapped[float | None]
    prediction: Mapped[int | None]


class FailedRound(Base):
    """A training that raised or diverged: the round that was not stored, and why."""

    __tablename__ = "failed_round"
    __table_args__ = (UniqueConstraint("pool_id", "number"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    pool_id: Mapped[int] = mapped_column(ForeignKey("pool.id"))
    number: Mapped[int]
    n_attempts: Mapped[int]
    error: Mapped[str] = mapped_column(String(1000))
    failed_at: Mapped[dt.datetime]  # the last attempt


class TrainerStatus(Base):
    """One training process: what it does, when it last said so, and why it cannot load, if it cannot."""

    __tablename__ = "trainer_status"
    __table_args__ = (one_of("doing", "loading idle training oracle"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    pid: Mapped[int]
    doing: Mapped[TrainerActivity]
    pool_id: Mapped[int | None] = mapped_column(ForeignKey("pool.id"))  # of the round that is being trained
    failure: Mapped[str | None] = mapped_column(String(1000))
    started_at: Mapped[dt.datetime]
    heartbeat_at: Mapped[dt.datetime]


class OracleRun(Base):
    """Experiments that the server was asked to run: what, how far, and the curves of those that are finished."""

    __tablename__ = "oracle_run"
    __table_args__ = (
        one_of("status", "queued running done failed stopped"),
        Index("ix_oracle_run_status", "status", "id"),  # the next one in the queue
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    status: Mapped[RunStatus]
    parameters: Mapped[dict[str, Any]]
    progress: Mapped[dict[str, Any]]
    result: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True), deferred=True)
    has_result: Mapped[bool] = column_property(result.is_not(None))  # without loading it
    error: Mapped[str | None] = mapped_column(String(1000))
    created_at: Mapped[dt.datetime]
    started_at: Mapped[dt.datetime | None]
    finished_at: Mapped[dt.datetime | None]
