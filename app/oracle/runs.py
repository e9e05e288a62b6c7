"""Oracle runs that the server was asked for: queued in the database, one at a time, stopped by a conditional write."""

import datetime as dt
import logging
import threading
import time
from collections.abc import Callable
from typing import Any

from sqlalchemy import CursorResult, func, select, update
from sqlalchemy.orm import Session, undefer

from app.datasets import DataSet
from app.datasets.splits import split
from app.db import Database
from app.errors import AppError, NotFound, RunFinished, TooManyRuns
from app.models import OracleRun
from app.oracle import scenarios
from app.oracle.results import PARAMETERS, DataSource, RunResult, build_result
from app.oracle.scenarios import Parameters, Progress

logger = logging.getLogger(__name__)

MAX_QUEUED = 50  # runs of a quarter of a minute each: who comes later waits longer than anybody will
OnProgress = Callable[[Progress], None]
OnFinished = Callable[[RunResult], None]


class RunStopped(Exception):
    """Raised inside a run whose row is no longer "running": somebody stopped it."""


def request_run(session: Session, parameters: Parameters, *, now: dt.datetime) -> OracleRun:
    """Put a run at the end of the queue.

    Raises:
        TooManyRuns: the queue is full.
    """
    n_queued = session.scalar(select(func.count()).where(OracleRun.status == "queued")) or 0
    if n_queued >= MAX_QUEUED:
        raise TooManyRuns(
            f"{n_queued} oracle runs wait already. Ask again when one is done, or stop one that nobody needs.",
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
    """Whether there is something to look at that does not change any more."""
    return run.has_result and run.status not in ("queued", "running")


def stop_run(session: Session, run_id: int, *, now: dt.datetime) -> OracleRun:
    """End a queued run, or one under way at its next step; the experiments that it has finished are kept.

    Raises:
        NotFound: there is no such run.
        RunFinished: it has ended already.
    """
    if not _move(session, run_id, ("queued", "running"), status="stopped", finished_at=now):
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

    return build_result(scenarios.run(splits, len(data.classes), parameters, on_progress, finish), parameters, source)


class OracleRunner:
    """Runs what is queued, in a thread of its own: the trainer never waits for it."""

    POLL_SECONDS = 1.0
    PROGRESS_SECONDS = 0.3  # how often progress is stored, and a stop noticed

    def __init__(self, database: Database, load_data: Callable[[], DataSet]) -> None:
        self._database = database
        self._load_data = load_data
        self._data: DataSet | None = None
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="oracle-runner", daemon=True)

    @property
    def data(self) -> DataSet | None:
        """The data set that runs use, once one has used it."""
        return self._data

    def start(self) -> None:
        """Begin with what is queued; a run that a restart broke off starts over."""
        self._requeue()
        self._thread.start()

    def stop(self) -> None:
        """Break off at the next step; the run under way goes back to the queue at the next start."""
        self._stopping.set()
        self._wake.set()

    def wake(self) -> None:
        """Something was queued."""
        self._wake.set()

    def run_one(self) -> bool:
        """Run the first of the queue, if there is any; whether there was."""
        with self._database.write() as session:
            run_id = session.scalar(
                select(OracleRun.id).where(OracleRun.status == "queued").order_by(OracleRun.id).limit(1)
            )
            if run_id is None or not _move(session, run_id, ("queued",), status="running", started_at=_now()):
                return False
            parameters = PARAMETERS.validate_python(get_run(session, run_id).parameters)
        try:
            result = self._compute(run_id, parameters)
        except RunStopped:
            if not self._stopping.is_set():
                logger.info("oracle run %d was stopped", run_id)
        except AppError as error:
            self._finish(run_id, status="failed", error=error.message)
        except Exception as error:  # a job's boundary
            logger.exception("oracle run %d failed", run_id)
            self._finish(run_id, status="failed", error=f"{type(error).__name__}: {error}"[:1000])
        else:
            self._finish(run_id, status="done", result=result.as_stored())
        return True

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                if self.run_one():
                    continue
            except Exception:  # the thread's boundary
                logger.exception("the oracle runner failed; the run starts over")
                self._stopping.wait(self.POLL_SECONDS)
                self._requeue_if_possible()
            self._wake.wait(self.POLL_SECONDS)
            self._wake.clear()

    def _requeue(self) -> None:
        with self._database.write() as session:
            running = update(OracleRun).where(OracleRun.status == "running")
            session.execute(running.values(status="queued", result=None))

    def _requeue_if_possible(self) -> None:
        try:
            self._requeue()
        except Exception:  # the thread's boundary: the disk may be full still
            logger.exception("the oracle runner could not put its run back; it tries again")

    def _compute(self, run_id: int, parameters: Parameters) -> RunResult:
        if self._data is None:
            self._data = self._load_data()
        stored_at = 0.0

        def store_progress(progress: Progress) -> None:
            nonlocal stored_at
            if self._stopping.is_set():
                raise RunStopped
            if time.monotonic() - stored_at < self.PROGRESS_SECONDS:
                return
            stored_at = time.monotonic()
            steps = {"experiment": progress.experiment, "done": progress.done, "total": progress.total}
            self._store(run_id, progress=steps)

        return run_oracle(
            self._data, parameters, store_progress, lambda result: self._store(run_id, result=result.as_stored())
        )

    def _store(self, run_id: int, **values: Any) -> None:
        """Write down how far the run is; RunStopped if it is not to go on."""
        with self._database.write() as session:
            if not _move(session, run_id, ("running",), **values):
                raise RunStopped

    def _finish(self, run_id: int, **values: Any) -> None:
        with self._database.write() as session:
            _move(session, run_id, ("running",), finished_at=_now(), **values)


def _move(session: Session, run_id: int, from_statuses: tuple[str, ...], **values: Any) -> bool:
    """Change a run that is in one of these statuses; False if it is not."""
    changed = session.execute(
        update(OracleRun).where(OracleRun.id == run_id, OracleRun.status.in_(from_statuses)).values(**values)
    )
    assert isinstance(changed, CursorResult)  # an UPDATE's result has a row count
    return changed.rowcount == 1


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)
