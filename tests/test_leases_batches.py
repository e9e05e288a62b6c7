"""How many images come where nobody says how many, and why none came."""

import random

from sqlalchemy import event

from app.db import Database
from app.leases import Shortage
from app.models import Annotator, Pool

from .factories.acts import answer, ask, ask_and_answer, ids_of, release, skip
from .factories.making import LEASE_SECONDS, add_annotator, add_pool, after
from .factories.stored import image_ids


def test_without_a_count_the_next_batch_comes(database: Database, ada: Annotator) -> None:
    pool = add_pool(database, batch_size=7)

    assert len(ask(database, pool, ada).images) == 7


def test_without_a_count_what_is_held_comes_alone(database: Database, pool: Pool, ada: Annotator) -> None:
    ask_and_answer(database, pool, ada, 3)
    held = ask(database, pool, ada, 4)
    answer(database, pool, ada, ids_of(held.images)[:1])

    assert ids_of(ask(database, pool, ada).images) == ids_of(held.images)[1:]


def test_a_batch_that_was_broken_off_is_finished_before_a_new_one_starts(
    database: Database, pool: Pool, ada: Annotator
) -> None:
    ids = ids_of(ask(database, pool, ada).images)
    answer(database, pool, ada, ids[:3])
    assert release(database, pool, ada) == 7

    again = ids_of(ask(database, pool, ada).images)

    assert again == ids[3:]
    answer(database, pool, ada, again)
    assert len(ask(database, pool, ada).images) == 10


def test_what_others_hold_counts_towards_the_next_round(
    database: Database, pool: Pool, ada: Annotator, ben: Annotator
) -> None:
    ask(database, pool, ben, 4)

    assert len(ask(database, pool, ada).images) == 6


def test_what_others_held_too_long_does_not_count(
    database: Database, pool: Pool, ada: Annotator, ben: Annotator
) -> None:
    ask(database, pool, ben, 4)

    images = ask(database, pool, ada, now=after(LEASE_SECONDS)).images

    assert [image.position for image in images] == list(range(10))


def test_a_whole_batch_comes_where_the_next_round_waits_for_nothing_more(
    database: Database, pool: Pool, ada: Annotator, ben: Annotator
) -> None:
    ask(database, pool, ben)
    assert len(ask(database, pool, ada).images) == 10

    ask_and_answer(database, pool, ada)
    assert len(ask(database, pool, ada).images) == 10


def test_a_count_is_given_whatever_the_next_round_waits_for(database: Database, pool: Pool, ada: Annotator) -> None:
    ask_and_answer(database, pool, ada, 7)

    assert len(ask(database, pool, ada, 5).images) == 5


# Why nothing came


def test_a_shortage_says_who_has_the_rest_and_when_the_first_of_it_is_free(
    database: Database, ada: Annotator, ben: Annotator
) -> None:
    pool = add_pool(database, n_images=6)
    ids = image_ids(database, pool)
    answer(database, pool, ben, ids[:1])
    for image_id in ids[1:3]:
        skip(database, pool, ada, image_id)
    ask(database, pool, ben, 2, now=after(100))
    ask(database, pool, add_annotator(database, "eve"), 3, now=after(40))

    asked = ask(database, pool, ada, now=after(200))

    assert asked.images == []
    assert asked.shortage == Shortage(unlabeled=5, with_others=5, skipped=2, next_free_at=after(40 + LEASE_SECONDS))


def test_where_images_came_there_is_no_shortage(database: Database, pool: Pool, ada: Annotator) -> None:
    assert ask(database, pool, ada, 1).shortage is None


def test_a_pool_that_is_done_is_short_of_nothing_but_images(database: Database, ada: Annotator) -> None:
    pool = add_pool(database, n_images=5)
    skip(database, pool, ada, image_ids(database, pool)[0])
    answer(database, pool, ada, image_ids(database, pool))

    assert ask(database, pool, ada).shortage == Shortage(unlabeled=0, with_others=0, skipped=0, next_free_at=None)


def test_a_shortage_of_ones_own_making_is_told(database: Database, ada: Annotator, ben: Annotator) -> None:
    pool = add_pool(database, n_images=3)
    for image_id in image_ids(database, pool):
        skip(database, pool, ada, image_id)
    skip(database, pool, ben, image_ids(database, pool)[0])

    assert ask(database, pool, ada).shortage == Shortage(unlabeled=3, with_others=0, skipped=3, next_free_at=None)
    assert [image.position for image in ask(database, pool, ben).images] == [1, 2]


def test_at_the_end_of_a_pool_one_look_through_it_claims_all_that_is_asked_by_chance(
    database: Database, ada: Annotator, ben: Annotator
) -> None:
    pool = add_pool(database, n_images=800, learner="graph")  # which asks by chance until it has looked at them
    random.seed(0)
    left = [17, 400, 600, 799]
    answer(database, pool, ben, image_ids(database, pool, [at for at in range(800) if at not in left]))
    looks = list[str]()

    def note(*given: object) -> None:
        if "random()" in str(given[2]):
            looks.append(str(given[2]))

    event.listen(database.engine, "before_cursor_execute", note)
    images = ask(database, pool, ada, 3).images

    assert len({image.position for image in images} & set(left)) == len(images) == 3
    assert {image.asked_by for image in images} == {"chance"}
    assert len(looks) == 1
