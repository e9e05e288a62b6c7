"""The trainer: the same inputs give the same bits, and whatever happens to it, labels are safe."""

import random
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import undefer

from app.db import Database
from app.learning import strategies
from app.learning.learner import Features, PoolImages, find_right
from app.learning.learners import make_learner
from app.learning.names import STRATEGIES, Strategy
from app.models import Annotator, Pool, RankedImage, Round
from app.pools import read_arrays
from app.trainer import Trainer
from app.verify import verify_pool

from .factories.acts import answer, ask, ask_and_answer, ids_of, undo
from .factories.files import copy_database, opened
from .factories.making import add_annotator, add_pool, make_trainer, training_of
from .factories.stored import image_ids, newest_round, ranked_ids, truth_of
from .factories.watching import race

pytestmark = pytest.mark.tensorflow

Trace = list[tuple[int, int, int, int, int, bytes, list[tuple[int, float, int]]]]


def trace(database: Database, pool: Pool) -> Trace:
    """Everything about a pool's rounds but the milliseconds."""
    found: Trace = []
    with database.read() as session:
        query = select(Round).where(Round.pool_id == pool.id).order_by(Round.number).options(undefer(Round.state))
        for row in session.scalars(query):
            ranked = session.scalars(select(RankedImage).where(RankedImage.round_id == row.id)).all()
            head = [(image.image_id, image.confidence or 0.0, image.prediction or 0) for image in ranked]
            counts = (row.number, row.n_labels, row.steps, row.validation_correct or 0, row.test_correct or 0)
            found.append((*counts, row.state, head))
    return found


def test_a_round_is_trained_when_it_is_due_and_not_before(
    database: Database, pool: Pool, ada: Annotator, trainer: Trainer
) -> None:
    ask_and_answer(database, pool, ada, 9)
    assert not trainer.run_one()
    assert newest_round(database, pool).number == 0

    ask_and_answer(database, pool, ada, 1)
    assert trainer.run_one()
    assert newest_round(database, pool).test_correct is None  # nobody waits for the test images
    assert trainer.run_one()
    assert newest_round(database, pool).test_correct is not None
    assert not trainer.run_one()
    assert (newest_round(database, pool).number, newest_round(database, pool).n_labels) == (1, 10)


def test_all_new_labels_go_into_one_round(database: Database, pool: Pool, ada: Annotator, trainer: Trainer) -> None:
    ask_and_answer(database, pool, ada, 25)

    assert trainer.run_one()
    assert trainer.run_one()  # counts the test images
    assert not trainer.run_one()
    assert newest_round(database, pool).n_labels == 25


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_round_is_what_the_model_computes_from_its_labels(
    database: Database, ada: Annotator, trainer: Trainer, strategy: Strategy
) -> None:
    pool = add_pool(database, strategy=strategy, queue_size=15)
    learner = make_learner(pool.learner, 10, (4, 4))
    state = learner.initial()
    with database.read() as session:
        arrays = read_arrays(session, pool)
    images = PoolImages(arrays.images, Features(0, {}))
    asked: list[int] = []
    for number in (1, 2, 3):
        asked += [event.image_id for event in ask_and_answer(database, pool, ada)]
        assert trainer.run_one()
        assert trainer.run_one()  # counts the test images

        rows = np.array([arrays.image_ids.tolist().index(image_id) for image_id in asked])
        y = np.array(truth_of(database, asked))
        fit = learner.fit(state, images, rows, y, arrays.validation)
        state = fit.state
        rest = np.setdiff1d(np.arange(60), rows)
        probabilities = learner.predict(state, images, rest)
        scores = strategies.score(probabilities, strategy, positions=rest, seed=(pool.id, number))
        order = np.lexsort((rest, scores))[:15]
        found = newest_round(database, pool)

        assert (found.number, found.n_labels, found.steps) == (number, len(asked), fit.steps)
        assert (found.validation_correct, found.validation_total) == (fit.correct, 20)
        assert found.validation_correct == find_right(learner, state, images, arrays.validation).sum()
        assert found.test_correct == find_right(learner, state, images, arrays.test).sum()
        assert found.state == state
        assert trace(database, pool)[-1][-1] == [
            (int(arrays.image_ids[rest[i]]), float(probabilities[i].max()), int(probabilities[i].argmax()))
            for i in order
        ]


def test_a_pool_without_validation_images_is_trained(database: Database, ada: Annotator, trainer: Trainer) -> None:
    pool = add_pool(database, n_validation=0, n_test=30)
    ask_and_answer(database, pool, ada, 30)
    assert trainer.run_one()
    assert trainer.run_one()  # counts the test images

    found = newest_round(database, pool)
    assert (found.number, found.validation_total, found.test_total) == (1, 0, 30)
    assert found.steps > 1
    assert found.test_correct is not None
    assert found.test_correct > 15
    assert verify_pool(database, pool, lambda _number, _last: None).difference is None


def test_the_model_gets_better_with_labels(database: Database, pool: Pool, ada: Annotator, trainer: Trainer) -> None:
    before = newest_round(database, pool).validation_correct or 0
    ask_and_answer(database, pool, ada, 30)
    trainer.run_one()

    assert (newest_round(database, pool).validation_correct or 0) > before + 5


def test_the_ranking_leaves_out_what_is_labeled(
    database: Database, pool: Pool, ada: Annotator, trainer: Trainer
) -> None:
    events = ask_and_answer(database, pool, ada, 30)
    undone = undo(database, pool, ada)
    trainer.run_one()

    ranked = set(ranked_ids(database, newest_round(database, pool)))

    labeled = {event.image_id for event in events} - {undone.image_id}
    assert ranked == set(image_ids(database, pool)) - labeled


def test_a_pool_that_is_labeled_to_the_end_is_trained_a_last_time(
    database: Database, ada: Annotator, trainer: Trainer
) -> None:
    pool = add_pool(database, n_images=20, n_test=0)
    ask_and_answer(database, pool, ada, 20)

    assert trainer.run_one()
    found = newest_round(database, pool)
    assert (found.n_labels, found.test_total, ranked_ids(database, found)) == (20, 0, [])


def test_two_pools_both_get_their_turn(database: Database, ada: Annotator, trainer: Trainer) -> None:
    first, second = add_pool(database, slug="one"), add_pool(database, slug="two", height=5, width=3)
    for pool in (first, second):
        ask_and_answer(database, pool, ada, 10)

    assert trainer.run_one()
    assert [newest_round(database, pool).number for pool in (first, second)] == [1, 1]


def test_a_pool_that_was_made_meanwhile_is_trained_too(
    database: Database, pool: Pool, ada: Annotator, trainer: Trainer
) -> None:
    trainer.warm_up()
    later = add_pool(database, slug="later", classes=("cat", "dog"))
    ask_and_answer(database, later, ada, 10)

    assert trainer.run_one()
    assert (newest_round(database, later).number, newest_round(database, pool).number) == (1, 0)


def test_the_order_of_the_clicks_changes_no_bit(database: Database, tmp_path: Path) -> None:
    pool = add_pool(database)
    add_annotator(database, "ada")
    database.close()
    traces = []
    for seed in range(3):
        with opened(copy_database(tmp_path / "inkling.db", tmp_path / f"{seed}.db")) as copy:
            ada, trainer, clicks = add_annotator(copy, "ada"), make_trainer(copy), random.Random(seed)
            for _ in range(3):
                ids = ids_of(ask(copy, pool, ada).images)
                clicks.shuffle(ids)
                for image_id in ids:
                    answer(copy, pool, ada, [image_id])
                assert trainer.run_one()
            traces.append(trace(copy, pool))

    assert traces[0] == traces[1] == traces[2]
    assert len(traces[0]) == 4


def test_a_restart_after_every_round_changes_no_bit(database: Database, tmp_path: Path) -> None:
    pool = add_pool(database)
    database.close()
    copies = [copy_database(tmp_path / "inkling.db", tmp_path / name) for name in ("through.db", "restarted.db")]
    with opened(copies[0]) as through:
        ada, trainer = add_annotator(through, "ada"), make_trainer(through)
        for _ in range(5):
            ask_and_answer(through, pool, ada)
            assert trainer.run_one()
        expected = trace(through, pool)

    for _ in range(5):
        with opened(copies[1]) as restarted:
            ask_and_answer(restarted, pool, add_annotator(restarted, "ada"))
            assert make_trainer(restarted).run_one()

    with opened(copies[1]) as restarted:
        assert trace(restarted, pool) == expected
    assert len(expected) == 6


def test_labels_given_while_no_trainer_ran_are_trained_at_the_next_start(
    database: Database, pool: Pool, ada: Annotator, tmp_path: Path
) -> None:
    ask_and_answer(database, pool, ada, 12)
    database.close()

    with opened(tmp_path / "inkling.db") as reopened:
        assert make_trainer(reopened).run_one()
        assert newest_round(reopened, pool).n_labels == 12


def test_of_two_trainers_that_race_one_stores_the_round(database: Database, pool: Pool, ada: Annotator) -> None:
    trainers = [make_trainer(database) for _ in range(2)]
    for trainer in trainers:
        trainer.warm_up()
    for number in (1, 2, 3):
        ask_and_answer(database, pool, ada, 10)
        race(2, lambda index: trainers[index].run_one())
        assert newest_round(database, pool).number == number

    assert training_of(database, pool).status == "idle"
    with database.read() as session:
        assert session.scalar(select(func.count()).select_from(Round)) == 4
