"""Pools, their images, and the features that were computed of these."""

import datetime as dt

from sqlalchemy import JSON, BigInteger, CheckConstraint, ForeignKey, Index, LargeBinary, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.types import String

from app.learning.names import LEARNERS, STRATEGIES, LearnerName, Strategy
from app.models.base import Base, Split, one_of

MAX_DESCRIPTION, MAX_GUIDELINE = 1000, 20_000  # characters


class Pool(Base):
    """One set of images to label, with the strategy that chooses what is asked next.

    Images and classes are only ever appended: a position or an index into `classes` never changes its meaning. Classes
    that are missing in `class_order` have no button: they were merged into others.
    """

    __tablename__ = "pool"
    __table_args__ = (
        one_of("learner", " ".join(LEARNERS)),
        one_of("strategy", " ".join(STRATEGIES)),
        CheckConstraint("channels IN (1, 3)", name="channels_are_grey_or_colour"),
        CheckConstraint("answers_wanted > 0", name="answers_are_wanted"),
        CheckConstraint("n_images >= 0 AND height > 0 AND width > 0", name="has_images"),
        CheckConstraint("batch_size > 0", name="batch_size_is_positive"),
        CheckConstraint("chance_every > 0", name="some_are_asked_by_chance"),
        CheckConstraint("goal_labels > 0", name="a_goal_is_positive"),
        CheckConstraint("goal_accuracy > 0 AND goal_accuracy <= 1", name="a_goal_is_a_share"),
        {"sqlite_autoincrement": True},  # an id is never reused: processes keep by it what they know of a pool
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
    channels: Mapped[int]  # 1 is grey, 3 is red, green, blue
    learner: Mapped[LearnerName]
    strategy: Mapped[Strategy]
    batch_size: Mapped[int]
    queue_size: Mapped[int]
    answers_wanted: Mapped[int] = mapped_column(default=1)  # how many annotators are to answer each image
    description: Mapped[str | None] = mapped_column(String(MAX_DESCRIPTION))
    created_at: Mapped[dt.datetime]
    archived_at: Mapped[dt.datetime | None]
    class_order: Mapped[list[int] | None] = mapped_column(JSON(none_as_null=True))  # of the buttons; null: by index
    n_bytes: Mapped[int] = mapped_column(BigInteger, default=0)  # of the originals
    chance_every: Mapped[int | None]  # one question in so many is drawn by chance; null: none
    guideline: Mapped[str | None] = mapped_column(String(MAX_GUIDELINE))
    goal_labels: Mapped[int | None]
    goal_accuracy: Mapped[float | None]
    # When each was noticed, which is once; another goal, or further images, may be reached again.
    labels_reached_at: Mapped[dt.datetime | None]
    accuracy_reached_at: Mapped[dt.datetime | None]
    finished_at: Mapped[dt.datetime | None]
    filled_at: Mapped[dt.datetime | None]  # null: a command is filling it; nobody sees it until it is done
    grown_at: Mapped[dt.datetime | None]  # when images were added last; while it is filled, that of the last sign
    paused_at: Mapped[dt.datetime | None]

    @property
    def buttons(self) -> list[int]:
        """The classes to answer with, as indices, in the order of their buttons."""
        return list(range(len(self.classes))) if self.class_order is None else self.class_order

    @property
    def image_shape(self) -> tuple[int, ...]:
        """The shape of one image's array: (height, width), or (height, width, 3) with colours."""
        return (self.height, self.width) if self.channels == 1 else (self.height, self.width, self.channels)

    @property
    def n_inputs(self) -> int:
        """How many bytes the pixels of one image take."""
        return self.height * self.width * self.channels


IS_FILLED = Pool.filled_at.is_not(None)  # nobody sees a pool before


class Image(Base):
    """One image: pixels uint8 (height, width, channels) in C order. `position` counts from 0 within its split.

    `sha256` is that of the original; for images of a data set that is of arrays, of the pixels. Such images have no
    name, and a data set may hold one of them twice.
    """

    __tablename__ = "image"
    __table_args__ = (
        UniqueConstraint("pool_id", "split", "position"),
        # An original that comes again is recognized.
        Index("ix_image_original", "pool_id", "sha256", unique=True, sqlite_where=text("name IS NOT NULL")),
        one_of("split", "pool validation test"),
        CheckConstraint("length(sha256) = 64", name="sha256_is_hexadecimal"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    pool_id: Mapped[int] = mapped_column(ForeignKey("pool.id"))
    split: Mapped[Split]
    position: Mapped[int]
    truth: Mapped[int | None]  # index into the pool's classes
    sha256: Mapped[str] = mapped_column(String(64))
    name: Mapped[str | None] = mapped_column(String(255))  # of the file that it came in
    pixels: Mapped[bytes] = mapped_column(LargeBinary)


class Blob(Base):
    """The original of an image as it came, by the SHA-256 of its bytes, with the size of its picture in pixels."""

    __tablename__ = "blob"
    __table_args__ = (
        CheckConstraint("length(sha256) = 64", name="sha256_is_hexadecimal"),
        CheckConstraint("width > 0 AND height > 0", name="has_a_size"),
    )

    sha256: Mapped[str] = mapped_column(String(64), primary_key=True)
    media_type: Mapped[str] = mapped_column(String(40))
    width: Mapped[int]
    height: Mapped[int]
    n_bytes: Mapped[int]
    content: Mapped[bytes] = mapped_column(LargeBinary, deferred=True)


class FeatureSet(Base):
    """What a learner computed of a pool's images before any label: its input from then on.

    It covers `n_images` of the `n_all` that the pool had then: all, or a sample of a large one. Its arrays are stored
    in parts, and it counts from `ready_at` on. Until then `step` and `share` say how far it is, `heartbeat_at` that it
    goes on, and `error` why it does not.
    """

    __tablename__ = "feature_set"
    __table_args__ = (
        Index("ix_feature_set_pool", "pool_id", "ready_at"),  # what is a pool's newest?
        one_of("learner", " ".join(LEARNERS)),
        CheckConstraint("n_images > 0", name="has_images"),
        CheckConstraint("share BETWEEN 0 AND 1", name="share_is_one"),
        CheckConstraint("(ready_at IS NULL) = (prepare_ms IS NULL)", name="what_is_ready_took_time"),
        {"sqlite_autoincrement": True},  # an id is never reused: a newer set has a higher one
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    pool_id: Mapped[int] = mapped_column(ForeignKey("pool.id"))
    learner: Mapped[LearnerName]
    version: Mapped[int]  # of the learner's recipe; 0 until the set is ready, as is n_parts
    n_parts: Mapped[int]
    n_images: Mapped[int]
    n_all: Mapped[int] = mapped_column(server_default="0")
    step: Mapped[str] = mapped_column(String(100), default="")
    share: Mapped[float] = mapped_column(default=0.0)
    error: Mapped[str | None] = mapped_column(String(1000))
    prepare_ms: Mapped[float | None]
    created_at: Mapped[dt.datetime]
    heartbeat_at: Mapped[dt.datetime]
    ready_at: Mapped[dt.datetime | None]


class FeaturePart(Base):
    """Some rows of one array of a feature set, in C order, with the SHA-256 of their bytes.

    In parts, because one statement of a hundred megabytes would hold the write lock for as long as it takes.
    """

    __tablename__ = "feature_part"
    __table_args__ = (
        CheckConstraint("number >= 0", name="parts_are_counted_from_0"),
        CheckConstraint("length(sha256) = 64", name="sha256_is_hexadecimal"),
    )

    feature_set_id: Mapped[int] = mapped_column(ForeignKey("feature_set.id"), primary_key=True)
    name: Mapped[str] = mapped_column(String(40), primary_key=True)  # of the array
    number: Mapped[int] = mapped_column(primary_key=True)
    dtype: Mapped[str] = mapped_column(String(10))  # as NumPy writes it: "<f4"
    shape: Mapped[list[int]]  # of this part
    sha256: Mapped[str] = mapped_column(String(64))
    content: Mapped[bytes] = mapped_column(LargeBinary, deferred=True)
