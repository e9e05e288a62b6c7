"""The server as people start it: a process of its own, which is up at once and goes when it is told to."""

import os
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import pytest

from app.errors import CannotListen
from app.server import serve

from .factories import make_settings, url_of

COMMAND = [sys.executable, "-m", "app.cli", "serve", "--port", "0"]


@contextmanager
def serving(database: Path) -> Iterator[tuple[str, "subprocess.Popen[str]"]]:
    """A server process and its address, which its log tells."""
    environment = os.environ | {
        "INKLING_DATABASE_URL": url_of(database),
        "INKLING_DATASET": "sample",
        "INKLING_POOL_SIZE": "60",
        "INKLING_VALIDATION_SIZE": "50",
        "COLUMNS": "200",
    }
    process = subprocess.Popen(COMMAND, env=environment, stderr=subprocess.PIPE, text=True)
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
        assert found.wait(60)
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
        httpx2.stream("GET", f"{url}/api/v1/pools/digits/events", timeout=60) as events,
    ):
        lines = events.iter_lines()
        assert next(lines).startswith(("event:", "retry:"))
        process.send_signal(how)

        assert process.wait(20) in (0, -how, 128 + how)
        for _ in lines:
            pass


def test_labels_outlive_a_server_that_is_killed(tmp_path: Path) -> None:
    labels = {"labels": [{"image_id": image_id, "value": 1} for image_id in (1, 2, 3)]}
    with serving(tmp_path / "inkling.db") as (url, process):
        acknowledged = httpx2.post(f"{url}/api/v1/pools/digits/labels", json=labels, timeout=60).json()["events"]
        process.kill()
    with serving(tmp_path / "inkling.db") as (url, _):
        assert httpx2.get(f"{url}/api/v1/pools/digits/labels", timeout=60).json()["items"] == acknowledged


def test_a_port_that_is_taken_is_told_before_anything_is_made(tmp_path: Path) -> None:
    database = tmp_path / "inkling.db"
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(CannotListen, match=f"Cannot listen on 127.0.0.1 port {port}.*--port"):
            serve(make_settings(url_of(database), port=port), open_browser=False)

    assert not database.exists()
