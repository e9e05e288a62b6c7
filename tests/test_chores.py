"""Chores run one after another in child processes, are tried again, and end with the process that started them."""

import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from app import chores
from app.chores import Chores

from .factories.files import make_settings

WAITS = "import sys, os; print(os.getpid(), file=open(sys.argv[1], 'a'), flush=True); sys.stdin.read()"
FAILS = "import sys; print('began', file=open(sys.argv[1], 'a'), flush=True); sys.exit(3)"
ENDS = "import sys; print('began', file=open(sys.argv[1], 'a'), flush=True)"


def wait_until(is_so: Callable[[], bool]) -> None:
    until = time.monotonic() + 240
    while not is_so():
        assert time.monotonic() < until
        time.sleep(0.01)


def lines_of(path: Path) -> list[str]:
    return path.read_text().splitlines() if path.exists() else []


@pytest.fixture
def told(tmp_path: Path) -> Path:
    return tmp_path / "told"


def make(monkeypatch: pytest.MonkeyPatch, script: str, told: Path, todo: list[str]) -> Chores:
    monkeypatch.setattr(chores, "INKLING", (sys.executable, "-c", script))
    monkeypatch.setattr(chores, "LOOK_SECONDS", 0.01)
    settings = make_settings("sqlite:///none.db", retry_seconds=0.05)
    return Chores(lambda: [(str(told), todo.pop())] if todo else [], settings)


def test_one_at_a_time_and_all_of_them(monkeypatch: pytest.MonkeyPatch, told: Path) -> None:
    todo = ["one", "two", "three"]
    made = make(monkeypatch, ENDS, told, todo)
    made.start()
    wait_until(lambda: len(lines_of(told)) == 3)
    made.stop()
    assert not todo


def test_one_that_fails_is_tried_again_and_the_log_says_so(
    monkeypatch: pytest.MonkeyPatch, told: Path, caplog: pytest.LogCaptureFixture
) -> None:
    made = make(monkeypatch, FAILS, told, ["one", "again"])
    made.start()
    wait_until(lambda: len(lines_of(told)) == 2)
    wait_until(lambda: caplog.text.count("ended with code 3") == 2)
    made.stop()
    assert [record.levelno for record in caplog.records if record.name == "app.chores"] == [logging.ERROR] * 2


def test_one_that_fails_again_and_again_waits_longer_and_the_others_go_on(
    monkeypatch: pytest.MonkeyPatch, told: Path, caplog: pytest.LogCaptureFixture
) -> None:
    script = "import sys; open(sys.argv[1], 'a').write(sys.argv[2] + chr(10)); sys.exit(sys.argv[2] == 'bad')"
    monkeypatch.setattr(chores, "INKLING", (sys.executable, "-c", script))
    monkeypatch.setattr(chores, "LOOK_SECONDS", 0.01)
    made = Chores(
        lambda: [(str(told), "bad"), (str(told), "good")], make_settings("sqlite:///none.db", retry_seconds=0.5)
    )
    made.start()
    wait_until(lambda: lines_of(told).count("bad") == 2)
    made.stop()

    assert lines_of(told).count("good") > 0
    assert "it is tried again in 0.5 s" in caplog.text
    assert caplog.text.count("bad") == 1 or "it is tried again in 1 s" in caplog.text


def test_the_one_under_way_ends_with_its_starter(monkeypatch: pytest.MonkeyPatch, told: Path) -> None:
    made = make(monkeypatch, WAITS, told, ["one"])
    made.start()
    wait_until(lambda: bool(lines_of(told)))
    pid = int(lines_of(told)[0])
    os.kill(pid, 0)

    stopper = threading.Thread(target=made.stop)
    stopper.start()
    stopper.join(240)

    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_a_child_ends_when_its_parent_is_killed() -> None:
    child = (
        "import os, threading; from app.cli.child import end_with_parent; end_with_parent(); "
        "print(os.getpid(), flush=True); threading.Event().wait(120)"
    )
    parent = "import subprocess, sys; subprocess.Popen(sys.argv[1:], stdin=subprocess.PIPE).wait()"
    command = [sys.executable, "-c", parent, sys.executable, "-c", child]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as killed:
        assert killed.stdout is not None
        os.kill(int(killed.stdout.readline()), 0)
        killed.kill()

        said, _ = killed.communicate(timeout=100)  # the child holds this pipe, too: it ends when both have ended

    assert (said, killed.returncode) == ("", -signal.SIGKILL)
