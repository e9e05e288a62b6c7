"""A key belongs to one answer: sent twice, in whatever company, it is one event."""

import pytest

from app.db import Database
from app.errors import DuplicateKey, KeyReused
from app.labeling import GivenLabel
from app.models import Annotator, Pool

from .factories.acts import ask_and_answer, give, undo
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

    with pytest.raises(KeyReused, match=f"The key key belongs to the answer 3 for image {image_id}"):
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
