"""Whatever breaks, an acknowledged label stays, nothing is half-written, and it goes on when the fault is over."""

import os
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlalchemy import event

from app.db import Database
from app.errors import DatabaseUnavailable, DatabaseUnusable
from app.main import create_app
from app.models import Annotator, Pool
from app.web.edge.deps import Services
from tests.web.person import POOL, Person

from .factories.acts import ask_and_answer
from .factories.files import copy_database, make_settings, url_of
from .factories.making import add_pool, make_trainer
from .factories.stored import check_whole, count_events, newest_round, standing

BUSY_MS = 50  # instead of the 5 s that people wait


# No room


@contextmanager
def full(database: Database) -> Iterator[None]:
    """A disk without room: the file may not get one page larger."""

    def limit(connection: sqlite3.Connection, _: object) -> None:
        connection.execute("PRAGMA max_page_count=1")  # SQLite takes the present size instead

    database.engine.dispose()
    event.listen(database.engine, "connect", limit)
    try:
        yield
    finally:
        event.remove(database.engine, "connect", limit)
        database.engine.dispose()


def test_a_full_disk_is_told_and_nothing_is_half_written(client: TestClient, services: Services) -> None:
    database, ada = services.database, Person(client, "ada")
    ada.lease_and_label(1)
    acknowledged = 1
    with full(database):
        for image_id in range(2, 61):
            body = {"annotator": "ada", "labels": [{"image_id": image_id, "value": 1, "key": f"key-number-{image_id}"}]}
            response = client.post(f"{POOL}/labels", json=body)
            if response.status_code != 201:
                break
            acknowledged += 1
        assert response.status_code == 503
        assert response.headers["content-type"] == "application/problem+json"
        assert response.json()["code"] == "DatabaseUnavailable"
        assert "disk is full" in response.json()["detail"]
        assert client.get(POOL).json()["counts"]["human"] == acknowledged  # reading goes on
        assert client.get("/healthz").status_code == 200
        check_whole(database)
    assert count_events(database) == acknowledged

    again = client.post(f"{POOL}/labels", json=body)

    assert again.status_code == 201
    assert count_events(database) == acknowledged + 1
    check_whole(database)


def test_of_a_batch_that_does_not_fit_nothing_is_stored(client: TestClient, services: Services) -> None:
    database = services.database
    labels_ = [{"image_id": image_id, "value": 1} for image_id in range(1, 61)]
    key = "k" * 50
    body = {"labels": [label | {"key": f"{key}-{label['image_id']}"} for label in labels_]}
    with full(database):
        response = client.post(f"{POOL}/labels", json=body)
        assert response.status_code == 503
    assert count_events(database) == 0
    assert standing(database) == {}

    assert client.post(f"{POOL}/labels", json=body).status_code == 201
    check_whole(database)


@pytest.mark.tensorflow
def test_a_round_that_finds_no_room_comes_when_there_is_some(database: Database, ada: Annotator) -> None:
    pool = add_pool(database, height=28, width=28)  # a model's state takes 23 pages
    trainer = make_trainer(database)
    trainer.warm_up()
    ask_and_answer(database, pool, ada, 10)
    with full(database), suppress(DatabaseUnavailable):  # the loop logs it and goes on
        trainer.run_one()
    assert newest_round(database, pool).number == 0

    assert trainer.run_one()

    assert newest_round(database, pool).number == 1
    check_whole(database)


# Held by another process


@contextmanager
def held(database: Database) -> Iterator[None]:
    """Another process writes and does not end; whoever waits for it gives up soon."""

    def be_impatient(connection: sqlite3.Connection, _: object) -> None:
        connection.execute(f"PRAGMA busy_timeout={BUSY_MS}")

    database.engine.dispose()
    event.listen(database.engine, "connect", be_impatient)
    try:
        with closing(sqlite3.connect(database.path, isolation_level=None)) as other:
            other.execute("BEGIN EXCLUSIVE")
            yield
            other.execute("ROLLBACK")
    finally:
        event.remove(database.engine, "connect", be_impatient)
        database.engine.dispose()


def test_a_database_that_another_process_holds_is_told_and_reading_goes_on(
    client: TestClient, services: Services
) -> None:
    (event_,) = Person(client, "ada").lease_and_label(1)
    with held(services.database):
        for what, body in (
            ("leases", {}),
            ("labels", {"labels": [{"image_id": 9, "value": 1}]}),
            ("undo", {"annotator": "ada"}),
        ):
            response = client.post(f"{POOL}/{what}", json=body)
            assert (response.status_code, response.json()["code"]) == (503, "DatabaseUnavailable")
            assert "locked" in response.json()["detail"]
        assert client.get(f"{POOL}/labels").json()["items"] == [event_]
        assert client.get("/pools/digits/label").status_code == 200

    assert client.post(f"{POOL}/leases", json={}).status_code == 200
    assert Person(client, "ada").undo()["event"]["undoes"] == event_["event_id"]
    check_whole(services.database)


@pytest.mark.tensorflow
def test_a_trainer_that_cannot_write_keeps_the_labels_and_trains_later(
    database: Database, pool: Pool, ada: Annotator
) -> None:
    trainer = make_trainer(database)
    trainer.warm_up()
    ask_and_answer(database, pool, ada, 10)
    with held(database), pytest.raises(DatabaseUnavailable, match="locked"):
        trainer.run_one()
    assert len(standing(database)) == 10

    assert trainer.run_one()
    assert newest_round(database, pool).number == 1


# A file that cannot be used


def start(path: Path) -> FastAPI:
    return create_app(make_settings(url_of(path)))


def test_a_damaged_file_is_not_served(application_file: Path, tmp_path: Path) -> None:
    path = copy_database(application_file, tmp_path / "inkling.db")
    damaged = bytearray(path.read_bytes())
    damaged[4096 * 3 : 4096 * 6] = b"\xff" * 4096 * 3
    path.write_bytes(damaged)

    with pytest.raises(DatabaseUnusable, match=r"(?s)inkling\.db .*Restore it from a backup \(inkling restore FILE\)"):
        start(path)
    assert path.read_bytes() == bytes(damaged)


def test_a_file_of_a_newer_version_is_not_touched(application_file: Path, tmp_path: Path) -> None:
    path = copy_database(application_file, tmp_path / "inkling.db")
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    before = path.read_bytes()

    with pytest.raises(DatabaseUnusable, match=r"written by a newer Inkling.*Install that version"):
        start(path)
    assert path.read_bytes() == before


@contextmanager
def without_rights() -> Iterator[None]:
    """As a user who owns nothing: to root every file can be written."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.mark.parametrize("what", ["the file", "the folder"])
def test_a_file_that_cannot_be_written_says_so(application_file: Path, what: str) -> None:
    with tempfile.TemporaryDirectory() as name:  # not tmp_path, which lets nobody else in
        folder = Path(name)
        path = copy_database(application_file, folder / "inkling.db")
        path.chmod(0o444 if what == "the file" else 0o666)
        folder.chmod(0o555 if what == "the folder" else 0o777)
        try:
            with without_rights(), pytest.raises(DatabaseUnusable) as caught:
                start(path)
        finally:
            folder.chmod(0o777)
    assert "Let the user that runs Inkling write to the file and its folder" in caught.value.message
