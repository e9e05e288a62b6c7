"""Make a pool from the splits of a data set, and read it back as arrays."""

import datetime as dt
import hashlib
import re
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import bindparam, column, func, insert, select, table
from sqlalchemy.orm import Session

from app import models
from app.changes import Change
from app.datasets import DataSet
from app.datasets.splits import Splits, split
from app.errors import NameInvalid, NotFound, SlugInvalid, SlugTaken
from app.learning.learner import LabeledImages, count_right_untrained
from app.learning.learners import make_learner
from app.learning.names import PAPERS, PREPARING, LearnerName, Strategy
from app.merges import apply_map
from app.models import IS_FILLED, Image, Pool, RankedImage, Round
from app.settings import Settings

SLUG = re.compile(r"[a-z0-9-]{1,64}")
MAX_NAME_LENGTH = 200
INSERT_CHUNK = 5000  # rows a statement: bounds the memory
UNKNOWN = -1  # as the true class of an image, in arrays


@dataclass(frozen=True, slots=True)
class PoolArrays:
    """A pool in memory: rows by position, so that an index into the arrays is a position in the pool."""

    image_ids: NDArray[np.int64]  # (N,)
    images: NDArray[np.uint8]  # (N, H, W)
    validation: LabeledImages
    test: LabeledImages

    def head(self, n_images: int, n_test: int) -> "PoolArrays":
        """The pool as it was with so many images of its own, and so many of known class to test. A view."""
        test = LabeledImages(self.test.images[:n_test], self.test.truth[:n_test])
        return PoolArrays(self.image_ids[:n_images], self.images[:n_images], self.validation, test)

    def merged(self, class_map: NDArray[np.int64] | None) -> "PoolArrays":
        """The pool in which each class counts for what the map says: see `Merges.as_map`. A view."""

        def merge(known: LabeledImages) -> LabeledImages:
            return LabeledImages(known.images, apply_map(class_map, known.truth))

        return self if class_map is None else replace(self, validation=merge(self.validation), test=merge(self.test))


@dataclass(frozen=True, slots=True)
class PoolSpec:
    """What a pool is to be: `size` training images of a data set from the image `start` on, and how they are asked.

    The first `validation_size` test images of the data set validate, the others test.
    """

    slug: str
    name: str
    start: int
    size: int
    validation_size: int
    strategy: Strategy
    batch_size: int
    queue_size: int
    learner: LearnerName = PAPERS

    @classmethod
    def of(cls, settings: Settings, *, slug: str, name: str, learner: LearnerName = PAPERS) -> "PoolSpec":
        """As the settings say. A learner that looks at the images first needs none to validate: they test, too."""
        return cls(
            slug=slug,
            name=name,
            start=settings.pool_start,
            size=settings.pool_size,
            validation_size=0 if learner in PREPARING else settings.validation_size,
            strategy=settings.ranking,
            batch_size=settings.batch_size,
            queue_size=settings.queue_size,
            learner=learner,
        )


def make_pool(session: Session, data: DataSet, spec: PoolSpec, *, now: dt.datetime) -> Pool:
    """Cut a pool from the data set and store its images and round 0, which has no labels.

    It ranks by position, as the paper does. A learner that looks at the images first gets an order by chance, so that
    what is answered meanwhile says something of the whole pool.

    Raises:
        NotEnoughImages: the spec asks for more images than the data set has.
        SlugTaken: there is a pool of this slug.
        SlugInvalid: no address could hold it.
        NameInvalid: no page could show the name.
    """
    check_names(session, spec.slug, spec.name)
    splits = split(data, pool_start=spec.start, pool_size=spec.size, validation_size=spec.validation_size)
    n_images, height, width, *colours = splits.pool.images.shape
    pool = Pool(
        slug=spec.slug,
        name=spec.name,
        dataset=data.name,
        dataset_description=data.description,
        dataset_sha256=data.sha256,
        classes=list(data.classes),
        n_images=n_images,
        height=height,
        width=width,
        channels=colours[0] if colours else 1,
        answers_wanted=1,
        learner=spec.learner,
        strategy=spec.strategy,
        batch_size=spec.batch_size,
        queue_size=spec.queue_size,
        created_at=now,
        filled_at=now,
    )
    session.add(pool)
    session.flush()
    _insert_images(session, pool, splits)
    insert_round_0(session, pool, _only_known(splits.validation), _only_known(splits.test), now=now)
    return pool


def check_names(session: Session, slug: str, name: str) -> None:
    """
    Raises:
        SlugInvalid, NameInvalid, SlugTaken
    """
    if slug == "new":
        raise SlugInvalid("The address /pools/new is that of the page which makes pools. Take another name.", slug=slug)
    if not SLUG.fullmatch(slug):
        raise SlugInvalid(f"{slug!r} cannot stand in an address. Take 1 to 64 of a-z, 0-9 and the hyphen.", slug=slug)
    check_name(name)
    if session.scalar(select(Pool.id).where(Pool.slug == slug)) is not None:
        raise SlugTaken(f"There is a pool {slug} already. Choose another name.", slug=slug)


def check_name(name: str) -> None:
    """
    Raises:
        NameInvalid: no page could show it.
    """
    if not 0 < len(name) <= MAX_NAME_LENGTH or not name.isprintable() or name.isspace():
        raise NameInvalid(
            f"{name!r} cannot name a pool. Take 1 to {MAX_NAME_LENGTH} characters in one line that can be seen.",
            name=name,
        )


_BY_SLUG = select(Pool).where(Pool.slug == bindparam("slug"), IS_FILLED)


def get_pool(session: Session, slug: str) -> Pool:
    """
    Raises:
        NotFound: there is no such pool.
    """
    pool = session.scalar(_BY_SLUG, {"slug": slug})
    if pool is None:
        raise NotFound(
            f"There is no pool {slug}.", hint="`inkling pool list` and GET /api/v1/pools show them.", slug=slug
        )
    return pool


class Pools:
    """Pools by slug, each read once, and again when it has changed. Safe to use from any thread.

    For the acts of annotators, where each query counts; whatever looks something up uses `get_pool`.
    """

    def __init__(self) -> None:
        self._read: dict[str, Pool] = {}
        self._n_heard = 0

    def get(self, session: Session, slug: str) -> Pool:
        """A pool that belongs to no session.

        Raises:
            NotFound: there is no such pool.
        """
        pool, n_heard = self._read.get(slug), self._n_heard
        if pool is None:
            pool = get_pool(session, slug)
            session.expunge(pool)
            if n_heard == self._n_heard:  # else what was read may be older than the change
                self._read[slug] = pool
        return pool

    def hear(self, change: Change) -> None:
        """Read a pool anew when it is needed next, if it is the pool that has changed."""
        if change.kind != "pool":
            return
        self._n_heard += 1
        for slug, pool in list(self._read.items()):
            if pool.id == change.pool_id:
                self._read.pop(slug, None)


def read_arrays(session: Session, pool: Pool) -> PoolArrays:
    """The whole pool, uint8: 47 MB for 60,000 digits."""
    image_ids, of_pool = _read_split(session, pool, "pool")
    validation, test = (read_known(session, pool, name) for name in ("validation", "test"))
    return PoolArrays(image_ids, of_pool.images, validation, test)


def read_pool_images(session: Session, pool: Pool) -> NDArray[np.uint8]:
    """The images of the pool itself, (N, H, W) or (N, H, W, 3)."""
    return _read_split(session, pool, "pool")[1].images


# Core, and without types: the first page waits for 14,000 rows, and looking at each value takes as long as storing it.
_INSERT_IMAGES = insert(table("image", *map(column, ("pool_id", "split", "position", "truth", "sha256", "pixels"))))


def _insert_images(session: Session, pool: Pool, splits: Splits) -> None:
    parts: tuple[tuple[models.Split, NDArray[np.uint8], NDArray[np.int64]], ...] = (
        ("pool", splits.pool.images, splits.pool.truth),
        ("validation", splits.validation.images, splits.validation.truth),
        ("test", splits.test.images, splits.test.truth),
    )
    for name, images, truth in parts:
        for start in range(0, len(images), INSERT_CHUNK):
            chunk = slice(start, start + INSERT_CHUNK)
            rows = [
                {
                    "pool_id": pool.id,
                    "split": name,
                    "position": position,
                    "truth": None if true_class == UNKNOWN else true_class,
                    "sha256": hashlib.sha256(pixels).hexdigest(),
                    "pixels": pixels,
                }
                for position, (pixels, true_class) in enumerate(
                    zip((each.tobytes() for each in images[chunk]), truth[chunk].tolist(), strict=True), start
                )
            ]
            session.connection().execute(_INSERT_IMAGES, rows)


def insert_round_0(
    session: Session, pool: Pool, validation: LabeledImages, test: LabeledImages, *, now: dt.datetime
) -> None:
    """The untrained model ranks the images that the pool has. Of these others the classes are known."""
    first = Round(
        pool_id=pool.id,
        number=0,
        last_event_id=0,
        n_labels=0,
        steps=0,
        validation_correct=count_right_untrained(validation) if len(validation) else None,
        validation_total=len(validation),
        test_correct=count_right_untrained(test),
        test_total=len(test),
        tested_on="test" if len(test) else None,
        n_images=pool.n_images,
        n_classes=len(pool.classes),
        fit_ms=0.0,
        rank_ms=0.0,
        state=make_learner(pool.learner, len(pool.classes), pool.image_shape).initial(),
        asked_by="chance" if pool.learner in PREPARING else "strategy",
        created_at=now,
    )
    session.add(first)
    session.flush()
    order = order_first(pool, pool.n_images)
    in_head = (Image.pool_id == pool.id, Image.split == "pool", Image.position.in_(order.tolist()))
    ids = {row.position: row.id for row in session.execute(select(Image.position, Image.id).where(*in_head))}
    ranked = [{"round_id": first.id, "rank": rank, "image_id": ids[at]} for rank, at in enumerate(order.tolist())]
    if ranked:
        session.execute(insert(RankedImage), ranked)


def order_first(pool: Pool, n_images: int) -> NDArray[np.int64]:
    """The positions that round 0 ranks, with so many images in the pool: the first, or some by chance.

    Always the same for the same pool.
    """
    if pool.learner in PREPARING:
        return np.random.default_rng(pool.id).permutation(n_images)[: pool.queue_size]
    return np.arange(min(pool.queue_size, n_images))


def read_known(session: Session, pool: Pool, name: models.Split) -> LabeledImages:
    """The images of a split whose class is known."""
    return _only_known(_read_split(session, pool, name)[1])


def _only_known(images: LabeledImages) -> LabeledImages:
    """The images whose class is known: against the others nothing is right or wrong."""
    is_known = images.truth != UNKNOWN
    return images if is_known.all() else LabeledImages(images.images[is_known], images.truth[is_known])


def _read_split(session: Session, pool: Pool, name: models.Split) -> tuple[NDArray[np.int64], LabeledImages]:
    of_split = (Image.pool_id == pool.id, Image.split == name)
    count = session.scalar(select(func.count()).where(*of_split)) or 0
    image_ids, truth = np.empty(count, np.int64), np.empty(count, np.int64)
    x = np.empty((count, pool.n_inputs), np.uint8)
    rows = session.execute(
        select(Image.id, Image.truth, Image.pixels).where(*of_split).order_by(Image.position),
        execution_options={"yield_per": INSERT_CHUNK},
    )
    for index, (image_id, true_class, pixels) in enumerate(rows):
        image_ids[index] = image_id
        truth[index] = UNKNOWN if true_class is None else true_class
        x[index] = np.frombuffer(pixels, np.uint8)
    return image_ids, LabeledImages(x.reshape(count, *pool.image_shape), truth)
