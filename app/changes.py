"""What a transaction changed: noted in the session, announced to all processes after the commit."""

from dataclasses import dataclass
from typing import Literal

from sqlalchemy.orm import Session

ChangeKind = Literal["labels", "due", "round", "leases", "training", "oracle", "pool", "features", "model", "delivery"]


@dataclass(frozen=True, slots=True)
class Change:
    """A pool has new labels, a due round, a new round (`number`), released images, or a new status of its training.

    "pool": the pool itself has more images, more classes or another name. "oracle": a run was requested, in no pool.
    "features": what is learned of the pool's images has come further. "model": so has a model to take away.
    "delivery": a webhook is to be told something now.
    """

    kind: ChangeKind
    pool_id: int | None = None
    number: int | None = None


def note(session: Session, change: Change) -> None:
    """Announce `change` after the commit of this session; a rollback drops it."""
    noted(session).append(change)


def noted(session: Session) -> list[Change]:
    """The changes noted in the session so far, in order."""
    changes: list[Change] = session.info.setdefault("changes", [])
    return changes
