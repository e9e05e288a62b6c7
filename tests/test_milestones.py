"""Rounds, goals and ends are noticed once, in the transaction that makes them true, and cost an answer nothing else."""

import numpy as np
import pytest

from app import labeling, milestones, rounds
from app.accuracy import Accuracy
from app.adding import NewImage, add_images
from app.db import Database
from app.models import Annotator, Pool
from app.pools import get_pool

from .factories.acts import ask, ask_and_answer, ids_of, label_by_model, undo
from .factories.hooked import add_webhook, count_test, deliveries_of, set_goals, told
from .factories.making import NOW, add_pool, add_round, after
from .factories.stored import image_ids
from .factories.watching import count_queries, race


def read(database: Database, pool: Pool) -> Pool:
    with database.read() as session:
        return get_pool(session, pool.slug)


def events_of(database: Database) -> list[str]:
    return [event for event, _ in told(database)]


def test_a_round_is_told_with_its_accuracy_once_its_test_images_are_counted(
    database: Database, pool: Pool, ada: Annotator
) -> None:
    add_webhook(database, pool)
    ask_and_answer(database, pool, ada, 10)
    add_round(database, pool)
    assert told(database) == []
    count_test(database, pool, 21)

    ((event, facts),) = told(database)
    low, high = Accuracy(21, 30).interval
    assert event == "round_stored"
    assert facts["round"] == {
        "number": 2,
        "labels": 10,
        "accuracy": {"value": 0.7, "interval": [low, high], "correct": 21, "total": 30, "tested_on": "test"},
    }
    assert facts["goal"] is None
    assert facts["counts"] == {"images": 60, "labeled": 10, "unlabeled": 50, "human": 10, "oracle": 0, "model": 0}


def test_only_webhooks_of_the_pool_that_want_an_event_are_told(database: Database, pool: Pool) -> None:
    first = add_webhook(database, pool, events=["round_stored"])
    add_webhook(database, pool, events=["goal_reached", "pool_finished"])
    add_webhook(database, add_pool(database, slug="other"))
    count_test(database, pool, 21)

    assert [each.webhook_id for each in deliveries_of(database)] == [first.id]


def test_a_goal_of_labels_is_told_with_the_answer_that_reaches_it_and_once(
    database: Database, pool: Pool, ada: Annotator
) -> None:
    add_webhook(database, pool, events=["goal_reached"])
    pool = set_goals(database, pool, goal_labels=3)
    ask_and_answer(database, pool, ada, 2)
    assert read(database, pool).labels_reached_at is None
    ask_and_answer(database, pool, ada, 1, now=after(5))
    assert read(database, pool).labels_reached_at == after(5)
    ask_and_answer(database, read(database, pool), ada, 2, now=after(6))
    undo(database, pool, ada)
    undo(database, pool, ada)
    undo(database, pool, ada)
    ask_and_answer(database, read(database, pool), ada, 3, now=after(7))

    ((_, facts),) = told(database)
    assert facts["goal"] == {"kind": "labels", "goal": 3, "value": 3, "interval": None}
    assert facts["counts"]["labeled"] == 3
    assert read(database, pool).labels_reached_at == after(5)


def test_labels_of_a_model_are_no_step_to_the_goal(database: Database, pool: Pool, ada: Annotator) -> None:
    add_webhook(database, pool, events=["goal_reached"])
    pool = set_goals(database, pool, goal_labels=3)
    label_by_model(database, pool, image_ids(database, pool, [50, 51, 52]))
    ask_and_answer(database, pool, ada, 2)

    assert told(database) == []


def test_taking_back_before_the_goal_does_not_reach_it(database: Database, pool: Pool, ada: Annotator) -> None:
    pool = set_goals(database, pool, goal_labels=12)
    ask_and_answer(database, pool, ada, 10)
    add_round(database, pool)
    undo(database, pool, ada)
    ask_and_answer(database, pool, ada, 2)
    assert read(database, pool).labels_reached_at is None  # 12 at most, 11 counted
    ask_and_answer(database, pool, ada, 1)

    assert read(database, pool).labels_reached_at == NOW


def test_another_goal_may_be_reached_again_and_is_noticed_at_once(
    database: Database, pool: Pool, ada: Annotator
) -> None:
    add_webhook(database, pool, events=["goal_reached"])
    ask_and_answer(database, pool, ada, 5)
    pool = set_goals(database, pool, goal_labels=5, now=after(1))
    pool = set_goals(database, pool, goal_labels=5, goal_accuracy=0.9, now=after(2))  # the same: nothing new
    pool = set_goals(database, pool, goal_labels=6, now=after(3))
    assert pool.labels_reached_at is None
    ask_and_answer(database, pool, ada, 1, now=after(4))
    pool = set_goals(database, pool, goal_labels=None)
    assert (read(database, pool).labels_reached_at, events_of(database)) == (None, ["goal_reached"] * 2)


def test_an_accuracy_reaches_the_goal_with_the_lower_end_of_its_interval(database: Database, pool: Pool) -> None:
    add_webhook(database, pool, events=["goal_reached"])
    low, high = Accuracy(27, 30).interval
    pool = set_goals(database, pool, goal_accuracy=0.8)
    ask_and_label(database, pool)
    count_test(database, pool, 27)
    assert low < 0.8 < 0.9 < high
    assert told(database) == []
    count_test(database, pool, 30, now=after(9))
    count_test(database, pool, 30)

    ((_, facts),) = told(database)
    assert facts["goal"]["kind"] == "accuracy"
    assert facts["goal"]["interval"][0] >= 0.8
    assert facts["round"]["number"] == 2
    assert read(database, pool).accuracy_reached_at == after(9)


def test_an_older_round_that_is_counted_late_reaches_nothing(database: Database, pool: Pool) -> None:
    pool = set_goals(database, pool, goal_accuracy=0.5)
    ask_and_label(database, pool)
    old = add_round(database, pool)
    count_test(database, pool, 3)
    with database.write() as session:
        milestones.notice_round(session, rounds.record_test(session, old.id, 30), now=NOW)

    assert read(database, pool).accuracy_reached_at is None


def ask_and_label(database: Database, pool: Pool) -> None:
    """Something to learn from: without a label an accuracy says nothing of a model."""
    with database.write() as session:
        bea = labeling.ensure_annotator(session, "bea", now=NOW)
    ask_and_answer(database, pool, bea, 3)


def test_a_pool_is_finished_once_and_again_after_it_has_grown(database: Database, ada: Annotator) -> None:
    pool = add_pool(database, n_images=3)
    add_webhook(database, pool, events=["pool_finished"])
    ask_and_answer(database, pool, ada, 3)
    assert read(database, pool).finished_at == NOW
    undo(database, read(database, pool), ada)
    ask_and_answer(database, read(database, pool), ada, 1)
    assert events_of(database) == ["pool_finished"]
    with database.write() as session:
        added = NewImage("new.png", b"new", np.zeros((4, 4), np.uint8), 4, 4, truth=1)
        add_images(session, pool, [added], now=NOW)
    assert read(database, pool).finished_at is None
    ask_and_answer(database, read(database, pool), ada, 1, now=after(60))

    assert events_of(database) == ["pool_finished"] * 2
    assert deliveries_of(database)[1].facts["counts"]["images"] == 4


def test_the_last_label_may_be_a_models(database: Database, ada: Annotator) -> None:
    pool = add_pool(database, n_images=3)
    label_by_model(database, pool, image_ids(database, pool, [2]))
    ask_and_answer(database, pool, ada, 2)
    with database.write() as session:
        milestones.notice(session, pool, now=NOW)

    assert read(database, pool).finished_at == NOW


def test_of_two_who_reach_a_goal_at_once_one_tells(database: Database, pool: Pool) -> None:
    add_webhook(database, pool, events=["goal_reached"])
    pool = set_goals(database, pool, goal_labels=1)
    with database.write() as session:
        people = [labeling.ensure_annotator(session, f"person {n}", now=NOW) for n in range(6)]
    given = [ids_of(ask(database, pool, person, 1).images) for person in people]

    def answer(index: int) -> None:
        label = labeling.GivenLabel(given[index][0], 1)
        database.write_together(lambda session: labeling.answer(session, pool, people[index], [label], now=NOW))

    assert race(6, answer) == [None] * 6
    assert events_of(database) == ["goal_reached"]


def test_what_is_rolled_back_is_not_told(database: Database, pool: Pool, ada: Annotator) -> None:
    add_webhook(database, pool)
    pool = set_goals(database, pool, goal_labels=1)
    (image_id,) = ids_of(ask(database, pool, ada, 1).images)
    with pytest.raises(KeyboardInterrupt), database.write() as session:
        labeling.answer(session, pool, ada, [labeling.GivenLabel(image_id, 1)], now=NOW)
        raise KeyboardInterrupt

    assert (told(database), read(database, pool).labels_reached_at) == ([], None)


def test_an_answer_asks_the_database_nothing_more_until_a_goal_is_near(
    database: Database, pool: Pool, ada: Annotator
) -> None:
    images = ids_of(ask(database, pool, ada, 3).images)

    def count(pool: Pool, image_id: int) -> int:
        with count_queries(database) as statements:
            database.write_together(
                lambda session: labeling.answer(session, pool, ada, [labeling.GivenLabel(image_id, 1)], now=NOW)
            )
        return len(statements)

    plain = count(pool, images[0])
    add_webhook(database, pool)
    with_goal = set_goals(database, pool, goal_labels=3)
    assert count(with_goal, images[1]) == plain
    assert count(with_goal, images[2]) > plain
