"""The tables. The schema carries the guarantees: each CHECK is a rule, each index names the query it serves."""

import datetime as dt
from typing import Any, Literal

from sqlalchemy import (
    JSON,
    BigInteger,
    CheckConstraint,
    DateTime,
    ForeignKey,
    Index,
    LargeBinary,
    MetaData,
    UniqueConstraint,
    false,
)
from sqlalchemy.engine import Dialect
from sqlalchemy.orm import DeclarativeBase, Mapped, column_property, mapped_column, relationship
from sqlalchemy.types import String, TypeDecorator

Split = Literal["pool", "validation", "test"]
Role = Literal["admin", "annotator", "oracle"]
EventKind = Literal["label", "change", "skip", "flag", "undo"]
TokenKind = Literal["session", "api"]
Source = Literal["human", "oracle", "model"]
ORACLE = "oracle"  # the name of the annotator that knows the truth: nobody else may have it
LOCAL = "local"  # the name of who acts on a server without accounts and names nobody
RunStatus = Literal["queued", "running", "done", "failed", "stopped"]
TrainerState = Literal["loading", "ready"]


def _one_of(column: str, values: str) -> CheckConstraint:
    quoted = ", ".join(f"'{value}'" for value in values.split())
    return CheckConstraint(f"{column} IN ({quoted})", name=f"{column}_is_known")


class UtcDateTime(TypeDecorator[dt.datetime]):
    """An aware UTC datetime; SQLite keeps no time zones, so it is stored without one."""

    impl = DateTime
    cache_ok = True

    def process_bind_param(self, value: dt.datetime | None, dialect: Dialect) -> dt.datetime | None:  # noqa: ARG002
        """Aware to naive UTC."""
        return None if value is None else value.astimezone(dt.UTC).replace(tzinfo=None)

    def process_result_value(self, value: dt.datetime | None, dialect: Dialect) -> dt.datetime | None:  # noqa: ARG002
        """Naive UTC to aware."""
        return None if value is None else value.replace(tzinfo=dt.UTC)


class Base(DeclarativeBase):
    """All tables share one naming of constraints, so that migrations can name them."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(column_0_label)s",
            "uq": "uq_%(table_name)s_%(column_0_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {  # noqa: RUF012 (SQLAlchemy reads it from the class)
        dt.datetime: UtcDateTime,
        dict[str, Any]: JSON,
        list[str]: JSON,
        Split: String(10),
        Role: String(10),
        EventKind: String(10),
        TokenKind: String(10),
        Source: String(10),
        RunStatus: String(10),
        TrainerState: String(10),
    }


class Pool(Base):
    """One set of images to label, with the rule that ranks them. Its data never change once it is made."""

    __tablename__ = "pool"
    __table_args__ = (
        CheckConstraint("n_images > 0 AND height > 0 AND width > 0", name="has_images"),
        CheckConstraint("batch_size > 0", name="batch_size_is_positive"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    slug: Mapped[str] = mapped_column(String(64), unique=True)
    name: Mapped[str] = mapped_column(String(200))
    dataset: Mapped[str] = mapped_column(String(64))
    dataset_description: Mapped[str] = mapped_column(String(500))
    dataset_sha256: Mapped[str] = mapped_column(String(64))
    classes: Mapped[list[str]]
    n_images: Mapped[int]  # of the split "pool"
    height: Mapped[int]
    width: Mapped[int]
    model: Mapped[str] = mapped_column(String(32))
    ranking: Mapped[str] = mapped_column(String(32))
    batch_size: Mapped[int]
    queue_size: Mapped[int]
    created_at: Mapped[dt.datetime]


class Image(Base):
    """One image: pixels uint8, row by row. `position` counts from 0 within its split."""

    __tablename__ = "image"
    __table_args__ = (
        UniqueConstraint("pool_id", "split", "position"),
        _one_of("split", "pool validation test"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    pool_id: Mapped[int] = mapped_column(ForeignKey("pool.id"))
    split: Mapped[Split]
    position: Mapped[int]
    truth: Mapped[int | None]  # index into the pool's classes
    pixels: Mapped[bytes] = mapped_column(LargeBinary)


class Annotator(Base):
    """Who answers: a person, a script, or the oracle."""

    __tablename__ = "annotator"
    __table_args__ = (_one_of("role", "admin annotator oracle"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(64), unique=True)
    role: Mapped[Role]
    password_hash: Mapped[str | None] = mapped_column(String(255))  # null: not an account, cannot log in
    is_disabled: Mapped[bool] = mapped_column(default=False, server_default=false())
    created_at: Mapped[dt.datetime]


class AccessToken(Base):
    """What a script or a logged-in browser shows instead of a password. Only its SHA-256 is stored."""

    __tablename__ = "access_token"
    __table_args__ = (
        _one_of("kind", "session api"),
        Index("ix_access_token_annotator", "annotator_id"),  # all of somebody's, to revoke them
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    annotator_id: Mapped[int] = mapped_column(ForeignKey("annotator.id"))
    kind: Mapped[TokenKind]
    name: Mapped[str] = mapped_column(String(64))  # what it is for, as its owner says
    sha256: Mapped[str] = mapped_column(String(64), unique=True)
    created_at: Mapped[dt.datetime]
    expires_at: Mapped[dt.datetime | None]
    revoked_at: Mapped[dt.datetime | None]

    annotator: Mapped[Annotator] = relationship()


class ServerSecret(Base):
    """The key that signs cookies: one row, made at the first need."""

    __tablename__ = "server_secret"
    __table_args__ = (CheckConstraint("id = 1", name="there_is_one"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    value: Mapped[str] = mapped_column(String(64))


class AuditEntry(Base):
    """Who came in, who was kept out, what was done to accounts: for ever, like label events."""

    __tablename__ = "audit_entry"

    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[dt.datetime]
    action: Mapped[str] = mapped_column(String(40))
    name: Mapped[str] = mapped_column(String(64))  # as given; it need not be an account's
    address: Mapped[str | None] = mapped_column(String(64))
    request_id: Mapped[str | None] = mapped_column(String(40))


class Round(Base):
    """One training: from which events, with which result, and the model's whole state after it."""

    __tablename__ = "round"
    __table_args__ = (
        # Two trainers may race; one of them wins here. Also serves "the newest round of a pool".
        UniqueConstraint("pool_id", "number"),
        CheckConstraint("validation_correct BETWEEN 0 AND validation_total", name="validation_is_a_share"),
        CheckConstraint("test_correct BETWEEN 0 AND test_total", name="test_is_a_share"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    pool_id: Mapped[int] = mapped_column(ForeignKey("pool.id"))
    number: Mapped[int]
    last_event_id: Mapped[int]  # the newest event it saw; 0 before any
    n_labels: Mapped[int]
    steps: Mapped[int]
    validation_correct: Mapped[int]
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


class Lease(Base):
    """An image that is with one annotator until `expires_at`: its primary key keeps it from everybody else.

    `given_at` bounds how often that may be put off.
    """

    __tablename__ = "lease"
    __table_args__ = (
        Index("ix_lease_annotator", "pool_id", "annotator_id"),  # what do I hold?
    )

    image_id: Mapped[int] = mapped_column(ForeignKey("image.id"), primary_key=True)
    pool_id: Mapped[int] = mapped_column(ForeignKey("pool.id"))
    annotator_id: Mapped[int] = mapped_column(ForeignKey("annotator.id"))
    round_id: Mapped[int] = mapped_column(ForeignKey("round.id"))
    rank: Mapped[int | None]  # null: beyond the stored head of the ranking
    confidence: Mapped[float | None]
    prediction: Mapped[int | None]
    expires_at: Mapped[dt.datetime]
    given_at: Mapped[dt.datetime] = mapped_column(server_default="2000-01-01 00:00:00")  # of leases of older versions


class LabelEvent(Base):
    """What somebody did, for ever: the database refuses to change or delete a row."""

    __tablename__ = "label_event"
    __table_args__ = (
        UniqueConstraint("annotator_id", "key"),  # a retry finds the event it made
        Index("ix_label_event_pool", "pool_id", "id"),  # the newest event of a pool; its events in order
        Index("ix_label_event_image", "image_id"),  # the history of an image
        _one_of("kind", "label change skip flag undo"),
        _one_of("source", "human oracle model"),
        CheckConstraint("(kind IN ('label', 'change')) = (value IS NOT NULL)", name="a_label_has_a_value"),
        CheckConstraint("(kind IN ('undo', 'change')) = (undoes_id IS NOT NULL)", name="an_undo_names_its_event"),
        CheckConstraint("(kind = 'flag') = (remark IS NOT NULL)", name="a_flag_has_a_remark"),
        {"sqlite_autoincrement": True},  # an id is never given twice: rounds refer to "all up to this one"
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    pool_id: Mapped[int] = mapped_column(ForeignKey("pool.id"))
    image_id: Mapped[int] = mapped_column(ForeignKey("image.id"))
    annotator_id: Mapped[int] = mapped_column(ForeignKey("annotator.id"))
    kind: Mapped[EventKind]
    value: Mapped[int | None]  # index into the pool's classes
    source: Mapped[Source]
    undoes_id: Mapped[int | None] = mapped_column(ForeignKey("label_event.id"))  # taken back, or replaced
    remark: Mapped[str | None] = mapped_column(String(200))
    round_id: Mapped[int] = mapped_column(ForeignKey("round.id"))  # the round whose ranking asked for it
    rank: Mapped[int | None]
    confidence: Mapped[float | None]  # the model's, when the image was asked
    key: Mapped[str | None] = mapped_column(String(64))  # the client's, for retries
    created_at: Mapped[dt.datetime]

    annotator: Mapped[Annotator] = relationship()
    image: Mapped[Image] = relationship()
    round: Mapped[Round] = relationship()


class Label(Base):
    """The label that stands for an image: the fold of its events, written in the event's transaction.

    Its primary key is why two people cannot label one image.
    """

    __tablename__ = "label"
    __table_args__ = (
        Index("ix_label_pool", "pool_id", "event_id"),  # is a round due? the labels in order
        Index("ix_label_source", "pool_id", "source"),  # how many labels are there, by who gave them
        _one_of("source", "human oracle model"),
    )

    image_id: Mapped[int] = mapped_column(ForeignKey("image.id"), primary_key=True)
    pool_id: Mapped[int] = mapped_column(ForeignKey("pool.id"))
    event_id: Mapped[int] = mapped_column(ForeignKey("label_event.id"), unique=True)
    value: Mapped[int]
    source: Mapped[Source]


class Skip(Base):
    """Somebody could not tell what this image is, and is not asked again: a fold of events, like Label."""

    __tablename__ = "skip"

    image_id: Mapped[int] = mapped_column(ForeignKey("image.id"), primary_key=True)
    annotator_id: Mapped[int] = mapped_column(ForeignKey("annotator.id"), primary_key=True)
    pool_id: Mapped[int] = mapped_column(ForeignKey("pool.id"))
    event_id: Mapped[int] = mapped_column(ForeignKey("label_event.id"), unique=True)


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
    """One training process: how far it is, when it was last heard of, and why it cannot get ready, if it cannot."""

    __tablename__ = "trainer_status"
    # An id is never given twice: a run refers to the trainer that computes it.
    __table_args__ = (_one_of("state", "loading ready"), {"sqlite_autoincrement": True})

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
    """Experiments that the server was asked to run: what, how far, and the curves of those that are finished."""

    __tablename__ = "oracle_run"
    __table_args__ = (
        _one_of("status", "queued running done failed stopped"),
        Index("ix_oracle_run_status", "status", "id"),  # the next one in the queue
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    status: Mapped[RunStatus]
    parameters: Mapped[dict[str, Any]]
    progress: Mapped[dict[str, Any]]
    result: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True), deferred=True)
    has_result: Mapped[bool] = column_property(result.is_not(None))  # without loading it
    error: Mapped[str | None] = mapped_column(String(1000))
    trainer_id: Mapped[int | None]  # whose it is while it runs; no reference, for trainers come and go
    created_at: Mapped[dt.datetime]
    started_at: Mapped[dt.datetime | None]
    finished_at: Mapped[dt.datetime | None]
