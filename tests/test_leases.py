"""Who has which image: the head of the ranking first, nobody's twice, and nothing is lost when time is up."""

import hashlib

import pytest
from sqlalchemy import func, select

from app.db import Database
from app.models import Annotator, Image, Lease, Pool

from .factories.acts import answer, ask, ask_and_answer, ids_of, undo
from .factories.making import LEASE_SECONDS, NOW, add_annotator, add_pool, add_round, after
from .factories.stored import held_by, image_ids
from .factories.watching import race


def test_the_head_of_the_ranking_is_given_in_its_order(database: Database, pool: Pool, ada: Annotator) -> None:
    ids = image_ids(database, pool, [7, 3, 30, 1])
    add_round(database, pool, ids, confidence=0.25, prediction=4)

    asked = ask(database, pool, ada, 3)

    assert ids_of(asked.images) == ids[:3]
    assert [image.position for image in asked.images] == [7, 3, 30]
    assert {(image.confidence, image.prediction) for image in asked.images} == {(0.25, 4)}
    assert {image.expires_at for image in asked.images} == {after(LEASE_SECONDS)}
    assert asked.round_number == 1


def test_the_first_batch_is_the_first_of_the_pool_and_without_a_prediction(
    database: Database, pool: Pool, ada: Annotator
) -> None:
    images = ask(database, pool, ada, 10).images

    assert [image.position for image in images] == list(range(10))
    assert {(image.confidence, image.prediction) for image in images} == {(None, None)}


def test_the_hash_is_that_of_the_image(database: Database, pool: Pool, ada: Annotator) -> None:
    (leased,) = ask(database, pool, ada, 1).images
    with database.read() as session:
        pixels = session.get_one(Image, leased.image_id).pixels
    assert leased.sha256 == hashlib.sha256(pixels).hexdigest()


def test_others_get_what_nobody_holds(database: Database, pool: Pool, ada: Annotator, ben: Annotator) -> None:
    ask(database, pool, ada, 4)

    assert [image.position for image in ask(database, pool, ben, 3).images] == [4, 5, 6]


def test_what_is_labeled_is_not_given_again(database: Database, pool: Pool, ada: Annotator, ben: Annotator) -> None:
    ask_and_answer(database, pool, ada, 4)
    answer(database, pool, ben, image_ids(database, pool, [5]))

    assert [image.position for image in ask(database, pool, ada, 3).images] == [4, 6, 7]


def test_ones_own_come_first_and_with_a_new_deadline(database: Database, pool: Pool, ada: Annotator) -> None:
    first = ask(database, pool, ada, 3)
    again = ask(database, pool, ada, 5, now=after(100))

    assert ids_of(again.images)[:3] == ids_of(first.images)
    assert [image.position for image in again.images] == [0, 1, 2, 3, 4]
    assert {image.expires_at for image in again.images} == {after(100 + LEASE_SECONDS)}


def test_ones_own_come_before_the_head_of_a_newer_ranking(database: Database, pool: Pool, ada: Annotator) -> None:
    held = ids_of(ask(database, pool, ada, 2).images)
    ranked = image_ids(database, pool, [50, 51])
    add_round(database, pool, ranked)

    assert ids_of(ask(database, pool, ada, 4).images) == held + ranked


def test_what_one_holds_stays_as_it_was_asked_when_the_next_round_asks_otherwise(
    database: Database, ada: Annotator
) -> None:
    pool = add_pool(database, learner="graph")
    by_chance = ask(database, pool, ada, 2).images
    add_round(database, pool, image_ids(database, pool))

    held = ask(database, pool, ada, 3).images

    assert ids_of(held)[:2] == ids_of(by_chance)
    assert [image.asked_by for image in held] == ["chance", "chance", "strategy"]


def test_asking_for_fewer_than_one_holds_gives_only_so_many(database: Database, pool: Pool, ada: Annotator) -> None:
    ask(database, pool, ada, 5)

    assert [image.position for image in ask(database, pool, ada, 2).images] == [0, 1]


def test_an_expired_lease_goes_to_others(database: Database, pool: Pool, ada: Annotator, ben: Annotator) -> None:
    ask(database, pool, ada, 3)

    images = ask(database, pool, ben, 5, now=after(LEASE_SECONDS)).images

    assert [image.position for image in images] == [0, 1, 2, 3, 4]


def test_a_lease_is_kept_until_its_last_moment(database: Database, pool: Pool, ada: Annotator, ben: Annotator) -> None:
    ask(database, pool, ada, 3)

    images = ask(database, pool, ben, 2, now=after(LEASE_SECONDS - 0.001)).images

    assert [image.position for image in images] == [3, 4]


def test_an_expired_lease_that_nobody_took_is_still_ones_own(database: Database, pool: Pool, ada: Annotator) -> None:
    first = ask(database, pool, ada, 3)

    again = ask(database, pool, ada, now=after(10 * LEASE_SECONDS))

    assert ids_of(again.images) == ids_of(first.images)
    assert {image.expires_at for image in again.images} == {after(11 * LEASE_SECONDS)}


def test_an_expired_lease_that_somebody_took_is_theirs(
    database: Database, pool: Pool, ada: Annotator, ben: Annotator
) -> None:
    ask(database, pool, ada, 3)
    ask(database, pool, ben, 3, now=after(LEASE_SECONDS + 1))

    assert [image.position for image in ask(database, pool, ada, 2, now=after(LEASE_SECONDS + 2)).images] == [3, 4]


def test_beyond_the_stored_head_the_pool_is_given_by_position(database: Database, ada: Annotator) -> None:
    pool = add_pool(database, queue_size=3)
    add_round(database, pool, image_ids(database, pool, [9, 4, 2]))

    images = ask(database, pool, ada, 6).images

    assert [image.position for image in images] == [9, 4, 2, 0, 1, 3]
    assert [image.confidence for image in images] == [0.5, 0.5, 0.5, None, None, None]


def test_the_validation_and_test_images_are_never_asked(database: Database, ada: Annotator) -> None:
    pool = add_pool(database, n_images=5, n_validation=5, n_test=5)

    assert ids_of(ask(database, pool, ada, 20).images) == image_ids(database, pool)


@pytest.mark.parametrize(("batch_size", "most"), [(1, 30), (10, 30), (15, 45)])
def test_nobody_holds_more_than_a_few_batches_however_many_they_ask_for(
    database: Database, ada: Annotator, ben: Annotator, batch_size: int, most: int
) -> None:
    pool = add_pool(database, batch_size=batch_size, queue_size=50)
    ranked = image_ids(database, pool, range(50))
    add_round(database, pool, ranked)

    first = [ids_of(ask(database, pool, ada, count).images) for count in (20, 1000, 1000)]

    assert first == [ranked[:20], ranked[:most], ranked[:most]]
    assert held_by(database, ada) == set(ranked[:most])
    assert ids_of(ask(database, pool, ben, 5).images) == ranked[most:][:5]
    answer(database, pool, ada, ranked[:2])  # which makes room
    assert len(ask(database, pool, ada, 1000).images) == min(most, 60 - 2 - 5)


def test_the_oracle_may_answer_the_whole_pool_at_once(database: Database, pool: Pool, oracle: Annotator) -> None:
    assert len(ask(database, pool, oracle, 1000).images) == 60


def test_taking_many_answers_back_does_not_hold_more_images_than_asking(
    database: Database, pool: Pool, ada: Annotator, ben: Annotator
) -> None:
    ids = image_ids(database, pool, range(40))
    events = answer(database, pool, ada, ids)

    for event in events:
        undo(database, pool, ada, event.id)

    assert held_by(database, ada) == set(ids[:30])
    assert ids_of(ask(database, pool, ben, 5).images) == ids[30:35]


def test_a_pool_without_unlabeled_images_gives_none(database: Database, ada: Annotator) -> None:
    pool = add_pool(database, n_images=5)
    ask_and_answer(database, pool, ada, 5)

    assert ask(database, pool, ada).images == []
    assert ask(database, pool, ada, 3).images == []


def test_two_pools_know_nothing_of_each_others_leases(database: Database, pool: Pool, ada: Annotator) -> None:
    other = add_pool(database, slug="other")
    ask(database, pool, ada, 3)

    assert set(ids_of(ask(database, other, ada, 3).images)) <= set(image_ids(database, other))


def test_an_undone_image_stays_with_its_annotator(
    database: Database, pool: Pool, ada: Annotator, ben: Annotator
) -> None:
    (event,) = ask_and_answer(database, pool, ada, 1)
    undo(database, pool, ada)

    assert event.image_id not in ids_of(ask(database, pool, ben, 5).images)
    assert ids_of(ask(database, pool, ada).images) == [event.image_id]


def test_now_decides_and_no_clock(database: Database, pool: Pool, ada: Annotator) -> None:
    images = ask(database, pool, ada, 1, now=NOW, lease_seconds=5).images

    assert images[0].expires_at == after(5)


# Races


@pytest.mark.parametrize("n_annotators", [2, 12])
def test_no_image_goes_to_two_who_ask_at_once(database: Database, n_annotators: int) -> None:
    pool = add_pool(database, n_images=100, queue_size=50)  # half of it beyond the stored head
    annotators = [add_annotator(database, f"annotator {index}") for index in range(n_annotators)]

    outcomes = race(n_annotators, lambda index: ids_of(ask(database, pool, annotators[index], 10).images))

    given = [image_id for outcome in outcomes if not isinstance(outcome, Exception) for image_id in outcome]
    assert len(given) == len(set(given)) == min(100, 10 * n_annotators)


def test_of_those_who_race_for_an_expired_lease_one_gets_it(database: Database, ada: Annotator) -> None:
    pool = add_pool(database, n_images=1)
    ask(database, pool, ada, 1)
    others = [add_annotator(database, f"annotator {index}") for index in range(8)]

    outcomes = race(8, lambda index: len(ask(database, pool, others[index], 1, now=after(LEASE_SECONDS)).images))

    assert sorted(map(str, outcomes)) == ["0"] * 7 + ["1"]


def test_one_annotator_in_two_windows_gets_the_same_images(database: Database, pool: Pool, ada: Annotator) -> None:
    outcomes = race(6, lambda _: ids_of(ask(database, pool, ada).images))

    assert all(outcome == outcomes[0] for outcome in outcomes)
    with database.read() as session:
        assert session.scalar(select(func.count()).select_from(Lease)) == 10
