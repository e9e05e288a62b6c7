"""Delete a pool whole, in bites: first nobody sees it any more, then its rows go, and at last the pool.

A deletion that is cut off leaves a pool that nobody sees, as a filling that is cut off does; `delete_some` goes on.
Events are append-only: triggers refuse to delete any. A bite takes the trigger off and puts it back in its own
transaction, so nobody else ever writes without it.
"""

import datetime as dt
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import ClassVar

from sqlalchemy import CursorResult, bindparam, delete, func, select, text
from sqlalchemy.orm import Session

from app import accounts
from app.audit import COMMAND, Actor, record_audit
from app.changes import Change, note
from app.db import Database
from app.errors import AppError
from app.models import Image, LabelEvent, Pool, Round, TrainedModel
from app.pools import get_pool

ROWS, IMAGES, ROUNDS = 500, 100, 4  # of one bite; images have originals, rounds have rankings and states
SILENT = dt.timedelta(minutes=2)  # a command that says nothing for so long is dead
PAUSE_SECONDS = 0.003  # after a bite: the lock within a process knows no turns
_TRIGGER = "label_event_refuses_delete"
# What refers to others goes before what it refers to.
_BY_POOL = ("webhook", "lease", "answer", "label", "skip")
_BEHIND = ("autolabel", "failed_round", "round", "trained_model", "class_merge", "guideline_picture")
_SOME = "DELETE FROM {table} WHERE rowid IN (SELECT rowid FROM {table} WHERE pool_id = :pool LIMIT :n)"
_RANKED = (
    "DELETE FROM ranked_image WHERE round_id IN (SELECT id FROM round WHERE pool_id = :pool "
    "AND EXISTS (SELECT 1 FROM ranked_image WHERE round_id = round.id) LIMIT :n)"
)
_PARTS = (
    "DELETE FROM feature_part WHERE rowid IN (SELECT feature_part.rowid FROM feature_part "
    "JOIN feature_set ON feature_set.id = feature_set_id WHERE pool_id = :pool LIMIT :n)"
)
_DELIVERIES = (
    "DELETE FROM delivery WHERE id IN (SELECT delivery.id FROM delivery "
    "JOIN webhook ON webhook.id = webhook_id WHERE pool_id = :pool LIMIT :n)"
)
# By pool, for the index of originals begins with it.
_UNUSED = text(
    "DELETE FROM blob WHERE sha256 IN :hashes AND NOT EXISTS (SELECT 1 FROM pool CROSS JOIN image "
    "ON image.pool_id = pool.id AND image.sha256 = blob.sha256 AND image.name IS NOT NULL)"
).bindparams(bindparam("hashes", expanding=True))


class PoolInUse(AppError):
    """A model is trained on the pool, or waits to be."""

    status: ClassVar[int] = 409


class NotConfirmed(AppError):
    """The pool was not named a second time, so it stays."""

    status: ClassVar[int] = 422


def count_rows(session: Session, pool: Pool) -> dict[str, int]:
    """What would be deleted, by what it is called."""
    columns = {
        "images": Image.pool_id,
        "events of labels": LabelEvent.pool_id,
        "rounds": Round.pool_id,
        "models": TrainedModel.pool_id,
    }
    return {
        name: session.scalar(select(func.count()).where(column == pool.id)) or 0 for name, column in columns.items()
    }


def delete_pool(
    database: Database,
    slug: str,
    *,
    now: dt.datetime,
    confirm: str | None = None,
    by: Actor = COMMAND,
    on_step: Callable[[int], object] = lambda _: None,
) -> None:
    """Delete a pool with all that is in it. `on_step` hears how many rows a bite deleted.

    Raises:
        NotFound: there is no such pool.
        NotAllowed: who acts is no admin any more.
        NotConfirmed: `confirm` is given and is another name.
        PoolInUse: a model is trained on it.
    """
    with database.write() as session:
        if by.annotator_id is not None:
            accounts.ensure_may(session, by.annotator_id, as_admin=True)
        pool = get_pool(session, slug)
        if confirm not in (None, slug):
            raise NotConfirmed(f"To delete {slug}, say confirm={slug}. Nothing was deleted.", slug=slug)
        _check_unused(session, pool)
        pool.filled_at, pool.grown_at = None, now
        record_audit(session, "pool deleted", slug, by=by, now=now)
        note(session, Change("pool", pool.id))
    discard(database, pool, on_step)


def discard(database: Database, pool: Pool, on_step: Callable[[int], object] = lambda _: None) -> None:
    """Delete a pool that nobody sees. `on_step` hears how many rows a bite deleted."""
    while True:
        with database.write_unchecked() as session:
            n_deleted = delete_some(session, pool.id)
        if not n_deleted:
            return
        on_step(n_deleted)
        time.sleep(PAUSE_SECONDS)


def discard_dead(database: Database, *, now: dt.datetime) -> None:
    """Delete what was left by commands that were killed while they filled or deleted a pool."""
    with database.read() as session:
        dead = session.scalars(select(Pool).where(Pool.filled_at.is_(None), Pool.grown_at < now - SILENT)).all()
    for pool in dead:
        discard(database, pool)


def delete_some(session: Session, pool_id: int) -> int:
    """Delete one bite of a pool that nobody sees: how many rows; 0 once the pool is gone.

    The session is one of `Database.write_unchecked`. What others still wrote as the pool went out of sight goes, too:
    each bite looks at every table again.
    """
    session.execute(
        text("UPDATE pool SET grown_at = CURRENT_TIMESTAMP WHERE id = :pool AND filled_at IS NULL"), {"pool": pool_id}
    )
    for step in (_delete_folded, _delete_events, _delete_rounds, _delete_images):
        if n_deleted := step(session, pool_id):
            return n_deleted
    session.execute(text("DELETE FROM pool WHERE id = :pool AND filled_at IS NULL"), {"pool": pool_id})
    return 0


def _delete_folded(session: Session, pool_id: int) -> int:
    by_pool = [_SOME.format(table=table) for table in _BY_POOL]
    for statement, count in (*((each, ROWS) for each in (_DELIVERIES, *by_pool)), (_RANKED, ROUNDS)):
        if n_deleted := _run(session, statement, pool_id, count):
            return n_deleted
    return 0


def _delete_rounds(session: Session, pool_id: int) -> int:
    for statement in (*(_SOME.format(table=table) for table in _BEHIND), _PARTS, _SOME.format(table="feature_set")):
        if n_deleted := _run(session, statement, pool_id, ROUNDS):
            return n_deleted
    return 0


def _check_unused(session: Session, pool: Pool) -> None:
    is_active = TrainedModel.status.in_(("queued", "running"))
    active = session.scalar(select(TrainedModel.id).where(TrainedModel.pool_id == pool.id, is_active).limit(1))
    if active is not None:
        raise PoolInUse(
            f"Model {active} of {pool.name} is trained just now, or waits to be. Stop it first.",
            model_id=active,
        )


@contextmanager
def _events_may_go(session: Session) -> Iterator[None]:
    made_by = session.scalar(
        text("SELECT sql FROM sqlite_master WHERE type = 'trigger' AND name = :n"), {"n": _TRIGGER}
    )
    session.execute(text(f"DROP TRIGGER {_TRIGGER}"))
    yield
    session.connection().exec_driver_sql(str(made_by))


def _delete_events(session: Session, pool_id: int) -> int:
    if session.scalar(select(LabelEvent.id).where(LabelEvent.pool_id == pool_id).limit(1)) is None:
        return 0
    with _events_may_go(session):
        return _run(session, _SOME.format(table="label_event"), pool_id, ROWS)


def _delete_images(session: Session, pool_id: int) -> int:
    """Some images, and those of their originals that no other image has."""
    some = session.execute(select(Image.id, Image.sha256).where(Image.pool_id == pool_id).limit(IMAGES)).all()
    if some:
        session.execute(delete(Image).where(Image.id.in_([row.id for row in some])))
        session.execute(_UNUSED, {"hashes": [row.sha256 for row in some]})
    return len(some)


def _run(session: Session, statement: str, pool_id: int, count: int) -> int:
    done = session.execute(text(statement), {"pool": pool_id, "n": count})
    assert isinstance(done, CursorResult)  # a DELETE's result has a row count
    return done.rowcount
