"""A person at the API, and a server with a real socket for streams."""

import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import uvicorn
from fastapi import FastAPI
from fastapi.testclient import TestClient

from app.db import Database
from app.settings import Settings
from app.trainer import Trainer
from app.training_process import TrainingProcess
from app.web.edge.deps import Services
from tests.factories import add_account, copy_database, make_settings, make_trainer, running_training, url_of
from tests.web.person import PEOPLE, Person


@pytest.fixture
def ada(client: TestClient) -> Person:
    """Somebody who labels over the API."""
    return Person(client, "ada")


@pytest.fixture
def ben(client: TestClient) -> Person:
    """Somebody else."""
    return Person(client, "ben")


@pytest.fixture
def trainer(services: Services) -> Trainer:
    """Trains the application's pools when it is told to."""
    return make_trainer(services.database)


@pytest.fixture
def training(services: Services) -> Iterator[TrainingProcess]:
    """What the trainer's process does, on a database connection of its own, until the test ends."""
    with running_training(services.settings) as training:
        yield training


class Server(uvicorn.Server):
    """Tells when it listens, and ends the streams when it stops: a test that fails would wait for them for ever."""

    def __init__(self, config: uvicorn.Config, services: Services) -> None:
        super().__init__(config)
        self.listens = threading.Event()
        self._services = services

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen, and say so."""
        await super().startup(sockets)
        self.listens.set()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """As the application's own server does it."""
        self._services.streams.end()
        await super().shutdown(sockets)


@pytest.fixture
def server(app: FastAPI, services: Services) -> Iterator[str]:
    """The address of the application, served with its threads."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = Server(uvicorn.Config(app, log_config=None), services)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        assert server.listens.wait(60)
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()


@pytest.fixture(scope="session")
def closed_file(application_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The application's database with an admin and two annotators in it."""
    path = copy_database(application_file, tmp_path_factory.mktemp("closed") / "inkling.db")
    database = Database(url_of(path))
    for name, role in PEOPLE.items():
        add_account(database, name, role=role)
    database.close()
    return path


@pytest.fixture
def closed_settings(closed_file: Path, tmp_path: Path) -> Settings:
    """Settings of an application that has accounts."""
    return make_settings(url_of(copy_database(closed_file, tmp_path / "closed.db")))
