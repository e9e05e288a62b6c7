"""The audit: who logged in, who failed to, and what was done to accounts and to whole pools."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.models import AuditEntry
from app.paging import page_of


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts, from which address, in which request. A command on the server's machine has none of them."""

    annotator_id: int | None = None
    name: str | None = None
    address: str | None = None
    request_id: str | None = None


COMMAND = Actor()


def record_audit(session: Session, action: str, name: str, *, now: dt.datetime, by: Actor = COMMAND) -> None:
    """Record a login of the user `name`, what was done to their account, or what was done to the pool of this name."""
    session.add(
        AuditEntry(at=now, action=action, name=name[:64], actor=by.name, address=by.address, request_id=by.request_id)
    )


def list_audit(
    session: Session, *, before: int | None = None, limit: int = 100
) -> tuple[Sequence[AuditEntry], int | None]:
    """Audit entries, newest first, and the cursor of the next page."""
    query = select(AuditEntry).order_by(AuditEntry.id.desc()).limit(limit + 1)
    if before is not None:
        query = query.where(AuditEntry.id < before)
    return page_of(session.scalars(query).all(), limit, lambda entry: entry.id)
