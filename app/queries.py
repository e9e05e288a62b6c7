"""Read-only answers for pages and the API. Lists come in pages: the rows, and the cursor of the next page."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import ColumnElement, and_, func, or_, select, true
from sqlalchemy.orm import Session, undefer

from app import events, features, milestones, rounds
from app.errors import NotFound
from app.events import EVENTS, LabelEventView, whose
from app.features import Preparation
from app.goals import Goal, view_goals
from app.models import (
    IS_FILLED,
    Annotator,
    Answer,
    Blob,
    FailedRound,
    Image,
    Label,
    LabelEvent,
    Lease,
    OracleRun,
    Pool,
    Round,
)
from app.paging import page_of


@dataclass(frozen=True, slots=True)
class Counts:
    """A pool's images, its labels by source, and the images that are held (leased)."""

    images: int
    human: int
    oracle: int
    model: int
    held: int

    @property
    def labeled(self) -> int:
        return self.human + self.oracle + self.model

    @property
    def unlabeled(self) -> int:
        return self.images - self.labeled


@dataclass(frozen=True, slots=True)
class PoolView:
    """A pool as pages and the API show it. `until_round` counts the labels the next round still waits for.

    `preparation` is None unless its learner has images to look at first.
    """

    pool: Pool
    counts: Counts
    newest: Round
    until_round: int
    preparation: Preparation | None
    goals: Sequence[Goal]


def view_pool(session: Session, pool: Pool, *, now: dt.datetime) -> PoolView:
    by_source = milestones.count_labels(session, pool)
    held = (
        session.scalar(
            select(func.count(Lease.image_id.distinct())).where(Lease.pool_id == pool.id, Lease.expires_at > now)
        )
        or 0
    )
    counts = Counts(
        images=pool.n_images,
        human=by_source["human"],
        oracle=by_source["oracle"],
        model=by_source["model"],
        held=held,
    )
    until_round = rounds.get_newest(session, pool).until_due(pool)
    preparation = features.find_preparation(session, pool, now=now)
    measured = rounds.find_measured(session, pool) if pool.goal_accuracy is not None else None
    goals = view_goals(pool, counts.human + counts.oracle, milestones.measure(measured) if measured else None)
    return PoolView(pool, counts, rounds.get_newest_round(session, pool), until_round, preparation, goals)


@dataclass(frozen=True, slots=True)
class PoolMeasures:
    """A pool in numbers, for monitoring. `queue_age_seconds` is 0 unless a round is due."""

    slug: str
    counts: Counts
    n_rounds: int
    n_failed: int
    fit_seconds: float
    queue_age_seconds: float


def measure_pools(session: Session, *, now: dt.datetime) -> list[PoolMeasures]:
    return [_measure(session, pool, now) for pool in session.scalars(select(Pool).where(IS_FILLED).order_by(Pool.id))]


def _measure(session: Session, pool: Pool, now: dt.datetime) -> PoolMeasures:
    view = view_pool(session, pool, now=now)
    fit_ms = session.scalar(select(func.sum(Round.fit_ms)).where(Round.pool_id == pool.id)) or 0.0
    failed = select(func.count()).where(FailedRound.pool_id == pool.id, FailedRound.number > view.newest.number)
    oldest = session.scalar(
        select(func.min(LabelEvent.created_at))
        .join(Label, Label.event_id == LabelEvent.id)
        .where(Label.pool_id == pool.id, Label.event_id > view.newest.last_event_id)
    )
    return PoolMeasures(
        slug=pool.slug,
        counts=view.counts,
        n_rounds=view.newest.number,
        n_failed=session.scalar(failed) or 0,
        fit_seconds=fit_ms / 1000,
        queue_age_seconds=max(0.0, (now - oldest).total_seconds()) if oldest and view.until_round == 0 else 0.0,
    )


def list_pools(session: Session, *, after: int = 0, limit: int = 100) -> tuple[Sequence[Pool], int | None]:
    """Pools by id."""
    rows = session.scalars(select(Pool).where(Pool.id > after, IS_FILLED).order_by(Pool.id).limit(limit + 1)).all()
    return page_of(rows, limit, lambda pool: pool.id)


def list_rounds(
    session: Session, pool: Pool, *, after: int = -1, limit: int = 100
) -> tuple[Sequence[Round], int | None]:
    """The pool's rounds by number."""
    query = select(Round).where(Round.pool_id == pool.id, Round.number > after)
    rows = session.scalars(query.order_by(Round.number).limit(limit + 1)).all()
    return page_of(rows, limit, lambda round_: round_.number)


def get_round(session: Session, pool: Pool, number: int) -> Round:
    """
    Raises:
        NotFound: the pool has no such round.
    """
    found = session.scalar(select(Round).where(Round.pool_id == pool.id, Round.number == number))
    if found is None:
        newest = rounds.get_newest(session, pool).number
        raise NotFound(f"{pool.slug} has no round {number}: it has 0 to {newest}.", newest=newest)
    return found


def list_labels(
    session: Session, pool: Pool, *, annotator_id: int | None = None, after: int = 0, limit: int = 100
) -> tuple[Sequence[LabelEventView], int | None]:
    """The events of the current labels, oldest first; only one annotator's if `annotator_id` is given."""
    theirs = whose == annotator_id if annotator_id is not None else true()
    rows = session.execute(
        EVENTS.join(Label, Label.event_id == LabelEvent.id)
        .where(Label.pool_id == pool.id, Label.event_id > after, theirs)
        .order_by(Label.event_id)
        .limit(limit + 1)
    )
    return page_of(events.read(rows), limit, lambda event: event.id)


def list_last_answers(
    session: Session, pool: Pool, annotator_id: int, *, before: int | None = None, limit: int = 100
) -> tuple[Sequence[LabelEventView], int | None]:
    """The events of an annotator's current answers, newest first."""
    stands = select(Answer.event_id).where(Answer.event_id == LabelEvent.id).exists()
    of_theirs = select(Answer.event_id).where(Answer.event_id == LabelEvent.id, Answer.annotator_id == annotator_id)
    is_theirs = or_(
        and_(LabelEvent.annotator_id == annotator_id, LabelEvent.merge_id.is_(None), stands),
        and_(LabelEvent.merge_id.is_not(None), of_theirs.exists()),
    )
    query = EVENTS.where(LabelEvent.pool_id == pool.id, is_theirs)
    query = query.order_by(LabelEvent.id.desc()).limit(limit + 1)
    if before is not None:
        query = query.where(LabelEvent.id < before)
    return page_of(events.read(session.execute(query)), limit, lambda event: event.id)


def find_whose(session: Session, event_id: int) -> int | None:
    """Whose answer an event gives its value: see `events.whose`. None for a model's."""
    return session.scalar(select(whose).where(LabelEvent.id == event_id))


def list_oracle_runs(
    session: Session, *, before: int | None = None, limit: int = 100
) -> tuple[Sequence[OracleRun], int | None]:
    """Oracle runs without their results, newest first."""
    query = select(OracleRun).order_by(OracleRun.id.desc()).limit(limit + 1)
    if before is not None:
        query = query.where(OracleRun.id < before)
    return page_of(session.scalars(query).all(), limit, lambda run: run.id)


@dataclass(frozen=True, slots=True)
class Pixels:
    """An image's content: uint8 (H, W), or (H, W, 3) with colours; and the hash of its original."""

    pixels: NDArray[np.uint8]
    sha256: str


def get_pixels(session: Session, image_id: int, *, with_held_out: bool) -> Pixels:
    """The pixels of an image. `with_held_out` finds validation and test images, too.

    Raises:
        NotFound: there is no such image.
    """
    query = select(Image.pixels, Image.sha256, Pool).join(Pool, Pool.id == Image.pool_id)
    row = session.execute(query.where(*_is_image(image_id, with_held_out))).one_or_none()
    if row is None:
        raise NotFound(f"There is no image {image_id}.", image_id=image_id)
    return Pixels(np.frombuffer(row.pixels, np.uint8).reshape(row.Pool.image_shape), row.sha256)


def get_image(session: Session, image_id: int, *, with_held_out: bool) -> tuple[Image, Pool, int | None]:
    """An image with its pool, and the event of its label if it has one. `with_held_out` as for `get_pixels`.

    Raises:
        NotFound: there is no such image.
    """
    row = session.execute(
        select(Image, Pool, Label.event_id)
        .join(Pool, Pool.id == Image.pool_id)
        .outerjoin(Label, Label.image_id == Image.id)
        .where(*_is_image(image_id, with_held_out))
    ).one_or_none()
    if row is None:
        raise NotFound(f"There is no image {image_id}.", image_id=image_id)
    return row[0], row[1], row[2]


def find_blob(session: Session, sha256: str, *, with_content: bool = False) -> Blob | None:
    """The original of these bytes, if it is kept."""
    return session.get(Blob, sha256, options=[undefer(Blob.content)] if with_content else [])


def get_blob(session: Session, image: Image) -> Blob:
    """The original of an image with its bytes.

    Raises:
        NotFound: it has none, as images of a data set.
    """
    blob = find_blob(session, image.sha256, with_content=True) if image.name is not None else None
    if blob is None:
        raise NotFound(f"Of image {image.id} there is no original.", image_id=image.id)
    return blob


def _is_image(image_id: int, with_held_out: bool) -> tuple[ColumnElement[bool], ...]:
    return (Image.id == image_id,) if with_held_out else (Image.id == image_id, Image.split == "pool")


def find_annotator_id(session: Session, name: str) -> int | None:
    """The id of the annotator of this name; None if there is none yet."""
    return session.scalar(select(Annotator.id).where(Annotator.name == name))
