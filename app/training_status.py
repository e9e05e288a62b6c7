"""The status that trainers report, and what it means for a pool."""

import datetime as dt
from dataclasses import dataclass
from typing import Literal

from sqlalchemy import ColumnElement, delete, select, true, update
from sqlalchemy.orm import Session

from app import rounds
from app.changes import Change, note
from app.models import IS_FILLED, FailedRound, Pool, TrainerState, TrainerStatus
from app.rounds import NewestRound

HEARTBEAT_SECONDS = 5.0
SILENCE_SECONDS = 30.0  # a trainer without a heartbeat for so long is dead or hangs

Status = Literal["absent", "loading", "idle", "running", "failed"]


@dataclass(frozen=True, slots=True)
class Training:
    """The status of a pool's training; `message` says why no round comes just now, and what happens next."""

    status: Status
    message: str | None = None


def read_training(
    session: Session, pool: Pool, newest: NewestRound | None = None, *, is_supervised: bool, now: dt.datetime
) -> Training:
    """The status of this pool's training. `is_supervised`: the server starts a trainer whenever there is none."""
    hindered = find_hindrance(session, is_supervised=is_supervised, now=now)
    if hindered is not None:
        return hindered
    newest = newest or rounds.get_newest(session, pool)
    if not rounds.is_due(session, pool, newest):
        return Training("idle")
    number = newest.number + 1
    failed = session.scalar(select(FailedRound).where(FailedRound.pool_id == pool.id, FailedRound.number == number))
    if failed is None:
        return Training("running")
    return Training(
        "failed",
        f"Training round {number} failed ({failed.error}). It is tried again every few seconds; your answers are kept, "
        f"and the model of round {number - 1} goes on asking.",
    )


def find_hindrance(session: Session, *, is_supervised: bool, now: dt.datetime) -> Training | None:
    """Why no pool can be trained just now, whichever it is; None while a trainer is ready."""
    trainer = find_trainer(session, now=now)
    if trainer is None and is_supervised:
        return Training("loading", "The trainer is being started; answers are kept and count meanwhile.")
    if trainer is None:
        return Training("absent", "No trainer is running just now; answers are kept, and count as soon as one is.")
    if trainer.failure is not None:
        return Training("failed", trainer.failure)
    if trainer.state == "loading":
        return Training("loading", "TensorFlow is being loaded; answers are kept and count meanwhile.")
    return None


def find_trainer(session: Session, *, now: dt.datetime) -> TrainerStatus | None:
    """Of the trainers with a recent heartbeat, the one closest to ready; None if there is none."""
    heard = select(TrainerStatus).where(TrainerStatus.heartbeat_at > now - dt.timedelta(seconds=SILENCE_SECONDS))
    # "ready" sorts behind "loading".
    order = (TrainerStatus.failure.is_(None).desc(), TrainerStatus.state.desc(), TrainerStatus.heartbeat_at.desc())
    return session.scalar(heard.order_by(*order).limit(1))


def is_ready(session: Session, *, now: dt.datetime) -> bool:
    """Whether a trainer has loaded what it needs."""
    trainer = find_trainer(session, now=now)
    return trainer is not None and trainer.state == "ready" and trainer.failure is None


def enter_trainer(
    session: Session,
    pid: int,
    state: TrainerState = "loading",
    failure: str | None = None,
    *,
    trainer_id: int = 0,
    now: dt.datetime,
) -> int:
    """A trainer has started, or was given up for dead and is alive under the same id; its id."""
    entered = TrainerStatus(pid=pid, state=state, failure=failure, started_at=now, heartbeat_at=now)
    if trainer_id:
        entered.id = trainer_id
    session.add(entered)
    session.flush()
    _note_training(session)
    return entered.id


def record_heartbeat(session: Session, trainer_id: int, *, now: dt.datetime) -> bool:
    """Store that a trainer is alive; False if it was dropped as dead meanwhile."""
    beat = update(TrainerStatus).where(TrainerStatus.id == trainer_id).values(heartbeat_at=now)
    return bool(session.connection().execute(beat).rowcount)


def record_state(
    session: Session, trainer_id: int, state: TrainerState, failure: str | None = None, *, now: dt.datetime
) -> None:
    """Store that a trainer is ready, or why it is not; it tries again."""
    values = {"state": state, "failure": None if failure is None else failure[:1000], "heartbeat_at": now}
    session.execute(update(TrainerStatus).where(TrainerStatus.id == trainer_id).values(**values))
    _note_training(session)


def drop_silent_trainers(session: Session, *, now: dt.datetime) -> None:
    """Forget all that were not heard of for long."""
    _drop(session, TrainerStatus.heartbeat_at <= now - dt.timedelta(seconds=2 * SILENCE_SECONDS))


def drop_trainer(session: Session, *, pid: int | None = None, trainer_id: int | None = None) -> None:
    """Forget a trainer that has ended."""
    _drop(session, TrainerStatus.id == trainer_id if pid is None else TrainerStatus.pid == pid)


def drop_trainers(session: Session) -> None:
    """Delete all trainers, children of a server that is gone. One that is alive enters again by itself."""
    _drop(session, true())


@dataclass(frozen=True, slots=True)
class RunData:
    """The data set that oracle runs use: its name, and how many images it has to label from and to test with."""

    name: str
    description: str
    n_train: int
    n_test: int


def record_data(session: Session, trainer_id: int, data: RunData) -> None:
    """A trainer has loaded the data set that oracle runs use."""
    values = {
        "data_name": data.name,
        "data_description": data.description,
        "n_train": data.n_train,
        "n_test": data.n_test,
    }
    session.execute(update(TrainerStatus).where(TrainerStatus.id == trainer_id).values(**values))


def find_data(session: Session) -> RunData | None:
    """The data set that oracle runs use, once a trainer has loaded it for one."""
    loaded = session.scalar(select(TrainerStatus).where(TrainerStatus.data_name.is_not(None)).limit(1))
    if loaded is None or loaded.data_name is None:
        return None
    return RunData(loaded.data_name, loaded.data_description or "", loaded.n_train or 0, loaded.n_test or 0)


def measure_silence(session: Session, pid: int, *, since: dt.datetime, now: dt.datetime) -> float:
    """For how many seconds this process's trainer has said nothing; since its start if it never has."""
    last = session.scalar(select(TrainerStatus.heartbeat_at).where(TrainerStatus.pid == pid))
    return (now - max(last or since, since)).total_seconds()


def is_round_due(session: Session) -> bool:
    """Whether any pool waits for a round."""
    return any(rounds.is_due(session, pool) for pool in session.scalars(select(Pool).where(IS_FILLED)))


def _drop(session: Session, which: ColumnElement[bool]) -> None:
    if session.connection().execute(delete(TrainerStatus).where(which)).rowcount:
        _note_training(session)


def _note_training(session: Session) -> None:
    for pool_id in session.scalars(select(Pool.id)):
        note(session, Change("training", pool_id))
