"""Rounds before, within and after a merge of classes: what they learn and count, and that all of them are verified."""

import numpy as np
import pytest
from sqlalchemy import select

from app import merging, rounds
from app.adding import NewImage, add_images
from app.annotators import list_work
from app.db import Database
from app.learning.learner import NO_FEATURES, PoolImages
from app.learning.learners import make_learner
from app.learning.names import LearnerName
from app.merges import Merges, apply_map, read_merges
from app.models import Annotator, Pool, RankedImage
from app.own_pools import OwnPoolSpec, create_pool
from app.pools import read_arrays
from app.preparing import prepare_pool
from app.verify import verify_pool

from .factories import (
    CLASSES,
    NOW,
    add_pool,
    ask_and_answer,
    claim_merge,
    claim_taking_back,
    make_images,
    make_trainer,
    merge,
    newest_round,
    take_merge_back,
    training_set,
)

pytestmark = pytest.mark.tensorflow


def verified(database: Database, pool: Pool) -> int:
    """How many rounds are as they were computed."""
    verdict = verify_pool(database, pool, lambda *_: None)
    assert verdict.difference is None
    return verdict.n_rounds


def predictions_of(database: Database, round_id: int) -> set[int | None]:
    with database.read() as session:
        return set(session.scalars(select(RankedImage.prediction).where(RankedImage.round_id == round_id)))


def is_due(database: Database, pool: Pool) -> bool:
    with database.read() as session:
        return rounds.is_due(session, pool)


def test_rounds_before_within_and_after_a_merge_are_verified(
    database: Database, pool: Pool, oracle: Annotator, boss: Annotator
) -> None:
    trainer = make_trainer(database)
    for _ in range(2):
        ask_and_answer(database, pool, oracle)
        assert trainer.run_one()
    before = newest_round(database, pool)
    row = merge(database, pool, boss, 0, 9)
    assert is_due(database, pool)
    while trainer.run_one():
        pass
    merged = newest_round(database, pool)
    assert (merged.number, merged.last_merge_id) == (before.number + 1, row.id)
    assert 0 not in predictions_of(database, merged.id)
    ask_and_answer(database, pool, oracle)  # the truth of some is the class that is merged
    while trainer.run_one():
        pass
    undoing = take_merge_back(database, pool, boss, row.id)
    while trainer.run_one():
        pass
    last = newest_round(database, pool)
    assert last.last_merge_id == undoing.id
    assert not is_due(database, pool)
    assert verified(database, pool) == last.number + 1


def test_no_round_learns_from_half_a_merge_and_what_was_read_before_is_stored_and_verified(
    database: Database, pool: Pool, ada: Annotator, boss: Annotator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(merging, "BITE", 1)
    trainer = make_trainer(database)
    ask_and_answer(database, pool, ada, 20)
    train = trainer._train

    def merge_meanwhile(*given: object) -> None:
        if newest_round(database, pool).number == 0:
            claim_merge(database, pool, boss, 0, 9)
            merging.follow(database, pool, seconds=0, pause=0, now=NOW)
        train(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(trainer, "_train", merge_meanwhile)
    assert trainer.run_one()
    assert newest_round(database, pool).last_merge_id == 0  # it had read its labels before
    assert not is_due(database, pool)
    merging.follow(database, pool, pause=0, now=NOW)
    assert is_due(database, pool)
    assert trainer.run_one()
    assert newest_round(database, pool).last_merge_id == 1
    assert verified(database, pool) == 3


@pytest.mark.parametrize("learner", ["softmax", "graph"])
def test_test_images_of_a_merged_class_count_for_the_other(
    database: Database, learner: LearnerName, boss: Annotator, oracle: Annotator
) -> None:
    pool = add_pool(
        database, slug="two", n_images=200, n_validation=20 if learner == "softmax" else 0, n_test=60, learner=learner
    )
    if learner == "graph":
        prepare_pool(database, pool.slug, lambda *_: None, again=False)
    ask_and_answer(database, pool, oracle, 60)
    merge(database, pool, boss, 0, 9)
    trainer = make_trainer(database)
    while trainer.run_one():
        pass
    stored = newest_round(database, pool)
    assert stored.number == 1
    with database.read() as session:
        arrays, merges = read_arrays(session, pool), read_merges(session, pool)
    class_map = merges.as_map(10)
    assert (arrays.test.truth == 0).any()
    truth = np.where(arrays.test.truth == 0, 9, arrays.test.truth)
    if learner == "softmax":
        made = make_learner("softmax", 10, pool.image_shape)
        with database.read() as session:
            state = rounds.get_newest_round(session, pool, with_state=True).state
        found = made.predict_others(state, PoolImages(arrays.images, NO_FEATURES), arrays.test).argmax(axis=1)
        assert stored.test_correct == int((np.where(found == 0, 9, found) == truth).sum())
    assert stored.test_correct is not None
    assert stored.test_correct > 30
    np.testing.assert_array_equal(apply_map(class_map, arrays.test.truth), truth)
    assert 0 not in predictions_of(database, stored.id)
    assert verified(database, pool) == 2


def test_an_annotators_work_stays_the_annotators_and_agrees_through_the_merge(
    database: Database, pool: Pool, ada: Annotator, boss: Annotator
) -> None:
    events = ask_and_answer(database, pool, ada, 20)  # truly
    assert any(event.value == 0 for event in events)
    merge(database, pool, boss, 0, 9)
    with database.read() as session:
        work = list_work(session, pool, with_truth=True, now=NOW)
    assert [(one.name, one.labels, one.truth_agreement) for one in work] == [("ada", 20, (20, 20))]


def test_a_map_leaves_unknown_classes_alone() -> None:
    assert Merges(()).as_map(3) is None
    np.testing.assert_array_equal(apply_map(np.array([1, 1, 2]), np.array([-1, 0, 1, 2])), [-1, 1, 1, 2])


def test_a_merge_taken_back_while_a_round_is_due_is_waited_for(
    database: Database, pool: Pool, ada: Annotator, boss: Annotator
) -> None:
    ask_and_answer(database, pool, ada, 10)
    assert is_due(database, pool)
    row = merge(database, pool, boss, 0, 9)
    claim_taking_back(database, pool, boss, row.id)
    assert not is_due(database, pool)
    merging.follow(database, pool, pause=0, now=NOW)
    assert is_due(database, pool)


def test_answers_by_chance_that_were_merged_still_tell_how_good_the_model_is(
    database: Database, ada: Annotator, boss: Annotator
) -> None:
    images, truth = make_images(120)
    spec = OwnPoolSpec("own", "Own", CLASSES, height=8, width=8, channels=1, learner="softmax", chance_every=2)
    with database.write() as session:
        pool = create_pool(session, spec, filled=True, now=NOW)
        pixels = [image.repeat(2, axis=0).repeat(2, axis=1) for image in images]
        new = [NewImage(f"{n}.png", None, each, 8, 8, None, int(truth[n])) for n, each in enumerate(pixels)]
        add_images(session, pool, new, now=NOW)
    trainer = make_trainer(database)
    for _ in range(5):
        ask_and_answer(database, pool, ada)
        assert trainer.run_one()
    merge(database, pool, boss, 0, 9)
    assert trainer.run_one()
    stored, training = newest_round(database, pool), training_set(database, pool)
    assert (stored.tested_on, stored.test_total) == ("chance", len(training.held_out))
    given = truth[training.held_out]
    np.testing.assert_array_equal(training.held_out_values, np.where(given == 0, 9, given))
    with database.read() as session:
        state = rounds.get_newest_round(session, pool, with_state=True).state
        pool_images = PoolImages(read_arrays(session, pool).images, NO_FEATURES)
    found = make_learner("softmax", 10, (8, 8)).predict(state, pool_images, training.held_out).argmax(axis=1)
    assert stored.test_correct == int((np.where(found == 0, 9, found) == training.held_out_values).sum())
    assert (given == 0).any()
    assert verified(database, pool) == stored.number + 1
