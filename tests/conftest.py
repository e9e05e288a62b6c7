"""What all tests share: a migrated database each, a small pool, and the application on top of it."""

import logging
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from app.db import Database
from app.main import create_app
from app.models import Annotator, Pool
from app.settings import Settings
from app.trainer import Trainer
from app.web.edge.deps import Services

from .factories import add_annotator, add_pool, copy_database, make_settings, make_trainer, opened, url_of

# How long an example takes, or to make one, is nobody's business: on a busy machine any may take long.
hypothesis.settings.register_profile("untimed", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
hypothesis.settings.load_profile("untimed")


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--quick` leaves out what needs a browser or TensorFlow."""
    parser.addoption("--quick", action="store_true", help="without the tests marked browser or tensorflow")


def pytest_configure(config: pytest.Config) -> None:
    """Where the tests of TensorFlow are left out, no other test can load it by the way."""
    if config.getoption("quick"):
        sys.modules["tensorflow"] = None  # type: ignore[assignment]  # an import of it fails then


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark the tests of a browser by their folder, and leave out what `--quick` says."""
    for item in items:
        if "browser" in item.path.parts:
            item.add_marker("browser")
    if config.getoption("quick"):
        slow = [item for item in items if item.get_closest_marker("browser") or item.get_closest_marker("tensorflow")]
        config.hook.pytest_deselected(items=slow)
        items[:] = [item for item in items if item not in slow]


@pytest.fixture(autouse=True)
def _no_settings_of_the_users_own(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("INKLING_")]:
        monkeypatch.delenv(name)


@pytest.fixture
def _logging_as_before() -> Iterator[None]:
    """A command or a server sets the logs of the whole process up: put them back."""
    loggers = [logging.getLogger(name) for name in (None, "alembic", "uvicorn")]
    before = [(logger, logger.level, logger.handlers[:]) for logger in loggers]
    yield
    for logger, level, handlers in before:
        logger.setLevel(level)
        logger.handlers[:] = handlers


@pytest.fixture
def _open_umask() -> Iterator[None]:
    """New files may be read and written by everybody, unless their maker says otherwise."""
    before = os.umask(0)
    yield
    os.umask(before)


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database made by the migrations; tests copy it, which is quicker than migrating each time."""
    path = tmp_path_factory.mktemp("migrated") / "inkling.db"
    with opened(path) as database:
        database.migrate()
    return path


@pytest.fixture(scope="session")
def application_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database in which the application has made its first pool, "digits", of the embedded sample."""
    path = tmp_path_factory.mktemp("application") / "inkling.db"
    app = create_app(make_settings(url_of(path)))
    app.state.services.decoders.close()
    app.state.services.previews.close()
    app.state.services.database.close()
    return path


@pytest.fixture
def database(migrated_file: Path, tmp_path: Path) -> Iterator[Database]:
    """An empty database in a file of its own."""
    with opened(copy_database(migrated_file, tmp_path / "inkling.db")) as database:
        yield database


@pytest.fixture
def pool(database: Database) -> Pool:
    """60 images of 4 x 4 pixels to label, 20 to validate, 30 to test; a batch is 10."""
    return add_pool(database)


@pytest.fixture
def ada(database: Database) -> Annotator:
    """Somebody who answers."""
    return add_annotator(database, "ada")


@pytest.fixture
def ben(database: Database) -> Annotator:
    """Somebody else."""
    return add_annotator(database, "ben")


@pytest.fixture
def boss(database: Database) -> Annotator:
    """An admin."""
    return add_annotator(database, "boss", role="admin")


@pytest.fixture
def oracle(database: Database) -> Annotator:
    """The oracle."""
    return add_annotator(database, "oracle", role="oracle")


@pytest.fixture
def trainer(database: Database) -> Trainer:
    """A trainer that trains when it is told to, and tries again at once."""
    return make_trainer(database)


@pytest.fixture
def settings(application_file: Path, tmp_path: Path) -> Settings:
    """Settings of an application whose database has the pool "digits": 60 digits of 28 x 28 pixels."""
    return make_settings(url_of(copy_database(application_file, tmp_path / "application.db")))


@pytest.fixture
def app(settings: Settings) -> Iterator[FastAPI]:
    """The application; its threads are not started, so a test trains when it says so."""
    app = create_app(settings)
    yield app
    app.state.services.decoders.close()
    app.state.services.previews.close()
    app.state.services.database.close()


@pytest.fixture
def services(app: FastAPI) -> Services:
    """The application's parts."""
    services: Services = app.state.services
    return services


@pytest.fixture
def client(app: FastAPI) -> TestClient:
    """A client of the application."""
    return TestClient(app, base_url="http://localhost")
