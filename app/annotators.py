"""The work of annotators in a pool: how much, how fast, and how often it agrees with the model and the truth."""

import datetime as dt
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

from sqlalchemy import ColumnElement, case, func, select, true
from sqlalchemy.orm import Session

from app import events
from app.events import EVENTS, LabelEventView, whose
from app.merges import read_merges
from app.models import (
    Annotator,
    FailedRound,
    Image,
    Label,
    LabelEvent,
    Lease,
    Pool,
    RankedImage,
    Role,
    Skip,
)
from app.paging import page_of

PAUSE_SECONDS = 60  # a longer gap between two answers is a pause, not slowness


@dataclass(frozen=True, slots=True)
class AnnotatorWork:
    """One annotator in one pool. Agreements are (agreeing, comparable) counts of current labels.

    `truth_agreement` is (0, 0) unless it was asked for.
    """

    name: str
    role: Role
    labels: int
    skips: int
    flags: int
    held: int
    labels_last_hour: int
    seconds_per_label: float | None
    model_agreement: tuple[int, int]
    truth_agreement: tuple[int, int]
    last_event_at: dt.datetime | None


def list_work(
    session: Session, pool: Pool, *, annotator_id: int | None = None, with_truth: bool = False, now: dt.datetime
) -> list[AnnotatorWork]:
    """All annotators with an event or a lease in the pool, most labels first; or only one of them.

    `with_truth` is for admins alone: an annotator who changes an answer and sees the count learns the true class. The
    model's prediction is the one it had when it asked; images beyond the stored ranking have none.
    """
    asked_for = true() if annotator_id is None else LabelEvent.annotator_id == annotator_id
    standing = _standing(session, pool, annotator_id)
    acts, pace = _acts(session, pool, asked_for), _pace(session, pool, asked_for, now)
    held = dict(
        session.execute(
            select(Lease.annotator_id, func.count())
            .where(Lease.pool_id == pool.id, Lease.expires_at > now)
            .where(true() if annotator_id is None else Lease.annotator_id == annotator_id)
            .group_by(Lease.annotator_id)
        ).all()
    )
    people = session.scalars(select(Annotator).where(Annotator.id.in_({*acts, *held}))).all()
    work = []
    for person in people:
        labels, like_model, n_with_model, like_truth, n_with_truth = standing.get(person.id, (0, 0, 0, 0, 0))
        skips, flags, last_at = acts.get(person.id, (0, 0, None))
        last_hour, seconds_per_label = pace.get(person.id, (0, None))
        work.append(
            AnnotatorWork(
                name=person.name,
                role=person.role,
                labels=labels,
                skips=skips,
                flags=flags,
                held=held.get(person.id, 0),
                labels_last_hour=last_hour,
                seconds_per_label=seconds_per_label,
                model_agreement=(like_model, n_with_model),
                truth_agreement=(like_truth, n_with_truth) if with_truth else (0, 0),
                last_event_at=last_at,
            )
        )
    return sorted(work, key=lambda one: (-one.labels, one.name))


def list_flags(
    session: Session, pool: Pool, *, annotator_id: int | None = None, before: int | None = None, limit: int = 100
) -> tuple[Sequence[LabelEventView], int | None]:
    """Flags, newest first, and the cursor of the next page; only one annotator's if `annotator_id` is given."""
    query = (
        EVENTS.where(LabelEvent.pool_id == pool.id, LabelEvent.kind == "flag")
        .order_by(LabelEvent.id.desc())
        .limit(limit + 1)
    )
    if annotator_id is not None:
        query = query.where(LabelEvent.annotator_id == annotator_id)
    if before is not None:
        query = query.where(LabelEvent.id < before)
    return page_of(events.read(session.execute(query)), limit, lambda event: event.id)


def list_failed_rounds(session: Session, pool: Pool, *, limit: int = 20) -> Sequence[FailedRound]:
    """The last failed trainings, newest first."""
    query = select(FailedRound).where(FailedRound.pool_id == pool.id).order_by(FailedRound.number.desc())
    return session.scalars(query.limit(limit)).all()


def _standing(session: Session, pool: Pool, annotator_id: int | None) -> dict[int, tuple[int, int, int, int, int]]:
    """Per annotator: current labels; those equal to the prediction, of how many with one; the same for the truth.

    A class that is merged counts for the other one, whoever named it.
    """
    count_for = read_merges(session, pool).as_sql
    rows = session.execute(
        select(
            whose,
            func.count(),
            _count(count_for(RankedImage.prediction) == count_for(Label.value)),
            _count(RankedImage.prediction.is_not(None)),
            _count(count_for(Image.truth) == count_for(Label.value)),
            _count(Image.truth.is_not(None)),
        )
        .select_from(Label)
        .join(LabelEvent, LabelEvent.id == Label.event_id)
        .join(Image, Image.id == Label.image_id)
        .outerjoin(RankedImage, (RankedImage.round_id == LabelEvent.round_id) & (RankedImage.rank == LabelEvent.rank))
        .where(Label.pool_id == pool.id, true() if annotator_id is None else whose == annotator_id)
        .group_by(whose)
    )
    return {row[0]: (row[1], row[2], row[3], row[4], row[5]) for row in rows if row[0] is not None}


def _acts(session: Session, pool: Pool, asked_for: ColumnElement[bool]) -> dict[int, tuple[int, int, dt.datetime]]:
    """Per annotator: skips, flags, and when they did anything last."""
    rows = session.execute(
        select(
            LabelEvent.annotator_id,
            _count(select(Skip.event_id).where(Skip.event_id == LabelEvent.id).exists()),
            _count(LabelEvent.kind == "flag"),
            func.max(LabelEvent.created_at),
        )
        .where(LabelEvent.pool_id == pool.id, LabelEvent.merge_id.is_(None), asked_for)
        .group_by(LabelEvent.annotator_id)
    )
    return {row[0]: (row[1], row[2], row[3]) for row in rows if row[0] is not None}


def _pace(
    session: Session, pool: Pool, asked_for: ColumnElement[bool], now: dt.datetime
) -> dict[int, tuple[int, float | None]]:
    """Per annotator: answers of the last hour, and the median seconds between two of them, pauses left out."""
    rows = session.execute(
        select(LabelEvent.annotator_id, LabelEvent.created_at)
        .where(
            LabelEvent.pool_id == pool.id,
            LabelEvent.kind == "label",
            asked_for,
            LabelEvent.created_at > now - dt.timedelta(hours=1),
        )
        .order_by(LabelEvent.id)
    )
    times = defaultdict(list)
    for annotator_id, at in rows:
        if annotator_id is not None:
            times[annotator_id].append(at)
    pace = {}
    for annotator_id, ats in times.items():
        gaps = [(later - earlier).total_seconds() for earlier, later in pairwise(ats)]
        working = [gap for gap in gaps if 0 < gap <= PAUSE_SECONDS]
        pace[annotator_id] = (len(ats), median(working) if working else None)
    return pace


def _count(condition: ColumnElement[bool]) -> ColumnElement[int]:
    return func.sum(case((condition, 1), else_=0))
