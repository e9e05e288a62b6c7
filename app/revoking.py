"""Revoke all answers of one annotator in a pool."""

import datetime as dt
import logging
from collections.abc import Sequence

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app import accounts, audit, events, revising, rounds, settling
from app.changes import Change, note
from app.db import Database
from app.errors import NotFound
from app.events import EVENTS, LabelEventView
from app.models import Annotator, Answer, LabelEvent, Pool

logger = logging.getLogger(__name__)

CHUNK = 50  # labels of one transaction: other writers get their turn between two


def revoke_labels(database: Database, pool: Pool, admin: Annotator, name: str, *, now: dt.datetime) -> int:
    """Undo every current answer and change of the annotator `name`; return how many.

    Each undo is an act of the admin. Where the annotator had changed an answer of another, that answer is restored.
    Answers that the annotator gives meanwhile stay, so disable the account first. If the model has learned from a batch
    of the revoked labels, a round without them becomes due.

    What merges of classes have changed is still the answer of whoever gave it. Who merged them has answered nothing.

    Raises:
        NotFound: there is no annotator of this name.
    """
    with database.read() as session:
        annotator = accounts.find_annotator(session, name)
        last = session.scalar(select(func.max(LabelEvent.id)).where(LabelEvent.pool_id == pool.id)) or 0
    if annotator is None:
        raise NotFound(f"There is no annotator {name}.", name=name)
    n_revoked = _revoke_merged(database, pool, admin, annotator.id, last, now)
    while True:
        with database.write() as session:
            standing = _next_chunk(session, pool, annotator.id, last)
            _take_back(session, pool, admin, standing, now)
            if not standing:
                audit.record_audit(session, f"{n_revoked} labels revoked", annotator.name, now=now)
                if rounds.is_due(session, pool):
                    note(session, Change("due", pool.id))
        if not standing:
            logger.info("%s: %s revoked all %d labels of %s", pool.slug, admin.name, n_revoked, annotator.name)
            return n_revoked
        n_revoked += len(standing)


def _take_back(
    session: Session, pool: Pool, admin: Annotator, standing: Sequence[LabelEventView], now: dt.datetime
) -> None:
    for event in standing:
        revising.take_back(session, pool, admin, event, now=now)
    if standing:
        note(session, Change("labels", pool.id))
        note(session, Change("leases", pool.id))


def _next_chunk(session: Session, pool: Pool, annotator_id: int, last: int) -> list[LabelEventView]:
    standing = EVENTS.join(Answer, Answer.event_id == LabelEvent.id).where(Answer.pool_id == pool.id)
    theirs = standing.where(
        LabelEvent.annotator_id == annotator_id, LabelEvent.merge_id.is_(None), LabelEvent.id <= last
    )
    return events.read(session.execute(theirs.order_by(LabelEvent.id.desc()).limit(CHUNK)))


def _revoke_merged(
    database: Database, pool: Pool, admin: Annotator, annotator_id: int, last: int, now: dt.datetime
) -> int:
    """Undo the answers that merges of classes have changed since, with these changes; return how many."""
    n_revoked = after = 0
    standing = EVENTS.join(Answer, Answer.event_id == LabelEvent.id).where(Answer.pool_id == pool.id)
    merged = standing.where(LabelEvent.merge_id.is_not(None)).order_by(LabelEvent.id).limit(CHUNK)
    while True:
        with database.write() as session:
            tops = events.read(session.execute(merged.where(LabelEvent.id > after)))
            given = {key: chain[-1] for key, chain in events.read_chains(session, tops).items()}
            theirs = [top for top in tops if given[top.id].annotator_id == annotator_id and given[top.id].id <= last]
            for top in theirs:
                settling.uncover(session, admin, top, given[top.id], now=now)
            _take_back(session, pool, admin, [given[top.id] for top in theirs], now)
        if not tops:
            return n_revoked
        n_revoked, after = n_revoked + len(theirs), tops[-1].id
