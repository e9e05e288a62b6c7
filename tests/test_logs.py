"""Each line of a request carries the request's id, and machines can read every line."""

import io
import json
import logging
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from app import logs
from app.logs import JsonFormatter, TextFormatter, request_id
from app.web.edge.assets import static_url
from app.web.edge.deps import Services
from tests.web.person import POOL, Person

from .factories import PASSWORD, add_account, make_settings

SANE = "0123456789-abc_DEF.x"


@pytest.fixture
def written(caplog: pytest.LogCaptureFixture) -> Iterator[io.StringIO]:
    """What a JSON log would have written."""
    caplog.set_level(logging.INFO)
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonFormatter())
    own = logging.getLogger("app")
    own.addHandler(handler)
    yield stream
    own.removeHandler(handler)


def lines_of(written: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in written.getvalue().splitlines()]


def record_of(message: str = "hello %s", *args: object, **extra: object) -> logging.LogRecord:
    record = logging.LogRecord("app.test", logging.WARNING, __file__, 1, message, args or ("ada",), None)
    vars(record).update(extra)
    return record


def test_a_line_of_json_has_time_level_logger_and_message() -> None:
    line = json.loads(JsonFormatter().format(record_of()))

    assert (line["level"], line["logger"], line["message"]) == ("warning", "app.test", "hello ada")
    assert line["time"].endswith("+00:00")
    assert "request_id" not in line


def test_what_a_call_names_is_a_field_whatever_it_is() -> None:
    line = json.loads(JsonFormatter().format(record_of(pool="digits", event_id=7, thing={1, 2})))

    assert (line["pool"], line["event_id"], line["thing"]) == ("digits", 7, "{1, 2}")


def test_a_line_stays_one_line_whatever_is_in_it() -> None:
    try:
        raise ValueError("over\ntwo lines")
    except ValueError:
        record = record_of("a\nb %s", "c\r\nd")
        record.exc_info = sys.exc_info()

    text = JsonFormatter().format(record)

    assert len(text.splitlines()) == 1
    assert "ValueError: over\ntwo lines" in json.loads(text)["exception"]


def test_text_for_people_ends_with_the_requests_id() -> None:
    formatter = TextFormatter("%(levelname)s %(message)s")
    token = request_id.set("abc")
    try:
        assert formatter.format(record_of()) == "WARNING hello ada [abc]"
    finally:
        request_id.reset(token)
    assert formatter.format(record_of()) == "WARNING hello ada"


def test_every_answer_has_an_id_and_no_two_the_same(client: TestClient) -> None:
    ids = [
        client.get(path).headers["x-request-id"] for path in ("/healthz", "/nowhere", POOL, f"{static_url()}/style.css")
    ]

    assert len(set(ids)) == 4


def test_a_sane_id_of_the_caller_is_taken_over_and_another_is_not(client: TestClient) -> None:
    assert client.get("/healthz", headers={"x-request-id": SANE}).headers["x-request-id"] == SANE
    for bad in ("a b", "", "x" * 41, 'a"b', "a/b"):
        assert client.get("/healthz", headers={"x-request-id": bad}).headers["x-request-id"] != bad


def test_a_label_is_one_line_with_the_id_of_its_request(client: TestClient, written: io.StringIO) -> None:
    images = Person(client, "ada").lease(2)["images"]
    body = {"annotator": "ada", "labels": [{"image_id": image["image_id"], "value": 3} for image in images]}

    response = client.post(f"{POOL}/labels", json=body)

    lines = [line for line in lines_of(written) if "event_id" in line]
    events = response.json()["events"]
    assert [line["event_id"] for line in lines] == [event["event_id"] for event in events]
    for line, event in zip(lines, events, strict=True):
        assert line["request_id"] == response.headers["x-request-id"]
        assert (line["pool"], line["annotator"], line["kind"]) == ("digits", "ada", "label")
        assert line["image_id"] == event["image_id"]


@pytest.mark.parametrize("kind", ["skip", "flag", "change", "undo"])
def test_every_act_is_one_line(client: TestClient, written: io.StringIO, kind: str) -> None:
    (event,) = Person(client, "ada").lease_and_label(1)
    acts: dict[str, tuple[str, dict[str, Any]]] = {
        "skip": ("skips", {"image_id": 9}),
        "flag": ("flags", {"image_id": 9, "remark": "smudged"}),
        "change": ("changes", {"event_id": event["event_id"], "value": 4}),
        "undo": ("undo", {}),
    }
    path, body = acts[kind]

    response = client.post(f"{POOL}/{path}", json={"annotator": "ada"} | body)

    assert response.is_success, response.text
    (line,) = [line for line in lines_of(written) if line.get("kind") == kind]
    assert line["request_id"] == response.headers["x-request-id"]


def test_a_login_is_one_line_and_so_is_one_that_fails_and_neither_has_the_password(
    client: TestClient, services: Services, written: io.StringIO
) -> None:
    add_account(services.database, "ada")
    opened = client.post("/login", data={"name": "ada", "password": PASSWORD}, follow_redirects=False)
    refused = client.post("/login", data={"name": "ada", "password": "a wrong password"})

    assert (opened.status_code, refused.status_code) == (303, 401)
    lines = [line for line in lines_of(written) if "ada" in line["message"]]
    assert [line["level"] for line in lines] == ["info", "warning"]
    assert [line["request_id"] for line in lines] == [r.headers["x-request-id"] for r in (opened, refused)]
    assert PASSWORD not in written.getvalue()
    assert "a wrong password" not in written.getvalue()


def test_a_name_with_a_newline_makes_no_second_line_of_text(
    client: TestClient, services: Services, caplog: pytest.LogCaptureFixture
) -> None:
    add_account(services.database, "ada")
    caplog.set_level(logging.INFO, "app")
    client.post("/login", data={"name": "eve\n2026-03-04 INFO ada logged in", "password": "x"})

    formatter = TextFormatter("%(message)s")
    lines = [formatter.format(record) for record in caplog.records if record.name.startswith("app")]

    assert lines
    assert all(len(line.splitlines()) == 1 for line in lines)


def test_a_bug_is_logged_with_the_id_that_its_answer_has(app: FastAPI, written: io.StringIO) -> None:
    services, app.state.services = app.state.services, None
    try:
        client = TestClient(app, base_url="http://localhost", raise_server_exceptions=False)
        response = client.get("/api/v1/pools")
    finally:
        app.state.services = services

    assert response.status_code == 500
    (line,) = [line for line in lines_of(written) if line["level"] == "error"]
    assert line["request_id"] == response.headers["x-request-id"]
    assert "Traceback" in line["exception"]


@pytest.mark.parametrize(("log_format", "kind"), [("json", JsonFormatter), ("text", TextFormatter)])
@pytest.mark.usefixtures("_logging_as_before")
def test_the_settings_say_which_form_and_how_much(log_format: str, kind: type[logging.Formatter]) -> None:
    logs.set_up(make_settings("sqlite:///inkling.db", log_format=log_format, log_level="warning"))

    (handler,) = logging.getLogger().handlers
    assert isinstance(handler.formatter, kind)
    assert logging.getLogger().level == logging.WARNING
    assert logging.getLogger("alembic").level == logging.WARNING
