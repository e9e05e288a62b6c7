"""The audit: who logged in, who failed to, and what was done to accounts."""

import datetime as dt
from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.models import AuditEntry
from app.paging import page_of


def record_audit(
    session: Session,
    action: str,
    name: str,
    *,
    now: dt.datetime,
    address: str | None = None,
    request_id: str | None = None,
) -> None:
    """Record an act of the user `name`, or an act on their account."""
    session.add(AuditEntry(at=now, action=action, name=name[:64], address=address, request_id=request_id))


def list_audit(
    session: Session, *, before: int | None = None, limit: int = 100
) -> tuple[Sequence[AuditEntry], int | None]:
    """Audit entries, newest first, and the cursor of the next page."""
    query = select(AuditEntry).order_by(AuditEntry.id.desc()).limit(limit + 1)
    if before is not None:
        query = query.where(AuditEntry.id < before)
    return page_of(session.scalars(query).all(), limit, lambda entry: entry.id)
