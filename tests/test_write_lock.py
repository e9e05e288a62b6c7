"""One writer at a time in a process and between processes, each in turn; one that is stuck holds nobody for ever."""

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from app import write_lock
from app.write_lock import WriteLock

from .factories.watching import race

WRITER = """
import sys, time
from pathlib import Path
from app.write_lock import WriteLock

lock = WriteLock(Path(sys.argv[1]))
print("ready", flush=True)
sys.stdin.readline()
for _ in range(int(sys.argv[2])):
    with lock:
        with open(sys.argv[1] + "-order", "a") as order:
            order.write(sys.argv[3] + "(")
            order.flush()
            time.sleep(0.02)  # longer than it takes another process to wake up
            order.write(")")
"""


@contextmanager
def writers(database: Path, n_each: int, names: str) -> Iterator[list[subprocess.Popen[str]]]:
    """Processes that wait for a line to begin."""
    command = [sys.executable, "-c", WRITER, str(database), str(n_each)]
    started = [
        subprocess.Popen([*command, name], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for name in names
    ]
    try:
        for process in started:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
        yield started
    finally:
        for process in started:
            process.kill()
            process.communicate()


def begin(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()


def test_processes_never_write_at_once_and_take_turns(tmp_path: Path) -> None:
    database = tmp_path / "inkling.db"
    with writers(database, 25, "ab") as started:
        for process in started:
            begin(process)
        for process in started:
            assert process.wait(240) == 0
    order = (tmp_path / "inkling.db-order").read_text()

    assert order.count("a()") == order.count("b()") == 25
    assert len(order) == 150  # nobody opened before another had closed
    turns = order.replace("()", "")
    both = turns[: min(turns.rindex("a"), turns.rindex("b"))].lstrip(turns[0])
    assert "aaaa" not in both
    assert "bbbb" not in both


def test_threads_never_write_at_once(tmp_path: Path) -> None:
    lock, inside = WriteLock(tmp_path / "inkling.db"), list[int]()

    def write(index: int) -> bool:
        with lock:
            inside.append(index)
            time.sleep(0)
            return inside.pop() == index and not inside

    assert race(16, write) == [True] * 16


def test_a_process_that_dies_while_it_writes_holds_nobody(tmp_path: Path) -> None:
    database = tmp_path / "inkling.db"
    with writers(database, 1_000_000, "a") as (process,):
        begin(process)
        while not (tmp_path / "inkling.db-order").exists():
            time.sleep(0.001)
        process.kill()
        process.wait()
        with WriteLock(database):
            pass


def test_who_waits_for_a_process_that_is_stuck_goes_on_after_a_while(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(write_lock, "PATIENCE_SECONDS", 0.05)
    database = tmp_path / "inkling.db"
    stuck = [sys.executable, "-c", WRITER.replace("time.sleep(0.02)", "time.sleep(3600)"), str(database), "1", "a"]
    with subprocess.Popen(stuck, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        begin(process)
        while not (tmp_path / "inkling.db-order").exists():
            time.sleep(0.001)
        with WriteLock(database):
            assert process.poll() is None
        process.kill()


def test_the_file_is_its_owners_alone(tmp_path: Path) -> None:
    lock = WriteLock(tmp_path / "inkling.db")
    with lock:
        assert (tmp_path / "inkling.db-lock").stat().st_mode & 0o777 == 0o600
    lock.close()


def test_where_no_file_can_be_made_the_threads_still_queue(tmp_path: Path) -> None:
    lock = WriteLock(tmp_path / "nowhere" / "inkling.db")

    with lock:
        assert lock._threads.locked()
    assert not lock._threads.locked()
