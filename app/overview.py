"""All pools at a glance, for the page that lists them. The number of queries does not depend on how many there are."""

import datetime as dt
from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, func, select, tuple_
from sqlalchemy.orm import Session

from app import features
from app.accuracy import Accuracy
from app.features import Preparation
from app.goals import Goal, view_goals
from app.learning.names import PREPARING
from app.models import IS_FILLED, Annotator, FailedRound, FeatureSet, Label, Lease, Pool, Round, Source
from app.paging import page_of


@dataclass(frozen=True, slots=True)
class PoolOverview:
    """A pool, and how far it is.

    `accuracy` is that of the newest round that has learned from labels and is counted: on test images, or on validation
    images where there are no others, as `is_on_test` says. Answers asked by chance count as test images; if it is on
    these, `is_on_chance`. `can_be_measured`: the pool has such images, or will have. `workers` hold images just now.
    `until_round` counts the labels that the next round still waits for; it is being trained if `is_learning`, and its
    last training failed if `is_failing`.
    """

    pool: Pool
    n_human: int
    n_oracle: int
    n_model: int
    accuracy: Accuracy | None
    is_on_test: bool
    is_on_chance: bool
    can_be_measured: bool
    workers: Sequence[str]
    until_round: int
    is_learning: bool
    is_failing: bool
    preparation: Preparation | None

    @property
    def n_labeled(self) -> int:
        return self.n_human + self.n_oracle + self.n_model

    @property
    def goals(self) -> list[Goal]:
        """How far the pool is to each of its goals."""
        tested = self.accuracy if self.is_on_test else None
        return view_goals(self.pool, self.n_human + self.n_oracle, tested)

    @property
    def is_finished(self) -> bool:
        """Whether every image has a label."""
        return self.n_labeled == self.pool.n_images


def list_open_pools(session: Session, *, after: int = 0, limit: int = 100) -> tuple[Sequence[Pool], int | None]:
    """The pools that are not archived, by id, and the cursor of the next page."""
    is_open = (Pool.id > after, IS_FILLED, Pool.archived_at.is_(None))
    rows = session.scalars(select(Pool).where(*is_open).order_by(Pool.id).limit(limit + 1)).all()
    return page_of(rows, limit, lambda pool: pool.id)


def view_pools(session: Session, pools: Sequence[Pool], *, now: dt.datetime) -> list[PoolOverview]:
    """These pools, in their order."""
    ids = [pool.id for pool in pools]
    newest = _read_rounds(session, ids)
    measured = _read_rounds(session, ids, Round.n_labels > 0, Round.test_correct.is_not(None))
    by_source, n_new = _count_labels(session, ids), _count_new(session, list(newest.values()))
    workers, failing = _list_workers(session, ids, now), _find_failing(session, list(newest.values()))
    preparations = _find_preparations(session, pools, now)
    views = []
    for pool in pools:
        counts, last, best = by_source[pool.id], newest[pool.id], measured.get(pool.id)
        until_round = max(0, pool.batch_size - n_new.get(pool.id, 0))
        views.append(
            PoolOverview(
                pool=pool,
                n_human=counts.get("human", 0),
                n_oracle=counts.get("oracle", 0),
                n_model=counts.get("model", 0),
                accuracy=None if best is None else _measure(best),
                is_on_test=last.test_total > 0 or last.validation_total == 0,
                is_on_chance=best is not None and best.tested_on == "chance",
                can_be_measured=last.test_total + last.validation_total > 0 or pool.chance_every is not None,
                workers=workers[pool.id],
                until_round=until_round,
                is_learning=until_round == 0 and last.asked_by != "chance",
                is_failing=pool.id in failing,
                preparation=preparations.get(pool.id),
            )
        )
    return views


def _measure(measured: Round) -> Accuracy | None:
    if measured.test_total and measured.test_correct is not None:
        return Accuracy(measured.test_correct, measured.test_total)
    if measured.validation_correct is not None:
        return Accuracy(measured.validation_correct, measured.validation_total)
    return None


def _read_rounds(session: Session, ids: Collection[int], *conditions: ColumnElement[bool]) -> dict[int, Round]:
    """The newest round of each pool that meets the conditions, by pool."""
    newest = (
        select(Round.pool_id, func.max(Round.number).label("number"))
        .where(Round.pool_id.in_(ids), *conditions)
        .group_by(Round.pool_id)
        .subquery()
    )
    is_newest = (Round.pool_id == newest.c.pool_id) & (Round.number == newest.c.number)
    return {each.pool_id: each for each in session.scalars(select(Round).join(newest, is_newest))}


def _count_labels(session: Session, ids: Collection[int]) -> dict[int, dict[Source, int]]:
    query = select(Label.pool_id, Label.source, func.count()).where(Label.pool_id.in_(ids))
    counts = defaultdict[int, dict[Source, int]](dict)
    for pool_id, source, n in session.execute(query.group_by(Label.pool_id, Label.source)):
        counts[pool_id][source] = n
    return counts


def _count_new(session: Session, newest: Sequence[Round]) -> dict[int, int]:
    """The labels that the newest round of each pool has not learned from."""
    query = (
        select(Label.pool_id, func.count())
        .join(Round, Round.pool_id == Label.pool_id)
        .where(Round.id.in_([each.id for each in newest]))
        .where(Label.event_id > Round.last_event_id, Label.source != "model")
        .group_by(Label.pool_id)
    )
    return dict(session.execute(query).all())


def _list_workers(session: Session, ids: Collection[int], now: dt.datetime) -> dict[int, list[str]]:
    query = (
        select(Lease.pool_id, Annotator.name)
        .join(Annotator, Annotator.id == Lease.annotator_id)
        .where(Lease.pool_id.in_(ids), Lease.expires_at > now)
        .distinct()
        .order_by(Annotator.name)
    )
    workers = defaultdict[int, list[str]](list)
    for pool_id, name in session.execute(query):
        workers[pool_id].append(name)
    return workers


def _find_failing(session: Session, newest: Sequence[Round]) -> set[int]:
    """The pools whose next round could not be trained."""
    is_next = (FailedRound.pool_id == Round.pool_id) & (FailedRound.number == Round.number + 1)
    query = select(Round.pool_id).join(FailedRound, is_next)
    return set(session.scalars(query.where(Round.id.in_([each.id for each in newest]))))


def _find_preparations(session: Session, pools: Sequence[Pool], now: dt.datetime) -> dict[int, Preparation]:
    """What `features.find_preparation` finds of each pool, by pool; none of those whose learner has seen all images."""
    of_these = FeatureSet.pool_id.in_([pool.id for pool in pools if pool.learner in PREPARING])
    is_readable = tuple_(FeatureSet.learner, FeatureSet.version).in_(list(PREPARING.items()))
    newest = select(func.max(FeatureSet.id)).where(of_these, is_readable, FeatureSet.ready_at.is_not(None))
    is_newest = FeatureSet.id.in_(newest.group_by(FeatureSet.pool_id))
    n_seen = dict(session.execute(select(FeatureSet.pool_id, FeatureSet.n_images).where(is_newest)).all())
    unfinished = select(FeatureSet).where(of_these, FeatureSet.ready_at.is_(None)).order_by(FeatureSet.id)
    begun = {each.pool_id: each for each in session.scalars(unfinished)}
    return {
        pool.id: features.describe(pool, due, begun.get(pool.id), now=now)
        for pool in pools
        if (due := features.count_next(pool, n_seen.get(pool.id, 0))) is not None
    }
