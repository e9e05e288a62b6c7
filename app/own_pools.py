"""Pools of images that people bring: made empty, and filled afterwards."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from app.changes import Change, note
from app.errors import ClassesInvalid, SizeInvalid
from app.learning.learner import LabeledImages
from app.learning.names import LearnerName, Strategy
from app.models import Blob, Image, Pool
from app.pools import check_names, insert_round_0, read_known

DATASET = "own"  # the name of where the images come from: nowhere that could be read again
SIDES = range(8, 65)  # pixels: what learners see
N_CLASSES = range(2, 1001)
MAX_CLASS_NAME = 100
ASKED_BY_CHANCE = 10  # one question in so many, if nothing else is said
DROPPED_AT_ONCE = 500  # images: the write lock is soon free again
SILENT = dt.timedelta(minutes=2)  # a command that says nothing for so long is dead


@dataclass(frozen=True, slots=True)
class OwnPoolSpec:
    """What a pool of one's own is to be. `channels` is 1 for grey, or 3.

    One question in `chance_every` is drawn by chance, to tell how good the model is; None asks none of these.
    """

    slug: str
    name: str
    classes: Sequence[str]
    height: int
    width: int
    channels: int
    learner: LearnerName = "graph"
    strategy: Strategy = "least_confidence"
    batch_size: int = 10
    queue_size: int = 500
    chance_every: int | None = ASKED_BY_CHANCE
    description: str | None = None


def create_pool(session: Session, spec: OwnPoolSpec, *, filled: bool, now: dt.datetime) -> Pool:
    """A pool without images. Unless it is `filled`, nobody sees it before `mark_filled`.

    Raises:
        SlugTaken, SlugInvalid, NameInvalid, ClassesInvalid
        SizeInvalid: learners take 8 to 64 pixels a side.
    """
    check_names(session, spec.slug, spec.name)
    classes = check_classes(spec.classes)
    if spec.height not in SIDES or spec.width not in SIDES:
        raise SizeInvalid(
            f"A learner cannot see {spec.width} × {spec.height} pixels. Take {SIDES[0]} to {SIDES[-1]} a side; "
            "people see the originals all the same.",
            height=spec.height,
            width=spec.width,
        )
    pool = Pool(
        slug=spec.slug,
        name=spec.name,
        dataset=DATASET,
        dataset_description="images of one’s own",
        dataset_sha256="",
        classes=classes,
        n_images=0,
        height=spec.height,
        width=spec.width,
        channels=spec.channels,
        answers_wanted=1,
        learner=spec.learner,
        strategy=spec.strategy,
        batch_size=spec.batch_size,
        queue_size=spec.queue_size,
        chance_every=spec.chance_every,
        description=spec.description,
        created_at=now,
        grown_at=now,
    )
    session.add(pool)
    session.flush()
    if filled:
        mark_filled(session, pool, now=now)
    return pool


def check_classes(names: Sequence[str]) -> list[str]:
    """The names without the spaces around them.

    Raises:
        ClassesInvalid
    """
    classes = [name.strip() for name in names]
    if len(classes) not in N_CLASSES:
        raise ClassesInvalid(
            f"A pool has {N_CLASSES[0]} to {N_CLASSES[-1]:,} classes; here are {len(classes)}.", classes=classes
        )
    for name in classes:
        if not 0 < len(name) <= MAX_CLASS_NAME or not name.isprintable():
            raise ClassesInvalid(
                f"{name!r} cannot name a class. Take 1 to {MAX_CLASS_NAME} characters in one line that can be seen.",
                name=name,
            )
    twice = next((name for index, name in enumerate(classes) if name in classes[:index]), None)
    if twice is not None:
        raise ClassesInvalid(f"The class {twice} is named twice. Name each once.", name=twice)
    return classes


def mark_filled(session: Session, pool: Pool, *, now: dt.datetime) -> None:
    """From now on the pool is there for all. Further images may come later."""
    filled = session.get_one(Pool, pool.id)
    filled.filled_at = filled.grown_at = now
    validation: LabeledImages = read_known(session, filled, "validation")
    insert_round_0(session, filled, validation, read_known(session, filled, "test"), now=now)
    note(session, Change("pool", filled.id))
    if filled.n_images:
        note(session, Change("due", filled.id))


def find_dead_fillings(session: Session, *, now: dt.datetime) -> Sequence[Pool]:
    """Pools that a command began to fill, and that it will not finish."""
    return session.scalars(select(Pool).where(Pool.filled_at.is_(None), Pool.grown_at < now - SILENT)).all()


def drop_unfilled(session: Session, pool: Pool) -> bool:
    """Delete some images of a pool that was never filled, and at last the pool; whether there may be more."""
    of_pool = (Image.pool_id == pool.id, Pool.id == Image.pool_id, Pool.filled_at.is_(None))
    some = session.execute(select(Image.id, Image.sha256).where(*of_pool).limit(DROPPED_AT_ONCE)).all()
    if not some:
        session.execute(delete(Pool).where(Pool.id == pool.id, Pool.filled_at.is_(None)))
        return False
    session.execute(delete(Image).where(Image.id.in_([row.id for row in some])))
    drop_unused_blobs(session, [row.sha256 for row in some])
    return True


def drop_unused_blobs(session: Session, hashes: Sequence[str]) -> None:
    """Delete those of these originals that no image has any more."""
    used = select(Image.id).where(Image.sha256 == Blob.sha256).exists()
    session.execute(delete(Blob).where(Blob.sha256.in_(hashes), ~used))
