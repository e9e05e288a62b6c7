"""The pools of a first start: the same images twice, asked in the paper's way and in Inkling's own."""

import datetime as dt
import logging
from collections.abc import Callable

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.changes import Change, note
from app.datasets import DataSet
from app.db import Database
from app.learning.names import PAPERS
from app.models import LabelEvent, Pool
from app.pools import PoolSpec, get_pool, make_pool
from app.queries import list_pools
from app.settings import Settings

FIRST = ("digits", "Handwritten digits")  # slug and name
SECOND = ("digits-inkling", "Handwritten digits, Inkling’s way")

logger = logging.getLogger(__name__)


def ensure_first(database: Database, settings: Settings, load_data: Callable[[], DataSet]) -> None:
    """Make the first pool from the settings, unless there is one: a pool keeps the settings of its creation."""
    with database.read() as session:
        pools, _ = list_pools(session)
    if not pools:
        data = load_data()
        with database.write() as session:
            make_pool(session, data, PoolSpec.of(settings, slug=FIRST[0], name=FIRST[1]), now=dt.datetime.now(dt.UTC))
        with database.read() as session:
            pools, _ = list_pools(session)
    for pool in pools:
        logger.info("pool %s: %d images of %s", pool.slug, pool.n_images, pool.dataset_description)


def ensure_second(database: Database, settings: Settings, load_data: Callable[[], DataSet]) -> bool:
    """Make the second pool beside the first, while that is all there is and nobody has labeled; whether it was made.

    Not at once with the first, because the first page would have to wait for it.
    """
    with database.read() as session:
        if not settings.side_by_side or not _is_fresh(session):
            return False
    data = load_data()
    with database.write() as session:
        if not _is_fresh(session) or get_pool(session, FIRST[0]).dataset_sha256 != data.sha256:
            return False  # another data set is found now than then
        spec = PoolSpec.of(settings, slug=SECOND[0], name=SECOND[1], learner="graph")
        pool = make_pool(session, data, spec, now=dt.datetime.now(dt.UTC))
        note(session, Change("pool", pool.id))
    logger.info("pool %s: %d images of %s", pool.slug, pool.n_images, pool.dataset_description)
    return True


def _is_fresh(session: Session) -> bool:
    """Whether there is the first pool alone, of the paper's learner, without an event."""
    pools = session.scalars(select(Pool)).all()
    has_event = session.scalar(select(LabelEvent.id).limit(1)) is not None
    return [(pool.slug, pool.learner) for pool in pools] == [(FIRST[0], PAPERS)] and not has_event
