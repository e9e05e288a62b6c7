"""What the trainers say of themselves, and what that means for a pool."""

import datetime as dt
from dataclasses import dataclass
from typing import Literal

from sqlalchemy import ColumnElement, delete, select, true, update
from sqlalchemy.orm import Session

from app import rounds
from app.changes import Change, note
from app.models import FailedRound, Pool, TrainerState, TrainerStatus

HEARTBEAT_SECONDS = 5.0
SILENCE_SECONDS = 30.0  # a trainer that says nothing for so long is dead or hangs

Status = Literal["absent", "loading", "idle", "running", "failed"]


@dataclass(frozen=True, slots=True)
class Training:
    """What is going on for a pool; `message` tells why no round comes just now, and what comes next."""

    status: Status
    message: str | None = None


def read_training(session: Session, pool: Pool, *, is_kept: bool, now: dt.datetime) -> Training:
    """What is going on for this pool. `is_kept`: the server starts a trainer whenever there is none."""
    trainer = find_trainer(session, now=now)
    if trainer is None and is_kept:
        return Training("loading", "The trainer is being started; answers are kept and count meanwhile.")
    if trainer is None:
        return Training("absent", "No trainer is running just now; answers are kept, and count as soon as one is.")
    if trainer.failure is not None:
        return Training("failed", trainer.failure)
    if trainer.state == "loading":
        return Training("loading", "TensorFlow is being loaded; answers are kept and count meanwhile.")
    if not rounds.is_due(session, pool):
        return Training("idle")
    number = rounds.find_newest(session, pool).number + 1
    failed = session.scalar(select(FailedRound).where(FailedRound.pool_id == pool.id, FailedRound.number == number))
    if failed is None:
        return Training("running")
    return Training(
        "failed",
        f"Training round {number} failed ({failed.error}). It is tried again every few seconds; your answers are kept, "
        f"and the model of round {number - 1} goes on asking.",
    )


def find_trainer(session: Session, *, now: dt.datetime) -> TrainerStatus | None:
    """Of the trainers that have been heard of lately, the one that is furthest; None if there is none."""
    heard = select(TrainerStatus).where(TrainerStatus.heartbeat_at > now - dt.timedelta(seconds=SILENCE_SECONDS))
    # "ready" comes behind "loading" in the alphabet, too.
    order = (TrainerStatus.failure.is_(None).desc(), TrainerStatus.state.desc(), TrainerStatus.heartbeat_at.desc())
    return session.scalar(heard.order_by(*order).limit(1))


def is_ready(session: Session, *, now: dt.datetime) -> bool:
    """Whether a trainer has loaded what it needs."""
    trainer = find_trainer(session, now=now)
    return trainer is not None and trainer.state == "ready" and trainer.failure is None


def enter_trainer(session: Session, pid: int, state: TrainerState = "loading", *, now: dt.datetime) -> int:
    """A trainer has started, or was given up for dead and is alive; its id."""
    entered = TrainerStatus(pid=pid, state=state, started_at=now, heartbeat_at=now)
    session.add(entered)
    session.flush()
    _note_training(session)
    return entered.id


def note_heartbeat(session: Session, trainer_id: int, *, now: dt.datetime) -> bool:
    """A trainer is at work; False if it was given up for dead meanwhile."""
    beat = update(TrainerStatus).where(TrainerStatus.id == trainer_id).values(heartbeat_at=now)
    return bool(session.connection().execute(beat).rowcount)


def note_state(
    session: Session, trainer_id: int, state: TrainerState, failure: str | None = None, *, now: dt.datetime
) -> None:
    """A trainer is ready, or cannot be made so and tries again."""
    values = {"state": state, "failure": None if failure is None else failure[:1000], "heartbeat_at": now}
    session.execute(update(TrainerStatus).where(TrainerStatus.id == trainer_id).values(**values))
    _note_training(session)


def drop_silent_trainers(session: Session, *, now: dt.datetime) -> int:
    """Forget all that were not heard of for long; how many that were."""
    return _drop(session, TrainerStatus.heartbeat_at <= now - dt.timedelta(seconds=2 * SILENCE_SECONDS))


def drop_trainer(session: Session, pid: int) -> None:
    """Forget the trainer of this process, which has ended."""
    _drop(session, TrainerStatus.pid == pid)


def drop_trainers(session: Session) -> None:
    """Forget all, for the server that they were children of is gone. One that is alive enters again by itself."""
    _drop(session, true())


def find_silence(session: Session, pid: int, *, since: dt.datetime, now: dt.datetime) -> float:
    """For how many seconds this process's trainer has said nothing; since its start if it never has."""
    last = session.scalar(select(TrainerStatus.heartbeat_at).where(TrainerStatus.pid == pid))
    return (now - max(last or since, since)).total_seconds()


def is_round_due(session: Session) -> bool:
    """Whether any pool waits for a round."""
    return any(rounds.is_due(session, pool) for pool in session.scalars(select(Pool)))


def _drop(session: Session, which: ColumnElement[bool]) -> int:
    dropped = session.connection().execute(delete(TrainerStatus).where(which))
    if dropped.rowcount:
        _note_training(session)
    return dropped.rowcount


def _note_training(session: Session) -> None:
    for pool_id in session.scalars(select(Pool.id)):
        note(session, Change("training", pool_id))
