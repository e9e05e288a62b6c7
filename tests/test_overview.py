"""All pools at a glance: labels, accuracy, who works there, and what the learner does."""

from dataclasses import replace

import pytest
from sqlalchemy import update

from app import features, overview, rounds
from app.accuracy import Accuracy
from app.db import Database
from app.features import Preparation
from app.models import Annotator, Pool
from app.overview import PoolOverview

from .factories.acts import ask, ask_and_answer, label_by_model
from .factories.making import LEASE_SECONDS, NOW, add_pool, add_round, after, make_outcome
from .factories.stored import image_ids, newest_round, training_set
from .factories.watching import count_queries


def view(database: Database, seconds: float = 0) -> list[PoolOverview]:
    with database.read() as session:
        pools, _ = overview.list_open_pools(session)
        return overview.view_pools(session, pools, now=after(seconds))


def store_round(database: Database, pool: Pool, *, test_correct: int | None, n_validation: int = 20) -> None:
    """The next round, with so many right answers on 30 test images; they are not counted yet if it is None."""
    previous, labels = newest_round(database, pool), training_set(database, pool)
    outcome = make_outcome()
    if n_validation == 0:
        outcome = replace(outcome, validation_correct=None, validation_total=0)
    with database.write() as session:
        assert rounds.store(session, previous, labels, outcome, now=NOW)
        if test_correct is not None:
            rounds.record_test(session, rounds.get_newest(session, pool).id, test_correct)


def test_a_new_pool_has_no_answer_and_no_accuracy(database: Database, pool: Pool) -> None:
    (found,) = view(database)

    assert (found.pool.slug, found.n_labeled, found.accuracy, found.workers) == (pool.slug, 0, None, [])
    assert (found.is_on_test, found.can_be_measured, found.until_round) == (True, True, 10)
    assert not (found.is_learning or found.is_failing or found.is_finished)


def test_labels_are_counted_apart_in_each_pool(
    database: Database, pool: Pool, ada: Annotator, oracle: Annotator
) -> None:
    other = add_pool(database, slug="other", n_images=8)
    ask_and_answer(database, pool, ada, 3)
    ask_and_answer(database, pool, oracle, 4)
    label_by_model(database, pool, image_ids(database, pool, [58, 59]))
    ask_and_answer(database, other, ada, 8)

    first, second = view(database)

    assert (first.n_human, first.n_oracle, first.n_model, first.n_labeled) == (3, 4, 2, 9)
    assert first.until_round == 3
    assert (second.n_human, second.n_labeled, second.is_finished) == (8, 8, True)


def test_the_accuracy_is_that_of_the_newest_round_whose_test_images_are_counted(
    database: Database, pool: Pool, ada: Annotator
) -> None:
    store_round(database, pool, test_correct=3)  # it has learned from no label
    assert view(database)[0].accuracy is None
    ask_and_answer(database, pool, ada, 10)
    assert view(database)[0].is_learning
    store_round(database, pool, test_correct=21)
    assert view(database)[0].accuracy == Accuracy(21, 30)
    ask_and_answer(database, pool, ada, 10)
    store_round(database, pool, test_correct=None)

    (found,) = view(database)

    assert found.accuracy == Accuracy(21, 30)
    assert not found.is_learning


def test_without_test_images_the_accuracy_is_that_on_validation_images_or_there_is_none(
    database: Database, ada: Annotator
) -> None:
    validated = add_pool(database, slug="validated", n_test=0)
    bare = add_pool(database, slug="bare", n_test=0, n_validation=0)
    for pool, n_validation in ((validated, 20), (bare, 0)):
        ask_and_answer(database, pool, ada, 10)
        previous, labels = newest_round(database, pool), training_set(database, pool)
        outcome = replace(make_outcome(), test_correct=0, test_total=0, tested_on=None)
        if n_validation == 0:
            outcome = replace(outcome, validation_correct=None, validation_total=0)
        with database.write() as session:
            rounds.store(session, previous, labels, outcome, now=NOW)

    with_validation, without = view(database)

    assert (with_validation.accuracy, with_validation.is_on_test) == (Accuracy(5, 20), False)
    assert (without.accuracy, without.can_be_measured) == (None, False)


def test_who_works_are_those_who_hold_images_just_now(
    database: Database, pool: Pool, ada: Annotator, ben: Annotator
) -> None:
    add_pool(database, slug="other")
    ask(database, pool, ben)
    ask(database, pool, ada, now=after(60))

    assert [found.workers for found in view(database, 60)] == [["ada", "ben"], []]
    assert view(database, LEASE_SECONDS)[0].workers == ["ada"]


def test_a_round_that_failed_is_told_until_it_is_stored(database: Database, pool: Pool, ada: Annotator) -> None:
    ask_and_answer(database, pool, ada, 10)
    with database.write() as session:
        rounds.record_failure(session, pool, 1, "The loss was not a number.", now=NOW)
    assert view(database)[0].is_failing

    add_round(database, pool)

    assert not view(database)[0].is_failing


def test_a_learner_that_looks_at_the_images_is_told_until_it_has_seen_all(database: Database) -> None:
    pool = add_pool(database, learner="graph")
    with database.write() as session:
        set_id = features.begin(session, pool, 60, now=NOW)
        features.record_step(session, pool, set_id, "learning what strokes look like", 0.5, now=NOW)
    assert view(database, 4)[0].preparation == Preparation(60, 60, "learning what strokes look like", 0.5, 4.0)

    with database.write() as session:
        features.finish(session, pool, set_id, version=1, n_parts=0, prepare_ms=1.0, now=after(8))

    assert view(database, 8)[0].preparation is None


def test_an_archived_pool_is_not_listed(database: Database, pool: Pool) -> None:
    add_pool(database, slug="other")
    with database.write() as session:
        session.execute(update(Pool).where(Pool.id == pool.id).values(archived_at=NOW))

    assert [found.pool.slug for found in view(database)] == ["other"]


def test_the_list_comes_in_pages(database: Database) -> None:
    for n in range(5):
        add_pool(database, slug=f"pool-{n}", n_images=1, batch_size=1)

    with database.read() as session:
        first, following = overview.list_open_pools(session, limit=3)
        rest, end = overview.list_open_pools(session, after=following or 0, limit=3)

    assert [pool.slug for pool in (*first, *rest)] == [f"pool-{n}" for n in range(5)]
    assert end is None


def test_many_pools_cost_as_many_queries_as_one(database: Database, ada: Annotator) -> None:
    costs = []
    for n in (1, 4):
        for each in range(n):
            pool = add_pool(database, slug=f"pool-{n}-{each}", learner="graph")
            ask_and_answer(database, pool, ada, 3)
            with database.write() as session:
                features.begin(session, pool, 60, now=NOW)
        with count_queries(database) as statements:
            assert all(found.preparation for found in view(database))
        costs.append(len(statements))

    assert costs[0] == costs[1]


def test_what_is_learned_of_the_images_is_told_as_the_pool_itself_tells_it(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With nothing begun, a sample begun, a sample ready, all begun; and of a pool that needs none of it."""
    monkeypatch.setattr(features, "SAMPLED_FROM", 50)
    monkeypatch.setattr(features, "SAMPLE_SIZE", 40)
    begun = [(), ((40, False),), ((40, True),), ((40, True), (60, False)), ((40, True), (60, True))]
    for number, sets in enumerate(begun):
        pool = add_pool(database, slug=f"pool-{number}", learner="graph")
        for n_images, is_ready in sets:
            with database.write() as session:
                set_id = features.begin(session, pool, n_images, now=NOW)
                features.record_step(session, pool, set_id, f"step {number}", 0.25, now=NOW)
                if is_ready:
                    features.finish(session, pool, set_id, version=1, n_parts=0, prepare_ms=1.0, now=NOW)
    older = add_pool(database, slug="older", learner="graph")
    with database.write() as session:
        set_id = features.begin(session, older, 60, now=NOW)
        features.finish(session, older, set_id, version=0, n_parts=0, prepare_ms=1.0, now=NOW)
    add_pool(database, slug="pixels")

    found = [each.preparation for each in view(database, 4)]

    assert [each and (each.n_images, each.share) for each in found] == [
        (40, 0.0),
        (40, 0.25),
        (60, 0.0),
        (60, 0.25),
        None,
        (40, 0.0),  # only an earlier version of the learner has seen them
        None,
    ]
    with database.read() as session:
        pools, _ = overview.list_open_pools(session)
        assert found == [features.find_preparation(session, pool, now=after(4)) for pool in pools]


def test_answers_asked_by_chance_are_what_a_pool_without_test_images_is_measured_by(
    database: Database, ada: Annotator
) -> None:
    pool = add_pool(database, n_test=0, n_validation=0)
    with database.write() as session:
        session.get_one(Pool, pool.id).chance_every = 5
    (before,) = view(database)
    assert (before.is_on_test, before.is_on_chance, before.can_be_measured) == (True, False, True)
    ask_and_answer(database, pool, ada, 10)
    previous, labels = newest_round(database, pool), training_set(database, pool)
    outcome = replace(make_outcome(), validation_correct=None, validation_total=0)
    with database.write() as session:
        outcome = replace(outcome, test_correct=3, test_total=4, tested_on="chance")
        rounds.store(session, previous, labels, outcome, now=NOW)

    (found,) = view(database)

    assert (found.accuracy, found.is_on_test, found.is_on_chance) == (Accuracy(3, 4), True, True)
