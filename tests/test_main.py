"""The application is put together in one place, on a database that it brings up to date."""

import os
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from app.errors import DatabaseUnusable, DataSetUnavailable, NotEnoughImages
from app.main import create_app
from app.settings import Settings
from app.web.edge.deps import Services

from .factories import make_settings, url_of


def test_a_new_database_gets_its_first_pool_from_the_settings(tmp_path: Path) -> None:
    settings = make_settings(
        url_of(tmp_path / "new.db"), pool_size=30, pool_start=5, batch_size=4, queue_size=12, ranking="margin"
    )
    app = create_app(settings)
    pool = TestClient(app, base_url="http://localhost").get("/api/v1/pools/digits").json()
    app.state.services.decoders.close()
    app.state.services.previews.close()
    app.state.services.database.close()

    assert (pool["counts"]["images"], pool["batch_size"], pool["strategy"]) == (30, 4, "margin")


def test_a_pool_that_is_there_keeps_the_settings_of_its_making(settings: Settings) -> None:
    app = create_app(settings.model_copy(update={"pool_size": 30, "batch_size": 99}))
    pool = TestClient(app, base_url="http://localhost").get("/api/v1/pools/digits").json()
    app.state.services.decoders.close()
    app.state.services.previews.close()
    app.state.services.database.close()

    assert (pool["counts"]["images"], pool["batch_size"]) == (60, 10)


def test_a_start_that_fails_leaves_a_database_that_the_next_one_can_use(tmp_path: Path) -> None:
    url = url_of(tmp_path / "new.db")
    with pytest.raises(NotEnoughImages):
        create_app(make_settings(url, pool_size=5000))
    with pytest.raises(DataSetUnavailable):
        create_app(make_settings(url, dataset="mnist", mnist=tmp_path / "nothing.npz"))

    app = create_app(make_settings(url))
    assert len(TestClient(app, base_url="http://localhost").get("/api/v1/pools").json()["items"]) == 1
    app.state.services.decoders.close()
    app.state.services.previews.close()
    app.state.services.database.close()


def test_a_database_that_cannot_be_used_stops_the_start(tmp_path: Path) -> None:
    (tmp_path / "inkling.db").write_bytes(b"no database" * 1000)

    with pytest.raises(DatabaseUnusable, match="Restore it from a backup"):
        create_app(make_settings(url_of(tmp_path / "inkling.db")))


@pytest.mark.tensorflow
def test_the_trainer_begins_and_ends_with_the_server(settings: Settings) -> None:
    app = create_app(settings, with_trainer=True)
    services: Services = app.state.services
    with TestClient(app, base_url="http://localhost") as client:
        client.post("/api/v1/pools/digits/oracle-labels", json={"count": 10}).raise_for_status()
        assert services.live.wait_for_round(1, after=0, seconds=120)
        assert client.get("/readyz").status_code == 200
        assert services.supervisor is not None
        pid = services.supervisor.pid
        assert pid is not None

    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_an_application_without_a_trainer_says_so_and_takes_answers(settings: Settings) -> None:
    with TestClient(create_app(settings), base_url="http://localhost") as client:
        client.post("/api/v1/pools/digits/oracle-labels", json={"count": 10}).raise_for_status()
        training = client.get("/api/v1/pools/digits").json()["training"]

        assert training["status"] == "absent"
        assert "answers are kept" in training["message"]
        assert client.get("/readyz").status_code == 503
