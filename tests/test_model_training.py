"""A model is trained from what the pool knows, stored whole or not at all, and counted on images that it never saw."""

import logging
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable

import numpy as np
import pytest
from sqlalchemy import select, update

from app import model_training, trained_models
from app.db import Database
from app.learning import network
from app.learning.learner import TrainingDiverged
from app.model_training import KnownLabels, find_model_to_train, read_labels, run_claimed, run_queued_model
from app.models import Annotator, Image, LabelEvent, Pool, TrainedModel
from app.pools import read_arrays

from .factories.acts import answer, ask, ids_of, label_by_model
from .factories.files import url_of
from .factories.making import NOW, add_pool
from .factories.stored import image_ids, truth_of
from .factories.trained import get_model_row

tensorflow = pytest.mark.tensorflow


@pytest.fixture(autouse=True)
def _short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forty steps are enough for patterns, and progress is stored at once."""
    monkeypatch.setattr(network, "EPOCHS", 2)
    monkeypatch.setattr(network, "LEAST_SEEN", 4 * network.BATCH)
    monkeypatch.setattr(model_training, "BEAT_SECONDS", 0.01)


def label(database: Database, pool: Pool, annotator: Annotator, count: int) -> list[int]:
    """Ask, and answer truly: the ids of the images."""
    ids = ids_of(ask(database, pool, annotator, count).images)
    answer(database, pool, annotator, ids)
    return ids


def make_chance(database: Database, ids: list[int]) -> None:
    """These images were asked by chance."""
    with database.engine.begin() as connection:
        connection.exec_driver_sql("DROP TRIGGER IF EXISTS label_event_refuses_update")
        connection.execute(update(LabelEvent).where(LabelEvent.image_id.in_(ids)).values(asked_by="chance"))


def request(database: Database, pool: Pool, *, seed: int = 0) -> int:
    with database.write() as session:
        return trained_models.request_model(session, pool, seed=seed, now=NOW).id


def train(database: Database, pool: Pool, *, seed: int = 0) -> TrainedModel:
    model_id = request(database, pool, seed=seed)
    assert run_queued_model(database, database.write_together, pool.slug)
    return get_model_row(database, model_id)


def wait_until(is_so: Callable[[], bool]) -> None:
    until = time.monotonic() + 240
    while not is_so():
        assert time.monotonic() < until
        time.sleep(0.01)


def known(n_labels: int, chance: list[int]) -> KnownLabels:
    """The labels of images 0 to n - 1, of which those at `chance` were asked by chance."""
    none = np.zeros(0, np.int64)
    by_chance = np.isin(np.arange(n_labels), chance)
    positions, nobody = np.arange(n_labels), np.zeros(n_labels, np.bool_)
    return KnownLabels(positions, positions, nobody, by_chance, none, none, last_event_id=n_labels, round=0)


def test_what_was_asked_by_chance_is_held_out_and_half_at_most() -> None:
    assert np.flatnonzero(known(20, [3, 5, 11]).hold_out(seed=0)).tolist() == [3, 5, 11]
    assert not known(20, []).hold_out(seed=0).any()
    assert not known(1, [0]).hold_out(seed=0).any()
    all_of_them = known(20, list(range(20)))
    assert all_of_them.hold_out(seed=0).sum() == 10
    assert np.array_equal(all_of_them.hold_out(seed=1), all_of_them.hold_out(seed=1))
    assert not np.array_equal(all_of_them.hold_out(seed=1), all_of_them.hold_out(seed=2))


def test_labels_are_read_with_who_gave_them_and_how_the_image_was_asked(
    database: Database, pool: Pool, ada: Annotator
) -> None:
    ids = label(database, pool, ada, 10)
    make_chance(database, ids[:3])
    rest = [each for each in image_ids(database, pool) if each not in ids]
    label_by_model(database, pool, rest[:2], value=4)
    with database.read() as session:
        read = read_labels(session, pool)
        position_of = {row.id: row.position for row in session.execute(select(Image.id, Image.position))}

    assert read.positions.tolist() == [position_of[each] for each in ids]
    assert read.values.tolist() == truth_of(database, ids)
    assert read.by_chance.tolist() == [True] * 3 + [False] * 7
    assert not read.is_oracles.any()
    assert sorted(read.models_positions.tolist()) == sorted(position_of[each] for each in rest[:2])
    assert read.models_values.tolist() == [4, 4]
    assert (read.round, read.last_event_id > 0) == (0, True)


@tensorflow
def test_a_model_is_stored_with_its_file_its_predictions_and_its_accuracy(
    database: Database, pool: Pool, ada: Annotator
) -> None:
    label(database, pool, ada, 30)
    row = train(database, pool, seed=5)
    with database.read() as session:
        arrays = read_arrays(session, pool)

    assert (row.status, row.error, row.share, row.seed) == ("done", None, 1.0, 5)
    assert (row.n_human, row.n_oracle, row.n_machine) == (30, 0, 30)
    assert (row.tested_on, row.total) == ("test", len(arrays.test))
    found = network.predict(row.content or b"", arrays.test.images).argmax(axis=1)
    assert row.correct == (found == arrays.test.truth).sum() > 10  # by chance it would be 3
    predictions = np.frombuffer(row.predictions or b"", "<u2")
    assert np.array_equal(predictions, network.predict(row.content or b"", arrays.images).argmax(axis=1))
    assert row.numerics
    assert row.train_ms
    assert row.finished_at
    assert not run_queued_model(database, database.write_together, pool.slug)


@tensorflow
def test_without_test_images_it_is_counted_on_answers_by_chance_and_learns_nothing_from_them(
    database: Database, ada: Annotator, monkeypatch: pytest.MonkeyPatch
) -> None:
    pool = add_pool(database, n_test=0)
    ids = label(database, pool, ada, 30)
    make_chance(database, ids[:12])
    seen = []
    real = network.train

    def look(images: object, targets: network.Targets, *rest: object, **options: object) -> bytes:
        seen.append(targets)
        return real(images, targets, *rest, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(network, "train", look)
    row = train(database, pool)
    chance = [position for position, each in enumerate(image_ids(database, pool)) if each in ids[:12]]

    assert (row.tested_on, row.total, row.n_human, row.n_machine) == ("chance", 12, 18, 30)
    assert np.flatnonzero(seen[0].classes == network.LEFT_OUT).tolist() == chance
    predictions = np.frombuffer(row.predictions or b"", "<u2")
    truth = truth_of(database, image_ids(database, pool))
    assert row.correct == sum(predictions[position] == truth[position] for position in chance)


@tensorflow
def test_without_any_such_image_no_accuracy_is_claimed(database: Database, ada: Annotator) -> None:
    pool = add_pool(database, n_test=0)
    label(database, pool, ada, 20)
    row = train(database, pool)

    assert (row.status, row.tested_on, row.correct, row.total) == ("done", None, None, None)


@tensorflow
def test_a_stop_ends_the_training_and_leaves_nothing_half(
    database: Database, pool: Pool, ada: Annotator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(network, "LEAST_SEEN", 1_000_000)
    monkeypatch.setattr(network, "MOST_SEEN", 10_000_000)
    label(database, pool, ada, 20)
    model_id = request(database, pool)
    thread = threading.Thread(target=run_queued_model, args=(database, database.write_together, pool.slug))
    thread.start()
    wait_until(lambda: get_model_row(database, model_id).step == "training the network")
    with database.write() as session:
        trained_models.stop_model(session, pool, model_id, now=NOW)
    thread.join(60)

    row = get_model_row(database, model_id)
    assert not thread.is_alive()
    assert (row.status, row.content, row.predictions, row.correct) == ("stopped", None, None, None)
    assert 0 < row.share < 1


@tensorflow
def test_a_stop_after_the_last_step_drops_the_result_and_the_log_says_so(
    database: Database, pool: Pool, ada: Annotator, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    label(database, pool, ada, 20)
    model_id = request(database, pool)
    real = network.numerics

    def stop() -> str:
        with database.write() as session:
            trained_models.stop_model(session, pool, model_id, now=NOW)
        return real()

    monkeypatch.setattr(network, "numerics", stop)
    caplog.set_level(logging.INFO, "app.model_training")
    assert run_queued_model(database, database.write_together, pool.slug)

    row = get_model_row(database, model_id)
    assert (row.status, row.content, row.finished_at) == ("stopped", None, NOW)
    assert f"model {model_id} is stopped" in caplog.text
    assert "done" not in caplog.text


def test_a_failure_is_stored_with_its_reason(
    database: Database, pool: Pool, ada: Annotator, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise TrainingDiverged("the network ended in NaN")

    monkeypatch.setattr(network, "warm_up", fail)
    label(database, pool, ada, 10)
    row = train(database, pool)

    assert (row.status, row.error, row.content) == ("failed", "TrainingDiverged: the network ended in NaN", None)


def test_a_failure_to_show_the_progress_is_one_of_the_model(database: Database, pool: Pool, ada: Annotator) -> None:
    def fail(_step: str, _share: float) -> None:
        raise OSError("the terminal is gone")

    label(database, pool, ada, 10)
    model_id = request(database, pool)
    with database.write() as session:
        claimed = trained_models.claim(session, pool, model_id, now=NOW)
    assert claimed is not None

    run_claimed(database, database.write_together, pool, claimed, fail)

    row = get_model_row(database, model_id)
    assert (row.status, row.error) == ("failed", "OSError: the terminal is gone")


def test_an_interruption_in_the_terminal_stops_the_model(database: Database, pool: Pool, ada: Annotator) -> None:
    def interrupt(_step: str, _share: float) -> None:
        raise KeyboardInterrupt

    label(database, pool, ada, 10)
    model_id = request(database, pool)
    with database.write() as session:
        claimed = trained_models.claim(session, pool, model_id, now=NOW)
    assert claimed is not None

    with pytest.raises(KeyboardInterrupt):
        run_claimed(database, database.write_together, pool, claimed, interrupt)
    row = get_model_row(database, model_id)
    assert (row.status, row.content) == ("stopped", None)
    assert row.finished_at is not None


def test_labels_that_were_taken_back_meanwhile_are_a_failure_in_words(
    database: Database, pool: Pool, ada: Annotator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(network, "warm_up", lambda: None)
    label(database, pool, ada, 10)
    model_id = request(database, pool)
    with database.engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM label")
    assert run_queued_model(database, database.write_together, pool.slug)

    assert (get_model_row(database, model_id).error or "").startswith("Nobody has labeled an image of Patterns")


def test_the_pool_of_the_model_that_waits_longest_is_next(database: Database, pool: Pool, ada: Annotator) -> None:
    other = add_pool(database, slug="other")
    for each in (pool, other):
        label(database, each, ada, 10)
    assert find_model_to_train(database) is None
    request(database, other)
    request(database, pool)

    assert find_model_to_train(database) == "other"


@tensorflow
def test_a_child_that_is_killed_leaves_a_model_that_another_begins_again(
    database: Database, pool: Pool, ada: Annotator, monkeypatch: pytest.MonkeyPatch
) -> None:
    label(database, pool, ada, 20)
    model_id = request(database, pool)
    command = [sys.executable, "-P", "-m", "app.cli", "model", "train", pool.slug, "--child"]
    environment = os.environ | {"INKLING_DATABASE_URL": url_of(database.path)}
    with subprocess.Popen(command, stdin=subprocess.PIPE, env=environment) as child:
        wait_until(lambda: get_model_row(database, model_id).status == "running")
        child.kill()
    row = get_model_row(database, model_id)
    assert (row.status, row.content) == ("running", None)

    monkeypatch.setattr(trained_models, "SILENCE", trained_models.SILENCE * 0)
    assert find_model_to_train(database) == pool.slug
    assert run_queued_model(database, database.write_together, pool.slug)
    assert get_model_row(database, model_id).status == "done"


@tensorflow
def test_labels_of_models_that_stand_go_before_what_the_learner_says_now(
    database: Database, pool: Pool, ada: Annotator
) -> None:
    ids = label(database, pool, ada, 20)
    rest = [each for each in image_ids(database, pool) if each not in ids]
    label_by_model(database, pool, rest[:1], value=3)
    with database.read() as session:
        labels = read_labels(session, pool)
        prepared = model_training._prepare(session, pool)
    targets = model_training._find_targets(prepared, labels, np.zeros(20, np.bool_))
    position = labels.models_positions[0]

    assert targets.classes[position] == 3
    assert targets.confidence[position] == 1
    assert not targets.is_given[position]
    assert targets.is_given.sum() == 20
