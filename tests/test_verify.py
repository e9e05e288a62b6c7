"""Every round comes out of its events again, bit for bit; and one changed byte is found, with its place."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from app.db import Database
from app.differences import Difference
from app.learning.softmax import State
from app.models import Annotator, Pool
from app.pools import get_pool
from app.trainer import Trainer
from app.verify import Verdict, verify_pool

from .factories import (
    add_annotator,
    add_pool,
    answer,
    ask,
    ask_and_answer,
    change,
    copy_database,
    flag,
    image_ids,
    label_by_model,
    make_trainer,
    move,
    skip,
    standing,
    undo,
    url_of,
)

pytestmark = pytest.mark.tensorflow


@pytest.fixture(scope="module")
def trained_file(migrated_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A pool of three rounds, whose history has undos, changes, skips and flags between them."""
    path = tmp_path_factory.mktemp("trained") / "inkling.db"
    database = Database(url_of(copy_database(migrated_file, path)))
    pool = add_pool(database, queue_size=15)
    ada, boss = add_annotator(database, "ada"), add_annotator(database, "boss", role="admin")
    trainer = make_trainer(database)
    first = ask_and_answer(database, pool, ada)
    train(trainer)
    change(database, pool, ada, first[0].id, 1)  # of a label that round 1 has used
    undo(database, pool, ada, first[1].id)  # and of another
    skip(database, pool, ada, ask(database, pool, ada, 3).images[2].image_id)
    answer(database, pool, boss, image_ids(database, pool)[40:52])
    undo(database, pool, boss)
    train(trainer)
    undo(database, pool, ada)
    changed = change(database, pool, boss, first[2].id, 2)
    change(database, pool, boss, changed.id, 3)
    undo(database, pool, boss)
    flag(database, pool, ada, first[2].image_id)
    skip(database, pool, ada, image_ids(database, pool)[55])
    ask_and_answer(database, pool, ada, 10)
    train(trainer)
    change(database, pool, ada, first[3].id, 4)  # not used by any round yet
    database.close()
    return path


def train(trainer: Trainer) -> None:
    """One round, which has to be due, and the count of its test images."""
    assert trainer.run_one()
    assert trainer.run_one()


@pytest.fixture
def path(trained_file: Path, tmp_path: Path) -> Path:
    """A copy to spoil."""
    return copy_database(trained_file, tmp_path / "trained.db")


@pytest.fixture
def verify(path: Path) -> Iterator[Callable[[], Difference | None]]:
    """Compute all of it again."""
    database = Database(url_of(path))

    def run() -> Difference | None:
        with database.read() as session:
            pool = get_pool(session, "patterns")
        return verify_pool(database, pool, lambda _number, _last: None).difference

    yield run
    database.close()


def spoil(path: Path, statement: str, *values: object) -> None:
    """Change rows behind the program's back."""
    with closing(sqlite3.connect(path)) as connection, connection:
        assert connection.execute(statement, values).rowcount == 1


def value_of(path: Path, query: str) -> bytes:
    with closing(sqlite3.connect(path)) as connection:
        found: bytes = connection.execute(query).fetchone()[0]
    return found


def test_what_was_trained_comes_out_the_same(verify: Callable[[], Difference | None]) -> None:
    assert verify() is None


def test_what_0_2_0_trained_comes_out_the_same_after_the_migration(
    path: Path, verify: Callable[[], Difference | None]
) -> None:
    database = Database(url_of(path))
    move(database, "0002", is_back=True)
    database.migrate()
    database.close()

    assert verify() is None


@pytest.mark.parametrize(
    ("statement", "place"),
    [
        ("UPDATE answer SET value = 9 - value WHERE image_id = 1", "the answer to an image by an annotator (1, 1)"),
        ("DELETE FROM answer WHERE image_id = 1", "the answer to an image by an annotator (1, 1)"),
        ("UPDATE answer SET annotator_id = 2 WHERE image_id = 1", "the answer to an image by an annotator (1, 1)"),
        ("UPDATE label SET source = 'oracle' WHERE image_id = 1", "the label of image 1"),
    ],
)
def test_an_answer_that_the_events_do_not_leave_is_found(
    path: Path, verify: Callable[[], Difference | None], statement: str, place: str
) -> None:
    spoil(path, statement)

    difference = verify()

    assert difference is not None
    assert place in difference.place


def test_labels_of_models_are_verified_and_no_round_has_learned_from_them(
    path: Path, verify: Callable[[], Difference | None]
) -> None:
    database = Database(url_of(path))
    with database.read() as session:
        pool = get_pool(session, "patterns")
    first, *others = [each for each in image_ids(database, pool) if each not in standing(database)][:3]
    label_by_model(database, pool, [first, *others])
    cyd = add_annotator(database, "cyd")
    answer(database, pool, cyd, [first])
    ask_and_answer(database, pool, cyd, 10)
    train(make_trainer(database))
    database.close()

    assert verify() is None


def test_it_tells_of_each_round(path: Path) -> None:
    database = Database(url_of(path))
    with database.read() as session:
        pool = get_pool(session, "patterns")
    heard: list[tuple[int, int]] = []

    verify_pool(database, pool, lambda number, last: heard.append((number, last)))

    assert heard == [(0, 3), (1, 3), (2, 3), (3, 3)]
    database.close()


def test_a_pool_without_labels_is_sound(database: Database, pool: Pool) -> None:
    assert verify_pool(database, pool, lambda _number, _last: None).difference is None


@pytest.mark.parametrize("number", [0, 1, 3])
@pytest.mark.parametrize("byte", [100, -1])
def test_one_byte_of_a_models_state_is_found(
    path: Path, verify: Callable[[], Difference | None], number: int, byte: int
) -> None:
    state = bytearray(value_of(path, f"SELECT state FROM round WHERE number = {number}"))
    state[byte] ^= 1
    spoil(path, "UPDATE round SET state = ? WHERE number = ?", bytes(state), number)

    difference = verify()

    assert difference is not None
    assert difference.place == f"patterns, round {number}, the model's state"
    assert f"byte {byte % len(state)} is {state[byte]}" in difference.stored
    assert f"byte {byte % len(state)} is {state[byte] ^ 1}" in difference.computed


@pytest.mark.parametrize(
    ("column", "place"),
    [
        ("n_labels", "labels"),
        ("steps", "steps"),
        ("validation_correct", "right on validation"),
        ("test_correct", "right on test"),
    ],
)
def test_one_count_of_a_round_is_found(
    path: Path, verify: Callable[[], Difference | None], column: str, place: str
) -> None:
    stored = int(value_of(path, f"SELECT {column} FROM round WHERE number = 2"))
    spoil(path, f"UPDATE round SET {column} = {column} - 1 WHERE number = 2")

    assert verify() == Difference(f"patterns, round 2, {place}", str(stored - 1), str(stored))


@pytest.mark.parametrize(
    "change_", ["confidence = confidence + 1e-9", "prediction = 9 - prediction", "image_id = image_id + 1"]
)
def test_one_row_of_a_ranking_is_found(path: Path, verify: Callable[[], Difference | None], change_: str) -> None:
    which = "round_id = (SELECT id FROM round WHERE number = 2) AND rank = 4"
    spoil(path, f"UPDATE ranked_image SET {change_} WHERE {which}")

    difference = verify()

    assert difference is not None
    assert difference.place == "patterns, round 2, rank 4 (image, confidence, prediction)"
    assert difference.stored != difference.computed


def test_a_ranking_that_lost_its_end_is_found(path: Path, verify: Callable[[], Difference | None]) -> None:
    spoil(path, "DELETE FROM ranked_image WHERE round_id = (SELECT id FROM round WHERE number = 3) AND rank = 14")

    assert verify() == Difference("patterns, round 3, length of the ranking", "14", "15")


def test_the_ranking_of_round_0_is_verified_too(path: Path, verify: Callable[[], Difference | None]) -> None:
    which = "round_id = (SELECT id FROM round WHERE number = 0) AND rank = 4"
    spoil(path, f"UPDATE ranked_image SET image_id = image_id + 1 WHERE {which}")

    difference = verify()

    assert difference is not None
    assert difference.place.startswith("patterns, round 0")


def test_a_round_that_is_missing_is_found(path: Path, verify: Callable[[], Difference | None]) -> None:
    spoil(path, "UPDATE round SET number = 9 WHERE number = 2")

    assert verify() == Difference("patterns, round 2", "nothing", "a round")


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE label SET value = 9 - value WHERE image_id = ?",
        "UPDATE label SET event_id = 1 WHERE image_id = ?",
        "DELETE FROM label WHERE image_id = ?",
    ],
)
def test_a_label_that_its_events_do_not_leave_is_found(
    path: Path, verify: Callable[[], Difference | None], statement: str
) -> None:
    image_id = value_of(path, "SELECT max(image_id) FROM label")
    spoil(path, statement, image_id)

    difference = verify()

    assert difference is not None
    assert difference.place == f"patterns, the label of image {image_id!s} (event, value, source)"


def test_a_label_out_of_nowhere_is_found(path: Path, verify: Callable[[], Difference | None]) -> None:
    free = "SELECT min(id) FROM image WHERE id NOT IN (SELECT image_id FROM label)"
    flagged = "SELECT id FROM label_event WHERE kind = 'flag'"
    spoil(
        path,
        f"INSERT INTO label (image_id, pool_id, event_id, value, source) SELECT ({free}), 1, ({flagged}), 3, 'human'",
    )

    difference = verify()

    assert difference is not None
    assert difference.computed == "None"


def test_a_skip_that_its_events_do_not_leave_is_found(path: Path, verify: Callable[[], Difference | None]) -> None:
    spoil(path, "DELETE FROM skip")

    assert verify() is not None


def test_an_event_that_was_rewritten_is_found_though_its_label_was_rewritten_too(
    path: Path, verify: Callable[[], Difference | None]
) -> None:
    event_id = value_of(path, "SELECT min(event_id) FROM label WHERE event_id IN (SELECT id FROM label_event)")
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("DROP TRIGGER label_event_refuses_update")
    spoil(path, "UPDATE label_event SET value = 9 - value WHERE id = ?", event_id)
    difference = verify()
    assert difference is not None
    assert "the label of image" in difference.place

    for table in ("label", "answer"):
        spoil(path, f"UPDATE {table} SET value = 9 - value WHERE event_id = ?", event_id)
    difference = verify()
    assert difference is not None
    assert difference.place.startswith("patterns, round 1, ")


def test_an_event_behind_all_rounds_that_was_rewritten_is_found(
    path: Path, verify: Callable[[], Difference | None]
) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("DROP TRIGGER label_event_refuses_update")
    spoil(path, "UPDATE label_event SET value = 0 WHERE id = (SELECT max(id) FROM label_event)")

    difference = verify()

    assert difference is not None
    assert "the label of image" in difference.place


def test_a_round_that_saw_less_than_the_one_before_it_is_found(
    path: Path, verify: Callable[[], Difference | None]
) -> None:
    stored, first = (int(value_of(path, f"SELECT n_labels FROM round WHERE number = {number}")) for number in (2, 1))
    spoil(path, "UPDATE round SET last_event_id = (SELECT last_event_id FROM round WHERE number = 1) WHERE number = 2")

    assert verify() == Difference("patterns, round 2, labels", str(stored), str(first))


def test_a_round_that_saw_less_is_computed_from_that(path: Path, verify: Callable[[], Difference | None]) -> None:
    stored = int(value_of(path, "SELECT n_labels FROM round WHERE number = 3"))
    spoil(path, "UPDATE round SET last_event_id = 4 WHERE number = 3")

    assert verify() == Difference("patterns, round 3, labels", str(stored), "4")


@pytest.mark.parametrize("kind", ["label", "change"])
def test_an_undo_of_an_event_that_is_gone_is_found(
    path: Path, verify: Callable[[], Difference | None], kind: str
) -> None:
    undone = "(SELECT undoes_id FROM label_event WHERE kind = 'undo')"
    gone = value_of(path, f"SELECT id FROM label_event WHERE kind = '{kind}' AND id IN {undone}")
    undo_id = value_of(path, f"SELECT id FROM label_event WHERE kind = 'undo' AND undoes_id = {gone!s}")
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("DROP TRIGGER label_event_refuses_delete")
    spoil(path, "DELETE FROM label_event WHERE id = ?", gone)

    difference = verify()

    assert difference == Difference(
        f"patterns, event {undo_id!s}, what it takes back", str(gone), "nothing that stands"
    )


def test_pixels_that_were_changed_are_found(path: Path, verify: Callable[[], Difference | None]) -> None:
    spoil(
        path,
        "UPDATE image SET pixels = zeroblob(length(pixels)) WHERE id = (SELECT min(image_id) FROM label)",
    )

    difference = verify()

    assert difference is not None
    assert difference.place.startswith("patterns, round ")


def test_a_difference_is_told_in_one_line() -> None:
    assert str(Difference("patterns, round 3, steps", "11", "12")) == (
        "patterns, round 3, steps: stored is 11, computed 12"
    )


def test_a_pool_of_a_round_that_failed_in_between_is_sound(database: Database, pool: Pool, ada: Annotator) -> None:
    ask_and_answer(database, pool, ada, 25)
    trainer = make_trainer(database)
    train(trainer)

    assert verify_pool(database, pool, lambda _number, _last: None).difference is None


def of_other_numerics(path: Path, number: int, numerics: str | None = None) -> None:
    """Move a round's weights by their last bits, as another processor might have left them, and say so."""
    state = State.from_bytes(value_of(path, f"SELECT state FROM round WHERE number = {number}"))
    moved = replace(state, weights=np.nextafter(state.weights, np.float32(1)))
    change = "UPDATE round SET state = ?, numerics = ?, steps = steps + 3 WHERE number = ?"
    spoil(path, change, moved.to_bytes(), numerics, number)


def verdict_of(path: Path) -> Verdict:
    database = Database(url_of(path))
    try:
        with database.read() as session:
            pool = get_pool(session, "patterns")
        return verify_pool(database, pool, lambda _number, _last: None)
    finally:
        database.close()


@pytest.mark.parametrize("numerics", [None, "TensorFlow 1.15, an abacus"])
def test_a_round_under_other_numerics_is_told_apart_from_a_broken_one(path: Path, numerics: str | None) -> None:
    of_other_numerics(path, 3, numerics)

    verdict = verdict_of(path)

    assert verdict.difference is None
    assert (verdict.n_rounds, verdict.n_other) == (4, 1)
    assert 0 <= verdict.accuracy_gap <= 1 / 20
    assert 0 <= verdict.confidence_gap < 1e-5


def test_what_was_trained_from_a_round_under_other_numerics_is_compared_bit_for_bit(
    migrated_file: Path, tmp_path: Path
) -> None:
    path = copy_database(migrated_file, tmp_path / "moved.db")
    database = Database(url_of(path))
    pool, ada = add_pool(database, queue_size=15), add_annotator(database, "ada")
    ask_and_answer(database, pool, ada)
    train(make_trainer(database))
    of_other_numerics(path, 1)
    ask_and_answer(database, pool, ada)
    train(make_trainer(database))
    database.close()
    assert (verdict_of(path).difference, verdict_of(path).n_other) == (None, 1)

    spoil(path, "UPDATE round SET steps = steps + 1 WHERE number = 2")
    difference = verdict_of(path).difference
    assert difference is not None
    assert difference.place == "patterns, round 2, steps"


def test_the_same_bits_need_no_excuse(path: Path) -> None:
    spoil(path, "UPDATE round SET numerics = NULL WHERE number = 2")

    assert verdict_of(path) == Verdict(None, 4, 0)


@pytest.mark.parametrize(
    ("damage", "place"),
    [
        ("n_labels = n_labels + 1", "labels"),
        ("validation_correct = (validation_correct + 10) % 20", "right on validation"),
        ("test_correct = (test_correct + 15) % 30", "right on test"),
        ("state = zeroblob(length(state))", "the model's state"),
        ("state = (SELECT state FROM round WHERE number = 0)", "right on validation"),
    ],
)
def test_other_numerics_excuse_no_other_labels_and_no_other_model(path: Path, damage: str, place: str) -> None:
    of_other_numerics(path, 3)
    spoil(path, f"UPDATE round SET {damage} WHERE number = 3")

    difference = verdict_of(path).difference

    assert difference is not None
    assert difference.place == f"patterns, round 3, {place}"


def test_a_ranking_under_other_numerics_that_was_changed_is_found(path: Path) -> None:
    of_other_numerics(path, 3)
    which = "round_id = (SELECT id FROM round WHERE number = 3) AND rank = 4"
    spoil(path, f"UPDATE ranked_image SET confidence = confidence + 0.1 WHERE {which}")

    difference = verdict_of(path).difference

    assert difference is not None
    assert difference.place == "patterns, round 3, the ranking's confidences"
