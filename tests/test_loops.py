"""A background loop works while there is work, wakes when it is told to, and outlives its failures."""

import threading

import pytest

from app.loops import BackgroundLoop


def test_it_goes_on_at_once_while_there_is_work() -> None:
    left, done = [1, 2, 3], threading.Event()

    def run_one() -> bool:
        if not left:
            done.set()
            return False
        return bool(left.pop())

    loop = BackgroundLoop("loop", run_one, poll_seconds=3600)
    loop.start()
    assert done.wait(60)
    loop.stop()


def test_a_wake_up_ends_its_pause() -> None:
    turns = threading.Semaphore(0)

    def release() -> bool:
        turns.release()
        return False

    loop = BackgroundLoop("loop", release, poll_seconds=3600)
    loop.start()
    for _ in range(3):
        assert turns.acquire(timeout=60)
        loop.wake()
    loop.stop()


def test_it_looks_again_by_itself() -> None:
    turns = threading.Semaphore(0)

    def release() -> bool:
        turns.release()
        return False

    loop = BackgroundLoop("loop", release, poll_seconds=0.001)
    loop.start()
    for _ in range(3):
        assert turns.acquire(timeout=60)
    loop.stop()


def test_it_goes_on_after_a_failure_and_logs_it(caplog: pytest.LogCaptureFixture) -> None:
    outcomes, done = [ValueError("broken"), None], threading.Event()

    def run_one() -> bool:
        failure = outcomes.pop(0) if outcomes else None
        if failure is not None:
            raise failure
        done.set()
        return False

    loop = BackgroundLoop("painter", run_one, poll_seconds=3600, retry_seconds=0.001)
    loop.start()
    assert done.wait(60)
    loop.stop()
    assert "the painter failed; it tries again in 0.001 s" in caplog.text


def test_one_that_never_started_can_be_stopped() -> None:
    BackgroundLoop("loop", lambda: False, poll_seconds=1).stop()


def test_it_can_be_stopped_from_within() -> None:
    def stop() -> bool:
        loop.stop()
        return True

    loop = BackgroundLoop("loop", stop, poll_seconds=3600)
    loop.run()
