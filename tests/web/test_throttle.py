"""Attempts to log in are counted by account and by address until they succeed, and forgotten in time."""

import datetime as dt
from contextlib import ExitStack, suppress

import pytest

from app.errors import TooManyAttempts, TooManyLogins, WrongLogin
from app.limits import CONCURRENT_HASHES, WAITING_LOGINS
from app.web.edge.throttle import (
    MAX_REMEMBERED,
    PER_ACCOUNT,
    PER_ACCOUNT_AND_SOURCE,
    PER_SOURCE,
    WINDOW,
    Attempt,
    LoginThrottle,
    source_of,
)
from tests.factories import NOW, after, race

SECOND = dt.timedelta(seconds=1)


@pytest.fixture
def throttle() -> LoginThrottle:
    """Nothing has failed yet."""
    return LoginThrottle()


def attempt(
    name: str = "ada", address: str = "10.0.0.1", *, password_hash: str | None = "hash", at: dt.datetime = NOW
) -> Attempt:
    """Somebody tries to log in."""
    return Attempt(name, password_hash, address, at)


def fail(
    throttle: LoginThrottle, times: int = 1, name: str = "ada", address: str = "10.0.0.1", *, seconds: float = 0
) -> None:
    """Attempts that are let through and do not succeed."""
    for _ in range(times):
        throttle.begin(attempt(name, address, at=after(seconds)))


def succeed(throttle: LoginThrottle, name: str = "ada", address: str = "10.0.0.1", *, seconds: float = 0) -> None:
    """One that is let through and does."""
    throttle.begin(attempt(name, address, at=after(seconds)))
    throttle.succeed(attempt(name, address, at=after(seconds)))


def wait_of(throttle: LoginThrottle, name: str = "ada", address: str = "10.0.0.1", *, now: dt.datetime = NOW) -> int:
    """The seconds that somebody has to wait; one who has not makes an attempt."""
    return wait_for(throttle, attempt(name, address, at=now))


def wait_for(throttle: LoginThrottle, made: Attempt) -> int:
    """The same, for an attempt with more in it."""
    try:
        throttle.begin(made)
    except TooManyAttempts as error:
        seconds: int = error.context["seconds"]
        return seconds
    return 0


def guess_from_everywhere(throttle: LoginThrottle, times: int = PER_ACCOUNT, name: str = "ada") -> None:
    """Each guess at this account from an address of its own."""
    for index in range(times):
        fail(throttle, 1, name, f"203.0.{index // 256}.{index % 256}")


def test_so_many_attempts_are_let_through_and_no_more(throttle: LoginThrottle) -> None:
    waits = [wait_of(throttle) for _ in range(PER_ACCOUNT_AND_SOURCE + 2)]

    assert waits == [0] * PER_ACCOUNT_AND_SOURCE + [WINDOW.total_seconds()] * 2


def test_a_stranger_at_another_address_locks_nobody_out(throttle: LoginThrottle) -> None:
    fail(throttle, PER_ACCOUNT_AND_SOURCE, address="203.0.113.1")

    assert wait_of(throttle, address="203.0.113.1") > 0
    assert wait_of(throttle, address="10.0.0.1") == 0


def test_an_account_is_protected_from_all_addresses_together(throttle: LoginThrottle) -> None:
    guess_from_everywhere(throttle)

    assert wait_of(throttle, address="10.9.9.9") > 0
    assert wait_of(throttle, "ben", "10.0.0.1") == 0


def test_guesses_from_everywhere_do_not_lock_out_where_the_account_has_logged_in(throttle: LoginThrottle) -> None:
    succeed(throttle, address="10.0.0.1")
    guess_from_everywhere(throttle)

    assert wait_of(throttle, address="10.0.0.2") > 0
    waits = [wait_of(throttle, address="10.0.0.1") for _ in range(PER_ACCOUNT_AND_SOURCE + 1)]
    assert [wait > 0 for wait in waits] == [False] * PER_ACCOUNT_AND_SOURCE + [True]


def test_a_login_does_not_make_others_guesses_at_the_account_forgotten(throttle: LoginThrottle) -> None:
    guess_from_everywhere(throttle, PER_ACCOUNT - 1)
    succeed(throttle, address="10.0.0.1", seconds=5)

    assert [wait_of(throttle, address=f"10.0.1.{index}") > 0 for index in range(2)] == [False, True]


def test_a_new_password_ends_the_wait_of_its_account_alone(throttle: LoginThrottle) -> None:
    fail(throttle, PER_ACCOUNT_AND_SOURCE)
    fail(throttle, PER_ACCOUNT_AND_SOURCE, "ben")
    guess_from_everywhere(throttle, PER_ACCOUNT - PER_ACCOUNT_AND_SOURCE)

    for address in ("10.0.0.1", "10.0.0.2"):
        assert wait_of(throttle, address=address) > 0
        assert wait_for(throttle, attempt(address=address, password_hash="another hash")) == 0
    assert wait_of(throttle, "ben") > 0


def test_what_is_said_of_the_wait_is_what_ends_it(throttle: LoginThrottle) -> None:
    fail(throttle, PER_ACCOUNT_AND_SOURCE)
    with pytest.raises(TooManyAttempts) as of_account:
        fail(throttle)
    for index in range(PER_SOURCE - PER_ACCOUNT_AND_SOURCE):
        fail(throttle, name=f"name {index}", seconds=1)
    with pytest.raises(TooManyAttempts) as of_source:
        fail(throttle, name="ben", seconds=61)

    assert "to this account. Try again in 15 min, or ask an admin for a new password" in of_account.value.message
    assert of_source.value.message == "Too many failed logins from your address. Try again in 14 min."


@pytest.mark.parametrize(
    ("address", "source"),
    [
        ("10.0.0.1", "10.0.0.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::", "2001:db8:1:2::/64"),
        ("2001:db8:1:3::", "2001:db8:1:3::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("::ffff:10.0.0.1", "10.0.0.1"),
        ("testclient", "testclient"),
        ("", ""),
    ],
)
def test_an_ipv6_network_of_one_person_is_one_source(address: str, source: str) -> None:
    assert source_of(address) == source


def test_the_addresses_of_an_ipv6_network_have_one_limit_together(throttle: LoginThrottle) -> None:
    for index in range(PER_SOURCE):
        fail(throttle, name=f"name {index}", address=f"2001:db8:1:2:{index:x}::1")

    assert wait_of(throttle, "ada", "2001:db8:1:2:ffff::1") > 0
    assert wait_of(throttle, "ada", "2001:db8:1:3::1") == 0


def test_a_lock_is_not_forgotten_however_many_other_names_are_tried(throttle: LoginThrottle) -> None:
    fail(throttle, PER_ACCOUNT_AND_SOURCE)
    guess_from_everywhere(throttle, name="ben")
    for index in range(MAX_REMEMBERED // 2):
        fail(throttle, name=f"name {index}", address=f"address {index}", seconds=1)

    assert wait_of(throttle, now=after(2)) > 0
    assert wait_of(throttle, "ben", now=after(2)) > 0


def test_an_address_is_slowed_down_over_all_accounts(throttle: LoginThrottle) -> None:
    for index in range(PER_SOURCE):
        fail(throttle, name=f"name {index}")

    assert wait_of(throttle, "somebody else") > 0
    assert wait_of(throttle, "somebody else", "10.0.0.2") == 0


def test_the_wait_ends_when_the_oldest_failure_that_counts_is_over(throttle: LoginThrottle) -> None:
    fail(throttle, 3)
    fail(throttle, PER_ACCOUNT_AND_SOURCE - 3, seconds=60)

    assert wait_of(throttle, now=after(60)) == WINDOW.total_seconds() - 60
    assert wait_of(throttle, now=NOW + WINDOW - SECOND) == 1
    assert [wait_of(throttle, now=NOW + WINDOW) for _ in range(4)] == [0, 0, 0, 60]


def test_an_attempt_that_is_refused_does_not_make_the_wait_longer(throttle: LoginThrottle) -> None:
    fail(throttle, PER_ACCOUNT_AND_SOURCE)
    for seconds in range(100):
        assert wait_of(throttle, now=after(seconds)) == WINDOW.total_seconds() - seconds


def test_a_success_forgets_the_accounts_failures_and_not_the_address_but_for_itself(throttle: LoginThrottle) -> None:
    fail(throttle, PER_ACCOUNT_AND_SOURCE - 1)
    succeed(throttle, seconds=5)

    fail(throttle, PER_ACCOUNT_AND_SOURCE, seconds=5)
    others = PER_SOURCE - (PER_ACCOUNT_AND_SOURCE - 1) - PER_ACCOUNT_AND_SOURCE
    waits = [wait_of(throttle, f"name {index}", now=after(5)) for index in range(others + 1)]
    assert [wait > 0 for wait in waits] == [False] * others + [True]


def test_logins_that_succeed_are_no_guesses_however_many(throttle: LoginThrottle) -> None:
    for index in range(3 * PER_ACCOUNT):
        succeed(throttle, seconds=index)


def test_a_success_of_somebody_unknown_is_no_error(throttle: LoginThrottle) -> None:
    throttle.succeed(attempt("nobody", password_hash=None))


def test_of_attempts_that_come_all_at_once_no_more_are_let_through(throttle: LoginThrottle) -> None:
    outcomes = race(2 * PER_ACCOUNT, lambda index: wait_of(throttle, address=f"10.0.0.{index}"))

    assert outcomes.count(0) == PER_ACCOUNT


def test_a_clock_that_was_set_back_locks_nobody_out(throttle: LoginThrottle) -> None:
    fail(throttle, PER_ACCOUNT_AND_SOURCE, seconds=3600)

    assert wait_of(throttle, now=NOW) == 0


def test_its_memory_is_bounded(throttle: LoginThrottle) -> None:
    for index in range(MAX_REMEMBERED):
        fail(throttle, name=f"name {index}", address=f"address {index}")

    assert len(throttle._failures) == MAX_REMEMBERED


def test_a_name_that_looks_like_an_address_is_still_a_name(throttle: LoginThrottle) -> None:
    fail(throttle, PER_ACCOUNT_AND_SOURCE, "10.0.0.1", "10.0.0.2")

    assert wait_of(throttle, "ada", "10.0.0.1") == 0


def test_so_many_have_a_place_and_whoever_comes_then_is_turned_away_at_once(throttle: LoginThrottle) -> None:
    n_slots = CONCURRENT_HASHES + WAITING_LOGINS
    with ExitStack() as slots:
        for _ in range(n_slots):
            slots.enter_context(throttle.slot())
        with pytest.raises(TooManyLogins, match="Try again in a few seconds") as refused:
            slots.enter_context(throttle.slot())
    assert refused.value.context == {"seconds": 5}


def test_a_place_is_given_back_however_the_login_ends(throttle: LoginThrottle) -> None:
    for _ in range(20):
        with suppress(WrongLogin), throttle.slot():
            raise WrongLogin("")
