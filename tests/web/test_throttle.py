"""Failed logins are counted by account and by address, and forgotten in time."""

import datetime as dt

import pytest

from app.errors import TooManyAttempts
from app.web.throttle import MAX_REMEMBERED, PER_ACCOUNT, PER_ADDRESS, WINDOW, LoginThrottle
from tests.factories import NOW, after

SECOND = dt.timedelta(seconds=1)


@pytest.fixture
def throttle() -> LoginThrottle:
    """Nothing has failed yet."""
    return LoginThrottle()


def fail(
    throttle: LoginThrottle, times: int, name: str = "ada", address: str = "10.0.0.1", *, seconds: float = 0
) -> None:
    for _ in range(times):
        throttle.note_failure(name, address, now=after(seconds))


def wait_of(throttle: LoginThrottle, name: str = "ada", address: str = "10.0.0.1", *, now: dt.datetime = NOW) -> int:
    """The seconds that somebody has to wait."""
    try:
        throttle.check(name, address, now=now)
    except TooManyAttempts as error:
        seconds: int = error.context["seconds"]
        return seconds
    return 0


def test_one_failure_less_than_the_limit_is_let_through(throttle: LoginThrottle) -> None:
    fail(throttle, PER_ACCOUNT - 1)
    assert wait_of(throttle) == 0

    fail(throttle, 1)
    assert wait_of(throttle) == WINDOW.total_seconds()


def test_an_account_is_protected_from_all_addresses_together(throttle: LoginThrottle) -> None:
    for index in range(PER_ACCOUNT):
        fail(throttle, 1, address=f"10.0.0.{index}")

    assert wait_of(throttle, address="10.9.9.9") > 0
    assert wait_of(throttle, "ben", "10.0.0.1") == 0


def test_an_address_is_slowed_down_over_all_accounts(throttle: LoginThrottle) -> None:
    for index in range(PER_ADDRESS):
        fail(throttle, 1, f"name {index}")

    assert wait_of(throttle, "somebody else") > 0
    assert wait_of(throttle, "somebody else", "10.0.0.2") == 0


def test_the_wait_ends_when_the_oldest_failure_that_counts_is_over(throttle: LoginThrottle) -> None:
    fail(throttle, 3)
    fail(throttle, PER_ACCOUNT, seconds=60)

    assert wait_of(throttle, now=after(60)) == WINDOW.total_seconds()
    assert wait_of(throttle, now=after(60) + WINDOW - SECOND) == 1
    assert wait_of(throttle, now=after(60) + WINDOW) == 0


def test_a_success_forgets_the_account_and_not_the_address(throttle: LoginThrottle) -> None:
    fail(throttle, PER_ADDRESS)

    throttle.forget("ada")

    assert wait_of(throttle, "ada", "10.0.0.2") == 0
    assert wait_of(throttle, "ada", "10.0.0.1") > 0


def test_a_success_of_somebody_unknown_is_no_error(throttle: LoginThrottle) -> None:
    throttle.forget("nobody")


def test_a_clock_that_was_set_back_locks_nobody_out_for_longer(throttle: LoginThrottle) -> None:
    fail(throttle, PER_ACCOUNT, seconds=3600)

    assert wait_of(throttle, now=NOW) <= WINDOW.total_seconds()


def test_its_memory_is_bounded(throttle: LoginThrottle) -> None:
    for index in range(MAX_REMEMBERED + 100):
        fail(throttle, 1, f"name {index}", f"address {index}")

    assert len(throttle._failures) == MAX_REMEMBERED


def test_a_name_that_looks_like_an_address_is_still_a_name(throttle: LoginThrottle) -> None:
    fail(throttle, PER_ACCOUNT, "10.0.0.1", "10.0.0.2")

    assert wait_of(throttle, "ada", "10.0.0.1") == 0
