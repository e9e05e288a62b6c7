"""Databases in files, and the settings of an application on one."""

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from alembic import command
from alembic.config import Config

from app.db import Database
from app.models import Pool
from app.settings import Settings
from app.sqlite import MIGRATIONS

from .making import add_pool


def url_of(path: Path) -> str:
    """The address of a SQLite file."""
    return f"sqlite:///{path}"


@contextmanager
def opened(path: Path) -> Iterator[Database]:
    """The database in a file, for as long as the block lasts."""
    database = Database(url_of(path))
    try:
        yield database
    finally:
        database.close()


def copy_database(source: Path, target: Path) -> Path:
    """A copy of a database that nobody has open."""
    assert not source.with_name(f"{source.name}-wal").exists(), "close the database first"
    shutil.copyfile(source, target)
    return target


@contextmanager
def fresh_pool(
    migrated: Path, *, n_images: int = 8, batch_size: int = 3, queue_size: int = 4
) -> Iterator[tuple[Database, Pool]]:
    """A database of its own with a small pool: for tests that want one for each of many examples."""
    with TemporaryDirectory() as folder, opened(copy_database(migrated, Path(folder) / "inkling.db")) as database:
        pool = add_pool(
            database, n_images=n_images, n_validation=2, n_test=0, batch_size=batch_size, queue_size=queue_size
        )
        yield database, pool


def make_settings(database_url: str, **values: Any) -> Settings:
    """Settings for a quick application on the embedded sample."""
    quick: dict[str, Any] = {"dataset": "sample", "pool_size": 60, "validation_size": 50, "round_wait_seconds": 0.0}
    quick["side_by_side"] = False
    return Settings(database_url=database_url, **quick | values)


def make_alembic_config() -> Config:
    """What Alembic needs to find the migrations."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    return config


def move(database: Database, revision: str, *, is_back: bool = False) -> None:
    """Migrate to a version: up, or down to one of the first or if the version lies back."""
    config = make_alembic_config()
    move_to = command.downgrade if revision in ("base", "0001") or is_back else command.upgrade
    with database.engine.connect() as connection:
        driver = connection.connection.driver_connection
        assert isinstance(driver, sqlite3.Connection)
        driver.execute("PRAGMA foreign_keys=OFF")  # a table that is made anew is gone for a moment
        with connection.begin():
            config.attributes["connection"] = connection
            move_to(config, revision)
        driver.execute("PRAGMA foreign_keys=ON")


def move_up_to(database: Database, revision: str) -> None:
    """Make a new database of this version."""
    config = make_alembic_config()
    with database.engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
