"""The migrations make what the models say, can be taken back, and keep the label events append-only."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, create_engine, inspect, select, text
from sqlalchemy.exc import DatabaseError

from app.db import Database
from app.deleting import delete_pool
from app.errors import KeyReused
from app.models import Annotator, Base, Pool

from .factories import (
    NOW,
    add_account,
    add_annotator,
    add_pool,
    answer,
    ask_and_answer,
    change,
    check_whole,
    flag,
    image_ids,
    label_by_model,
    make_alembic_config,
    move,
    move_up_to,
    release,
    skip,
    undo,
    url_of,
)

OLD = "0001"
OLD_EVENT = (
    "id, pool_id, image_id, annotator_id, kind, value, source, undoes_id, round_id, rank, confidence, key, created_at"
)
OLD_ROUND = (
    "id, pool_id, number, last_event_id, n_labels, steps, validation_correct, validation_total, test_correct, "
    "test_total, fit_ms, rank_ms, state, created_at"
)
OLD_POOL = (
    "id, slug, name, dataset, dataset_description, dataset_sha256, classes, n_images, height, width, batch_size, "
    "queue_size, created_at"
)
OLD_IMAGE = "id, pool_id, split, position, truth, pixels"
OLD_LEASE = "image_id, pool_id, annotator_id, round_id, rank, confidence, prediction, expires_at"
OLD_ROWS = (
    "INSERT INTO pool VALUES (1, 'patterns', 'Patterns', 'patterns', '', '', '[\"0\", \"1\"]', 3, 1, 2, 'softmax', "
    "'random', 10, 500, '2026-01-01 00:00:00')",
    "INSERT INTO image VALUES (1, 1, 'pool', 0, 1, x'0102'), (2, 1, 'pool', 1, 0, x'03'), (3, 1, 'pool', 2, 0, x'05')",
    "INSERT INTO annotator VALUES (1, 'ada', 'annotator', '2026-01-01 00:00:00')",
    "INSERT INTO round VALUES (1, 1, 0, 0, 0, 0, 1, 2, 0, 0, 0.0, 0.0, x'00', '2026-01-01 00:00:00')",
    "INSERT INTO label_event VALUES "
    "(1, 1, 1, 1, 'label', 1, 'human', NULL, 1, 0, NULL, 'key one', '2026-01-01 00:00:01'), "
    "(2, 1, 2, 1, 'label', 0, 'human', NULL, 1, 1, 0.25, NULL, '2026-01-01 00:00:02'), "
    "(3, 1, 2, 1, 'undo', NULL, 'human', 2, 1, 1, 0.25, NULL, '2026-01-01 00:00:03')",
    "INSERT INTO label VALUES (1, 1, 1, 1, 'human')",
    "INSERT INTO lease VALUES (2, 1, 1, 1, 1, 0.25, NULL, '2026-01-01 00:10:00')",
)


def schema_of(database: Database) -> list[list[str]]:
    """What was made, each statement as sorted lines: quotes and the order of the constraints of a table that was made
    anew are nobody's business.
    """
    with database.read() as session:
        found = session.scalars(text("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY name"))
        return [sorted(line.strip(" ,\t") for line in sql.replace('"', "").splitlines()) for sql in found]


def checks_of(connection: Connection) -> dict[str, dict[str, str]]:
    """The rules of each table, by their names."""
    found = inspect(connection)
    return {
        table: {str(rule["name"]): str(rule["sqltext"]) for rule in found.get_check_constraints(table)}
        for table in found.get_table_names()
        if table != "alembic_version"
    }


@pytest.fixture
def old(tmp_path: Path) -> Iterator[Database]:
    """A database of the first version with two labels, of which one was taken back."""
    database = Database(url_of(tmp_path / "old.db"))
    move_up_to(database, OLD)
    with database.write() as session:
        for statement in OLD_ROWS:
            session.execute(text(statement))
    yield database
    database.close()


def rows_of(database: Database, table: str, columns: str = "*") -> list[tuple[Any, ...]]:
    with database.read() as session:
        return [tuple(row) for row in session.execute(text(f"SELECT {columns} FROM {table} ORDER BY 1"))]


def test_the_migrations_make_the_models_tables(database: Database) -> None:
    with database.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})

        assert compare_metadata(context, Base.metadata) == []


def test_the_migrations_make_the_models_checks(database: Database) -> None:
    # compare_metadata looks at columns, keys and indexes, and not at the rules.
    found = inspect(database.engine)
    for table in Base.metadata.sorted_tables:
        wanted = {str(rule.name) for rule in table.constraints if str(rule.name).startswith("ck_")}
        assert {str(rule["name"]) for rule in found.get_check_constraints(table.name)} == wanted, table.name


def test_they_can_be_taken_back_and_made_again(tmp_path: Path) -> None:
    database = Database(url_of(tmp_path / "new.db"))
    database.migrate()
    schema = schema_of(database)

    move(database, "base")
    assert inspect(database.engine).get_table_names() == ["alembic_version"]
    move(database, "head")

    assert schema_of(database) == schema
    database.close()


def test_there_is_one_newest_revision() -> None:
    assert len(ScriptDirectory.from_config(make_alembic_config()).get_heads()) == 1


@pytest.mark.parametrize("statement", ["UPDATE label_event SET value = 3", "DELETE FROM label_event"])
def test_label_events_can_neither_be_changed_nor_deleted(
    database: Database, pool: Pool, ada: Annotator, statement: str
) -> None:
    ask_and_answer(database, pool, ada)

    with pytest.raises(DatabaseError, match="label_event is append-only"), database.write() as session:
        session.execute(text(statement))


@pytest.mark.parametrize("statement", ["UPDATE audit_entry SET name = 'eve'", "DELETE FROM audit_entry"])
def test_audit_entries_can_neither_be_changed_nor_deleted(database: Database, statement: str) -> None:
    add_account(database)

    with pytest.raises(DatabaseError, match="audit_entry is append-only"), database.write() as session:
        session.execute(text(statement))


def test_the_rules_are_the_models_word_for_word(database: Database) -> None:
    fresh = create_engine("sqlite://")
    with fresh.begin() as connection:
        Base.metadata.create_all(connection)
        wanted = checks_of(connection)
    fresh.dispose()
    with database.engine.connect() as connection:
        assert checks_of(connection) == wanted
    assert sum(map(len, wanted.values())) >= 15


def test_a_database_of_the_first_version_keeps_its_rows(old: Database) -> None:
    models = rows_of(old, "pool", "model, ranking")
    tables = {"pool": OLD_POOL, "image": OLD_IMAGE, "round": OLD_ROUND, "label": "*", "lease": OLD_LEASE}
    before = {table: rows_of(old, table, columns) for table, columns in tables.items()}
    events = rows_of(old, "label_event", OLD_EVENT)

    old.migrate()

    assert {table: rows_of(old, table, columns) for table, columns in tables.items()} == before
    assert rows_of(old, "pool", "learner, strategy") == models
    assert rows_of(old, "pool", "channels, answers_wanted, description, archived_at") == [(1, 1, None, None)]
    assert rows_of(old, "round", "numerics") == [(None,)]
    assert rows_of(old, "label_event", f"{OLD_EVENT}, remark") == [(*event, None) for event in events]
    assert set(rows_of(old, "label_event", "asked_by, autolabel_id")) == {("strategy", None)}
    assert rows_of(old, "lease", "asked_by") == [("strategy",)]
    assert rows_of(old, "answer") == [(1, 1, 1, 1, 1)]
    assert rows_of(old, "annotator", "name, role, password_hash, is_disabled") == [("ada", "annotator", None, 0)]
    with old.read() as session:
        assert session.execute(text("PRAGMA foreign_key_check")).all() == []
        assert session.scalar(text("PRAGMA integrity_check")) == "ok"


def test_a_database_of_the_first_version_goes_on_working(old: Database) -> None:
    old.migrate()
    with old.write() as session:
        pool = session.scalars(select(Pool)).one()
        ada = session.scalars(select(Annotator)).one()

    (event,) = answer(old, pool, ada, [2], value=1)

    assert event.id == 4  # an id is never given twice
    assert change(old, pool, ada, event.id, 0).id == 5
    assert flag(old, pool, ada, 3).id == 6
    assert [undo(old, pool, ada).undoes_id for _ in range(3)] == [5, 4, 1]
    assert rows_of(old, "label") == []
    with pytest.raises(KeyReused):
        skip(old, pool, ada, 3, key="key one")


def test_the_id_of_a_pool_is_above_any_before_in_an_old_database_too(old: Database) -> None:
    with old.write() as session:
        session.execute(text(OLD_ROWS[0].replace("(1, 'patterns'", "(7, 'others'")))
    old.migrate()
    assert rows_of(old, "pool", "id") == [(1,), (7,)]

    newer = add_pool(old, slug="newer")
    delete_pool(old, "newer", now=NOW)

    assert (newer.id, add_pool(old, slug="newest").id) == (8, 9)


@pytest.mark.parametrize("statement", ["UPDATE label_event SET value = 0 WHERE id = 1", "DELETE FROM label_event"])
def test_the_events_of_the_first_version_stay_append_only_up_and_down(old: Database, statement: str) -> None:
    for revision in ("head", OLD, "head"):
        move(old, revision)
        with pytest.raises(DatabaseError, match="label_event is append-only"), old.write() as session:
            session.execute(text(statement))


def test_the_way_back_to_the_first_version_keeps_its_rows(old: Database) -> None:
    schema, events = schema_of(old), rows_of(old, "label_event", OLD_EVENT)

    old.migrate()
    move(old, OLD)

    assert schema_of(old) == schema
    assert rows_of(old, "label_event", OLD_EVENT) == events
    assert rows_of(old, "annotator") == [(1, "ada", "annotator", "2026-01-01 00:00:00")]
    old.migrate()
    assert rows_of(old, "label_event", OLD_EVENT) == events


def test_the_way_back_is_refused_rather_than_lose_what_the_first_version_does_not_know(
    database: Database, pool: Pool, ada: Annotator
) -> None:
    (event,) = ask_and_answer(database, pool, ada, 1)
    change(database, pool, ada, event.id)
    before = rows_of(database, "label_event")

    with pytest.raises(DatabaseError, match="CHECK constraint failed"):
        move(database, OLD)

    assert rows_of(database, "label_event") == before


def test_what_stood_in_a_database_of_0_2_0_stands_after_the_migration(
    database: Database, pool: Pool, ada: Annotator, ben: Annotator
) -> None:
    admin = add_annotator(database, "boss", role="admin")
    first, second, third, fourth = ask_and_answer(database, pool, ada, 4)
    changed = change(database, pool, ada, first.id, 1)
    change(database, pool, admin, changed.id, 2)  # ada's answer, by the admin, and changed twice
    change(database, pool, ada, second.id, 3)
    undo(database, pool, ada)  # the change
    undo(database, pool, ada, third.id)
    release(database, pool, ada)
    skip(database, pool, ben, third.image_id)
    flag(database, pool, ben, fourth.image_id)
    before = {table: rows_of(database, table) for table in ("label", "answer", "skip")}
    events = rows_of(database, "label_event", f"{OLD_EVENT}, remark")

    move(database, "0002", is_back=True)
    assert "answer" not in inspect(database.engine).get_table_names()
    database.migrate()

    assert {table: rows_of(database, table) for table in before} == before
    assert rows_of(database, "label_event", f"{OLD_EVENT}, remark") == events
    assert rows_of(database, "answer", "event_id, annotator_id") == [(2, ada.id), (4, ada.id), (6, ada.id)]
    check_whole(database)


def test_images_get_the_hash_of_their_pixels_and_rounds_without_validation_images_no_count(database: Database) -> None:
    add_pool(database, n_validation=0)
    images = rows_of(database, "image")

    move(database, "0002", is_back=True)
    assert rows_of(database, "round", "validation_correct, validation_total") == [(0, 0)]
    database.migrate()

    assert rows_of(database, "image") == images
    assert rows_of(database, "round", "validation_correct, validation_total") == [(None, 0)]


def test_the_way_back_is_refused_where_a_model_has_labeled(database: Database, pool: Pool) -> None:
    label_by_model(database, pool, image_ids(database, pool, [0]))
    before = rows_of(database, "label_event")

    with pytest.raises(DatabaseError, match="NOT NULL constraint failed"):
        move(database, "0002", is_back=True)

    assert rows_of(database, "label_event") == before


def test_the_newest_migration_is_what_is_deployed(database: Database) -> None:
    head = ScriptDirectory.from_config(make_alembic_config()).get_current_head()
    with database.read() as session:
        assert session.scalar(text("SELECT version_num FROM alembic_version")) == head
