"""A real server in a process of its own, on a database in a temporary folder that goes with it. Loopback only."""

import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import Literal

from app.settings import ROOT
from benchmarks.client import Client

START_SECONDS = 120.0
POLL_SECONDS = 0.005
Memory = Literal["VmRSS", "VmHWM"]  # resident now, and at its peak, as /proc calls them


@dataclass(frozen=True, slots=True)
class RunningServer:
    """A server under way; `started` is the monotonic time just before its process was made."""

    port: int
    pid: int
    started: float


@contextmanager
def database_folder() -> Iterator[Path]:
    """A folder for one database, removed at the end."""
    with tempfile.TemporaryDirectory(prefix="inkling-bench-") as folder:
        yield Path(folder)


@contextmanager
def running_server(folder: Path, *, log: Path | None = None, **settings: object) -> Iterator[RunningServer]:
    """Inkling on the database in `folder`, with these settings, from the moment its process is made.

    What it logs goes to `log`, or else to the caller's stderr.
    """
    url = f"sqlite:///{folder}/inkling.db"
    given = {"database_url": url, "log_level": "warning", "side_by_side": False, **settings}
    environment = {f"INKLING_{name.upper()}": str(value) for name, value in given.items()}
    with running([sys.executable, "-m", "app.cli", "serve", "--port"], environment, log) as server:
        yield server


@contextmanager
def running_floor(folder: Path) -> Iterator[RunningServer]:
    """The bare floor (`floor.py`) on a database in `folder`."""
    command = [sys.executable, "-m", "benchmarks.floor", f"sqlite:///{folder}/floor.db"]
    with running(command, {}) as server:
        yield server


@contextmanager
def running(command: list[str], environment: Mapping[str, str], log: Path | None = None) -> Iterator[RunningServer]:
    """The command with a free port as its last argument; stopped at the end, killed if it does not stop."""
    port = _free_port()
    kept = _kept_environment()
    started = time.monotonic()
    with nullcontext() if log is None else log.open("wb") as stderr:
        process = subprocess.Popen(
            [*command, str(port)], cwd=ROOT, env={**kept, **environment}, stdout=subprocess.DEVNULL, stderr=stderr
        )
    try:
        yield RunningServer(port, process.pid, started)
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


class Restartable:
    """A server that can be killed at any moment, and is started again at once on the same port and database."""

    def __init__(self, folder: Path) -> None:
        self.port = _free_port()
        self._environment = {
            **_kept_environment(),
            "INKLING_DATABASE_URL": f"sqlite:///{folder}/inkling.db",
            "INKLING_LOG_LEVEL": "warning",
            "INKLING_SIDE_BY_SIDE": "false",
        }
        self._process = self._start()
        self._killer: threading.Thread | None = None

    def wait_for_kill(self) -> None:
        """Until the kill under way, if there is one, has come and the server is started again."""
        if self._killer is not None:
            self._killer.join()

    def kill_after(self, seconds: float, *, only_trainer: bool = False) -> None:
        """SIGKILL after that time, while the caller goes on. The server starts its trainer again by itself."""
        self._killer = threading.Thread(target=self._kill, args=(seconds, only_trainer))
        self._killer.start()

    def stop(self) -> None:
        """End it for good."""
        self.wait_for_kill()
        self._process.kill()
        self._process.wait()

    def _kill(self, seconds: float, only_trainer: bool) -> None:
        time.sleep(seconds)
        if only_trainer:
            kill_trainer(self._process.pid)
            return
        self._process.kill()
        self._process.wait()
        self._process = self._start()

    def _start(self) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "app.cli", "serve", "--port", str(self.port)]
        return subprocess.Popen(command, cwd=ROOT, env=self._environment, stderr=subprocess.DEVNULL)


def kill_trainer(pid: int) -> None:
    """SIGKILL the trainer of the server of this process, as soon as there is one."""
    until = time.monotonic() + START_SECONDS
    while (trainer := find_child(pid)) is None and time.monotonic() < until:
        time.sleep(POLL_SECONDS)
    if trainer is not None:
        with suppress(ProcessLookupError):
            os.kill(trainer, signal.SIGKILL)


def wait_for(server: RunningServer, path: str) -> float:
    """Seconds from the start of the process until `path` is answered with 200.

    Raises:
        TimeoutError: that did not happen within two minutes.
    """
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until:
        try:
            with Client(server.port, timeout=START_SECONDS) as client:
                if client.get_status(path) == 200:
                    return time.monotonic() - server.started
        except (OSError, HTTPException):
            pass  # not listening yet, or bound and not yet serving
        time.sleep(POLL_SECONDS)
    raise TimeoutError(f"The server did not answer {path} with 200 within {START_SECONDS:g} s")


def find_child(pid: int) -> int | None:
    """The only child of a process: the server's is its trainer, whose is a chore. None without one or without /proc."""
    tasks = Path(f"/proc/{pid}/task").glob("*/children")  # of each thread, for any may have started it
    return next((int(child) for task in tasks for child in _read(task).split()), None)


def read_memory_mb(pid: int, name: Memory) -> float | None:
    """A process's memory; None where there is no /proc to read it from."""
    status = Path(f"/proc/{pid}/status")
    if not status.exists():
        return None
    lines = status.read_text(encoding="ascii").splitlines()
    (kilobytes,) = (int(line.split()[1]) for line in lines if line.startswith(f"{name}:"))
    return kilobytes * 1024 / 1e6


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii")
    except OSError:  # a thread that has ended meanwhile
        return ""


def _kept_environment() -> dict[str, str]:
    """The caller's, but of the settings only those that say where the images are."""
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("INKLING_") or name in ("INKLING_MNIST", "INKLING_DATASET")
    }


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
