"""Attempts to log in are counted by account and by address until they succeed, and forgotten in time."""

import datetime as dt
from contextlib import ExitStack, suppress

import pytest

from app.errors import TooManyAttempts, TooManyLogins, WrongLogin
from app.web.throttle import MAX_REMEMBERED, PER_ACCOUNT, PER_ADDRESS, WINDOW, LoginThrottle
from tests.factories import NOW, after, race

SECOND = dt.timedelta(seconds=1)


@pytest.fixture
def throttle() -> LoginThrottle:
    """Nothing has failed yet."""
    return LoginThrottle()


def fail(
    throttle: LoginThrottle, times: int = 1, name: str = "ada", address: str = "10.0.0.1", *, seconds: float = 0
) -> None:
    """Attempts that are let through and do not succeed."""
    for _ in range(times):
        throttle.begin(name, address, now=after(seconds))


def wait_of(throttle: LoginThrottle, name: str = "ada", address: str = "10.0.0.1", *, now: dt.datetime = NOW) -> int:
    """The seconds that somebody has to wait; one who has not makes an attempt."""
    try:
        throttle.begin(name, address, now=now)
    except TooManyAttempts as error:
        seconds: int = error.context["seconds"]
        return seconds
    return 0


def test_so_many_attempts_are_let_through_and_no_more(throttle: LoginThrottle) -> None:
    waits = [wait_of(throttle) for _ in range(PER_ACCOUNT + 2)]

    assert waits == [0] * PER_ACCOUNT + [WINDOW.total_seconds()] * 2


def test_an_account_is_protected_from_all_addresses_together(throttle: LoginThrottle) -> None:
    for index in range(PER_ACCOUNT):
        fail(throttle, address=f"10.0.0.{index}")

    assert wait_of(throttle, address="10.9.9.9") > 0
    assert wait_of(throttle, "ben", "10.0.0.1") == 0


def test_an_address_is_slowed_down_over_all_accounts(throttle: LoginThrottle) -> None:
    for index in range(PER_ADDRESS):
        fail(throttle, name=f"name {index}")

    assert wait_of(throttle, "somebody else") > 0
    assert wait_of(throttle, "somebody else", "10.0.0.2") == 0


def test_the_wait_ends_when_the_oldest_failure_that_counts_is_over(throttle: LoginThrottle) -> None:
    fail(throttle, 3)
    fail(throttle, PER_ACCOUNT - 3, seconds=60)

    assert wait_of(throttle, now=after(60)) == WINDOW.total_seconds() - 60
    assert wait_of(throttle, now=NOW + WINDOW - SECOND) == 1
    assert [wait_of(throttle, now=NOW + WINDOW) for _ in range(4)] == [0, 0, 0, 60]


def test_an_attempt_that_is_refused_does_not_make_the_wait_longer(throttle: LoginThrottle) -> None:
    fail(throttle, PER_ACCOUNT)
    for seconds in range(100):
        assert wait_of(throttle, now=after(seconds)) == WINDOW.total_seconds() - seconds


def test_a_success_forgets_the_accounts_failures_and_not_the_address_but_for_itself(throttle: LoginThrottle) -> None:
    fail(throttle, PER_ACCOUNT - 1)
    fail(throttle, seconds=5)

    throttle.succeed("ada", "10.0.0.1", now=after(5))

    fail(throttle, PER_ACCOUNT, seconds=5)
    others = PER_ADDRESS - (PER_ACCOUNT - 1) - PER_ACCOUNT
    waits = [wait_of(throttle, f"name {index}", now=after(5)) for index in range(others + 1)]
    assert [wait > 0 for wait in waits] == [False] * others + [True]


def test_logins_that_succeed_are_no_guesses_however_many(throttle: LoginThrottle) -> None:
    for index in range(3 * PER_ADDRESS):
        assert wait_of(throttle, now=after(index)) == 0
        throttle.succeed("ada", "10.0.0.1", now=after(index))


def test_a_success_of_somebody_unknown_is_no_error(throttle: LoginThrottle) -> None:
    throttle.succeed("nobody", "10.0.0.1", now=NOW)


def test_of_attempts_that_come_all_at_once_no_more_are_let_through(throttle: LoginThrottle) -> None:
    outcomes = race(4 * PER_ACCOUNT, lambda index: wait_of(throttle, address=f"10.0.0.{index}"))

    assert outcomes.count(0) == PER_ACCOUNT


def test_a_clock_that_was_set_back_locks_nobody_out(throttle: LoginThrottle) -> None:
    fail(throttle, PER_ACCOUNT, seconds=3600)

    assert wait_of(throttle, now=NOW) == 0


def test_its_memory_is_bounded(throttle: LoginThrottle) -> None:
    for index in range(MAX_REMEMBERED):
        fail(throttle, name=f"name {index}", address=f"address {index}")

    assert len(throttle._failures) == MAX_REMEMBERED


def test_a_name_that_looks_like_an_address_is_still_a_name(throttle: LoginThrottle) -> None:
    fail(throttle, PER_ACCOUNT, "10.0.0.1", "10.0.0.2")

    assert wait_of(throttle, "ada", "10.0.0.1") == 0


def test_so_many_have_a_place_and_whoever_comes_then_is_turned_away_at_once(throttle: LoginThrottle) -> None:
    n_places = LoginThrottle.CONCURRENT_HASHES + LoginThrottle.MAX_WAITING
    with ExitStack() as places:
        for _ in range(n_places):
            places.enter_context(throttle.place())
        with pytest.raises(TooManyLogins, match="Try again in a few seconds") as refused:
            places.enter_context(throttle.place())
    assert refused.value.context == {"seconds": 5}


def test_a_place_is_given_back_however_the_login_ends(throttle: LoginThrottle) -> None:
    for _ in range(20):
        with suppress(WrongLogin), throttle.place():
            raise WrongLogin("")
