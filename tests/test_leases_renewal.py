"""Leases are held for longer or given back, and of those who want the same image one gets it."""

import pytest
from sqlalchemy import select

from app import leases
from app.db import Database
from app.leases import LONGEST_HOLD
from app.models import Annotator, Lease, Pool

from .factories.acts import ask, ids_of, release
from .factories.making import LEASE_SECONDS, add_annotator, add_pool, after
from .factories.stored import held_by
from .factories.watching import race


def renew(database: Database, pool: Pool, annotator: Annotator, *, seconds: float = 0) -> int:
    with database.write() as session:
        return leases.renew(session, pool, annotator, now=after(seconds), seconds=LEASE_SECONDS)


def leases_in(database: Database) -> list[Lease]:
    with database.read() as session:
        return list(session.scalars(select(Lease)))


def test_renewing_holds_all_for_longer(database: Database, pool: Pool, ada: Annotator, ben: Annotator) -> None:
    ids = ids_of(ask(database, pool, ada, 3).images)

    assert renew(database, pool, ada, seconds=LEASE_SECONDS - 1) == 3

    assert not set(ids) & set(ids_of(ask(database, pool, ben, 20, now=after(2 * LEASE_SECONDS - 2)).images))
    assert set(ids) <= set(ids_of(ask(database, pool, ben, 30, now=after(2 * LEASE_SECONDS - 1)).images))


def test_renewing_is_for_what_one_holds_in_this_pool(
    database: Database, pool: Pool, ada: Annotator, ben: Annotator
) -> None:
    other = add_pool(database, slug="other")
    for who, where in ((ben, pool), (ada, other)):
        ask(database, where, who, 2)

    assert renew(database, pool, ada) == 0
    assert {lease.expires_at for lease in leases_in(database)} == {after(LEASE_SECONDS)}


def test_a_lease_that_is_over_may_be_renewed_as_long_as_nobody_took_it(
    database: Database, pool: Pool, ada: Annotator, ben: Annotator
) -> None:
    ask(database, pool, ada, 3)
    assert renew(database, pool, ada, seconds=LEASE_SECONDS) == 3

    ask(database, pool, ben, 1, now=after(3 * LEASE_SECONDS))
    assert renew(database, pool, ada, seconds=3 * LEASE_SECONDS) == 0


def hold_without_answering(database: Database, pool: Pool, annotator: Annotator, *, by: str) -> float:
    """Renew every minute what was leased at 0; the seconds until which that holds it at the end."""
    ask(database, pool, annotator, 1)
    for seconds in range(60, LONGEST_HOLD * LEASE_SECONDS + 1, 60):
        if by == "renewing":
            renew(database, pool, annotator, seconds=seconds)
        else:
            ask(database, pool, annotator, 1, now=after(seconds))
    (lease,) = leases_in(database)
    return (lease.expires_at - after(0)).total_seconds()


@pytest.mark.parametrize("by", ["renewing", "asking again"])
def test_who_does_not_answer_does_not_keep_an_image_from_others_for_ever(
    database: Database, ada: Annotator, ben: Annotator, by: str
) -> None:
    pool = add_pool(database, n_images=1)

    end = hold_without_answering(database, pool, ada, by=by)

    assert LONGEST_HOLD * LEASE_SECONDS <= end < (LONGEST_HOLD + 1) * LEASE_SECONDS
    assert renew(database, pool, ada, seconds=end - 1) == 0
    assert ask(database, pool, ben, now=after(end - 1)).images == []
    assert len(ask(database, pool, ben, now=after(end)).images) == 1


def test_what_nobody_took_at_its_end_may_be_held_anew(database: Database, ada: Annotator) -> None:
    pool = add_pool(database, n_images=1)
    end = hold_without_answering(database, pool, ada, by="renewing")

    assert renew(database, pool, ada, seconds=end) == 1
    assert renew(database, pool, ada, seconds=end + 60) == 1
    assert leases_in(database)[0].expires_at == after(end + 60 + LEASE_SECONDS)


def test_what_is_released_goes_to_others_at_once(
    database: Database, pool: Pool, ada: Annotator, ben: Annotator
) -> None:
    ids = ids_of(ask(database, pool, ada, 4).images)

    assert release(database, pool, ada, [ids[1], ids[3]]) == 2

    assert ids_of(ask(database, pool, ben, 2).images) == [ids[1], ids[3]]
    assert held_by(database, ada) == {ids[0], ids[2]}


def test_nobody_releases_what_others_hold(database: Database, pool: Pool, ada: Annotator, ben: Annotator) -> None:
    ids = ids_of(ask(database, pool, ben, 3).images)

    assert release(database, pool, ada, ids) == 0
    assert release(database, pool, ada, []) == 0
    assert release(database, pool, ada) == 0
    assert held_by(database, ben) == set(ids)


def test_releasing_none_by_name_releases_none(database: Database, pool: Pool, ada: Annotator) -> None:
    ask(database, pool, ada, 3)

    assert release(database, pool, ada, []) == 0
    assert len(held_by(database, ada)) == 3


# Races


def test_of_those_who_race_for_what_is_released_one_gets_it(database: Database, ada: Annotator) -> None:
    pool = add_pool(database, n_images=1)
    ask(database, pool, ada, 1)
    others = [add_annotator(database, f"annotator {index}") for index in range(7)]

    def contend(index: int) -> int:
        if index == 0:
            return -release(database, pool, ada)
        return len(ask(database, pool, others[index - 1], 1).images)

    outcomes = race(8, contend)

    assert outcomes[0] == -1
    assert sorted(map(str, outcomes[1:])) in (["0"] * 7, ["0"] * 6 + ["1"])
    assert len(leases_in(database)) == sum(outcome for outcome in outcomes[1:] if isinstance(outcome, int))


@pytest.mark.parametrize("turn", range(4))
def test_of_a_renewal_and_a_claim_at_once_one_has_the_image(
    database: Database, ada: Annotator, ben: Annotator, turn: int
) -> None:
    pool = add_pool(database, n_images=1)
    ask(database, pool, ada, 1)

    def contend(index: int) -> int:
        if index == turn % 2:
            return len(ask(database, pool, ben, 1, now=after(LEASE_SECONDS)).images)
        return renew(database, pool, ada, seconds=LEASE_SECONDS)

    outcomes = race(2, contend)

    assert sorted(map(str, outcomes)) == ["0", "1"]
    holder = ben if outcomes[turn % 2] == 1 else ada
    assert [lease.annotator_id for lease in leases_in(database)] == [holder.id]
