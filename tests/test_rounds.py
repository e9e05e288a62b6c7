"""Is a round due, what is it trained on, and storing what came out."""

import random

import numpy as np
import pytest
from sqlalchemy import func, select

from app import rounds
from app.changes import Change
from app.db import Database
from app.live import Live
from app.models import Annotator, Pool, RankedImage, Round
from app.rounds import TrainingSet

from .factories.acts import answer, ask, ask_and_answer, ids_of, label_by_model, undo
from .factories.making import NOW, add_pool, add_round, after, make_outcome
from .factories.stored import image_ids, ranked_ids, truth_of
from .factories.watching import race


def is_due(database: Database, pool: Pool) -> bool:
    with database.read() as session:
        return rounds.is_due(session, pool)


def training_set(database: Database, pool: Pool) -> TrainingSet:
    with database.read() as session:
        return rounds.read_training_set(session, pool)


def test_a_round_is_due_after_as_many_new_labels_as_a_batch_has(database: Database, ada: Annotator) -> None:
    pool = add_pool(database, batch_size=4)

    assert not is_due(database, pool)
    ask_and_answer(database, pool, ada, 3)
    assert not is_due(database, pool)
    ask_and_answer(database, pool, ada, 1)
    assert is_due(database, pool)


def test_labels_that_a_round_has_seen_do_not_make_the_next_one_due(database: Database, ada: Annotator) -> None:
    pool = add_pool(database, batch_size=4)
    ask_and_answer(database, pool, ada, 7)
    add_round(database, pool)

    assert not is_due(database, pool)
    ask_and_answer(database, pool, ada, 4)
    assert is_due(database, pool)


def test_labels_that_were_undone_do_not_count(database: Database, ada: Annotator) -> None:
    pool = add_pool(database, batch_size=4)
    ask_and_answer(database, pool, ada, 4)
    undo(database, pool, ada)

    assert not is_due(database, pool)
    ask_and_answer(database, pool, ada)
    assert is_due(database, pool)


def test_labels_by_the_model_do_not_count(database: Database, oracle: Annotator) -> None:
    pool = add_pool(database, batch_size=4)
    label_by_model(database, pool, image_ids(database, pool, [0, 1, 2, 3, 4]))

    assert not is_due(database, pool)
    ask_and_answer(database, pool, oracle, 4)
    assert is_due(database, pool)


def test_a_model_does_not_learn_from_labels_of_models(database: Database, pool: Pool, ada: Annotator) -> None:
    first, second = image_ids(database, pool, [0, 1])
    label_by_model(database, pool, [first, second], value=1)
    answer(database, pool, ada, [second], value=2)

    assert training_set(database, pool).positions.tolist() == [1]
    assert training_set(database, pool).values.tolist() == [2]


def test_labels_of_another_pool_do_not_count(database: Database, pool: Pool, ada: Annotator) -> None:
    other = add_pool(database, slug="other")
    ask_and_answer(database, other, ada, 10)

    assert not is_due(database, pool)
    assert is_due(database, other)


def test_the_training_set_of_a_new_pool_is_empty(database: Database, pool: Pool) -> None:
    empty = training_set(database, pool)

    assert (empty.positions.shape, empty.values.shape, empty.last_event_id) == ((0,), (0,), 0)
    assert empty.positions.dtype == np.int64


def test_the_training_set_has_the_standing_labels_and_the_newest_event(
    database: Database, pool: Pool, ada: Annotator
) -> None:
    answer(database, pool, ada, image_ids(database, pool, [1, 2, 3]), value=7)
    undone = undo(database, pool, ada)

    found = training_set(database, pool)

    assert (found.positions.tolist(), found.values.tolist()) == ([1, 2], [7, 7])
    assert found.last_event_id == undone.id


@pytest.mark.parametrize("seed", range(5))
def test_the_training_set_does_not_depend_on_the_order_of_the_clicks(
    database: Database, pool: Pool, ada: Annotator, seed: int
) -> None:
    clicks = random.Random(seed)
    first, second = [3, 41, 7, 30, 12], [5, 50, 2, 9]
    for head in (first, second):
        add_round(database, pool, image_ids(database, pool, head))
        ids = ids_of(ask(database, pool, ada, len(head)).images)
        clicks.shuffle(ids)
        for image_id in ids:
            answer(database, pool, ada, [image_id])

    found = training_set(database, pool)

    assert found.positions.tolist() == first + second
    assert found.values.tolist() == truth_of(database, image_ids(database, pool, first + second))


def test_an_image_of_an_older_ranking_stays_in_its_place_when_it_is_answered_late(
    database: Database, pool: Pool, ada: Annotator, ben: Annotator
) -> None:
    ids = image_ids(database, pool, [20, 21, 22, 23])
    add_round(database, pool, ids)
    ask(database, pool, ada, 2)
    ask_and_answer(database, pool, ben, 2)
    add_round(database, pool, image_ids(database, pool, [5]))
    ask_and_answer(database, pool, ben, 1)

    answer(database, pool, ada, ids[:2])

    assert training_set(database, pool).positions.tolist() == [20, 21, 22, 23, 5]


def test_what_was_undone_and_answered_again_keeps_its_place(database: Database, pool: Pool, ada: Annotator) -> None:
    add_round(database, pool, image_ids(database, pool, [20, 21, 22]))
    first, _, _ = ask_and_answer(database, pool, ada, 3)
    undo(database, pool, ada, first.id)
    ask_and_answer(database, pool, ada)

    assert training_set(database, pool).positions.tolist() == [20, 21, 22]


def test_what_no_ranking_asked_comes_last_in_its_round_by_position(
    database: Database, pool: Pool, ada: Annotator
) -> None:
    add_round(database, pool, image_ids(database, pool, [30, 10]))
    answer(database, pool, ada, image_ids(database, pool, [45, 10, 3, 30]))
    add_round(database, pool, image_ids(database, pool, [8]))
    answer(database, pool, ada, image_ids(database, pool, [8]))

    assert training_set(database, pool).positions.tolist() == [30, 10, 3, 45, 8]


def test_a_round_is_stored_with_its_ranking_and_announced(database: Database, pool: Pool, ada: Annotator) -> None:
    live = Live(database)
    heard: list[Change] = []
    ids = image_ids(database, pool, [9, 3, 6])
    events = ask_and_answer(database, pool, ada, 2)
    live.listen(heard.append)

    stored = add_round(database, pool, ids, confidence=0.25, prediction=4, now=after(9))

    assert (stored.number, stored.n_labels, stored.last_event_id) == (1, 2, events[-1].id)
    assert (stored.validation_correct, stored.validation_total, stored.test_correct, stored.test_total) == (
        5,
        20,
        None,
        30,
    )
    assert (stored.steps, stored.fit_ms, stored.rank_ms, stored.created_at) == (11, 1.5, 0.5, after(9))
    assert ranked_ids(database, stored) == ids
    with database.read() as session:
        rows = session.scalars(select(RankedImage).where(RankedImage.round_id == stored.id)).all()
    assert {(row.confidence, row.prediction) for row in rows} == {(0.25, 4)}
    assert heard == [Change("round", pool.id, 1)]


def test_a_round_is_stored_once_and_the_second_trainer_is_told(database: Database, pool: Pool) -> None:
    ids = image_ids(database, pool)
    with database.read() as session:
        previous, training = rounds.get_newest_round(session, pool), rounds.read_training_set(session, pool)
    first, second = make_outcome(ids[:3], confidence=0.1), make_outcome(ids[5:9], confidence=0.9)

    with database.write() as session:
        assert rounds.store(session, previous, training, first, now=NOW)
    with database.write() as session:
        assert not rounds.store(session, previous, training, second, now=NOW)

    with database.read() as session:
        newest = rounds.get_newest_round(session, pool)
        assert newest.number == 1
        assert session.scalar(select(func.count()).where(RankedImage.round_id != previous.id)) == 3
    assert ranked_ids(database, newest) == ids[:3]


def test_of_trainers_that_store_a_round_at_once_exactly_one_wins(database: Database, pool: Pool) -> None:
    ids = image_ids(database, pool)
    with database.read() as session:
        previous, training = rounds.get_newest_round(session, pool), rounds.read_training_set(session, pool)

    def store(index: int) -> bool:
        with database.write() as session:
            return rounds.store(session, previous, training, make_outcome(ids[index : index + 2]), now=NOW)

    outcomes = race(6, store)

    assert sorted(map(str, outcomes)) == ["False"] * 5 + ["True"]
    with database.read() as session:
        newest = rounds.get_newest_round(session, pool)
        assert session.scalar(select(func.count()).select_from(Round)) == 2
    assert ranked_ids(database, newest) == ids[outcomes.index(True) :][:2]


def test_labels_that_come_while_a_round_is_trained_wait_for_the_next(
    database: Database, pool: Pool, ada: Annotator
) -> None:
    ask_and_answer(database, pool, ada, 10)
    training = training_set(database, pool)
    ask_and_answer(database, pool, ada, 4)

    stored = add_round(database, pool, training=training)

    assert stored.n_labels == 10
    with database.read() as session:
        assert rounds.get_newest(session, pool).n_new == 4


def test_an_undo_while_a_round_is_trained_is_not_counted_as_seen(
    database: Database, pool: Pool, ada: Annotator
) -> None:
    ask_and_answer(database, pool, ada, 10)
    training = training_set(database, pool)
    undone = undo(database, pool, ada)

    stored = add_round(database, pool, training=training)

    assert stored.last_event_id < undone.id
    (again,) = ask_and_answer(database, pool, ada)
    with database.read() as session:
        assert rounds.get_newest(session, pool).n_new == 1
    assert again.id > undone.id


def test_a_pool_with_every_image_labeled_has_a_round_without_a_ranking(database: Database, ada: Annotator) -> None:
    pool = add_pool(database, n_images=10)
    ask_and_answer(database, pool, ada, 10)

    assert ranked_ids(database, add_round(database, pool)) == []


def test_the_state_is_loaded_on_demand_only(database: Database, pool: Pool) -> None:
    with database.read() as session:
        assert "state" not in rounds.get_newest_round(session, pool).__dict__
        session.expunge_all()
        assert rounds.get_newest_round(session, pool, with_state=True).__dict__["state"][:4] == b"INKS"


def test_rounds_are_counted_for_each_pool(database: Database, pool: Pool) -> None:
    other = add_pool(database, slug="other")
    add_round(database, pool)
    add_round(database, pool)

    assert add_round(database, other).number == 1
    assert add_round(database, pool).number == 3
