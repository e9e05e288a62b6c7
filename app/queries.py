"""Read-only answers for pages and the API. Lists come in pages: the rows, and the cursor of the next page."""

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from sqlalchemy import ColumnElement, func, select, true
from sqlalchemy.orm import Session

from app import rounds
from app.errors import NotFound
from app.labels import RECORDED, Recorded
from app.models import Annotator, FailedRound, Image, Label, LabelEvent, Lease, OracleRun, Pool, Round

T = TypeVar("T")

EXPORT_CHUNK = 1000  # labels read in one session while an export streams


@dataclass(frozen=True, slots=True)
class Counts:
    """Of the pool's images: labels by who gave them, and what is left. Held ones are unlabeled too."""

    images: int
    human: int
    oracle: int
    model: int
    held: int

    @property
    def labeled(self) -> int:
        """All labels that stand."""
        return self.human + self.oracle + self.model

    @property
    def unlabeled(self) -> int:
        """Images without a label."""
        return self.images - self.labeled


@dataclass(frozen=True, slots=True)
class PoolView:
    """A pool as pages and the API show it. `until_round` counts the labels the next round still waits for."""

    pool: Pool
    counts: Counts
    newest: Round
    until_round: int


@dataclass(frozen=True, slots=True)
class ExportedLabel:
    """One standing label with all that is known about it. `round` is the round that asked for it."""

    image_id: int
    position: int
    value: int
    class_name: str
    source: str
    annotator: str
    created_at: dt.datetime
    round: int
    rank: int | None
    confidence: float | None


def view_pool(session: Session, pool: Pool, *, now: dt.datetime) -> PoolView:
    """The pool with its counts and newest round."""
    by_source = dict(
        session.execute(select(Label.source, func.count()).where(Label.pool_id == pool.id).group_by(Label.source)).all()
    )
    held = session.scalar(select(func.count()).where(Lease.pool_id == pool.id, Lease.expires_at > now)) or 0
    counts = Counts(
        images=pool.n_images,
        human=by_source.get("human", 0),
        oracle=by_source.get("oracle", 0),
        model=by_source.get("model", 0),
        held=held,
    )
    until_round = rounds.find_newest(session, pool).until_due(pool)
    return PoolView(pool, counts, rounds.get_newest_round(session, pool), until_round)


@dataclass(frozen=True, slots=True)
class PoolMeasures:
    """A pool in numbers, for whoever watches the server. The queue's age is 0 unless a round is due."""

    slug: str
    counts: Counts
    n_rounds: int
    n_failed: int
    fit_seconds: float
    queue_age_seconds: float


def measure_pools(session: Session, *, now: dt.datetime) -> list[PoolMeasures]:
    """All pools in numbers."""
    return [_measure(session, pool, now) for pool in session.scalars(select(Pool).order_by(Pool.id))]


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
    rows = session.scalars(select(Pool).where(Pool.id > after).order_by(Pool.id).limit(limit + 1)).all()
    return _page(rows, limit, lambda pool: pool.id)


def list_rounds(
    session: Session, pool: Pool, *, after: int = -1, limit: int = 100
) -> tuple[Sequence[Round], int | None]:
    """The pool's rounds by number."""
    query = select(Round).where(Round.pool_id == pool.id, Round.number > after)
    rows = session.scalars(query.order_by(Round.number).limit(limit + 1)).all()
    return _page(rows, limit, lambda round_: round_.number)


def get_round(session: Session, pool: Pool, number: int) -> Round:
    """
    Raises:
        NotFound: the pool has no such round.
    """
    found = session.scalar(select(Round).where(Round.pool_id == pool.id, Round.number == number))
    if found is None:
        newest = rounds.find_newest(session, pool).number
        raise NotFound(f"{pool.slug} has no round {number}: it has 0 to {newest}.", newest=newest)
    return found


def list_labels(
    session: Session, pool: Pool, *, annotator_id: int | None = None, after: int = 0, limit: int = 100
) -> tuple[Sequence[Recorded], int | None]:
    """The events of the labels that stand, oldest first; only one annotator's, if one is named."""
    whose = LabelEvent.annotator_id == annotator_id if annotator_id is not None else true()
    rows = session.execute(
        RECORDED.join(Label, Label.event_id == LabelEvent.id)
        .where(Label.pool_id == pool.id, Label.event_id > after, whose)
        .order_by(Label.event_id)
        .limit(limit + 1)
    )
    return _page([Recorded(*tuple(row)) for row in rows], limit, lambda event: event.id)


def list_last_labels(
    session: Session, pool: Pool, annotator_id: int, *, before: int | None = None, limit: int = 100
) -> tuple[Sequence[Recorded], int | None]:
    """The events of an annotator's labels that stand, newest first."""
    query = (
        RECORDED.join(Label, Label.event_id == LabelEvent.id)
        .where(Label.pool_id == pool.id, LabelEvent.annotator_id == annotator_id)
        .order_by(Label.event_id.desc())
        .limit(limit + 1)
    )
    if before is not None:
        query = query.where(Label.event_id < before)
    events = [Recorded(*tuple(row)) for row in session.execute(query)]
    return _page(events, limit, lambda event: event.id)


def list_oracle_runs(
    session: Session, *, before: int | None = None, limit: int = 100
) -> tuple[Sequence[OracleRun], int | None]:
    """Oracle runs without their results, newest first."""
    query = select(OracleRun).order_by(OracleRun.id.desc()).limit(limit + 1)
    if before is not None:
        query = query.where(OracleRun.id < before)
    return _page(session.scalars(query).all(), limit, lambda run: run.id)


def get_pixels(session: Session, image_id: int, *, with_held_out: bool) -> tuple[bytes, int, int]:
    """An image's pixels with height and width. `with_held_out` finds validation and test images, too.

    Raises:
        NotFound: there is no such image.
    """
    query = select(Image.pixels, Pool.height, Pool.width).join(Pool, Pool.id == Image.pool_id)
    row = session.execute(query.where(*_is_image(image_id, with_held_out))).one_or_none()
    if row is None:
        raise NotFound(f"There is no image {image_id}.", image_id=image_id)
    return row.pixels, row.height, row.width


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


def _is_image(image_id: int, with_held_out: bool) -> tuple[ColumnElement[bool], ...]:
    return (Image.id == image_id,) if with_held_out else (Image.id == image_id, Image.split == "pool")


def find_annotator_id(session: Session, name: str) -> int | None:
    """Whose name it is; None if nobody of this name has done anything yet."""
    return session.scalar(select(Annotator.id).where(Annotator.name == name))


def read_pixels(session: Session, image_ids: Sequence[int]) -> dict[int, bytes]:
    """The pixels of several images by id."""
    rows = session.execute(select(Image.id, Image.pixels).where(Image.id.in_(image_ids)))
    return dict(rows.all())


def export_chunk(session: Session, pool: Pool, *, after: int) -> list[ExportedLabel]:
    """The next labels by position in the pool, at most EXPORT_CHUNK of them behind position `after`."""
    rows = session.execute(
        select(
            Image.id,
            Image.position,
            Label.value,
            Label.source,
            Annotator.name,
            LabelEvent.created_at,
            Round.number,
            LabelEvent.rank,
            LabelEvent.confidence,
        )
        .join(Label, Label.image_id == Image.id)
        .join(LabelEvent, LabelEvent.id == Label.event_id)
        .join(Annotator, Annotator.id == LabelEvent.annotator_id)
        .join(Round, Round.id == LabelEvent.round_id)
        .where(Image.pool_id == pool.id, Image.split == "pool", Image.position > after)
        .order_by(Image.position)
        .limit(EXPORT_CHUNK)
    )
    return [ExportedLabel(row[0], row[1], row[2], pool.classes[row[2]], *row[3:]) for row in rows]


def _page(rows: Sequence[T], limit: int, cursor: Callable[[T], int]) -> tuple[Sequence[T], int | None]:
    """Cut the extra row that tells whether there is a next page."""
    return (rows, None) if len(rows) <= limit else (rows[:limit], cursor(rows[limit - 1]))
