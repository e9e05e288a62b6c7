"""Whatever breaks, an acknowledged label stays, nothing is half-written, and it goes on when the fault is over."""

import os
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import numpy as np
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlalchemy import event, select, text, update
from sqlalchemy.exc import OperationalError

from app import labels, people, queries, rounds
from app.db import Database
from app.errors import DatabaseUnusable
from app.learning.softmax import State
from app.live import Change, Live
from app.main import create_app
from app.models import Annotator, FailedRound, Label, LabelEvent, Pool, Round
from app.pools import get_pool
from app.trainer import Trainer
from app.verify import verify_pool
from app.web.deps import Services
from tests.web.person import POOL, Person

from .factories import (
    LEASE_SECONDS,
    NOW,
    add_annotator,
    add_pool,
    after,
    answer,
    ask,
    ask_and_answer,
    change,
    copy_database,
    count_events,
    flag,
    image_ids,
    make_settings,
    make_trainer,
    ranked_ids,
    skip,
    standing,
    undo,
    url_of,
)

BUSY_MS = 50  # instead of the 5 s that people wait


def newest(database: Database, pool: Pool) -> Round:
    with database.read() as session:
        return rounds.get_newest_round(session, pool, with_state=True)


def failed_rounds(database: Database) -> list[tuple[int, int, str]]:
    with database.read() as session:
        found = session.scalars(select(FailedRound).order_by(FailedRound.number))
        return [(row.number, row.n_attempts, row.error) for row in found]


def spoil(database: Database, number: int, state: bytes) -> None:
    with database.write() as session:
        session.execute(update(Round).where(Round.number == number).values(state=state))


def check_whole(database: Database) -> None:
    """What stands is the fold of the events, and SQLite finds nothing wrong."""
    with database.read() as session:
        folded = labels.fold(session.scalars(select(LabelEvent).order_by(LabelEvent.id)))
        stored = {row.image_id: row.event_id for row in session.scalars(select(Label))}
        assert stored == {image_id: each.id for image_id, each in folded.items()}
        assert session.scalar(text("PRAGMA integrity_check")) == "ok"
        assert session.execute(text("PRAGMA foreign_key_check")).all() == []


# A training that fails


@pytest.mark.parametrize(
    ("state", "reason"), [(b"\0", "ValueError"), ("diverged", "TrainingDiverged: the fit on 20 labels ended in NaN")]
)
def test_a_training_that_fails_is_written_down_and_the_last_good_model_goes_on_asking(
    database: Database, pool: Pool, ada: Annotator, state: bytes | str, reason: str
) -> None:
    trainer = make_trainer(database)
    trainer.warm_up()
    ask_and_answer(database, pool, ada)
    assert trainer.run_one()
    good = newest(database, pool)
    if isinstance(state, str):
        diverged = State.from_bytes(good.state)
        diverged.weights[3, 4] = np.nan
        state = diverged.to_bytes()
    ask_and_answer(database, pool, ada)
    spoil(database, 1, state)

    for _ in range(3):
        assert trainer.run_one()

    ((number, n_attempts, error),) = failed_rounds(database)
    assert (number, n_attempts) == (2, 3)
    assert error.startswith(reason)
    assert newest(database, pool).number == 1
    asked = ask(database, pool, ada, 3)
    ranked = [image_id for image_id in ranked_ids(database, good) if image_id not in standing(database)]
    assert [image.image_id for image in asked.images] == ranked[:3]
    assert (asked.round_number, asked.is_stale) == (1, True)

    spoil(database, 1, good.state)
    assert trainer.run_one()

    assert (newest(database, pool).number, newest(database, pool).n_labels) == (2, 20)
    assert trainer.training(pool.id).status == "idle"
    assert failed_rounds(database) == [(2, 3, error)]  # the record stays
    assert verify_pool(database, pool, lambda _number, _last: None) is None


def test_a_failure_that_comes_again_counts_from_one_in_another_round(
    database: Database, pool: Pool, ada: Annotator
) -> None:
    trainer = make_trainer(database)
    for number in (0, 1):
        ask_and_answer(database, pool, ada)
        good = newest(database, pool).state
        spoil(database, number, b"\0")
        assert trainer.run_one()
        spoil(database, number, good)
        assert trainer.run_one()

    assert [(number, n_attempts) for number, n_attempts, _ in failed_rounds(database)] == [(1, 1), (2, 1)]


def test_a_reason_however_long_is_kept_in_part(database: Database, pool: Pool) -> None:
    with database.write() as session:
        rounds.note_failure(session, pool, 1, "x" * 5000, now=NOW)

    assert len(failed_rounds(database)[0][2]) == 1000


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
        assert "disk full" in response.json()["detail"]
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


def test_a_round_that_finds_no_room_is_told_and_comes_when_there_is_some(database: Database, ada: Annotator) -> None:
    pool = add_pool(database, height=28, width=28)  # a model's state takes 23 pages
    live, heard = Live(database.sessions), list[Change]()
    trainer = Trainer(database, live, retry_seconds=0.0)
    trainer.warm_up()
    ask_and_answer(database, pool, ada, 10)
    live.listen(heard.append)
    with full(database):
        with suppress(OperationalError):  # the thread logs it and goes on
            trainer.run_one()
        assert trainer.training(pool.id).status == "failed"
        assert "full" in (trainer.training(pool.id).message or "")
        assert heard == [Change("training", pool.id)]
    assert newest(database, pool).number == 0

    assert trainer.run_one()

    assert newest(database, pool).number == 1
    assert trainer.training(pool.id).status == "idle"
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


def test_a_trainer_that_cannot_write_keeps_the_labels_and_trains_later(
    database: Database, pool: Pool, ada: Annotator
) -> None:
    trainer = make_trainer(database)
    trainer.warm_up()
    ask_and_answer(database, pool, ada, 10)
    with held(database):
        with suppress(OperationalError):
            trainer.run_one()
        assert trainer.training(pool.id).status == "failed"
    assert len(standing(database)) == 10

    assert trainer.run_one()
    assert newest(database, pool).number == 1


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


# The clock


def test_a_clock_that_is_set_back_changes_no_order_and_breaks_nothing(database: Database) -> None:
    ada, ben, boss = (add_annotator(database, name) for name in ("ada", "ben", "boss"))
    pool = add_pool(database)
    earlier = after(-7200)
    first = answer(database, pool, ada, [image.image_id for image in ask(database, pool, ada, 4).images])
    ask(database, pool, ben, 3)

    asked = ask(database, pool, ada, 3, now=earlier)
    second = answer(database, pool, ada, [image.image_id for image in asked.images], now=earlier)
    changed = change(database, pool, ada, first[0].id, now=earlier)
    undo(database, pool, ada, now=after(-7300))
    skip(database, pool, ben, image_ids(database, pool)[4], now=after(-7400))
    flag(database, pool, boss, first[0].image_id, now=after(-7500))
    answer(database, pool, boss, image_ids(database, pool)[30:36], now=after(-9000))

    assert [image.position for image in asked.images] == [7, 8, 9]  # ben still has 4 to 6
    assert changed.id > second[-1].id > first[-1].id
    trainer = make_trainer(database)
    assert trainer.run_one()
    check_whole(database)
    assert verify_pool(database, pool, lambda _number, _last: None) is None
    for now in (after(-9000), earlier, NOW):
        with database.read() as session:
            events, _ = queries.list_labels(session, pool)
            assert [each.id for each in events] == sorted(each.id for each in events)
            view = queries.view_pool(session, get_pool(session, pool.slug), now=now)
            assert view.counts.labeled + view.counts.unlabeled == view.counts.images
            assert {one.name for one in people.list_work(session, pool, now=now)} == {"ada", "ben", "boss"}
        assert ask(database, pool, boss, 1, now=now).images


def test_labels_from_the_future_have_waited_for_no_time(database: Database, pool: Pool, ada: Annotator) -> None:
    ask_and_answer(database, pool, ada, 10, now=after(3600))
    with database.read() as session:
        (measured,) = queries.measure_pools(session, now=NOW)

    assert measured.queue_age_seconds == 0


def test_leases_from_the_future_end(database: Database, pool: Pool, ada: Annotator, ben: Annotator) -> None:
    ask(database, pool, ada, 2, now=after(3600))

    assert [image.position for image in ask(database, pool, ben, 2).images] == [2, 3]
    later = after(3600 + LEASE_SECONDS)
    assert [image.position for image in ask(database, pool, add_annotator(database, "eve"), 2, now=later).images] == [
        0,
        1,
    ]


def test_the_clock_has_no_say_in_the_model(migrated_file: Path, tmp_path: Path) -> None:
    states = []
    for step in (60, -60):
        database = Database(url_of(copy_database(migrated_file, tmp_path / f"{step}.db")))
        pool, ada, trainer = add_pool(database), add_annotator(database), make_trainer(database)
        for turn in range(3):
            ask_and_answer(database, pool, ada, now=after(turn * step))
            assert trainer.run_one()
        states.append((newest(database, pool).number, newest(database, pool).state))
        database.close()

    assert states[0] == states[1]
