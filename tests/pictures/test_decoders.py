"""Processes that decode: one that dies or takes too much costs one picture."""

import os
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from app.errors import DecodingTooHungry, DecodingTooSlow, NotAPicture, PictureRefused
from app.pictures import Decoders, Limits, Picture

from ..factories.drawing import draw, encode

SHAPE = (16, 16, 3)


def child_pids() -> set[int]:
    """The processes that this one has started and that live."""
    found = subprocess.run(
        ["ps", "-o", "pid=,args=", "--ppid", str(os.getpid())], capture_output=True, text=True, check=False
    )
    return {int(line.split()[0]) for line in found.stdout.splitlines() if "app.pictures.worker" in line}


def kill_all(pids: set[int]) -> None:
    for pid in pids:
        os.kill(pid, signal.SIGKILL)


@pytest.fixture(scope="module")
def large() -> bytes:
    """Quick to send and slow to decode: 64 million pixels."""
    return encode(Image.new("RGB", (8000, 8000)), "PNG")


def test_processes_start_when_they_are_needed_and_end_with_their_owner() -> None:
    before = child_pids()
    with Decoders(2) as decoders:
        assert child_pids() == before
        decoders.decode(encode(draw()), SHAPE)
        assert len(child_pids() - before) == 1
    assert child_pids() == before


def test_a_picture_that_takes_too_long_is_refused_and_the_next_is_not(large: bytes) -> None:
    with Decoders(1, Limits(seconds=0)) as decoders, pytest.raises(DecodingTooSlow, match="more than 0 s"):
        while True:  # a second of processor time is the least that the system counts
            decoders.decode(large, SHAPE)
    with Decoders(1, Limits(seconds=60)) as decoders:
        assert decoders.decode(large, SHAPE).width == 8000


def test_a_picture_that_takes_too_much_memory_is_refused_and_the_next_is_not(large: bytes) -> None:
    with Decoders(1, Limits(memory_bytes=300 << 20)) as decoders:
        with pytest.raises(DecodingTooHungry, match="more than 300 MB"):
            decoders.decode(large, SHAPE)
        assert decoders.decode(encode(draw()), SHAPE).width == 48


def test_a_process_that_is_killed_while_idle_costs_nothing() -> None:
    before = child_pids()
    with Decoders() as decoders:
        first = decoders.decode(encode(draw()), SHAPE)
        (pid,) = child_pids() - before
        os.kill(pid, signal.SIGKILL)
        again = decoders.decode(encode(draw()), SHAPE)

    np.testing.assert_array_equal(first.pixels, again.pixels)


def test_a_process_that_is_killed_at_work_fails_none_of_its_neighbours(large: bytes) -> None:
    before = child_pids()
    with Decoders(2) as decoders, ThreadPoolExecutor(2) as threads:
        for _ in range(2):
            decoders.decode(encode(draw()), SHAPE)
        slow = threads.submit(decoders.decode, large, SHAPE)
        killer = threading.Timer(0.05, kill_all, [child_pids() - before])
        killer.start()
        outcomes = [decoders.decode(encode(draw(seed=seed)), SHAPE) for seed in range(50)]
        killer.join()

        assert [each.width for each in outcomes] == [48] * 50
        assert slow.result().width == 8000


def test_outcomes_come_in_order_with_refusals_in_their_place() -> None:
    contents = [b"" if index % 7 == 3 else encode(draw(size=(10 + index, 10))) for index in range(200)]
    contents[50] = b"none"

    with Decoders(2) as decoders:
        found: list[tuple[bytes, Any]] = list(
            decoders.run_ahead(contents, lambda content: decoders.decode(content, SHAPE), len)
        )

    assert [content for content, _ in found] == contents
    for index, (_, outcome) in enumerate(found):
        if index % 7 == 3 or index == 50:
            assert isinstance(outcome, PictureRefused)
        else:
            assert isinstance(outcome, Picture)
            assert outcome.width == 10 + index
    assert isinstance(found[50][1], NotAPicture)


def test_only_few_bytes_are_taken_from_a_source_ahead_of_what_is_done() -> None:
    n_taken = 0

    def endless() -> Any:
        nonlocal n_taken
        while True:
            n_taken += 1
            yield bytes(10_000_000)

    with Decoders() as decoders:
        outcomes = decoders.run_ahead(endless(), lambda content: decoders.decode(content, SHAPE), len)
        for n_done in range(1, 6):
            assert isinstance(next(outcomes)[1], NotAPicture)
            assert n_taken - n_done <= 4
        outcomes.close()  # type: ignore[attr-defined]


def test_settings_are_not_handed_to_the_process_and_it_loads_no_database_and_no_tensorflow() -> None:
    code = "import sys, app.pictures.worker; print(*sorted(sys.modules))"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert not {"sqlalchemy", "tensorflow", "pydantic", "fastapi", "rich", "scipy"} & set(ran.stdout.split())


def test_the_environment_of_the_process_has_no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INKLING_SESSION_SECRET", "of no concern to a decoder")
    before = child_pids()
    with Decoders() as decoders:
        decoders.decode(encode(draw()), SHAPE)
        (pid,) = child_pids() - before

        assert b"INKLING_" not in Path(f"/proc/{pid}/environ").read_bytes()
