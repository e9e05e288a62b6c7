"""Fetching once over HTTP, on loopback, and noticing that there is no network."""

import hashlib
import socket
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from app.datasets.fetch import fetch_file
from app.errors import DataSetUnavailable

from .conftest import HANG_SECONDS, wait_for_threads_left_behind

CONTENT = b"seven of nine " * 1000
SHA256 = hashlib.sha256(CONTENT).hexdigest()


class Answers(BaseHTTPRequestHandler):
    """Gives CONTENT at /few.npz and an error anywhere else, and remembers what it was asked."""

    asked: list[str]

    def do_HEAD(self) -> None:
        self.answer()

    def do_GET(self) -> None:
        if self.answer():
            self.wfile.write(CONTENT)

    def answer(self) -> bool:
        self.asked.append(self.command)
        is_known = self.path == "/few.npz"
        self.send_response(200 if is_known else 404)
        self.send_header("Content-Length", str(len(CONTENT) if is_known else 0))
        self.end_headers()
        return is_known

    def log_message(self, *_args: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[ThreadingHTTPServer]:
    Answers.asked = []
    with ThreadingHTTPServer(("127.0.0.1", 0), Answers) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def url(server: ThreadingHTTPServer) -> str:
    return f"http://127.0.0.1:{server.server_port}/few.npz"


def test_a_file_is_fetched_once_into_the_users_cache(url: str, home: Path) -> None:
    path = fetch_file(url, SHA256)
    again = fetch_file(url, SHA256)

    assert path == again
    assert path.read_bytes() == CONTENT
    assert home in path.parents
    assert Answers.asked == ["HEAD", "GET"]


@pytest.mark.usefixtures("hanging_resolver", "black_hole")
def test_a_file_in_the_cache_needs_no_network(url: str, home: Path) -> None:
    cached = home / ".cache" / "inkling" / "few.npz"
    cached.parent.mkdir(parents=True)
    cached.write_bytes(CONTENT)

    assert fetch_file(url, SHA256).read_bytes() == CONTENT
    assert Answers.asked == []


def test_a_broken_file_in_the_cache_is_replaced(url: str) -> None:
    path = fetch_file(url, SHA256)
    path.write_bytes(CONTENT[:100])

    assert fetch_file(url, SHA256).read_bytes() == CONTENT


def test_a_download_with_another_hash_is_refused_and_not_kept(url: str, home: Path) -> None:
    with pytest.raises(DataSetUnavailable, match="does not match the known hash") as caught:
        fetch_file(url, "0" * 64)

    assert url in caught.value.message
    assert "INKLING_DATASET=sample" in caught.value.message
    assert list((home / ".cache" / "inkling").iterdir()) == []


def test_an_error_of_the_server_is_told(url: str) -> None:
    with pytest.raises(DataSetUnavailable, match="404"):
        fetch_file(url.replace("few", "none"), SHA256)


def test_a_cache_that_cannot_be_written_is_told(url: str, home: Path) -> None:
    (home / ".cache").write_bytes(b"a file where the folder should be")

    with pytest.raises(DataSetUnavailable, match="could not be fetched to"):
        fetch_file(url, SHA256)


def test_an_unknown_name_is_told_at_once() -> None:
    with pytest.raises(DataSetUnavailable, match=r"mnist\.example cannot be reached"):
        fetch_file("https://mnist.example/few.npz", SHA256)


def test_what_it_takes_to_load_the_client_is_no_time_of_the_server(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    loaded_in: list[str] = []

    class Watcher:
        def find_spec(self, name: str, *_: object) -> None:
            if name == "requests":
                loaded_in.append(threading.current_thread().name)

    monkeypatch.delitem(sys.modules, "requests", raising=False)
    monkeypatch.setattr(sys, "meta_path", [Watcher(), *sys.meta_path])
    fetch_file(url, SHA256)

    assert loaded_in == [threading.current_thread().name]  # not the one that is given up on


@pytest.mark.usefixtures("hanging_resolver")
def test_a_resolver_that_hangs_is_left_behind() -> None:
    start = time.monotonic()

    with pytest.raises(DataSetUnavailable, match=r"no answer from mnist\.example within 0\.2 seconds"):
        fetch_file("https://mnist.example/few.npz", SHA256, reached_within_seconds=0.2)

    assert time.monotonic() - start < HANG_SECONDS / 2


@pytest.mark.usefixtures("black_hole")
def test_a_connection_that_is_swallowed_is_left_behind() -> None:
    start = time.monotonic()

    with pytest.raises(DataSetUnavailable, match=r"no answer from 127\.0\.0\.1 within 0\.2 seconds"):
        fetch_file("https://127.0.0.1/few.npz", SHA256, reached_within_seconds=0.2)

    assert time.monotonic() - start < HANG_SECONDS / 2


def test_a_server_that_never_answers_is_left_behind() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"https://127.0.0.1:{silent.getsockname()[1]}/few.npz"
        start = time.monotonic()

        with pytest.raises(DataSetUnavailable, match=r"127\.0\.0\.1"):
            fetch_file(url, SHA256, reached_within_seconds=0.2)

        assert time.monotonic() - start < HANG_SECONDS / 2
        # A connection that is reset before its handshake begins is closed by Python's garbage collector alone, with a
        # warning in whatever test runs then. So the server outlasts the request.
        wait_for_threads_left_behind()


def test_no_progress_bar_is_drawn_into_a_log(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert not sys.stderr.isatty()

    fetch_file(url, SHA256)

    assert "%" not in capsys.readouterr().err
