"""The migrations make what the models say, can be taken back, and keep the label events append-only."""

from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import inspect, text
from sqlalchemy.exc import DatabaseError

from app.db import MIGRATIONS, Database
from app.models import Annotator, Base, Pool

from .factories import ask_and_answer, url_of


def make_config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    return config


def move(database: Database, revision: str) -> None:
    config = make_config()
    with database.engine.begin() as connection:
        config.attributes["connection"] = connection
        (command.downgrade if revision == "base" else command.upgrade)(config, revision)


def schema_of(database: Database) -> list[str]:
    with database.read() as session:
        return list(session.scalars(text("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY name")))


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
    assert len(ScriptDirectory.from_config(make_config()).get_heads()) == 1


@pytest.mark.parametrize("statement", ["UPDATE label_event SET value = 3", "DELETE FROM label_event"])
def test_label_events_can_neither_be_changed_nor_deleted(
    database: Database, pool: Pool, ada: Annotator, statement: str
) -> None:
    ask_and_answer(database, pool, ada)

    with pytest.raises(DatabaseError, match="label_event is append-only"), database.write() as session:
        session.execute(text(statement))


def test_the_newest_migration_is_what_is_deployed(database: Database) -> None:
    head = ScriptDirectory.from_config(make_config()).get_current_head()
    with database.read() as session:
        assert session.scalar(text("SELECT version_num FROM alembic_version")) == head
