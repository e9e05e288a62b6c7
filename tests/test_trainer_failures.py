"""A training that fails is told and written down, keeps the labels, and goes on when the fault is over."""

import gc

import numpy as np
import pytest
from sqlalchemy import func, select, update

from app import rounds
from app.changes import Change
from app.db import Database
from app.deleting import delete_pool
from app.learning.softmax import State
from app.models import Annotator, FailedRound, Label, Pool, Round
from app.trainer import Trainer
from app.training import PreparedPool
from app.verify import verify_pool

from .factories.acts import ask, ask_and_answer, ids_of
from .factories.making import NOW, add_pool, make_trainer, training_of
from .factories.stored import newest_round, ranked_ids, standing

pytestmark = pytest.mark.tensorflow


def spoil(database: Database, state: bytes, *, number: int | None = None) -> None:
    """Damage the model of this round, or of all there are."""
    damaged = update(Round).values(state=state)
    with database.write() as session:
        session.execute(damaged if number is None else damaged.where(Round.number == number))


def failed_rounds(database: Database) -> list[tuple[int, int, str]]:
    with database.read() as session:
        found = session.scalars(select(FailedRound).order_by(FailedRound.number))
        return [(row.number, row.n_attempts, row.error) for row in found]


def test_a_training_that_fails_is_told_keeps_the_labels_and_recovers(
    database: Database, pool: Pool, ada: Annotator
) -> None:
    heard: list[Change] = []
    trainer = Trainer(database, retry_seconds=0.0)
    trainer.warm_up()
    intact = newest_round(database, pool).state
    ask_and_answer(database, pool, ada, 10)
    spoil(database, b"\0")
    assert training_of(database, pool).status == "running"
    database.on_commit(heard.append)

    assert trainer.run_one()

    told = training_of(database, pool)
    assert told.status == "failed"
    assert told.message is not None
    assert "Training round 1 failed (ValueError" in told.message
    assert "your answers are kept, and the model of round 0 goes on asking" in told.message
    assert heard == [Change("training", pool.id)]
    assert newest_round(database, pool).number == 0
    with database.read() as session:
        assert session.scalar(select(func.count()).select_from(Label)) == 10

    spoil(database, intact)
    assert trainer.run_one()

    assert newest_round(database, pool).number == 1
    assert training_of(database, pool).status == "idle"
    assert heard[1:] == [Change("round", pool.id, 1)]


def test_answers_are_taken_while_the_training_fails(
    database: Database, pool: Pool, ada: Annotator, trainer: Trainer
) -> None:
    ask_and_answer(database, pool, ada, 10)
    intact = newest_round(database, pool).state
    spoil(database, b"")
    trainer.run_one()

    ask_and_answer(database, pool, ada, 10)
    spoil(database, intact)
    trainer.run_one()

    assert newest_round(database, pool).n_labels == 20


def test_a_failed_training_is_not_tried_again_before_its_time(database: Database, pool: Pool, ada: Annotator) -> None:
    trainer = make_trainer(database, retry_seconds=3600)
    ask_and_answer(database, pool, ada, 10)
    spoil(database, b"\0")

    assert trainer.run_one()
    assert not trainer.run_one()
    assert "tried again every few seconds" in (training_of(database, pool).message or "")


def test_a_training_that_diverges_stores_nothing(
    database: Database, pool: Pool, ada: Annotator, trainer: Trainer
) -> None:
    state = State.zeros(10, 16)
    state.weights[3, 4] = np.nan
    ask_and_answer(database, pool, ada, 10)
    spoil(database, state.to_bytes())

    assert trainer.run_one()

    assert "TrainingDiverged: the fit on 10 labels ended in NaN" in (training_of(database, pool).message or "")
    assert newest_round(database, pool).number == 0


def test_a_pool_that_fails_does_not_hold_up_the_others(
    database: Database, pool: Pool, ada: Annotator, trainer: Trainer
) -> None:
    healthy = add_pool(database, slug="healthy")
    for each in (pool, healthy):
        ask_and_answer(database, each, ada, 10)
    with database.write() as session:
        session.execute(update(Round).where(Round.pool_id == pool.id).values(state=b"\0"))

    assert trainer.run_one()

    assert training_of(database, pool).status == "failed"
    assert newest_round(database, healthy).number == 1


# What is written down


@pytest.mark.parametrize(
    ("state", "reason"), [(b"\0", "ValueError"), ("diverged", "TrainingDiverged: the fit on 20 labels ended in NaN")]
)
def test_a_training_that_fails_is_written_down_and_the_last_good_model_goes_on_asking(
    database: Database, pool: Pool, ada: Annotator, state: bytes | str, reason: str
) -> None:
    trainer = make_trainer(database)
    trainer.warm_up()
    ask_and_answer(database, pool, ada)
    assert trainer.run_one()
    good = newest_round(database, pool)
    if isinstance(state, str):
        diverged = State.from_bytes(good.state)
        diverged.weights[3, 4] = np.nan
        state = diverged.to_bytes()
    ask_and_answer(database, pool, ada)
    spoil(database, state, number=1)

    for _ in range(3):
        assert trainer.run_one()

    ((number, n_attempts, error),) = failed_rounds(database)
    assert (number, n_attempts) == (2, 3)
    assert error.startswith(reason)
    assert newest_round(database, pool).number == 1
    asked = ask(database, pool, ada, 3)
    ranked = [image_id for image_id in ranked_ids(database, good) if image_id not in standing(database)]
    assert ids_of(asked.images) == ranked[:3]
    assert (asked.round_number, asked.is_stale) == (1, True)

    spoil(database, good.state, number=1)
    assert trainer.run_one()

    assert (newest_round(database, pool).number, newest_round(database, pool).n_labels) == (2, 20)
    assert training_of(database, pool).status == "idle"
    assert failed_rounds(database) == [(2, 3, error)]  # the record stays
    assert verify_pool(database, pool, lambda _number, _last: None).difference is None


def test_a_failure_that_comes_again_counts_from_one_in_another_round(
    database: Database, pool: Pool, ada: Annotator
) -> None:
    trainer = make_trainer(database)
    for number in (0, 1):
        ask_and_answer(database, pool, ada)
        good = newest_round(database, pool).state
        spoil(database, b"\0", number=number)
        assert trainer.run_one()
        spoil(database, good, number=number)
        assert trainer.run_one()

    assert [(number, n_attempts) for number, n_attempts, _ in failed_rounds(database)] == [(1, 1), (2, 1)]


def test_a_reason_however_long_is_kept_in_part(database: Database, pool: Pool) -> None:
    with database.write() as session:
        rounds.record_failure(session, pool, 1, "x" * 5000, now=NOW)

    assert len(failed_rounds(database)[0][2]) == 1000


def test_what_is_kept_of_a_pool_that_was_deleted_is_dropped_and_never_another_pools(
    database: Database, ada: Annotator, trainer: Trainer
) -> None:
    gone = add_pool(database, slug="gone")
    ask_and_answer(database, gone, ada)
    while trainer.run_one():
        pass
    delete_pool(database, "gone", now=NOW)
    pool = add_pool(database, slug="another", seed=5)  # as many images and classes
    assert pool.id > gone.id
    ask_and_answer(database, pool, ada)
    while trainer.run_one():
        pass

    assert newest_round(database, pool).number == 1
    assert verify_pool(database, pool, lambda _number, _last: None).difference is None
    gc.collect()  # other tests leave pools of theirs
    assert "gone" not in {each.pool.slug for each in gc.get_objects() if isinstance(each, PreparedPool)}
