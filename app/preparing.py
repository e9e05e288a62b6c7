"""A learner looks at the images of a pool: computed in a process of its own, stored part by part, never half."""

import datetime as dt
import logging
import time
from collections.abc import Sequence
from functools import partial

from sqlalchemy import select

from app import features
from app.db import Database, Write
from app.errors import PreparationSuperseded
from app.learning.learner import Features, OnStep, ignore_step
from app.learning.learners import make_learner
from app.loops import BackgroundLoop
from app.models import IS_FILLED, Pool
from app.pools import get_pool, read_pool_images

logger = logging.getLogger(__name__)

QUIET_SECONDS = 5.0  # images come one after the other: a look at the first hundred would be for nothing
BEAT_SECONDS = 1.0  # how often progress is stored; pages move by their own clock in between


def find_pools_to_prepare(database: Database) -> Sequence[str]:
    """The slugs of pools whose images are to be looked at, first those that have nothing to ask by.

    Those that a living process looks at are left out, and those that get further images just now.
    """
    with database.read() as session:
        due = [
            (features.find_ready(session, pool) is not None, pool.id, pool.slug)
            for pool in session.scalars(select(Pool).where(IS_FILLED))
            if features.count_due(session, pool) is not None and not features.is_under_way(session, pool, now=_now())
            if not _is_growing(pool)
        ]
    return [slug for _, _, slug in sorted(due)]


def prepare_pool(
    database: Database, slug: str, on_step: OnStep = ignore_step, *, again: bool, write: Write | None = None
) -> int:
    """Look at the pool's images, or at a sample first, and store what was learned; return at how many.

    0 if there is nothing left to look at; with `again` all images are looked at in any case. What a process that was
    killed has left is deleted.

    Raises:
        NotFound: there is no such pool.
        PreparationUnderWay: another process does the same.
        PreparationSuperseded: another process took this one for dead.
    """
    write = write or database.write_together
    with database.read() as session:
        pool = get_pool(session, slug)
        due = features.count_due(session, pool) or (pool.n_images if again else 0)
    if not due:
        return 0
    while write(lambda session: features.drop_dead(session, pool, now=_now())):
        pass
    set_id = write(lambda session: features.begin(session, pool, due, now=_now()))
    beat = _Beat(write, pool, set_id, on_step)
    beat.start()
    started = time.perf_counter()
    try:
        found = _compute(database, pool, due, beat.tell)
        n_parts = _store(write, set_id, found)
    except Exception as error:
        reason = f"{type(error).__name__}: {error}"
        if not isinstance(error, PreparationSuperseded):
            write(lambda session: features.record_failure(session, pool, set_id, reason))
        raise
    finally:
        beat.stop()
    prepare_ms = (time.perf_counter() - started) * 1000
    finish = partial(features.finish, pool=pool, set_id=set_id, version=found.version, n_parts=n_parts)
    write(lambda session: finish(session, prepare_ms=prepare_ms, now=_now()))
    logger.info("%s: looked at %d of %d images in %.1f s", slug, due, pool.n_images, prepare_ms / 1000)
    return due


def _compute(database: Database, pool: Pool, due: int, on_step: OnStep) -> Features:
    with database.read() as session:
        images = read_pool_images(session, pool)[: pool.n_images]  # some may have been added since
    learner = make_learner(pool.learner, len(pool.classes), pool.image_shape)
    return learner.prepare(images, sample=features.draw_sample(pool.n_images, due), on_step=on_step)


def _is_growing(pool: Pool) -> bool:
    return pool.grown_at is not None and (_now() - pool.grown_at).total_seconds() < QUIET_SECONDS


def _store(write: Write, set_id: int, found: Features) -> int:
    """Store the parts one after the other, so that others can write in between; return how many."""
    n_parts = 0
    for part in features.split_parts(found):
        write(partial(features.add_part, set_id=set_id, part=part))
        n_parts += 1
    return n_parts


class _Beat:
    """Stores how far it is, in a thread, for some steps take seconds; what cannot be stored just now is left out."""

    def __init__(self, write: Write, pool: Pool, set_id: int, on_step: OnStep) -> None:
        self._write, self._pool, self._set_id, self._on_step = write, pool, set_id, on_step
        self._told = ("", 0.0)
        self._loop = BackgroundLoop("look", self._beat, poll_seconds=BEAT_SECONDS)

    def start(self) -> None:
        self._loop.start()

    def stop(self) -> None:
        self._loop.stop()

    def tell(self, step: str, share: float) -> None:
        self._told = (step, share)
        self._on_step(step, share)

    def _beat(self) -> bool:
        (step, share), now = self._told, _now()
        record = partial(features.record_step, pool=self._pool, set_id=self._set_id, step=step, share=share, now=now)
        try:
            self._write(record)
        except PreparationSuperseded:
            logger.warning("%s: another process looks at the images, too", self._pool.slug)
        return False


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)
