"""A learner looks at the images of a pool: computed in a process of its own, stored part by part, never half."""

import datetime as dt
import logging
import time
from collections.abc import Callable

from sqlalchemy import select

from app import features
from app.db import Database
from app.learning.learners import make_learner
from app.models import Pool
from app.pools import get_pool, read_pool_images

logger = logging.getLogger(__name__)

STEP_SECONDS = 0.3  # how often progress is stored at most
OnStep = Callable[[str, float], None]


def find_pool_to_prepare(database: Database) -> str | None:
    """The slug of a pool whose learner has to look at its images, first those that have nothing to ask by."""
    with database.read() as session:
        due = [
            (features.find_ready(session, pool) is not None, pool.id, pool.slug)
            for pool in session.scalars(select(Pool))
            if features.find_due(session, pool) is not None
        ]
    return min(due)[2] if due else None


def prepare_pool(database: Database, slug: str, on_step: OnStep = lambda _step, _share: None, *, again: bool) -> int:
    """Look at the pool's images, or at a sample first, and store what was learned; return at how many.

    0 if there is nothing left to look at; with `again` all images are looked at in any case. What a process that was
    killed has left is deleted.

    Raises:
        NotFound: there is no such pool.
        PreparationSuperseded: another process began to do the same.
    """
    with database.read() as session:
        pool = get_pool(session, slug)
        due = pool.n_images if again else features.find_due(session, pool)
    if not due:
        return 0
    set_id = database.write_together(lambda session: features.begin(session, pool, due, now=_now()))
    with database.read() as session:
        images = read_pool_images(session, pool)
    told_at, started = 0.0, time.perf_counter()

    def tell(step: str, share: float) -> None:
        nonlocal told_at
        on_step(step, share)
        if time.monotonic() - told_at >= STEP_SECONDS:
            told_at = time.monotonic()
            database.write_together(lambda session: features.record_step(session, pool, set_id, step, share))

    learner = make_learner(pool.learner, len(pool.classes), pool.image_shape)
    found = learner.prepare(images, sample=features.draw_sample(pool.n_images, due), on_step=tell)
    prepare_ms = (time.perf_counter() - started) * 1000
    parts = list(features.split_parts(found))
    for part in parts:
        database.write_together(lambda session, part=part: features.add_part(session, set_id, part))  # type: ignore[misc]
    database.write_together(
        lambda session: features.finish(
            session, pool, set_id, version=found.version, n_parts=len(parts), prepare_ms=prepare_ms, now=_now()
        )
    )
    logger.info("%s: looked at %d of %d images in %.1f s", slug, due, pool.n_images, prepare_ms / 1000)
    return due


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)
