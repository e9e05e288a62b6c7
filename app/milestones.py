"""What leads wait for: rounds, goals, the end of a pool. Each is noticed once, in the transaction that makes it true.

Webhooks are told in the same transaction. Counting labels takes longer than an answer itself, so answers have them
counted only where one of these may have been reached: the newest round says how many labels there are at most.
"""

import datetime as dt
from typing import Any

from sqlalchemy import ColumnElement, func, select, update
from sqlalchemy.orm import Session

from app import deliveries, rounds
from app.accuracy import Accuracy
from app.changes import Change, note
from app.goals import Goal, view_goals
from app.models import HookEvent, Label, Pool, Round
from app.rounds import NewestRound

COUNTED = ("human", "oracle", "model")


def may_be_reached(pool: Pool, newest: NewestRound, n_labeled: int = 0) -> bool:
    """Whether a number of labels may be reached that is waited for, `n_labeled` images having got one since `newest`.

    Labels of models are not known here: whoever writes such labels calls `notice`. The pool may be a moment old: a goal
    that was set in this moment is noticed with the next answer or round.
    """
    at_most = newest.n_labels + newest.n_new + n_labeled
    is_goal_near = pool.goal_labels is not None and pool.labels_reached_at is None and at_most >= pool.goal_labels
    return is_goal_near or (pool.finished_at is None and at_most >= pool.n_images)


def notice_round(session: Session, round_: Round, *, now: dt.datetime) -> None:
    """A round after round 0 is stored and counted: its test images, too."""
    pool = session.get_one(Pool, round_.pool_id)
    by_source = count_labels(session, pool)
    _tell(session, pool, "round_stored", round_, by_source, now=now)
    newest = rounds.get_newest(session, pool)
    if pool.goal_accuracy is not None or may_be_reached(pool, newest):
        _notice(session, pool, by_source, now=now)


def notice(session: Session, pool: Pool, *, now: dt.datetime) -> None:
    """Look whether a goal or the end is reached, each once: whoever sets its time first tells of it."""
    pool = session.get_one(Pool, pool.id)
    _notice(session, pool, count_labels(session, pool), now=now)


def _notice(session: Session, pool: Pool, by_source: dict[str, int], *, now: dt.datetime) -> None:
    n_answered, n_labeled = by_source["human"] + by_source["oracle"], sum(by_source.values())
    if _claim(session, pool, "labels_reached_at", Pool.goal_labels <= n_answered, now):
        _tell(session, pool, "goal_reached", rounds.get_newest_round(session, pool), by_source, goal="labels", now=now)
    measured = rounds.find_measured(session, pool) if pool.goal_accuracy is not None else None
    low = measure(measured).interval[0] if measured else 0.0
    if measured and _claim(session, pool, "accuracy_reached_at", Pool.goal_accuracy <= low, now):
        _tell(session, pool, "goal_reached", measured, by_source, goal="accuracy", now=now)
    is_finished = (Pool.n_images > 0) & (Pool.n_images == n_labeled)
    if _claim(session, pool, "finished_at", is_finished, now):
        _tell(session, pool, "pool_finished", rounds.get_newest_round(session, pool), by_source, now=now)


def count_labels(session: Session, pool: Pool) -> dict[str, int]:
    """The current labels of the pool by who gave them."""
    query = select(Label.source, func.count()).where(Label.pool_id == pool.id).group_by(Label.source)
    return dict.fromkeys(COUNTED, 0) | dict(session.execute(query).all())


def measure(measured: Round) -> Accuracy:
    """The accuracy of a round of `rounds.find_measured`."""
    assert measured.test_correct is not None
    return Accuracy(measured.test_correct, measured.test_total)


def _claim(session: Session, pool: Pool, column: str, is_reached: ColumnElement[bool], now: dt.datetime) -> bool:
    """Set the time of a milestone, if it is reached and has none; return whether that was done here."""
    is_new = getattr(Pool, column).is_(None)
    query = update(Pool).where(Pool.id == pool.id, is_new, is_reached).values({column: now}).returning(Pool.id)
    is_ours = session.scalar(query) is not None
    if is_ours:
        note(session, Change("pool", pool.id))
    return is_ours


def _tell(
    session: Session,
    pool: Pool,
    event: HookEvent,
    round_: Round,
    by_source: dict[str, int],
    *,
    goal: str | None = None,
    now: dt.datetime,
) -> None:
    webhooks = deliveries.find_webhooks(session, pool.id, event)
    if not webhooks:
        return
    n_labeled = sum(by_source.values())
    reached = [
        each
        for each in view_goals(pool, by_source["human"] + by_source["oracle"], _accuracy_of(round_))
        if each.kind == goal
    ]
    facts = {
        "round": _describe_round(round_),
        "goal": _describe_goal(reached[0]) if reached else None,
        "counts": {"images": pool.n_images, "labeled": n_labeled, "unlabeled": pool.n_images - n_labeled, **by_source},
    }
    deliveries.add(session, webhooks, event, facts, now=now)


def _accuracy_of(round_: Round) -> Accuracy | None:
    return measure(round_) if round_.test_total and round_.test_correct is not None else None


def _describe_round(round_: Round) -> dict[str, Any]:
    """Its accuracy is that on the test, or on validation images where there is no test."""
    accuracy, tested_on = _accuracy_of(round_), str(round_.tested_on)
    if not round_.test_total and round_.validation_correct is not None:
        accuracy, tested_on = Accuracy(round_.validation_correct, round_.validation_total), "validation"
    known = accuracy and {
        "value": accuracy.value,
        "interval": list(accuracy.interval),
        "correct": accuracy.correct,
        "total": accuracy.total,
        "tested_on": tested_on,
    }
    return {"number": round_.number, "labels": round_.n_labels, "accuracy": known}


def _describe_goal(goal: Goal) -> dict[str, Any]:
    return {"kind": goal.kind, "goal": goal.goal, "value": goal.value, "interval": goal.interval}
