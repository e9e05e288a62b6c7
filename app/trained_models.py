"""Models to take away: requested, trained one at a time, stopped, and given out.

Every change of a model's status is one conditional update, so that of two who want to change it one does.
"""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, CursorResult, exists, func, select, update
from sqlalchemy.orm import Session

from app.changes import Change, note
from app.errors import ModelFinished, NotFound, NothingToLearn, TooManyModels
from app.limits import QUEUED_MODELS
from app.models import Label, Pool, TrainedModel
from app.paging import page_of

MAX_SEED = 2**31 - 1
SILENCE = dt.timedelta(seconds=60)  # a training without a heartbeat for so long has ended
INTERRUPTED = "Its training was interrupted and began again."
LOST = (
    "Its training was interrupted twice: the server was restarted, or the process was killed, perhaps because "
    "memory was short. The server's log has more. Start it again when nothing else runs."
)


@dataclass(frozen=True, slots=True)
class ClaimedModel:
    """A model that is being trained here. `started_at` tells this training of the model from any other."""

    id: int
    pool_id: int
    seed: int
    started_at: dt.datetime


def request_model(session: Session, pool: Pool, *, seed: int, now: dt.datetime) -> TrainedModel:
    """Put a model of the pool, as it is labeled when its turn comes, at the end of the queue.

    Raises:
        NothingToLearn: nobody has labeled an image of the pool.
        TooManyModels: the queue is full.
    """
    check_labeled(session, pool)
    n_queued = session.scalar(select(func.count()).where(TrainedModel.status == "queued")) or 0
    if n_queued >= QUEUED_MODELS:
        raise TooManyModels(
            f"{n_queued} models wait already. Ask again when one is done, or stop one that is not needed.",
            n_queued=n_queued,
        )
    model = TrainedModel(pool_id=pool.id, status="queued", seed=seed, created_at=now)
    session.add(model)
    session.flush()
    note(session, Change("model", pool.id, model.id))
    return model


def check_labeled(session: Session, pool: Pool) -> None:
    """
    Raises:
        NothingToLearn: nobody has labeled an image of the pool.
    """
    if not session.scalar(select(exists().where(Label.pool_id == pool.id, Label.source != "model"))):
        raise NothingToLearn(f"Nobody has labeled an image of {pool.name} yet. Label some first.", slug=pool.slug)


def list_models(
    session: Session, pool: Pool, *, before: int | None = None, limit: int = 100
) -> tuple[Sequence[TrainedModel], int | None]:
    """The pool's models without their files, newest first."""
    query = select(TrainedModel).where(TrainedModel.pool_id == pool.id).order_by(TrainedModel.id.desc())
    if before is not None:
        query = query.where(TrainedModel.id < before)
    return page_of(session.scalars(query.limit(limit + 1)).all(), limit, lambda model: model.id)


def get_model(session: Session, pool: Pool, model_id: int) -> TrainedModel:
    """A model of the pool.

    Raises:
        NotFound: the pool has no such model.
    """
    model = session.get(TrainedModel, model_id)
    if model is None or model.pool_id != pool.id:
        raise NotFound(
            f"{pool.name} has no model {model_id}.",
            hint=f"`inkling model list {pool.slug}` and GET /api/v1/pools/{pool.slug}/models show them.",
            model_id=model_id,
        )
    return model


def get_newest_done(session: Session, pool: Pool) -> TrainedModel:
    """The newest model of the pool that can be taken away.

    Raises:
        NotFound: there is none.
    """
    is_done = (TrainedModel.pool_id == pool.id, TrainedModel.status == "done")
    model = session.scalar(select(TrainedModel).where(*is_done).order_by(TrainedModel.id.desc()).limit(1))
    if model is None:
        raise NotFound(f"{pool.name} has no model yet.", hint=f"`inkling model train {pool.slug}` trains one.")
    return model


def read_content(session: Session, model: TrainedModel) -> bytes:
    """The model's file, as Keras writes it.

    Raises:
        NotFound: its training is not done.
    """
    _check_done(model)
    return session.scalar(select(TrainedModel.content).where(TrainedModel.id == model.id)) or b""


def read_predictions(session: Session, model: TrainedModel) -> bytes:
    """The classes that it predicts for the images of its pool: uint16 (N,), little-endian.

    Raises:
        NotFound: its training is not done.
    """
    _check_done(model)
    return session.scalar(select(TrainedModel.predictions).where(TrainedModel.id == model.id)) or b""


def _check_done(model: TrainedModel) -> None:
    if model.status != "done":
        raise NotFound(f"Model {model.id} is {model.status}: there is no file.", status=model.status)


def file_name(pool: Pool, model: TrainedModel, ending: str) -> str:
    """What a file of this model is called: "digits-model-3.keras"."""
    return f"{pool.slug}-model-{model.id}.{ending}"


def stop_model(session: Session, pool: Pool, model_id: int, *, now: dt.datetime) -> TrainedModel:
    """Take a model from the queue, or end its training at the next step.

    Raises:
        NotFound: the pool has no such model.
        ModelFinished: its training has ended already.
    """
    model = get_model(session, pool, model_id)
    is_active = TrainedModel.status.in_(("queued", "running"))
    if not _move(session, model.id, pool.id, is_active, status="stopped", error=None, finished_at=now):
        raise ModelFinished(f"Model {model_id} is {model.status} already.", model_id=model_id, status=model.status)
    session.refresh(model)
    return model


def find_waiting(session: Session, *, now: dt.datetime) -> Pool | None:
    """The pool of a model that is to be trained: it is queued, or its training gives no sign of life."""
    waits = (TrainedModel.status == "queued") | _is_lost(now)
    query = select(Pool).join(TrainedModel, TrainedModel.pool_id == Pool.id).where(waits)
    return session.scalar(query.order_by(TrainedModel.id).limit(1))


def claim_next(session: Session, pool: Pool, *, now: dt.datetime) -> ClaimedModel | None:
    """Begin with the pool's first model in the queue; None if there is none.

    A training that gives no sign of life begins again; when that happens a second time it has failed.
    """
    lost = (TrainedModel.pool_id == pool.id) & _is_lost(now)
    again = {"status": "queued", "step": "", "share": 0.0, "error": INTERRUPTED}
    failed = {"status": "failed", "error": LOST, "finished_at": now}
    session.execute(update(TrainedModel).where(lost, TrainedModel.error.is_not(None)).values(**failed))
    session.execute(update(TrainedModel).where(lost, TrainedModel.error.is_(None)).values(**again))
    waiting = select(TrainedModel.id).where(TrainedModel.pool_id == pool.id, TrainedModel.status == "queued")
    model_id = session.scalar(waiting.order_by(TrainedModel.id).limit(1))
    return None if model_id is None else claim(session, pool, model_id, now=now)


def claim(session: Session, pool: Pool, model_id: int, *, now: dt.datetime) -> ClaimedModel | None:
    """Begin with this model; None if it is not in the queue any more."""
    begun = {"status": "running", "started_at": now, "heartbeat_at": now}
    if not _move(session, model_id, pool.id, TrainedModel.status == "queued", **begun):
        return None
    seed = session.scalars(select(TrainedModel.seed).where(TrainedModel.id == model_id)).one()
    return ClaimedModel(model_id, pool.id, seed, now)


def update_claimed(session: Session, claimed: ClaimedModel, **values: Any) -> bool:
    """Store how far a training is or how it ended; False if it was stopped, or begun again elsewhere."""
    is_ours = (TrainedModel.status == "running") & (TrainedModel.started_at == claimed.started_at)
    return _move(session, claimed.id, claimed.pool_id, is_ours, **values)


def _is_lost(now: dt.datetime) -> ColumnElement[bool]:
    return (TrainedModel.status == "running") & (TrainedModel.heartbeat_at < now - SILENCE)


def _move(session: Session, model_id: int, pool_id: int, where: ColumnElement[bool], **values: Any) -> bool:
    """Update a model if `where` holds; return whether it did."""
    changed = session.execute(update(TrainedModel).where(TrainedModel.id == model_id, where).values(**values))
    assert isinstance(changed, CursorResult)  # an UPDATE's result has a row count
    if changed.rowcount == 1:
        note(session, Change("model", pool_id, model_id))
    return changed.rowcount == 1
