"""A pool that its learner looks at first: asked by chance meanwhile, then by what was found, and verified."""

import datetime as dt
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from sqlalchemy import select, text

from app import features, preparing, rounds
from app.db import Database
from app.errors import PreparationUnderWay
from app.models import Annotator, FeatureSet, LabelEvent, Pool
from app.pools import order_first
from app.preparing import find_pools_to_prepare, prepare_pool
from app.settings import as_environment
from app.trainer import Trainer
from app.verify import verify_pool

from .factories.acts import answer, ask, ask_and_answer, change, ids_of, undo
from .factories.files import make_settings, url_of
from .factories.making import add_annotator, add_pool, make_trainer, training_of
from .factories.stored import image_ids, newest_round, ranked_ids


@pytest.fixture
def looking(database: Database) -> Pool:
    return add_pool(database, slug="looked-at", learner="graph", n_validation=0, n_images=120, queue_size=40)


def train_all(trainer: Trainer) -> None:
    while trainer.run_one():
        pass


def test_images_are_asked_by_chance_until_the_learner_has_looked(
    database: Database, looking: Pool, ada: Annotator, trainer: Trainer
) -> None:
    given = ask_and_answer(database, looking, ada, 12)

    ids = image_ids(database, looking)
    assert [event.image_id for event in given] == [ids[at] for at in order_first(looking, looking.n_images)[:12]]
    assert [event.position for event in given] != sorted(event.position for event in given)
    assert {event.asked_by for event in given} == {"chance"}
    assert not trainer.run_one()  # twelve labels, and nothing to learn them on
    assert training_of(database, looking).status == "idle"


def test_what_was_found_makes_a_round_due_even_without_a_label(
    database: Database, looking: Pool, ada: Annotator, trainer: Trainer
) -> None:
    heard: list[tuple[str, float]] = []

    assert prepare_pool(database, looking.slug, lambda *told: heard.append(told), again=False) == 120
    train_all(trainer)

    first = newest_round(database, looking)
    assert (first.number, first.n_labels, first.asked_by, first.validation_correct) == (1, 0, "strategy", None)
    assert first.feature_set_id is not None and first.test_correct is not None
    shares = [share for _, share in heard]
    assert shares == sorted(shares) and all(step for step, _ in heard)
    asked = ask(database, looking, ada)
    assert ids_of(asked.images) == ranked_ids(database, first)[:10]
    assert {(image.confidence, image.prediction) for image in asked.images} == {(None, None)}
    given = answer(database, looking, ada, ids_of(asked.images))
    assert {event.asked_by for event in given} == {"strategy"}
    train_all(trainer)
    second = newest_round(database, looking)
    assert (second.number, second.n_labels) == (2, 10)
    assert second.test_correct is not None and second.test_correct > first.test_correct
    assert prepare_pool(database, looking.slug, again=False) == 0


def test_what_is_held_by_chance_makes_room_once_the_learner_asks(
    database: Database, looking: Pool, ada: Annotator, trainer: Trainer
) -> None:
    by_chance = ids_of(ask(database, looking, ada).images)
    answer(database, looking, ada, by_chance[:2])
    prepare_pool(database, looking.slug, again=False)
    train_all(trainer)

    assert ids_of(ask(database, looking, ada, 8).images) == by_chance[2:]  # of a page that is open, or of a script
    chosen = ask(database, looking, ada)  # of one that is opened now
    assert ids_of(chosen.images) == ranked_ids(database, newest_round(database, looking))[:10]
    assert {image.asked_by for image in chosen.images} == {"strategy"}
    assert ids_of(ask(database, looking, ada).images) == ids_of(chosen.images)


def test_answers_of_before_count_in_the_first_round(
    database: Database, looking: Pool, ada: Annotator, trainer: Trainer
) -> None:
    ask_and_answer(database, looking, ada, 7)
    prepare_pool(database, looking.slug, again=False)
    train_all(trainer)

    assert (newest_round(database, looking).number, newest_round(database, looking).n_labels) == (1, 7)


def test_a_large_pool_starts_on_a_sample_and_keeps_every_answer(
    database: Database, looking: Pool, ada: Annotator, trainer: Trainer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(features, "SAMPLED_FROM", 100)
    monkeypatch.setattr(features, "SAMPLE_SIZE", 60)
    sample = features.draw_sample(120, 60)
    assert sample is not None
    covered = {image_ids(database, looking)[at] for at in sample}
    by_chance = ask_and_answer(database, looking, ada, 8)  # some of them are not in the sample

    assert prepare_pool(database, looking.slug, again=False) == 60
    train_all(trainer)
    assert {event.image_id for event in by_chance} - covered
    assert set(ranked_ids(database, newest_round(database, looking))) <= covered
    ask_and_answer(database, looking, ada, 10)
    train_all(trainer)
    of_sample = newest_round(database, looking)
    assert (of_sample.number, of_sample.n_labels) == (2, 18)
    assert prepare_pool(database, looking.slug, again=False) == 120
    train_all(trainer)

    whole = newest_round(database, looking)
    assert (whole.number, whole.n_labels) == (3, 18)
    assert whole.feature_set_id != of_sample.feature_set_id
    assert set(ranked_ids(database, whole)) - covered
    assert verify_pool(database, looking, lambda *_: None).difference is None


def test_rounds_come_out_again_whatever_was_undone_changed_and_given_at_once(
    database: Database, looking: Pool, ada: Annotator, trainer: Trainer
) -> None:
    bob = add_annotator(database, "bob")
    prepare_pool(database, looking.slug, again=False)
    train_all(trainer)
    mine, theirs = ask(database, looking, ada, 10), ask(database, looking, bob, 10)
    given = answer(database, looking, bob, ids_of(theirs.images)[::-1])
    answer(database, looking, ada, ids_of(mine.images)[:6])
    train_all(trainer)
    change(database, looking, bob, given[0].id, 3)
    undo(database, looking, bob, given[1].id)
    ask_and_answer(database, looking, ada, 14)
    train_all(trainer)

    assert newest_round(database, looking).number >= 3
    assert verify_pool(database, looking, lambda *_: None).difference is None

    with database.write() as session:
        other = "CAST(substr(content, 1, 9) || x'7f' || substr(content, 11) AS BLOB)"
        session.execute(text(f"UPDATE feature_part SET content = {other} WHERE number = 0"))
    found = verify_pool(database, looking, lambda *_: None).difference
    assert found is not None and "the features" in found.place and "damaged: part 0 of the array" in found.stored


def test_a_second_opinion_is_part_of_what_a_round_is_computed_from(
    database: Database, looking: Pool, ada: Annotator, trainer: Trainer
) -> None:
    prepare_pool(database, looking.slug, again=False)
    train_all(trainer)
    ask_and_answer(database, looking, ada, 10)
    train_all(trainer)
    alone = ranked_ids(database, newest_round(database, looking))
    classes = np.full(120, 3, "<u2")
    with database.write() as session:
        session.execute(
            text(
                "INSERT INTO trained_model (pool_id, status, seed, step, share, content, predictions, created_at) "
                "VALUES (:pool, 'done', 0, '', 1.0, x'00', :classes, '2026-01-01 00:00:00')"
            ),
            {"pool": looking.id, "classes": classes.tobytes()},
        )
    ask_and_answer(database, looking, ada, 10)
    train_all(trainer)

    after = newest_round(database, looking)
    assert after.trained_model_id is not None
    assert ranked_ids(database, after) != alone
    assert verify_pool(database, looking, lambda *_: None).difference is None
    with database.write() as session:
        session.execute(text("UPDATE trained_model SET predictions = zeroblob(240)"))
    assert verify_pool(database, looking, lambda *_: None).difference is not None


@pytest.mark.usefixtures("pool")  # the paper's, which needs none
def test_which_pool_comes_first(database: Database, looking: Pool) -> None:
    later = add_pool(database, slug="later", learner="graph", n_validation=0)

    assert find_pools_to_prepare(database) == [looking.slug, later.slug]
    prepare_pool(database, looking.slug, again=False)
    assert find_pools_to_prepare(database) == [later.slug]
    with database.write() as session:
        features.begin(session, later, 60, now=dt.datetime.now(dt.UTC))
    assert find_pools_to_prepare(database) == []  # another process looks at it
    with pytest.raises(PreparationUnderWay):
        prepare_pool(database, later.slug, again=False)


def test_why_it_failed_is_told_and_it_is_tried_again(
    database: Database, looking: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched, pytest.raises(MemoryError):
        patched.setattr(preparing, "read_pool_images", raise_memory_error)
        prepare_pool(database, looking.slug, again=False)

    with database.read() as session:
        told = features.find_preparation(session, looking, now=dt.datetime.now(dt.UTC))
    assert told is not None and told.step == "this failed (MemoryError: too large); it is tried again"
    assert find_pools_to_prepare(database) == [looking.slug]
    assert prepare_pool(database, looking.slug, again=False) == 120


def raise_memory_error(*_: object) -> None:
    raise MemoryError("too large")


def test_damaged_features_stop_their_own_pool_alone(
    database: Database, looking: Pool, pool: Pool, ada: Annotator
) -> None:
    prepare_pool(database, looking.slug, again=False)
    with database.write() as session:
        session.execute(text("DELETE FROM feature_part WHERE name = 'phi'"))
    ask_and_answer(database, pool, ada, 10)
    trainer = make_trainer(database, retry_seconds=60.0)

    trainer.warm_up()
    train_all(trainer)

    assert newest_round(database, pool).number == 1 and newest_round(database, pool).test_correct is not None
    told = training_of(database, looking)
    assert told.status == "failed" and f"inkling pool prepare {looking.slug} --again" in (told.message or "")
    assert prepare_pool(database, looking.slug, again=True) == 120
    train_all(make_trainer(database))
    assert newest_round(database, looking).number == 1


def test_how_a_round_asks_is_verified(database: Database, looking: Pool, trainer: Trainer) -> None:
    prepare_pool(database, looking.slug, again=False)
    train_all(trainer)
    for number, other in ((0, "strategy"), (1, "chance")):
        with database.write() as session:
            session.execute(text(f"UPDATE round SET asked_by = '{other}' WHERE number = {number}"))
        found = verify_pool(database, looking, lambda *_: None).difference
        assert found is not None and found.place == f"{looking.slug}, round {number}, how it asks"
        with database.write() as session:
            right = "chance" if number == 0 else "strategy"
            session.execute(text(f"UPDATE round SET asked_by = '{right}' WHERE number = {number}"))


def test_nothing_is_late_while_the_images_are_looked_at(database: Database, looking: Pool, ada: Annotator) -> None:
    ask_and_answer(database, looking, ada, 12)
    assert not ask(database, looking, ada).is_stale


def test_looking_again_makes_another_set_and_another_round(database: Database, looking: Pool, trainer: Trainer) -> None:
    prepare_pool(database, looking.slug, again=False)
    train_all(trainer)
    first = newest_round(database, looking)

    assert prepare_pool(database, looking.slug, again=True) == 120
    train_all(trainer)

    second = newest_round(database, looking)
    assert (second.number, ranked_ids(database, second)) == (2, ranked_ids(database, first))
    with database.read() as session:
        assert len(session.scalars(select(FeatureSet)).all()) == 2


def test_a_preparation_that_is_killed_leaves_nothing_half(database: Database) -> None:
    pool = add_pool(database, learner="graph", n_validation=0, n_images=600, height=28, width=28)
    environment = os.environ | as_environment(make_settings(url_of(database.path)))
    command = [sys.executable, "-P", "-m", "app.cli", "pool", "prepare", pool.slug]
    with subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL) as child:
        until = time.monotonic() + 240
        while not _begun(database):
            assert time.monotonic() < until and child.poll() is None
            time.sleep(0.01)
        child.send_signal(signal.SIGKILL)
    with database.read() as session:
        assert features.find_ready(session, pool) is None

    with database.write() as session:  # as if the time in which it may be alive were over
        session.execute(text("UPDATE feature_set SET heartbeat_at = '2020-01-01 00:00:00'"))
    assert subprocess.run(command, env=environment, capture_output=True, check=True).returncode == 0

    with database.read() as session:
        ready = features.find_ready(session, pool)
        assert ready is not None
        assert len(session.scalars(select(FeatureSet)).all()) == 1
        assert features.read(session, ready).arrays


def _begun(database: Database) -> bool:
    with database.read() as session:
        return session.scalar(select(FeatureSet.id)) is not None


def test_a_pool_of_the_paper_never_waits_for_features(database: Database, pool: Pool, ada: Annotator) -> None:
    events = ask_and_answer(database, pool, ada, 10)

    with database.read() as session:
        assert rounds.is_due(session, pool)
        asked_by = session.scalars(select(LabelEvent.asked_by).distinct()).all()
    assert asked_by == ["strategy"] and len(events) == 10
    assert prepare_pool(database, pool.slug, again=False) == 0
