"""What annotators do, each act in a transaction of its own."""

import datetime as dt
from collections.abc import Sequence

from app import labeling, leases, revising
from app.db import Database
from app.labeling import Answered, Asked, GivenLabel
from app.labels import Recorded
from app.leases import LeasedImage
from app.models import Annotator, Pool
from app.revising import Undone

from .making import LEASE_SECONDS, NOW
from .stored import truth_of


def ask(
    database: Database,
    pool: Pool,
    annotator: Annotator,
    count: int | None = None,
    *,
    now: dt.datetime = NOW,
    lease_seconds: int = LEASE_SECONDS,
) -> Asked:
    """Ask in a transaction of its own."""
    with database.write() as session:
        return labeling.ask(session, pool, annotator, count, now=now, lease_seconds=lease_seconds)


def ids_of(images: Sequence[LeasedImage]) -> list[int]:
    """The ids of what came, in its order."""
    return [image.image_id for image in images]


def give(database: Database, pool: Pool, annotator: Annotator, *given: GivenLabel, now: dt.datetime = NOW) -> Answered:
    """Answer with labels just as a client sends them, keys and mistakes and all."""
    with database.write() as session:
        return labeling.answer(session, pool, annotator, given, now=now)


def answer(
    database: Database,
    pool: Pool,
    annotator: Annotator,
    ids: Sequence[int],
    *,
    value: int | None = None,
    now: dt.datetime = NOW,
) -> list[Recorded]:
    """Answer in a transaction of its own: `value` for all of them, or the truth."""
    values = truth_of(database, ids) if value is None else [value] * len(ids)
    given = [GivenLabel(image_id, v) for image_id, v in zip(ids, values, strict=True)]
    return give(database, pool, annotator, *given, now=now).events


def ask_and_answer(
    database: Database, pool: Pool, annotator: Annotator, count: int | None = None, *, now: dt.datetime = NOW
) -> list[Recorded]:
    """Ask, and answer all that came truly."""
    asked = ask(database, pool, annotator, count, now=now)
    return answer(database, pool, annotator, ids_of(asked.images), now=now)


def release(database: Database, pool: Pool, annotator: Annotator, ids: list[int] | None = None) -> int:
    """Give some or all of what is held back; how many that were."""
    with database.write() as session:
        return leases.release(session, pool, annotator, ids)


def undo(
    database: Database,
    pool: Pool,
    annotator: Annotator,
    event_id: int | None = None,
    *,
    key: str | None = None,
    now: dt.datetime = NOW,
) -> Recorded:
    """Take an answer, a change or a skip back in a transaction of its own."""
    return undo_and_hold(database, pool, annotator, event_id, key=key, now=now).event


def undo_and_hold(
    database: Database,
    pool: Pool,
    annotator: Annotator,
    event_id: int | None = None,
    *,
    key: str | None = None,
    now: dt.datetime = NOW,
) -> Undone:
    """The same, with the image if it came back to the annotator."""
    with database.write() as session:
        return revising.undo(session, pool, annotator, event_id, key=key, now=now, lease_seconds=LEASE_SECONDS)


def change(
    database: Database,
    pool: Pool,
    annotator: Annotator,
    event_id: int,
    value: int = 9,
    *,
    key: str | None = None,
    now: dt.datetime = NOW,
) -> Recorded:
    """Give an answer another value in a transaction of its own."""
    with database.write() as session:
        return revising.change(session, pool, annotator, event_id, value, key=key, now=now)


def skip(
    database: Database,
    pool: Pool,
    annotator: Annotator,
    image_id: int,
    *,
    key: str | None = None,
    now: dt.datetime = NOW,
) -> Recorded:
    """Leave an image to others in a transaction of its own."""
    with database.write() as session:
        return revising.skip(session, pool, annotator, image_id, key=key, now=now)


def flag(
    database: Database,
    pool: Pool,
    annotator: Annotator,
    image_id: int,
    remark: str = "two digits in one image",
    *,
    key: str | None = None,
    now: dt.datetime = NOW,
) -> Recorded:
    """Remark on an image in a transaction of its own."""
    with database.write() as session:
        return revising.flag(session, pool, annotator, image_id, remark, key=key, now=now)
