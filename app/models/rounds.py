"""What was trained, what failed, and who trains."""

import datetime as dt
from typing import Any

from sqlalchemy import JSON, BigInteger, CheckConstraint, ForeignKey, Index, LargeBinary, UniqueConstraint
from sqlalchemy.orm import Mapped, column_property, mapped_column
from sqlalchemy.types import String

from app.models.base import AskedBy, Base, RunStatus, TestedOn, TrainerState, one_of


class Round(Base):
    """One training: from which events, with which result, and the model's whole state after it.

    The result counts right answers on the pool's test images or, where there are none, on the answers that were asked
    by chance and that no round learned from.
    """

    __tablename__ = "round"
    __table_args__ = (
        # Two trainers may race; one of them wins here. Also serves "the newest round of a pool".
        UniqueConstraint("pool_id", "number"),
        CheckConstraint("validation_correct BETWEEN 0 AND validation_total", name="validation_is_a_share"),
        CheckConstraint("(validation_correct IS NULL) = (validation_total = 0)", name="validation_is_counted"),
        CheckConstraint("test_correct BETWEEN 0 AND test_total", name="test_is_a_share"),
        one_of("asked_by", "strategy chance"),
        one_of("tested_on", "test chance"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    pool_id: Mapped[int] = mapped_column(ForeignKey("pool.id"))
    number: Mapped[int]
    last_event_id: Mapped[int]  # the newest event it saw; 0 before any
    n_labels: Mapped[int]
    steps: Mapped[int]
    validation_correct: Mapped[int | None]  # null: the pool has no validation images
    validation_total: Mapped[int]
    test_correct: Mapped[int | None]  # counted after the round is announced, so that no request waits for it
    test_total: Mapped[int]  # 0: the pool has no test images
    fit_ms: Mapped[float]
    rank_ms: Mapped[float]
    state: Mapped[bytes] = mapped_column(LargeBinary, deferred=True)
    numerics: Mapped[str | None] = mapped_column(String(100))  # null: round 0, and rounds of versions before 0.3
    asked_by: Mapped[AskedBy] = mapped_column(default="strategy")  # "chance": its ranking is an order by chance
    feature_set_id: Mapped[int | None] = mapped_column(ForeignKey("feature_set.id"))  # null: it knew the pixels alone
    trained_model_id: Mapped[int | None] = mapped_column(ForeignKey("trained_model.id"))  # its second opinion
    n_images: Mapped[int] = mapped_column(server_default="0")  # the first ones of the pool, as many as it had then
    n_classes: Mapped[int] = mapped_column(server_default="0")
    last_merge_id: Mapped[int] = mapped_column(server_default="0")  # the newest `ClassMerge` it knew; 0 before any
    tested_on: Mapped[TestedOn | None]  # what `test_total` counts: test images, or answers asked by chance
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


class TrainedModel(Base):
    """A network to take away: trained on the labels that stood, and for the other images on predictions of the learner.

    The pool's learner is fitted once anew to exactly these labels, so the predictions are not those of a round.
    `correct` of `total` images that it did not see it gets right: the pool's test images, or, where there are none,
    the images that were asked by chance. `predictions` has its class of each image of the pool.
    """

    __tablename__ = "trained_model"
    __table_args__ = (
        Index("ix_trained_model_pool", "pool_id", "id"),
        Index("ix_trained_model_status", "status", "id"),  # the next one in the queue
        one_of("status", "queued running done failed stopped"),
        one_of("tested_on", "test chance"),
        CheckConstraint("share BETWEEN 0 AND 1", name="share_is_one"),
        CheckConstraint("correct BETWEEN 0 AND total", name="correct_is_a_share"),
        CheckConstraint("(status = 'done') = (content IS NOT NULL)", name="what_is_done_has_a_file"),
        {"sqlite_autoincrement": True},  # a name in files that were taken away
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    pool_id: Mapped[int] = mapped_column(ForeignKey("pool.id"))
    status: Mapped[RunStatus]
    seed: Mapped[int]
    step: Mapped[str] = mapped_column(String(100), default="")
    share: Mapped[float] = mapped_column(default=0.0)
    # What it is trained on, once that has begun.
    round: Mapped[int | None]  # its number; no foreign key, because rounds refer to models
    last_event_id: Mapped[int | None]
    n_human: Mapped[int | None]
    n_oracle: Mapped[int | None]
    n_machine: Mapped[int | None]
    tested_on: Mapped[TestedOn | None]
    correct: Mapped[int | None]
    total: Mapped[int | None]
    content: Mapped[bytes | None] = mapped_column(LargeBinary, deferred=True)  # the file, as Keras writes it
    predictions: Mapped[bytes | None] = mapped_column(LargeBinary, deferred=True)  # uint16 (N,), little-endian
    numerics: Mapped[str | None] = mapped_column(String(100))
    train_ms: Mapped[float | None]
    error: Mapped[str | None] = mapped_column(String(1000))
    created_at: Mapped[dt.datetime]
    started_at: Mapped[dt.datetime | None]
    heartbeat_at: Mapped[dt.datetime | None]
    finished_at: Mapped[dt.datetime | None]


class TrainerStatus(Base):
    """One training process: its state, its last heartbeat, and why it cannot get ready, if it cannot."""

    __tablename__ = "trainer_status"
    # An id is never reused: a run refers to the trainer that computes it.
    __table_args__ = (one_of("state", "loading ready"), {"sqlite_autoincrement": True})

    id: Mapped[int] = mapped_column(primary_key=True)
    pid: Mapped[int]
    state: Mapped[TrainerState]
    failure: Mapped[str | None] = mapped_column(String(1000))
    # The data set that oracle runs use, once a run has loaded it: its name, and how many images it has.
    data_name: Mapped[str | None] = mapped_column(String(64))
    data_description: Mapped[str | None] = mapped_column(String(500))
    n_train: Mapped[int | None]
    n_test: Mapped[int | None]
    started_at: Mapped[dt.datetime]
    heartbeat_at: Mapped[dt.datetime]


class ChangeRow(Base):
    """What a process announced at a commit, for the others; old rows are deleted."""

    __tablename__ = "change"

    id: Mapped[int] = mapped_column(primary_key=True)
    process: Mapped[int] = mapped_column(BigInteger)  # drawn at its start
    kind: Mapped[str] = mapped_column(String(10))
    pool_id: Mapped[int | None]
    number: Mapped[int | None]


class OracleRun(Base):
    """A request for experiments: the parameters, the progress, and the results of those that are finished."""

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
    trainer_id: Mapped[int | None]  # the trainer that runs it; no foreign key, because trainers come and go
    created_at: Mapped[dt.datetime]
    started_at: Mapped[dt.datetime | None]
    finished_at: Mapped[dt.datetime | None]
