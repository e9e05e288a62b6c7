"""A skipped image goes on to others; its annotator does not see it again, unless the skip is undone."""

import pytest

from app.db import Database
from app.errors import AlreadyLabeled, AlreadySkipped, KeyReused, LeasedByAnother, NothingToUndo
from app.leases import HELD_IMAGES
from app.models import Annotator, Pool
from app.verify import verify_pool

from .factories.acts import answer, ask, ask_and_answer, ids_of, release, skip, undo_and_hold
from .factories.making import LEASE_SECONDS, add_round, after
from .factories.stored import count_events, held_by, image_ids, skipped_by, standing, training_set
from .factories.watching import race


def offered(database: Database, pool: Pool, annotator: Annotator, *, seconds: float = 0) -> list[int]:
    """The first that the annotator could get, as many as one may hold."""
    asked = ask(database, pool, annotator, 1000, now=after(seconds))
    return ids_of(asked.images)


def test_a_skipped_image_goes_on_to_others_and_does_not_come_again(
    database: Database, pool: Pool, ada: Annotator, ben: Annotator
) -> None:
    first = ask(database, pool, ada, 1).images[0].image_id

    event = skip(database, pool, ada, first)

    assert (event.kind, event.image_id, event.value, event.annotator) == ("skip", first, None, "ada")
    assert held_by(database, ada) == set()
    assert offered(database, pool, ada) == image_ids(database, pool, range(1, HELD_IMAGES + 1))
    assert offered(database, pool, ben, seconds=LEASE_SECONDS)[0] == first


def test_a_skip_keeps_what_was_known_when_the_image_was_asked(database: Database, pool: Pool, ada: Annotator) -> None:
    (image_id,) = image_ids(database, pool, [7])
    asked_in = add_round(database, pool, [image_id], confidence=0.25)
    ask(database, pool, ada, 1)
    add_round(database, pool, [image_id], confidence=0.75)

    event = skip(database, pool, ada, image_id, now=after(5))

    assert (event.round, event.rank, event.confidence) == (asked_in.number, 0, 0.25)
    assert (event.created_at, event.source) == (after(5), "human")


def test_a_skip_does_not_bring_the_next_round_nearer(database: Database, pool: Pool, ada: Annotator) -> None:
    for image_id in image_ids(database, pool)[:10]:
        skip(database, pool, ada, image_id)

    assert not ask(database, pool, ada).is_stale
    assert training_set(database, pool).positions.tolist() == []


def test_an_image_that_was_never_asked_may_be_skipped(database: Database, pool: Pool, ada: Annotator) -> None:
    (image_id,) = image_ids(database, pool, [30])

    assert skip(database, pool, ada, image_id).rank == 30


def test_undo_of_a_skip_brings_the_image_back(database: Database, pool: Pool, ada: Annotator) -> None:
    (image_id,) = image_ids(database, pool, [0])
    skipped = skip(database, pool, ada, image_id)

    undone = undo_and_hold(database, pool, ada)

    assert undone.event.undoes_id == skipped.id
    assert undone.image is not None
    assert (undone.image.image_id, skipped_by(database, ada)) == (image_id, set())
    assert held_by(database, ada) == {image_id}
    assert skip(database, pool, ada, image_id).id > undone.event.id


def test_undo_of_a_skip_leaves_the_image_with_whoever_has_it_now(
    database: Database, pool: Pool, ada: Annotator, ben: Annotator
) -> None:
    (image_id,) = image_ids(database, pool, [0])
    skip(database, pool, ada, image_id)
    ask(database, pool, ben, 1)

    assert undo_and_hold(database, pool, ada).image is None
    assert held_by(database, ben) == {image_id}


def test_undo_of_a_skip_leaves_the_label_that_somebody_gave_since(
    database: Database, pool: Pool, ada: Annotator, ben: Annotator
) -> None:
    (image_id,) = image_ids(database, pool, [0])
    skip(database, pool, ada, image_id)
    answer(database, pool, ben, [image_id], value=4)

    assert undo_and_hold(database, pool, ada).image is None
    assert standing(database) == {image_id: 4}


def test_a_retry_of_a_skip_is_the_same_event(database: Database, pool: Pool, ada: Annotator) -> None:
    image_id, another = image_ids(database, pool, [0, 1])
    first = skip(database, pool, ada, image_id, key="key")

    assert skip(database, pool, ada, image_id, key="key", now=after(60)).id == first.id
    assert count_events(database) == 1
    with pytest.raises(KeyReused, match="The key key belongs to another request"):
        skip(database, pool, ada, another, key="key")


def test_an_image_cannot_be_skipped_twice(database: Database, pool: Pool, ada: Annotator) -> None:
    (image_id,) = image_ids(database, pool, [0])
    skip(database, pool, ada, image_id)

    with pytest.raises(AlreadySkipped, match=f"ada skipped image {image_id} already"):
        skip(database, pool, ada, image_id)
    assert count_events(database) == 1


def skip_answer_and_undo(database: Database, pool: Pool, annotator: Annotator, image_id: int) -> None:
    skip(database, pool, annotator, image_id)
    answer(database, pool, annotator, [image_id])
    undo_and_hold(database, pool, annotator)
    assert held_by(database, annotator) == {image_id}


@pytest.mark.tensorflow
def test_an_image_that_was_skipped_answered_and_undone_can_be_skipped_again(
    database: Database, pool: Pool, ada: Annotator
) -> None:
    (image_id,) = image_ids(database, pool, [0])
    skip_answer_and_undo(database, pool, ada, image_id)

    again = skip(database, pool, ada, image_id, key="again")

    assert (held_by(database, ada), skipped_by(database, ada)) == (set(), {image_id})
    assert image_id not in offered(database, pool, ada)
    assert skip(database, pool, ada, image_id, key="again").id == again.id
    with pytest.raises(AlreadySkipped):
        skip(database, pool, ada, image_id)
    assert verify_pool(database, pool, lambda _, __: None).difference is None


@pytest.mark.tensorflow
def test_undo_of_the_skip_that_took_anothers_place_leaves_none(database: Database, pool: Pool, ada: Annotator) -> None:
    (image_id,) = image_ids(database, pool, [0])
    skip_answer_and_undo(database, pool, ada, image_id)
    again = skip(database, pool, ada, image_id)

    undone = undo_and_hold(database, pool, ada)

    assert (undone.event.undoes_id, skipped_by(database, ada)) == (again.id, set())
    with pytest.raises(NothingToUndo):
        undo_and_hold(database, pool, ada)
    assert verify_pool(database, pool, lambda _, __: None).difference is None


def test_an_image_that_was_given_away_again_stays_skipped(
    database: Database, pool: Pool, ada: Annotator, ben: Annotator
) -> None:
    (image_id,) = image_ids(database, pool, [0])
    skip_answer_and_undo(database, pool, ada, image_id)
    offered(database, pool, ben, seconds=LEASE_SECONDS)  # the lease is over: now ben has it
    release(database, pool, ben)

    with pytest.raises(AlreadySkipped):
        skip(database, pool, ada, image_id)
    assert image_id not in offered(database, pool, ada)


def test_two_may_skip_the_same_image(database: Database, pool: Pool, ada: Annotator, ben: Annotator) -> None:
    (image_id,) = image_ids(database, pool, [0])
    skip(database, pool, ada, image_id)
    skip(database, pool, ben, image_id)

    assert image_id not in offered(database, pool, ada)
    assert image_id not in offered(database, pool, ben)


def test_a_labeled_image_cannot_be_skipped(database: Database, pool: Pool, ada: Annotator) -> None:
    (event,) = ask_and_answer(database, pool, ada, 1)

    with pytest.raises(AlreadyLabeled, match=f"Image {event.image_id} has the label {event.value} by ada already"):
        skip(database, pool, ada, event.image_id)


def test_what_another_holds_cannot_be_skipped_until_the_lease_is_over(
    database: Database, pool: Pool, ada: Annotator, ben: Annotator
) -> None:
    (leased,) = ask(database, pool, ben, 1).images

    with pytest.raises(LeasedByAnother):
        skip(database, pool, ada, leased.image_id)
    skip(database, pool, ada, leased.image_id, now=after(LEASE_SECONDS))
    assert skipped_by(database, ada) == {leased.image_id}


@pytest.mark.parametrize("n_contenders", [6])
def test_a_retry_of_a_skip_that_overtakes_itself_is_one_event(
    database: Database, pool: Pool, ada: Annotator, n_contenders: int
) -> None:
    (image_id,) = image_ids(database, pool, [0])

    outcomes = race(n_contenders, lambda _: skip(database, pool, ada, image_id, key="key").id)

    assert len(set(outcomes)) == 1
    assert count_events(database) == 1
