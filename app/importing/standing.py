"""Labels that stand: given to images as answers of those who gave them before."""

import datetime as dt
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import islice

from sqlalchemy import select
from sqlalchemy.orm import Session

from app import labeling
from app.adding import show_growth
from app.db import Database
from app.labeling import GivenLabel
from app.models import LOCAL, Answer, Lease, Pool

CHUNK = 500  # labels stored in one transaction; other writers wait so long


@dataclass(frozen=True, slots=True)
class StandingLabel:
    """A label that is to stand: the index of its class, and who gave it and when, if the source says so."""

    value: int
    annotator: str | None = None
    given_at: dt.datetime | None = None


def give_labels(
    session: Session, pool: Pool, standing: Mapping[int, StandingLabel], *, by: str | None, now: dt.datetime
) -> set[int]:
    """Give these images their labels, but for those that are answered or held; return which were labeled.

    They count as answers of `by`, or else of whom the source names, or else of the annotator without a name.

    Raises: NameInvalid or NameTaken, as `labeling.ensure_annotator`.
    """
    if not standing:
        return set()
    answered = session.scalars(select(Answer.image_id).where(Answer.image_id.in_(standing)))
    held = session.scalars(select(Lease.image_id).where(Lease.image_id.in_(standing), Lease.expires_at > now))
    free = standing.keys() - set(answered) - set(held)
    by_name = defaultdict[str, list[GivenLabel]](list)
    for image_id, label in standing.items():
        if image_id in free:
            given = GivenLabel(image_id, label.value, given_at=label.given_at)
            by_name[by or label.annotator or LOCAL].append(given)
    for name, given_by_one in by_name.items():
        annotator = labeling.ensure_annotator(session, name, now=now)
        labeling.answer(session, pool, annotator, given_by_one, now=now)
    return free


def answer_all(
    database: Database,
    pool: Pool,
    standing: Mapping[int, StandingLabel],
    *,
    by: str | None,
    clock: Callable[[], dt.datetime],
) -> None:
    """Give images of a pool that nobody sees yet their labels, some at a time, so that others can write in between.

    Raises: as `give_labels`.
    """
    labels = iter(standing.items())
    while some := dict(islice(labels, CHUNK)):
        with database.write() as session:
            filled = session.get_one(Pool, pool.id)
            give_labels(session, filled, some, by=by, now=clock())
            show_growth(filled, now=clock())
