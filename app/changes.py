"""What a transaction changed: noted in it, told to this process and to the others once it is committed."""

from dataclasses import dataclass
from typing import Literal

from sqlalchemy.orm import Session

ChangeKind = Literal["labels", "due", "round", "leases", "training", "oracle", "pool"]


@dataclass(frozen=True, slots=True)
class Change:
    """A pool has new labels, a round due, a new round (`number`), images given back, or a training that changed.

    "pool" is of the pool itself: more images, more classes, another name.

    "oracle" is of no pool: a run was requested.
    """

    kind: ChangeKind
    pool_id: int | None = None
    number: int | None = None


def note(session: Session, change: Change) -> None:
    """Have `change` announced once this session's transaction is committed, and not otherwise."""
    noted(session).append(change)


def noted(session: Session) -> list[Change]:
    """What was noted in the session so far, in order."""
    changes: list[Change] = session.info.setdefault("changes", [])
    return changes
