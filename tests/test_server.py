"""The server as people start it: a process of its own, which is up at once and goes when it is told to."""

import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx2
import pytest
from sqlalchemy import select

from app.db import Database
from app.errors import CannotListen
from app.models import AuditEntry, TrainerStatus
from app.server import serve

from .factories import PASSWORD, add_account, add_pool, copy_database, make_settings, opened, url_of

COMMAND = [sys.executable, "-m", "app.cli", "serve", "--port", "0"]
WAIT_SECONDS = 240.0  # at most, on a busy machine
HASTY = (
    "from app.cli import app; from app.connection import Connection; "
    "Connection.REQUEST_SECONDS = 0.5; app(['serve', '--port', '0'])"
)


def environment_of(database: Path, **settings: str) -> dict[str, str]:
    """What a server process finds around it."""
    quick = {"DATABASE_URL": url_of(database), "DATASET": "sample", "POOL_SIZE": "60", "VALIDATION_SIZE": "50"}
    quick["SIDE_BY_SIDE"] = "false"
    given = {f"INKLING_{name.upper()}": value for name, value in (quick | settings).items()}
    return os.environ | given | {"COLUMNS": "200"}


@contextmanager
def serving(
    database: Path, command: Sequence[str] = COMMAND, **settings: str
) -> Iterator[tuple[str, "subprocess.Popen[str]"]]:
    """A server process and its address, which its log tells."""
    environment = environment_of(database, **settings)
    process = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)
    log: list[str] = []
    found = threading.Event()

    def read() -> None:
        assert process.stderr is not None
        for line in process.stderr:
            log.append(line)
            if "Inkling is at" in line:
                found.set()
        found.set()

    reader = threading.Thread(target=read)
    reader.start()
    try:
        assert found.wait(WAIT_SECONDS)
        address = re.search(r"http://[\d.]+:\d+", "".join(log))
        assert address is not None, "".join(log)
        yield address[0], process
    finally:
        process.kill()
        process.wait()
        reader.join()
        if process.stderr is not None:
            process.stderr.close()


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_it_stops_when_told_to_though_somebody_is_looking_on(tmp_path: Path, how: signal.Signals) -> None:
    with (
        serving(tmp_path / "inkling.db") as (url, process),
        httpx2.stream("GET", f"{url}/api/v1/pools/digits/stream", timeout=WAIT_SECONDS) as events,
    ):
        lines = events.iter_lines()
        assert next(lines).startswith(("event:", "retry:"))
        process.send_signal(how)

        assert process.wait(WAIT_SECONDS) in (0, -how, 128 + how)
        for _ in lines:
            pass


def test_labels_outlive_a_server_that_is_killed(tmp_path: Path) -> None:
    labels = {"labels": [{"image_id": image_id, "value": 1} for image_id in (1, 2, 3)]}
    with serving(tmp_path / "inkling.db") as (url, process):
        acknowledged = httpx2.post(f"{url}/api/v1/pools/digits/labels", json=labels, timeout=WAIT_SECONDS).json()[
            "events"
        ]
        process.kill()
    with serving(tmp_path / "inkling.db") as (url, _):
        assert httpx2.get(f"{url}/api/v1/pools/digits/labels", timeout=WAIT_SECONDS).json()["items"] == acknowledged


def children_of(pid: int) -> list[int]:
    """The processes that its threads have started."""
    return [int(child) for path in Path(f"/proc/{pid}/task").glob("*/children") for child in path.read_text().split()]


def is_alive(pid: int) -> bool:
    """Whether it runs; one that has ended may still be in the table of processes."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


def wait_until(is_so: Callable[[], object]) -> None:
    """A process needs its time."""
    until = time.monotonic() + WAIT_SECONDS
    while not is_so():
        assert time.monotonic() < until
        time.sleep(0.005)


def loads_tensorflow(pid: int) -> bool:
    """Whether it has begun to."""
    return "libtensorflow" in Path(f"/proc/{pid}/maps").read_text()


@pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="there is no /proc here")
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_no_trainer_is_left_behind_though_it_is_just_loading_tensorflow(tmp_path: Path, how: signal.Signals) -> None:
    with serving(tmp_path / "inkling.db") as (_, process):
        wait_until(lambda: children_of(process.pid))
        (trainer,) = children_of(process.pid)
        wait_until(lambda: loads_tensorflow(trainer))
        process.send_signal(how)
        process.wait(WAIT_SECONDS)
        wait_until(lambda: not is_alive(trainer))


@contextmanager
def training(database: Path, *words: str, stdin: int) -> Iterator["subprocess.Popen[bytes]"]:
    """A training process that has its pools and begins to load TensorFlow."""
    with opened(database) as made:
        made.migrate()
        add_pool(made)
    command = [sys.executable, "-m", "app.cli", "train", *words]
    process = subprocess.Popen(command, env=environment_of(database), stdin=stdin)
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        if process.stdin is not None:
            process.stdin.close()


def has_trainer(database: Path, state: str = "ready") -> bool:
    """Whether a trainer tells that it is in this state."""
    with opened(database) as looking, looking.read() as session:
        return session.scalar(select(TrainerStatus.id).where(TrainerStatus.state == state)) is not None


@pytest.mark.tensorflow
@pytest.mark.parametrize("words", [(), ("--child",)])
@pytest.mark.parametrize("state", ["loading", "ready"])
def test_a_trainer_that_is_told_to_end_does_so_soon_and_says_that_it_is_gone(
    tmp_path: Path, words: tuple[str, ...], state: str
) -> None:
    database = tmp_path / "inkling.db"
    with training(database, *words, stdin=subprocess.PIPE) as process:
        wait_until(lambda: has_trainer(database, state))
        process.terminate()

        assert process.wait(WAIT_SECONDS) == 0
        assert not has_trainer(database, "loading")
        assert not has_trainer(database, "ready")


def test_a_trainer_without_a_server_ends(tmp_path: Path) -> None:
    with training(tmp_path / "inkling.db", "--child", stdin=subprocess.DEVNULL) as process:
        assert process.wait(WAIT_SECONDS) == 0


def test_a_browser_is_led_to_the_first_pools_labeling_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    browser, told = tmp_path / "browser", tmp_path / "told"
    browser.write_text(f'#!/bin/sh\necho "$1" > {told}.new && mv {told}.new {told}\n')
    browser.chmod(0o700)
    monkeypatch.setenv("BROWSER", str(browser))
    monkeypatch.setenv("DISPLAY", ":0")

    with serving(tmp_path / "inkling.db", [*COMMAND, "--no-trainer", "--open"]) as (url, _):
        wait_until(told.exists)
        opened_url = told.read_text().strip()
        response = httpx2.get(opened_url, timeout=WAIT_SECONDS)

    assert opened_url == f"{url}/label"
    assert (response.status_code, response.headers["location"]) == (302, "/pools/digits/label")


def test_clients_that_send_nothing_are_cut_off_and_keep_nobody_waiting(tmp_path: Path) -> None:
    with serving(tmp_path / "inkling.db", [sys.executable, "-c", HASTY]) as (url, _), ExitStack() as clients:
        address = ("127.0.0.1", int(url.rpartition(":")[2]))
        silent = [clients.enter_context(socket.create_connection(address, timeout=WAIT_SECONDS)) for _ in range(200)]

        assert httpx2.get(f"{url}/api/v1/pools/digits", timeout=WAIT_SECONDS).status_code == 200
        assert [client.recv(1) for client in silent] == [b""] * len(silent)


def test_a_port_that_is_taken_is_told_before_anything_is_made(tmp_path: Path) -> None:
    database = tmp_path / "inkling.db"
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(CannotListen, match=f"Cannot listen on 127.0.0.1 port {port}.*--port"):
            serve(make_settings(url_of(database), port=port), open_browser=False)

    assert not database.exists()


# Who may reach it

REACHABLE = [
    {"host": "0.0.0.0"},
    {"host": "::"},
    {"allowed_hosts": '["labels.example"]'},
    {"trusted_proxies": '["127.0.0.1"]'},
]


@pytest.mark.parametrize("settings", REACHABLE, ids=lambda settings: next(iter(settings.values())))
def test_without_accounts_nobody_else_may_reach_it_and_the_remedy_is_named(
    migrated_file: Path, tmp_path: Path, settings: dict[str, str]
) -> None:
    database = copy_database(migrated_file, tmp_path / "inkling.db")
    environment = environment_of(database, **settings)

    ended = subprocess.run(COMMAND, env=environment, capture_output=True, text=True, check=False, timeout=WAIT_SECONDS)

    assert ended.returncode == 1
    assert "Error: Others could reach" in ended.stderr
    assert "inkling user add NAME --admin" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert "Inkling is at" not in ended.stderr


def test_with_an_account_it_may_be_reached_by_all(migrated_file: Path, tmp_path: Path) -> None:
    database = with_an_admin(copy_database(migrated_file, tmp_path / "inkling.db"))

    with serving(database, host="0.0.0.0", allowed_hosts='["labels.example"]') as (url, _):
        assert httpx2.get(f"{url}/healthz", headers={"host": "labels.example"}, timeout=WAIT_SECONDS).status_code == 200
        assert httpx2.get(f"{url}/api/v1/pools", timeout=WAIT_SECONDS).status_code == 401


def with_an_admin(path: Path) -> Path:
    database = Database(url_of(path))
    add_account(database, "ada", role="admin")
    database.close()
    return path


def log_in(url: str, name: str, password: str, **headers: str) -> httpx2.Response:
    form = {"name": name, "password": password}
    return httpx2.post(f"{url}/login", data=form, headers=headers, timeout=WAIT_SECONDS)


@pytest.mark.parametrize(("proxies", "is_believed"), [("[]", False), ('["192.0.2.1"]', False), ('["127.0.0.1"]', True)])
def test_only_trusted_proxies_are_believed_who_is_behind_them(
    migrated_file: Path, tmp_path: Path, proxies: str, is_believed: bool
) -> None:
    path = with_an_admin(copy_database(migrated_file, tmp_path / "inkling.db"))
    forwarded = {"X-Forwarded-For": "203.0.113.7", "X-Forwarded-Proto": "https"}
    with serving(path, trusted_proxies=proxies, log_format="json") as (url, process):
        opened = log_in(url, "ada", PASSWORD, **forwarded)
        process.send_signal(signal.SIGTERM)
        process.wait(WAIT_SECONDS)

    assert opened.status_code == 303
    assert ("secure" in opened.headers["set-cookie"].lower()) == is_believed
    database = Database(url_of(path))
    with database.read() as session:
        addresses = set(session.scalars(select(AuditEntry.address).where(AuditEntry.action == "login")))
    database.close()
    assert addresses == {"203.0.113.7" if is_believed else "127.0.0.1"}


def test_the_environment_alone_makes_no_proxy_trusted(
    migrated_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORWARDED_ALLOW_IPS", "*")  # uvicorn's own word
    path = with_an_admin(copy_database(migrated_file, tmp_path / "inkling.db"))
    with serving(path) as (url, _):
        opened = log_in(url, "ada", PASSWORD, **{"X-Forwarded-Proto": "https"})

    assert "secure" not in opened.headers["set-cookie"].lower()
