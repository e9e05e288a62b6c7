"""Revoke all answers of one annotator in a pool."""

import datetime as dt
import logging

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app import accounts, audit, events, revising, rounds
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

    Raises:
        NotFound: there is no annotator of this name.
    """
    with database.read() as session:
        annotator = accounts.find_annotator(session, name)
        last = session.scalar(select(func.max(LabelEvent.id)).where(LabelEvent.pool_id == pool.id)) or 0
    if annotator is None:
        raise NotFound(f"There is no annotator {name}.", name=name)
    n_revoked = 0
    while True:
        with database.write() as session:
            standing = _next_chunk(session, pool, annotator.id, last)
            for event in standing:
                revising.take_back(session, admin, event, now=now)
            if standing:
                note(session, Change("labels", pool.id))
                note(session, Change("leases", pool.id))
            else:
                audit.record_audit(session, f"{n_revoked} labels revoked", annotator.name, now=now)
                if rounds.is_due(session, pool):
                    note(session, Change("due", pool.id))
        if not standing:
            logger.info("%s: %s revoked all %d labels of %s", pool.slug, admin.name, n_revoked, annotator.name)
            return n_revoked
        n_revoked += len(standing)


def _next_chunk(session: Session, pool: Pool, annotator_id: int, last: int) -> list[LabelEventView]:
    standing = EVENTS.join(Answer, Answer.event_id == LabelEvent.id).where(Answer.pool_id == pool.id)
    theirs = standing.where(LabelEvent.annotator_id == annotator_id, LabelEvent.id <= last)
    return events.read(session.execute(theirs.order_by(LabelEvent.id.desc()).limit(CHUNK)))
