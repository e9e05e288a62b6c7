"""The trainer's process: it says how it is, trains what others commit, and gives way to people between two fits."""

import datetime as dt
import logging
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import select, text

from app import trained_models, training_status
from app.changes import Change
from app.datasets import DataSet
from app.db import Database
from app.feed import Feed
from app.live import Live
from app.models import Annotator, Pool, TrainerStatus
from app.oracle import runs
from app.oracle.scenarios import Parameters
from app.settings import Settings
from app.training_process import NICENESS, TrainingProcess

from .factories.acts import ask_and_answer
from .factories.files import make_settings, url_of
from .factories.making import NOW, add_pool, add_trainer, make_data_set
from .factories.stored import newest_round

pytestmark = pytest.mark.tensorflow


def settings_of(database: Database) -> Settings:
    return make_settings(url_of(database.path), retry_seconds=0.01)


@contextmanager
def running(database: Database) -> Iterator[TrainingProcess]:
    """A training process in a thread: on the same file, by a connection of its own."""
    own = Database(url_of(database.path))
    process = TrainingProcess(own, settings_of(own), make_data_set)
    thread = threading.Thread(target=process.run)
    thread.start()
    try:
        yield process
    finally:
        process.stop()
        thread.join()
        own.close()


@pytest.fixture
def live(database: Database) -> Iterator[Live]:
    """What this process hears: its own commits, and by the feed those of the other."""
    live = Live(database)
    feed = Feed(database, live.publish)
    feed.start()
    yield live
    feed.stop()


def test_it_trains_what_another_process_commits_and_tells_it(
    database: Database, pool: Pool, ada: Annotator, live: Live
) -> None:
    with running(database):
        for number in (1, 2):
            ask_and_answer(database, pool, ada, 10)
            assert live.wait_for_round(pool.id, after=number - 1, seconds=60)
            assert newest_round(database, pool).number == number


def test_images_are_looked_at_before_a_model_is_trained(database: Database, pool: Pool, ada: Annotator) -> None:
    ask_and_answer(database, pool, ada, 10)
    with database.write() as session:
        trained_models.request_model(session, pool, seed=0, now=NOW)
    process = TrainingProcess(database, settings_of(database), make_data_set)
    assert process._find_chores() == [("model", "train", "patterns")]

    add_pool(database, slug="looking", learner="graph", height=8, width=8)
    assert process._find_chores() == [("pool", "prepare", "looking"), ("model", "train", "patterns")]


def test_it_says_when_it_is_ready_and_is_gone_when_it_ends(database: Database, pool: Pool, live: Live) -> None:
    ready = threading.Event()

    def look(change: Change) -> None:
        if change == Change("training", pool.id) and training_of(database, pool) == "idle":
            ready.set()

    live.listen(look)
    with running(database):
        assert ready.wait(60)

    assert training_of(database, pool) == "absent"


def training_of(database: Database, pool: Pool) -> str:
    with database.read() as session:
        return training_status.read_training(session, pool, is_supervised=False, now=dt.datetime.now(dt.UTC)).status


class Told(logging.Handler):
    """Tells that something was logged."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.event = threading.Event()

    def emit(self, record: logging.LogRecord) -> None:  # noqa: ARG002
        self.event.set()


def test_it_goes_on_after_a_failure_of_the_database(database: Database, pool: Pool, ada: Annotator, live: Live) -> None:
    told = Told()
    logging.getLogger("app.loops").addHandler(told)
    with database.write() as session:
        session.execute(text("ALTER TABLE pool RENAME TO lost"))
    try:
        with running(database):
            assert told.event.wait(60)
            with database.write() as session:
                session.execute(text("ALTER TABLE lost RENAME TO pool"))
            ask_and_answer(database, pool, ada, 10)
            assert live.wait_for_round(pool.id, after=0, seconds=60)
    finally:
        logging.getLogger("app.loops").removeHandler(told)


def test_it_runs_what_the_oracle_page_asks_for(database: Database, pool: Pool, live: Live) -> None:  # noqa: ARG001
    with running(database):
        with database.write() as session:
            parameters = Parameters(pool_size=60, validation_size=20, budget=30, experiments=("random",))
            run_id = runs.request_run(session, parameters, now=dt.datetime.now(dt.UTC)).id
        done = threading.Event()
        while not done.wait(0.01):
            with database.read() as session:
                if runs.get_run(session, run_id).status == "done":
                    done.set()


def test_a_round_that_falls_due_during_an_oracle_run_comes_after_the_fit_under_way(
    database: Database, pool: Pool, ada: Annotator
) -> None:
    own = Database(url_of(database.path))

    def load() -> DataSet:
        ask_and_answer(database, pool, ada, 10)  # a person answers while the run is under way
        return make_data_set()

    process = TrainingProcess(own, settings_of(own), load)
    try:
        process._feed.start()
        assert not process.run_one()  # warm, and nothing to do
        with database.write() as session:
            parameters = Parameters(pool_size=60, validation_size=20, budget=60, experiments=("active",))
            run_id = runs.request_run(session, parameters, now=dt.datetime.now(dt.UTC)).id
        assert process.run_one()

        with database.read() as session:
            run = runs.get_run(session, run_id)
        assert run.status == "done"
        assert run.finished_at is not None
        assert newest_round(database, pool).number == 1
        assert newest_round(database, pool).created_at < run.finished_at
    finally:
        process._feed.stop()
        own.close()


def test_who_was_taken_for_dead_enters_again(database: Database, pool: Pool) -> None:  # noqa: ARG001
    own = Database(url_of(database.path))
    process = TrainingProcess(own, settings_of(own), make_data_set)
    process._heart.beat()
    process._heart.tell("ready")
    with database.write() as session:
        session.execute(text("DELETE FROM trainer_status"))
    process._heart.beat()

    with database.read() as session:
        found = session.execute(select(TrainerStatus.id, TrainerStatus.state)).all()
    assert [tuple(row) for row in found] == [(process._heart.trainer_id, "ready")]
    own.close()


def test_a_process_that_slept_for_long_is_no_other_than_before(database: Database, pool: Pool) -> None:  # noqa: ARG001
    own = Database(url_of(database.path))
    process = TrainingProcess(own, settings_of(own), make_data_set)
    process._heart.beat()
    process._heart.tell("ready")
    before = process._heart.trainer_id
    with database.write() as session:
        session.execute(text("UPDATE trainer_status SET heartbeat_at = '2026-01-01 00:00:00'"))
    process._heart.beat()

    assert process._heart.trainer_id == before
    with database.read() as session:
        assert training_status.is_ready(session, now=dt.datetime.now(dt.UTC))
    own.close()


def test_who_enters_again_is_as_ready_as_before(database: Database, pool: Pool) -> None:
    own = Database(url_of(database.path))
    process = TrainingProcess(own, settings_of(own), make_data_set)
    assert not process.run_one()  # warm, and nothing to do
    with database.write() as session:
        training_status.drop_trainers(session)  # as a server does that starts beside it
    process._heart.beat()

    assert training_of(database, pool) == "idle"
    own.close()


def test_trainers_that_were_not_heard_of_for_long_are_forgotten_and_others_stay(
    database: Database,
    pool: Pool,  # noqa: ARG001
) -> None:
    now = dt.datetime.now(dt.UTC)
    add_trainer(database, pid=1)
    living = add_trainer(database, pid=2, now=now)
    with database.write() as session:
        training_status.drop_silent_trainers(session, now=now)

    with database.read() as session:
        assert session.scalars(select(TrainerStatus.id)).all() == [living]


def test_the_heart_beats_while_a_step_takes_its_time_and_stops_when_it_takes_too_long(
    database: Database,
    pool: Pool,  # noqa: ARG001
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    beats: list[dt.datetime] = []

    def note(_session: object, _trainer_id: int, *, now: dt.datetime) -> bool:
        beats.append(now)
        return True

    monkeypatch.setattr(training_status, "record_heartbeat", note)
    own = Database(url_of(database.path))
    heart = TrainingProcess(own, settings_of(own), make_data_set)._heart
    heart.begin_step(60)
    heart._beat()
    assert len(beats) == 1

    heart.begin_step(0)
    heart._beat()
    assert len(beats) == 1
    own.close()


def test_what_fails_for_people_is_no_failure_of_an_oracle_run(
    database: Database,
    pool: Pool,  # noqa: ARG001
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    own = Database(url_of(database.path))
    process = TrainingProcess(own, settings_of(own), make_data_set)
    process._heart.beat()
    assert not process.run_one()  # warm
    with database.write() as session:
        parameters = Parameters(pool_size=60, validation_size=20, budget=30, experiments=("active",))
        run_id = runs.request_run(session, parameters, now=dt.datetime.now(dt.UTC)).id
    calls = iter([False])

    def fail() -> bool:
        for found in calls:
            return found
        raise RuntimeError("the disk is full")

    monkeypatch.setattr(process._trainer, "run_one", fail)
    process._looked_at = float("-inf")
    assert process.run_one()

    with database.read() as session:
        assert runs.get_run(session, run_id).status == "done"
    own.close()


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="threads have a priority of their own on Linux")
def test_the_command_fits_at_lower_priority_and_writes_at_its_own(database: Database) -> None:
    """A thread that gives way while it holds the write lock would keep all answers waiting."""
    command = [sys.executable, "-c", "from app.cli import app; app()", "train", "--child"]
    environment = os.environ | {"INKLING_DATABASE_URL": url_of(database.path)}
    own = os.nice(0)
    with subprocess.Popen(command, env=environment, stdin=subprocess.PIPE) as process:
        until = time.monotonic() + 240
        while priority_of(process.pid, process.pid) == own and time.monotonic() < until:
            time.sleep(0.01)
        fitting = priority_of(process.pid, process.pid)
        tasks = [int(task.name) for task in Path(f"/proc/{process.pid}/task").iterdir()]
        at_own = [task for task in tasks if priority_of(process.pid, task) == own]
        process.kill()

    assert fitting == min(19, own + NICENESS)
    assert len(at_own) >= 3  # that follow changes, beat, and write


def priority_of(pid: int, task: int) -> int | None:
    """How nice a thread is: the 19th field, the 17th behind the name in brackets; None of one that has ended."""
    try:
        return int(Path(f"/proc/{pid}/task/{task}/stat").read_text().rpartition(")")[2].split()[16])
    except (FileNotFoundError, ProcessLookupError):
        return None
