"""A key belongs to one answer: sent twice, in whatever company, it is one event."""

import pytest

from app.db import Database
from app.errors import AlreadyLabeled, DuplicateKey, KeyReused, NothingToUndo
from app.labeling import GivenLabel
from app.models import Annotator, Pool

from .factories.acts import answer, ask, ask_and_answer, change, give, skip, undo
from .factories.making import NOW, add_pool, after
from .factories.stored import count_events, image_ids, standing
from .factories.watching import race


def test_a_key_twice_in_one_answer_is_refused(database: Database, pool: Pool, ada: Annotator) -> None:
    first, second = image_ids(database, pool, [0, 1])

    with pytest.raises(DuplicateKey, match="The request has the key one twice"):
        give(database, pool, ada, GivenLabel(first, 1, "one"), GivenLabel(second, 1, "one"))


def test_a_retry_with_the_key_gives_the_same_event_and_stores_nothing(
    database: Database, pool: Pool, ada: Annotator
) -> None:
    given = GivenLabel(image_ids(database, pool)[0], 3, "key")
    first = give(database, pool, ada, given)
    again = give(database, pool, ada, given, now=after(60))

    assert [event.id for event in again.events] == [event.id for event in first.events]
    assert again.events[0].created_at == NOW
    assert again.until_round == first.until_round == 9
    assert count_events(database) == 1


def test_an_answer_may_be_half_a_retry(database: Database, pool: Pool, ada: Annotator) -> None:
    one, two, three = (GivenLabel(i, 3, f"key {i}") for i in image_ids(database, pool, [0, 1, 2]))
    first = give(database, pool, ada, two)

    events = give(database, pool, ada, one, two, three).events

    assert [event.image_id for event in events] == [one.image_id, two.image_id, three.image_id]
    assert events[1].id == first.events[0].id
    assert count_events(database) == 3


def test_a_retry_of_an_answer_that_was_undone_does_not_bring_it_back(
    database: Database, pool: Pool, ada: Annotator
) -> None:
    given = GivenLabel(image_ids(database, pool)[0], 3, "key")
    first = give(database, pool, ada, given)
    undo(database, pool, ada)

    again = give(database, pool, ada, given)

    assert again.events[0].id == first.events[0].id
    assert standing(database) == {}


@pytest.mark.parametrize("changed", ["value", "image", "pool"])
def test_a_key_belongs_to_one_answer(database: Database, pool: Pool, ada: Annotator, changed: str) -> None:
    other = add_pool(database, slug="other")
    image_id, another = image_ids(database, pool, [0, 1])
    give(database, pool, ada, GivenLabel(image_id, 3, "key"))
    second = {
        "value": (pool, GivenLabel(image_id, 4, "key")),
        "image": (pool, GivenLabel(another, 3, "key")),
        "pool": (other, GivenLabel(image_ids(database, other)[0], 3, "key")),
    }[changed]

    with pytest.raises(KeyReused, match=f"The key key belongs to another request: the label 3 of image {image_id}"):
        give(database, second[0], ada, second[1])


def test_a_key_of_an_undo_is_none_of_an_answer(database: Database, pool: Pool, ada: Annotator) -> None:
    (event,) = ask_and_answer(database, pool, ada, 1)
    undo(database, pool, ada, key="key")

    with pytest.raises(KeyReused):
        give(database, pool, ada, GivenLabel(event.image_id, 3, "key"))


def test_two_annotators_may_use_the_same_key(database: Database, pool: Pool, ada: Annotator, ben: Annotator) -> None:
    first, second = image_ids(database, pool, [0, 1])
    give(database, pool, ada, GivenLabel(first, 3, "key"))
    give(database, pool, ben, GivenLabel(second, 4, "key"))

    assert standing(database) == {first: 3, second: 4}


def test_a_retry_that_overtakes_itself_is_one_event(database: Database, pool: Pool, ada: Annotator) -> None:
    given = GivenLabel(image_ids(database, pool)[0], 3, "key")

    outcomes = race(8, lambda _: give(database, pool, ada, given).events[0].id)

    assert len(set(outcomes)) == 1
    assert count_events(database) == 1


# Two devices of one person: each has keys of its own


def test_the_same_answer_from_another_device_gives_the_event_that_stands_and_stores_nothing(
    database: Database, pool: Pool, ada: Annotator
) -> None:
    one, two = image_ids(database, pool, [0, 1])
    first = give(database, pool, ada, GivenLabel(one, 3, "phone"))

    again = give(database, pool, ada, GivenLabel(one, 3, "desk"), GivenLabel(two, 4, "desk 2"), now=after(60))

    assert [(event.image_id, event.value) for event in again.events] == [(one, 3), (two, 4)]
    assert again.events[0] == first.events[0]
    assert (again.n_replayed, again.until_round, count_events(database)) == (1, 8, 2)


def test_the_value_to_which_an_answer_was_changed_is_known_from_another_device_too(
    database: Database, pool: Pool, ada: Annotator
) -> None:
    (image_id,) = image_ids(database, pool, [0])
    first = give(database, pool, ada, GivenLabel(image_id, 3, "phone"))
    changed = change(database, pool, ada, first.events[0].id, 5)

    again = give(database, pool, ada, GivenLabel(image_id, 5, "desk"))

    assert again.events == [changed]


@pytest.mark.parametrize("different", ["value", "annotator", "no key"])
def test_any_other_answer_for_a_labeled_image_is_refused(
    database: Database, pool: Pool, ada: Annotator, ben: Annotator, different: str
) -> None:
    (image_id,) = image_ids(database, pool, [0])
    give(database, pool, ada, GivenLabel(image_id, 3, "phone"))
    annotator, given = {
        "value": (ada, GivenLabel(image_id, 4, "desk")),
        "annotator": (ben, GivenLabel(image_id, 3, "desk")),
        "no key": (ada, GivenLabel(image_id, 3)),
    }[different]

    with pytest.raises(AlreadyLabeled):
        give(database, pool, annotator, given)
    assert count_events(database) == 1


def test_the_same_skip_from_another_device_is_the_one_that_stands(
    database: Database, pool: Pool, ada: Annotator, ben: Annotator
) -> None:
    (image_id,) = image_ids(database, pool, [0])
    first = skip(database, pool, ada, image_id, key="phone")
    ask(database, pool, ben, 1)  # it is leased to another annotator by now

    assert skip(database, pool, ada, image_id, key="desk") == first
    assert count_events(database) == 1


def test_the_same_change_from_another_device_is_the_one_that_stands(
    database: Database, pool: Pool, ada: Annotator
) -> None:
    (event,) = answer(database, pool, ada, image_ids(database, pool, [0]), value=3)
    first = change(database, pool, ada, event.id, 4, key="phone")

    assert change(database, pool, ada, event.id, 4, key="desk") == first
    with pytest.raises(NothingToUndo):
        change(database, pool, ada, event.id, 5, key="desk 2")
    assert count_events(database) == 2
