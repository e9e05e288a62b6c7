"""The server's trainer: started, started again when it dies or hangs, and ended with the server."""

import datetime as dt
import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import event

from app import supervisor, training_status
from app.db import Database
from app.errors import DatabaseUnavailable
from app.models import Annotator, Pool
from app.settings import Settings, as_environment
from app.supervisor import TrainerSupervisor

from .factories.acts import ask_and_answer
from .factories.files import make_settings, url_of
from .factories.making import add_trainer

WAITS = (sys.executable, "-c", "import sys; sys.stdin.read()")  # as the trainer does, for the end of its server


@pytest.fixture
def kept(database: Database, monkeypatch: pytest.MonkeyPatch) -> Iterator[TrainerSupervisor]:
    """A supervisor of a process that only waits; it looks often."""
    monkeypatch.setattr(supervisor, "COMMAND", WAITS)
    monkeypatch.setattr(supervisor, "HEAD_START_SECONDS", 0.0)
    monkeypatch.setattr(supervisor, "LOOK_SECONDS", 0.005)
    monkeypatch.setattr(supervisor, "HANG_LOOK_SECONDS", 0.0)
    kept = TrainerSupervisor(make_settings(url_of(database.path), retry_seconds=0.01), database)
    kept.start()
    yield kept
    kept.stop()


def wait_until(is_so: Callable[[], bool]) -> None:
    """A process needs its time to start and to end."""
    until = time.monotonic() + 240
    while not is_so():
        assert time.monotonic() < until
        time.sleep(0.005)


def pid_of(kept: TrainerSupervisor) -> int:
    """Of the trainer, once it runs."""
    wait_until(lambda: kept.pid is not None)
    assert kept.pid is not None
    return kept.pid


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_a_trainer_that_is_killed_is_started_again_and_the_log_says_so(
    kept: TrainerSupervisor, database: Database, pool: Pool, caplog: pytest.LogCaptureFixture
) -> None:
    first = pid_of(kept)
    add_trainer(database, pid=first, now=dt.datetime.now(dt.UTC))
    os.kill(first, 9)

    wait_until(lambda: kept.pid not in (None, first))

    assert f"the trainer (process {first}) was ended by signal 9; it is started again" in caplog.text
    with database.read() as session:
        assert (
            training_status.read_training(session, pool, is_supervised=False, now=dt.datetime.now(dt.UTC)).status
            == "absent"
        )


def test_the_trainers_of_a_server_that_was_killed_are_forgotten_at_the_start(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_trainer(database, now=dt.datetime.now(dt.UTC))
    monkeypatch.setattr(supervisor, "HEAD_START_SECONDS", 3600.0)
    kept = TrainerSupervisor(make_settings(url_of(database.path)), database)
    kept.start()
    kept.stop()

    with database.read() as session:
        assert training_status.find_trainer(session, now=dt.datetime.now(dt.UTC)) is None


def test_a_trainer_that_hangs_while_a_round_is_due_is_killed(
    kept: TrainerSupervisor, database: Database, pool: Pool, ada: Annotator, caplog: pytest.LogCaptureFixture
) -> None:
    first = pid_of(kept)
    kept._patience_seconds = 0.05
    time.sleep(0.1)
    assert kept.pid == first  # nothing is due: it may be silent

    ask_and_answer(database, pool, ada, 10)
    wait_until(lambda: kept.pid not in (None, first))

    assert f"the trainer (process {first}) says nothing for" in caplog.text
    assert kept._patience_seconds >= 0.1  # a fit that takes so long has an end


def test_a_trainer_that_says_something_is_left_alone(
    kept: TrainerSupervisor, database: Database, pool: Pool, ada: Annotator
) -> None:
    first = pid_of(kept)
    an_hour = dt.timedelta(hours=1)
    add_trainer(database, pid=first, now=dt.datetime.now(dt.UTC) + an_hour)
    kept._patience_seconds = 0.05
    ask_and_answer(database, pool, ada, 10)
    time.sleep(0.2)

    assert kept.pid == first


def test_the_trainer_ends_with_the_server(kept: TrainerSupervisor, database: Database) -> None:
    pid = pid_of(kept)
    add_trainer(database, pid=pid)
    kept.stop()

    assert not is_alive(pid)
    with database.read() as session:
        assert training_status.find_trainer(session, now=dt.datetime.now(dt.UTC)) is None


def test_a_trainer_that_does_not_end_is_killed(
    database: Database, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(supervisor, "COMMAND", (sys.executable, "-c", "import time; time.sleep(3600)"))
    monkeypatch.setattr(supervisor, "HEAD_START_SECONDS", 0.0)
    kept = TrainerSupervisor(make_settings(url_of(tmp_path / "inkling.db")), database)
    kept.start()
    pid = pid_of(kept)
    kept.stop()

    assert not is_alive(pid)


def test_a_trainer_that_cannot_be_started_is_tried_again_after_a_pause(
    database: Database, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(supervisor, "COMMAND", ("/no/such/program",))
    monkeypatch.setattr(supervisor, "HEAD_START_SECONDS", 0.0)
    monkeypatch.setattr(supervisor, "LOOK_SECONDS", 0.005)
    kept = TrainerSupervisor(make_settings(url_of(database.path), retry_seconds=0.3), database)
    kept.start()
    try:
        wait_until(lambda: caplog.text.count("the supervisor failed; it tries again in 0.3 s") > 1)
        first, second, *_ = (record.created for record in caplog.records if "tries again" in record.getMessage())
        assert second - first > 0.25
        assert "/no/such/program" in caplog.text
        monkeypatch.setattr(supervisor, "COMMAND", WAITS)
        assert is_alive(pid_of(kept))
    finally:
        kept.stop()


def test_a_trainer_ends_with_the_server_though_the_database_cannot_be_written(
    kept: TrainerSupervisor, database: Database
) -> None:
    pid = pid_of(kept)
    database.engine.dispose()
    event.listen(database.engine, "connect", lambda connection, _: connection.execute("PRAGMA query_only=1"))
    with pytest.raises(DatabaseUnavailable):
        add_trainer(database)
    kept.stop()

    assert not is_alive(pid)


def test_another_process_reads_the_same_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = make_settings(
        url_of(tmp_path / "inkling.db"), trusted_proxies=["10.0.0.1"], retry_seconds=7.5, mnist=tmp_path / "m.npz"
    )
    for name, value in as_environment(settings).items():
        monkeypatch.setenv(name, value)

    assert Settings() == settings


def test_a_trainer_that_dies_at_once_again_and_again_is_not_waited_for(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisor, "COMMAND", (sys.executable, "-c", "raise SystemExit(3)"))
    monkeypatch.setattr(supervisor, "HEAD_START_SECONDS", 0.0)
    monkeypatch.setattr(supervisor, "LOOK_SECONDS", 0.005)
    kept = TrainerSupervisor(make_settings(url_of(database.path), retry_seconds=0.01), database)
    assert kept.is_promising
    kept.start()
    try:
        wait_until(lambda: not kept.is_promising)
    finally:
        kept.stop()
