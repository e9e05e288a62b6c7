"""Compares the schema of a database with the one that the migrations of its version make."""

import re
import sqlite3
from collections.abc import Iterator

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine

from app.sqlite import MIGRATIONS

Schema = dict[tuple[str, str], str]  # by type and name: the statement, normalized

STATISTICS = ("sqlite_stat1", "sqlite_stat4")  # SQLite's own, after ANALYZE


def find_fault(connection: sqlite3.Connection) -> str | None:
    """Why this is not a database of Inkling, of this version or an older one; None if it is.

    It must have exactly the tables, indexes and triggers of its version: a foreign trigger could alter labels.
    """
    found = _read(connection)
    if ("table", "alembic_version") not in found:
        return "it names no version of Inkling"
    versions = [str(version) for (version,) in connection.execute("SELECT version_num FROM alembic_version")]
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    if len(versions) != 1 or versions[0] not in known:
        return f"this Inkling does not know its version ({', '.join(versions) or 'none'}); a newer one may"
    return ", ".join(_compare(found, _make(config, versions[0]))) or None


def _compare(found: Schema, expected: Schema) -> Iterator[str]:
    for kind, name in sorted(found.keys() | expected.keys()):
        if (kind, name) not in expected:
            yield f"the {kind} {name} is not Inkling's"
        elif (kind, name) not in found:
            yield f"the {kind} {name} is missing"
        elif found[kind, name] != expected[kind, name]:
            yield f"the {kind} {name} is another one"


def _make(config: Config, version: str) -> Schema:
    """The schema of a version, made in memory by the migrations that led to it."""
    engine = create_engine("sqlite://")
    try:
        with engine.begin() as connection:
            config.attributes["connection"] = connection
            command.upgrade(config, version)
            driver = connection.connection.driver_connection
            assert isinstance(driver, sqlite3.Connection)
            return _read(driver)
    finally:
        engine.dispose()


def _read(connection: sqlite3.Connection) -> Schema:
    # The indexes that SQLite makes for a key have no statement.
    rows = connection.execute("SELECT type, name, sql FROM sqlite_master WHERE sql IS NOT NULL")
    return {(kind, name): _normalize(sql) for kind, name, sql in rows if name not in STATISTICS}


def _normalize(statement: str) -> str:
    """Strip quotes and spacing, and sort the parts of a table: these depend on its migrations, not on the schema."""
    plain = re.sub(r"\s+", " ", statement.replace('"', "")).strip()
    if not plain.startswith("CREATE TABLE"):
        return plain
    head, _, rest = plain.partition("(")
    body, _, tail = rest.rpartition(")")
    return f"{head.strip()} ({', '.join(sorted(_parts(body)))}){tail}"


def _parts(body: str) -> Iterator[str]:
    """The parts between commas, except for commas within further brackets."""
    depth = start = 0
    for index, char in enumerate(body):
        depth += (char == "(") - (char == ")")
        if char == "," and depth == 0:
            yield body[start:index].strip()
            start = index + 1
    yield body[start:].strip()
