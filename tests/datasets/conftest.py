"""No test of data sets sees the user's caches or the network; loopback stays open."""

import os
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

LOOPBACK = {"127.0.0.1", "localhost"}
HANG_SECONDS = 60.0  # so long at most lasts what hangs; what is left behind ends long before, on a busy machine too


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home, which Keras's cache and ours lie under."""
    path = tmp_path / "home"
    path.mkdir()
    monkeypatch.setenv("HOME", str(path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(path / ".cache"))
    monkeypatch.delenv("KERAS_HOME", raising=False)
    return path


def wait_for_threads_left_behind() -> None:
    """Until the requests that `fetch_file` gave up waiting for have ended."""
    for thread in threading.enumerate():
        if thread.name == "reach":
            thread.join(HANG_SECONDS)
            assert not thread.is_alive()


@pytest.fixture(autouse=True)
def offline(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A machine without a name server: every name but the loopback's is unknown at once.

    It stays so until no request of the test is left, which would reach for the network afterwards.
    """
    resolve = socket.getaddrinfo

    def refuse(host: Any, *args: Any, **kwargs: Any) -> Any:
        if host in LOOPBACK:
            return resolve(host, *args, **kwargs)
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    for name in [name for name in os.environ if name.lower().endswith("_proxy")]:
        monkeypatch.delenv(name)
    yield
    wait_for_threads_left_behind()


@pytest.fixture
def released() -> Iterator[threading.Event]:
    """What hangs in a test waits for this, so that no thread outlives its test."""
    event = threading.Event()
    yield event
    event.set()


@pytest.fixture
def hanging_resolver(
    offline: None,  # noqa: ARG001 (it must have put its own resolver in first)
    released: threading.Event,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A firewall that swallows questions to the name server."""

    def hang(*_args: Any, **_kwargs: Any) -> Any:
        released.wait(HANG_SECONDS)
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")

    monkeypatch.setattr(socket, "getaddrinfo", hang)


@pytest.fixture
def black_hole(released: threading.Event, monkeypatch: pytest.MonkeyPatch) -> None:
    """A firewall that swallows the packets which open a connection."""

    def hang(*_args: Any) -> None:
        released.wait(HANG_SECONDS)
        raise TimeoutError("timed out")

    monkeypatch.setattr(socket.socket, "connect", hang)
