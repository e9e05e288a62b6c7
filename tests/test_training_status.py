"""What a pool's training does, from what the trainers say of themselves."""

import datetime as dt

import pytest

from app import rounds, training_status
from app.db import Database
from app.models import Annotator, Pool
from app.training_status import Training

from .factories.acts import ask_and_answer
from .factories.making import NOW, add_trainer, after


def read(database: Database, pool: Pool, now: dt.datetime = NOW, *, is_supervised: bool = False) -> Training:
    with database.read() as session:
        return training_status.read_training(session, pool, is_supervised=is_supervised, now=now)


def test_without_a_trainer_none_is_told(database: Database, pool: Pool) -> None:
    told = read(database, pool)

    assert told.status == "absent"
    assert told.message is not None
    assert "answers are kept" in told.message


def test_without_a_trainer_one_is_on_its_way_if_the_server_keeps_one(database: Database, pool: Pool) -> None:
    told = read(database, pool, is_supervised=True)

    assert told.status == "loading"
    assert "being started" in (told.message or "")


def test_a_trainer_that_loads_is_told(database: Database, pool: Pool) -> None:
    add_trainer(database, state="loading")

    assert read(database, pool).status == "loading"


def test_a_trainer_that_is_ready_is_idle_until_a_round_is_due(database: Database, pool: Pool, ada: Annotator) -> None:
    add_trainer(database)
    ask_and_answer(database, pool, ada, 9)
    assert read(database, pool) == Training("idle")

    ask_and_answer(database, pool, ada, 1)
    assert read(database, pool) == Training("running")


def test_a_trainer_that_was_not_heard_of_for_half_a_minute_is_no_trainer(database: Database, pool: Pool) -> None:
    trainer_id = add_trainer(database)
    assert read(database, pool, after(29)).status == "idle"
    assert read(database, pool, after(31)).status == "absent"

    with database.write() as session:
        assert training_status.record_heartbeat(session, trainer_id, now=after(31))
    assert read(database, pool, after(31)).status == "idle"


def test_a_trainer_that_cannot_get_ready_says_why(database: Database, pool: Pool) -> None:
    trainer_id = add_trainer(database, state="loading")
    with database.write() as session:
        training_status.record_state(session, trainer_id, "loading", "x" * 2000, now=NOW)

    assert read(database, pool) == Training("failed", "x" * 1000)


@pytest.mark.parametrize("ready_first", [True, False])
def test_of_two_trainers_the_one_that_is_further_counts(database: Database, pool: Pool, ready_first: bool) -> None:
    first = add_trainer(database, state="ready" if ready_first else "loading", pid=1)
    second = add_trainer(database, state="loading" if ready_first else "ready", pid=2)
    with database.write() as session:
        training_status.record_heartbeat(session, first if not ready_first else second, now=after(1))

    assert read(database, pool).status == "idle"


def test_a_round_that_failed_is_told_while_it_is_due(database: Database, pool: Pool, ada: Annotator) -> None:
    add_trainer(database)
    ask_and_answer(database, pool, ada, 10)
    with database.write() as session:
        rounds.record_failure(session, pool, 1, "ValueError: too short", now=NOW)

    told = read(database, pool)

    assert told.status == "failed"
    assert told.message is not None
    assert "Training round 1 failed (ValueError: too short)" in told.message
    assert "the model of round 0 goes on asking" in told.message


def test_a_process_is_silent_since_its_last_word_or_its_start(database: Database, pool: Pool) -> None:  # noqa: ARG001
    with database.read() as session:
        assert training_status.measure_silence(session, 4711, since=NOW, now=after(40)) == 40
    add_trainer(database, now=after(30))
    with database.read() as session:
        assert training_status.measure_silence(session, 4711, since=NOW, now=after(40)) == 10
        assert training_status.measure_silence(session, 4711, since=after(35), now=after(40)) == 5


def test_no_round_is_due_anywhere_until_one_is(database: Database, pool: Pool, ada: Annotator) -> None:
    with database.read() as session:
        assert not training_status.is_round_due(session)
    ask_and_answer(database, pool, ada, 10)
    with database.read() as session:
        assert training_status.is_round_due(session)
