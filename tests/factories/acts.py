"""What annotators do, each act in a transaction of its own."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from app import events, labeling, labels, leases, revising, rounds
from app.db import Database
from app.events import LabelEventView
from app.labeling import AnswerResult, AskResult, GivenLabel
from app.leases import LeasedImage
from app.models import Annotator, Autolabel, Pool
from app.revising import UndoResult

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
) -> AskResult:
    """Ask in a transaction of its own."""
    with database.write() as session:
        return labeling.ask(session, pool, annotator, count, now=now, lease_seconds=lease_seconds)


def ids_of(images: Sequence[LeasedImage]) -> list[int]:
    """The ids of what came, in its order."""
    return [image.image_id for image in images]


def give(
    database: Database, pool: Pool, annotator: Annotator, *given: GivenLabel, now: dt.datetime = NOW
) -> AnswerResult:
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
) -> list[LabelEventView]:
    """Answer in a transaction of its own: `value` for all of them, or the truth."""
    values = truth_of(database, ids) if value is None else [value] * len(ids)
    given = [GivenLabel(image_id, v) for image_id, v in zip(ids, values, strict=True)]
    return give(database, pool, annotator, *given, now=now).events


def ask_and_answer(
    database: Database, pool: Pool, annotator: Annotator, count: int | None = None, *, now: dt.datetime = NOW
) -> list[LabelEventView]:
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
) -> LabelEventView:
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
) -> UndoResult:
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
) -> LabelEventView:
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
) -> LabelEventView:
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
) -> LabelEventView:
    """Remark on an image in a transaction of its own."""
    with database.write() as session:
        return revising.flag(session, pool, annotator, image_id, remark, key=key, now=now)


def label_by_model(database: Database, pool: Pool, ids: Sequence[int], *, value: int = 1) -> list[LabelEventView]:
    """Labels as a model gives them, of a set of its own."""
    with database.write() as session:
        newest = rounds.get_newest(session, pool)
        autolabel = Autolabel(
            pool_id=pool.id,
            round_id=newest.id,
            status="accepted",
            n_images=len(ids),
            image_ids=np.array(ids, "<i8").tobytes(),
            target=0.02,
            confidence_level=0.95,
            n_audited=0,
            n_wrong=0,
            created_at=NOW,
            ended_at=NOW,
        )
        session.add(autolabel)
        session.flush()
        given = [
            LabelEventView(
                pool_id=pool.id,
                kind="label",
                image_id=image_id,
                position=-1,
                sha256="",
                value=value,
                source="model",
                annotator_id=None,
                annotator=None,
                autolabel_id=autolabel.id,
                asked_by=None,
                round_id=newest.id,
                round=newest.number,
                rank=None,
                confidence=0.99,
                created_at=NOW,
            )
            for image_id in ids
        ]
        stored = events.append(session, given)
        labels.update_labels(session, ids)
        return events.read_by_id(session, [event.id for event in stored])


def withdraw(database: Database, event: LabelEventView) -> LabelEventView:
    """A model takes its label back."""
    with database.write() as session:
        undone = replace(event, id=0, kind="undo", value=None, undoes_id=event.id)
        (stored,) = events.append(session, [undone])
        labels.update_labels(session, [event.image_id])
        return stored
