"""What was asked and answered: the events, and the tables that are folded from them."""

import datetime as dt

from sqlalchemy import CheckConstraint, ForeignKey, Index, LargeBinary, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.types import String

from app.models.base import AskedBy, AutolabelStatus, Base, EventKind, Source, one_of


class Lease(Base):
    """An image that an annotator holds until `expires_at`. An image has as many places as its pool wants answers.

    `given_at` bounds how long the lease may be renewed.
    """

    __tablename__ = "lease"
    __table_args__ = (
        Index("ix_lease_annotator", "pool_id", "annotator_id"),  # what do I hold?
        one_of("asked_by", "strategy chance review"),
    )

    image_id: Mapped[int] = mapped_column(ForeignKey("image.id"), primary_key=True)
    annotator_id: Mapped[int] = mapped_column(ForeignKey("annotator.id"), primary_key=True)
    pool_id: Mapped[int] = mapped_column(ForeignKey("pool.id"))
    asked_by: Mapped[AskedBy]
    round_id: Mapped[int] = mapped_column(ForeignKey("round.id"))
    rank: Mapped[int | None]  # null: beyond the stored head of the ranking
    confidence: Mapped[float | None]
    prediction: Mapped[int | None]
    expires_at: Mapped[dt.datetime]
    given_at: Mapped[dt.datetime] = mapped_column(server_default="2000-01-01 00:00:00")  # of leases of older versions


class LabelEvent(Base):
    """An act of an annotator or a model. Append-only: the database refuses to change or delete a row."""

    __tablename__ = "label_event"
    __table_args__ = (
        UniqueConstraint("annotator_id", "key"),  # a retry finds the event it made
        Index("ix_label_event_pool", "pool_id", "id"),  # the newest event of a pool; its events in order
        Index("ix_label_event_image", "image_id"),  # the history of an image
        Index("ix_label_event_merge", "merge_id", sqlite_where=text("merge_id IS NOT NULL")),  # what a merge changed
        one_of("kind", "label change skip flag undo"),
        one_of("source", "human oracle model"),
        CheckConstraint("(kind IN ('label', 'change')) = (value IS NOT NULL)", name="a_label_has_a_value"),
        CheckConstraint("(kind IN ('undo', 'change')) = (undoes_id IS NOT NULL)", name="an_undo_names_its_event"),
        CheckConstraint("(kind = 'flag') = (remark IS NOT NULL)", name="a_flag_has_a_remark"),
        one_of("asked_by", "strategy chance review"),
        CheckConstraint("(source = 'model') = (annotator_id IS NULL)", name="a_model_is_no_annotator"),
        CheckConstraint("(source = 'model') = (autolabel_id IS NOT NULL)", name="a_model_names_its_autolabel"),
        {"sqlite_autoincrement": True},  # an id is never reused: rounds refer to "all up to this one"
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    pool_id: Mapped[int] = mapped_column(ForeignKey("pool.id"))
    image_id: Mapped[int] = mapped_column(ForeignKey("image.id"))
    annotator_id: Mapped[int | None] = mapped_column(ForeignKey("annotator.id"))
    autolabel_id: Mapped[int | None] = mapped_column(ForeignKey("autolabel.id"))
    kind: Mapped[EventKind]
    value: Mapped[int | None]  # index into the pool's classes
    source: Mapped[Source]
    asked_by: Mapped[AskedBy | None]  # null: the image was not asked of the annotator
    undoes_id: Mapped[int | None] = mapped_column(ForeignKey("label_event.id"))  # undone, or replaced
    merge_id: Mapped[int | None]  # a change that merging classes made; no foreign key: the table was not made anew
    remark: Mapped[str | None] = mapped_column(String(200))
    round_id: Mapped[int] = mapped_column(ForeignKey("round.id"))  # the round whose ranking asked for it
    rank: Mapped[int | None]
    confidence: Mapped[float | None]  # the model's, when the image was asked
    key: Mapped[str | None] = mapped_column(String(64))  # the client's, for retries
    created_at: Mapped[dt.datetime]


class Answer(Base):
    """One annotator's current answer to an image: a fold of events, written in the event's transaction.

    `event_id` is the event that gave it its value: the annotator's own label or change, or the change of an admin.
    """

    __tablename__ = "answer"
    __table_args__ = (
        Index("ix_answer_pool", "pool_id", "image_id"),  # how many images have all the answers that are wanted?
    )

    image_id: Mapped[int] = mapped_column(ForeignKey("image.id"), primary_key=True)
    annotator_id: Mapped[int] = mapped_column(ForeignKey("annotator.id"), primary_key=True)
    pool_id: Mapped[int] = mapped_column(ForeignKey("pool.id"))
    event_id: Mapped[int] = mapped_column(ForeignKey("label_event.id"), unique=True)
    value: Mapped[int]


class Label(Base):
    """The current label of an image: what its answers agree on, or else the model's. See `labels.agree`."""

    __tablename__ = "label"
    __table_args__ = (
        Index("ix_label_pool", "pool_id", "event_id"),  # is a round due? the labels in order
        Index("ix_label_source", "pool_id", "source"),  # how many labels are there, by who gave them
        one_of("source", "human oracle model"),
    )

    image_id: Mapped[int] = mapped_column(ForeignKey("image.id"), primary_key=True)
    pool_id: Mapped[int] = mapped_column(ForeignKey("pool.id"))
    event_id: Mapped[int] = mapped_column(ForeignKey("label_event.id"), unique=True)
    value: Mapped[int]
    source: Mapped[Source]


class Skip(Base):
    """An annotator could not tell the class of an image, and is not asked again: a fold of events, like Label."""

    __tablename__ = "skip"

    image_id: Mapped[int] = mapped_column(ForeignKey("image.id"), primary_key=True)
    annotator_id: Mapped[int] = mapped_column(ForeignKey("annotator.id"), primary_key=True)
    pool_id: Mapped[int] = mapped_column(ForeignKey("pool.id"))
    event_id: Mapped[int] = mapped_column(ForeignKey("label_event.id"), unique=True)


class Autolabel(Base):
    """A model labels a frozen set of images, and annotators check a sample of it drawn by chance.

    `bound` is the largest share of wrong labels that the audit so far leaves possible at `confidence_level`; the set
    is accepted once that is `target` or less.
    """

    __tablename__ = "autolabel"
    __table_args__ = (
        Index("ix_autolabel_pool", "pool_id", unique=True, sqlite_where=text("status = 'auditing'")),  # one at a time
        one_of("status", "auditing accepted rejected withdrawn"),
        CheckConstraint("n_images > 0", name="has_images"),
        CheckConstraint("n_audited BETWEEN 0 AND n_images", name="the_audit_is_of_its_images"),
        CheckConstraint("n_wrong BETWEEN 0 AND n_audited", name="wrong_is_a_share"),
        CheckConstraint("target > 0 AND target < 1", name="target_is_a_share"),
        CheckConstraint("confidence_level > 0 AND confidence_level < 1", name="confidence_level_is_a_share"),
        CheckConstraint("bound BETWEEN 0 AND 1", name="bound_is_a_share"),
        CheckConstraint("(status = 'auditing') = (ended_at IS NULL)", name="an_audit_ends"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    pool_id: Mapped[int] = mapped_column(ForeignKey("pool.id"))
    round_id: Mapped[int] = mapped_column(ForeignKey("round.id"))  # the round whose model labels
    status: Mapped[AutolabelStatus]
    n_images: Mapped[int]
    image_ids: Mapped[bytes] = mapped_column(LargeBinary, deferred=True)  # the frozen set: int64, little-endian
    target: Mapped[float]
    confidence_level: Mapped[float]
    n_audited: Mapped[int]
    n_wrong: Mapped[int]
    bound: Mapped[float | None]  # null: nothing is audited yet
    created_at: Mapped[dt.datetime]
    ended_at: Mapped[dt.datetime | None]
