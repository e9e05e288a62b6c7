"""Classes that were merged into others, and the pictures of a pool's guideline."""

import datetime as dt

from sqlalchemy import CheckConstraint, ForeignKey, Index, LargeBinary, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.types import String

from app.models.base import Base


class ClassMerge(Base):
    """A class was merged into another; or, with `undoes_id`, a merge was taken back. What is merged is a fold of these.

    Only how far the labels have followed is ever written to a row again: `n_changed` of about `n_wanted` labels.
    """

    __tablename__ = "class_merge"
    __table_args__ = (
        Index("ix_class_merge_pool", "pool_id", "id"),  # all of a pool in order; its newest
        Index("ix_class_merge_open", "pool_id", sqlite_where=text("done_at IS NULL")),  # which labels must follow yet?
        UniqueConstraint("undoes_id"),  # a merge is taken back once
        CheckConstraint("from_class <> into_class", name="merges_two_classes"),
        {"sqlite_autoincrement": True},  # an id is never reused: rounds refer to "all up to this one"
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    pool_id: Mapped[int] = mapped_column(ForeignKey("pool.id"))
    from_class: Mapped[int]  # index into the pool's classes, as is the other
    into_class: Mapped[int]
    annotator_id: Mapped[int] = mapped_column(ForeignKey("annotator.id"))  # who merged, or took back
    undoes_id: Mapped[int | None] = mapped_column(ForeignKey("class_merge.id"))
    n_wanted: Mapped[int]
    n_changed: Mapped[int] = mapped_column(default=0)
    created_at: Mapped[dt.datetime]
    done_at: Mapped[dt.datetime | None]  # when all labels had followed


class GuidelinePicture(Base):
    """A picture that was uploaded for a pool's guideline: decoded, scaled down, and encoded anew as WebP."""

    __tablename__ = "guideline_picture"
    __table_args__ = (
        UniqueConstraint("pool_id", "sha256"),  # what is sent twice is there once
        CheckConstraint("length(sha256) = 64", name="sha256_is_hexadecimal"),
        CheckConstraint("width > 0 AND height > 0", name="has_a_size"),
        {"sqlite_autoincrement": True},  # an id stands in guidelines
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    pool_id: Mapped[int] = mapped_column(ForeignKey("pool.id"))
    sha256: Mapped[str] = mapped_column(String(64))  # of the file as it came
    name: Mapped[str] = mapped_column(String(255))
    width: Mapped[int]
    height: Mapped[int]
    content: Mapped[bytes] = mapped_column(LargeBinary, deferred=True)
    created_at: Mapped[dt.datetime]
