"""Oracle runs on request: queued in the database, run one at a time, stopped by a conditional write."""

import datetime as dt
import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import ColumnElement, CursorResult, func, select, update
from sqlalchemy.orm import Session, undefer

from app import training_status
from app.changes import Change, note
from app.datasets import DataSet
from app.datasets.splits import split
from app.db import Database, Write
from app.errors import AppError, NotFound, RunFinished, TooManyRuns
from app.limits import QUEUED_ORACLE_RUNS
from app.models import OracleRun, TrainerStatus
from app.oracle import scenarios
from app.oracle.results import PARAMETERS, DataSource, RunResult, build_result
from app.oracle.scenarios import Parameters, Progress
from app.training_status import RunData

logger = logging.getLogger(__name__)

LOOK_SECONDS = 0.05  # while the data set is read, others have their turn
OnProgress = Callable[[Progress], None]
OnFinished = Callable[[RunResult], None]


class RunStopped(Exception):
    """Raised inside a run whose row is no longer "running": it was stopped."""


def request_run(session: Session, parameters: Parameters, *, now: dt.datetime) -> OracleRun:
    """Put a run at the end of the queue.

    Raises:
        TooManyRuns: the queue is full.
    """
    n_queued = session.scalar(select(func.count()).where(OracleRun.status == "queued")) or 0
    if n_queued >= QUEUED_ORACLE_RUNS:
        raise TooManyRuns(
            f"{n_queued} oracle runs wait already. Ask again when one is done, or stop one that is not needed.",
            n_queued=n_queued,
        )
    run = OracleRun(
        status="queued",
        parameters=PARAMETERS.dump_python(parameters, mode="json"),
        progress={"experiment": None, "done": 0, "total": 0},
        created_at=now,
    )
    session.add(run)
    session.flush()
    note(session, Change("oracle"))
    return run


def get_run(session: Session, run_id: int) -> OracleRun:
    """The run with its result.

    Raises:
        NotFound: there is no such run.
    """
    run = session.get(OracleRun, run_id, options=[undefer(OracleRun.result)])
    if run is None:
        raise NotFound(f"There is no oracle run {run_id}.", hint="GET /api/v1/oracle-runs lists them.", run_id=run_id)
    return run


def get_result(session: Session, run_id: int) -> RunResult:
    """The result of a run that has ended: all experiments if it is done, those that were finished if it is not.

    Raises:
        NotFound: there is no such run, or it has no result.
    """
    run = get_run(session, run_id)
    result = read_result(run)
    if result is None:
        raise NotFound(f"The oracle run {run_id} is {run.status}: it has no result.", run_id=run_id, status=run.status)
    return result


def read_result(run: OracleRun) -> RunResult | None:
    """The result of a run that has ended with one; the format of any earlier version is read."""
    return RunResult.model_validate(run.result) if has_ended_with_result(run) else None


def has_ended_with_result(run: OracleRun) -> bool:
    """Whether the run has ended and left a result."""
    return run.has_result and run.status not in ("queued", "running")


def stop_run(session: Session, run_id: int, *, now: dt.datetime) -> OracleRun:
    """End a queued run, or one under way at its next step; the experiments that it has finished are kept.

    Raises:
        NotFound: there is no such run.
        RunFinished: it has ended already.
    """
    if not _move(session, run_id, OracleRun.status.in_(("queued", "running")), status="stopped", finished_at=now):
        run = get_run(session, run_id)
        raise RunFinished(f"The oracle run {run_id} is {run.status} already.", run_id=run_id, status=run.status)
    return get_run(session, run_id)


def run_oracle(
    data: DataSet,
    parameters: Parameters,
    on_progress: OnProgress,
    on_finished: OnFinished = lambda _: None,
) -> RunResult:
    """Cut the pool from the data and run the experiments, as `scenarios.run` does.

    Raises:
        NotEnoughImages: pool, validation or budget ask for more than there is.
    """
    splits = split(
        data,
        pool_start=parameters.pool_start,
        pool_size=parameters.pool_size,
        validation_size=parameters.validation_size,
        shuffle_seed=parameters.shuffle_seed,
    )
    source = DataSource(name=data.name, sha256=data.sha256)

    def finish(results: scenarios.Results) -> None:
        on_finished(build_result(results, parameters, source))

    results = scenarios.run(splits, len(data.classes), parameters, on_progress, finish)
    return build_result(results, parameters, source)


class OracleRunner:
    """Runs the queue in the thread of the caller. A run whose trainer is gone goes back to the queue."""

    PROGRESS_SECONDS = 0.3  # how often progress is stored, and a stop noticed

    def __init__(self, database: Database, load_data: Callable[[], DataSet], *, write: Write | None = None) -> None:
        self._database = database
        self._write = write or database.write_together
        self._load_data = load_data
        self._data: DataSet | None = None
        self._stopping = threading.Event()

    def stop(self) -> None:
        """Break off at the next step; the run goes back to the queue at the next start of a trainer."""
        self._stopping.set()

    def run_one(self, trainer_id: int, between_fits: Callable[[], None] = lambda: None) -> bool:
        """Run the first of the queue on this trainer; return whether there was one.

        `between_fits` is called after each fit, for work that must not wait for the end of the run.
        """
        is_lost = (OracleRun.status == "running") & _lost_to(trainer_id)
        with self._database.read() as session:
            if session.scalar(select(OracleRun.id).where((OracleRun.status == "queued") | is_lost).limit(1)) is None:
                return False
        claimed = self._write(lambda session: _claim(session, trainer_id, is_lost))
        if claimed is None:
            return False
        run_id, parameters = claimed
        self._run(_Claim(self._write, run_id, trainer_id), parameters, between_fits)
        return True

    def _run(self, claim: "_Claim", parameters: Parameters, between_fits: Callable[[], None]) -> None:
        try:
            result = self._compute(claim, parameters, between_fits)
        except RunStopped:
            if not self._stopping.is_set():
                logger.info("oracle run %d was stopped", claim.run_id)
        except AppError as error:
            claim.finish(status="failed", error=error.message)
        except Exception as error:  # a job's boundary
            logger.exception("oracle run %d failed", claim.run_id)
            claim.finish(status="failed", error=f"{type(error).__name__}: {error}"[:1000])
        else:
            claim.finish(status="done", result=result.as_stored())

    def _compute(self, claim: "_Claim", parameters: Parameters, between_fits: Callable[[], None]) -> RunResult:
        data, stored_at = self._load(claim, between_fits), 0.0

        def store_progress(progress: Progress) -> None:
            nonlocal stored_at
            between_fits()
            if self._stopping.is_set():
                raise RunStopped
            if time.monotonic() - stored_at < self.PROGRESS_SECONDS:
                return
            stored_at = time.monotonic()
            claim.store(progress=asdict(progress))

        return run_oracle(data, parameters, store_progress, lambda result: claim.store(result=result.as_stored()))

    def _load(self, claim: "_Claim", between_fits: Callable[[], None]) -> DataSet:
        """The data set, read once, and possibly fetched; pages that check what is asked for learn its size."""
        if self._data is None:
            with ThreadPoolExecutor(1, "data") as thread:
                loading = thread.submit(self._load_data)
                while not wait([loading], LOOK_SECONDS).done:
                    between_fits()
            self._data = loading.result()
        data = self._data
        known = RunData(data.name, data.description, len(data.train.images), len(data.test.images))
        self._write(lambda session: training_status.record_data(session, claim.trainer_id, known))
        return data


@dataclass(frozen=True, slots=True)
class _Claim:
    """A run that a trainer has claimed. Writes do nothing once it was stopped, or claimed by another."""

    write: Write
    run_id: int
    trainer_id: int

    def store(self, **values: Any) -> None:
        """Store the progress or the results so far.

        Raises:
            RunStopped: the run was stopped, or claimed by another trainer.
        """
        if not self._move(**values):
            raise RunStopped

    def finish(self, **values: Any) -> None:
        """Store how the run ended."""
        self._move(finished_at=_now(), **values)

    def _move(self, **values: Any) -> bool:
        is_ours = (OracleRun.status == "running") & (OracleRun.trainer_id == self.trainer_id)
        return self.write(lambda session: _move(session, self.run_id, is_ours, **values))


def _claim(session: Session, trainer_id: int, is_lost: ColumnElement[bool]) -> tuple[int, Parameters] | None:
    """Put lost runs back, and take the first of the queue: its id and what is to be run."""
    put_back = {"status": "queued", "result": None, "trainer_id": None}
    session.execute(update(OracleRun).where(is_lost).values(**put_back))
    run_id = session.scalar(select(OracleRun.id).where(OracleRun.status == "queued").order_by(OracleRun.id).limit(1))
    taken = {"status": "running", "trainer_id": trainer_id, "started_at": _now()}
    if run_id is None or not _move(session, run_id, OracleRun.status == "queued", **taken):
        return None
    return run_id, PARAMETERS.validate_python(get_run(session, run_id).parameters)


def _lost_to(trainer_id: int) -> ColumnElement[bool]:
    """Whether a running run has no trainer any more, or is one that this trainer has left."""
    has_no_trainer = OracleRun.trainer_id.is_(None) | OracleRun.trainer_id.not_in(select(TrainerStatus.id))
    return has_no_trainer | (OracleRun.trainer_id == trainer_id)


def _move(session: Session, run_id: int, where: ColumnElement[bool], **values: Any) -> bool:
    """Update a run if `where` holds; return whether it did."""
    changed = session.execute(update(OracleRun).where(OracleRun.id == run_id, where).values(**values))
    assert isinstance(changed, CursorResult)  # an UPDATE's result has a row count
    return changed.rowcount == 1


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)
