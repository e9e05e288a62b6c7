"""The history of an image in pages, the model's guesses in it, and the images beside it."""

import pytest

from app import history
from app.db import Database
from app.events import LabelEventView
from app.models import Annotator, Image, Pool

from .factories.acts import answer, ask, change, flag, skip, undo
from .factories.making import add_pool, add_round, after
from .factories.stored import image_ids
from .factories.watching import count_queries


def events_of(
    database: Database, image_id: int, annotator: Annotator | None = None, limit: int = 100
) -> list[LabelEventView]:
    """The whole history, page by page."""
    events: list[LabelEventView] = []
    after: int | None = 0
    while after is not None:
        with database.read() as session:
            whose = annotator.id if annotator else None
            page, after = history.list_image_events(session, image_id, annotator_id=whose, after=after, limit=limit)
        assert len(page) <= limit
        events += page
    return events


def neighbours_of(
    database: Database, image_id: int, annotator: Annotator | None = None
) -> tuple[int | None, int | None]:
    with database.read() as session:
        image = session.get_one(Image, image_id)
        return history.find_neighbours(session, image, annotator_id=annotator.id if annotator else None)


def test_an_image_tells_its_history_and_only_ones_own_part_if_asked(
    database: Database, pool: Pool, ada: Annotator, ben: Annotator
) -> None:
    image_id, _ = image_ids(database, pool, [3, 4])
    skip(database, pool, ben, image_id)
    (event,) = answer(database, pool, ada, [image_id])
    change(database, pool, ada, event.id)
    flag(database, pool, ben, image_id)

    assert [row.kind for row in events_of(database, image_id)] == ["skip", "label", "change", "flag"]
    assert [row.kind for row in events_of(database, image_id, ben)] == ["skip", "flag"]


@pytest.mark.parametrize("limit", [1, 2, 5, 6])
def test_a_history_comes_in_pages_oldest_first(
    database: Database, pool: Pool, ada: Annotator, ben: Annotator, limit: int
) -> None:
    image_id, other = image_ids(database, pool, [3, 4])
    for index in range(5):
        flag(database, pool, ada, image_id, remark=f"remark {index}", now=after(index))
        flag(database, pool, ada, other)
        flag(database, pool, ben, image_id, remark="of ben")

    assert [row.remark for row in events_of(database, image_id, ada, limit)] == [f"remark {i}" for i in range(5)]


def test_a_page_of_a_long_history_takes_as_many_queries_as_one_of_a_short_one(
    database: Database, pool: Pool, ada: Annotator
) -> None:
    (image_id,) = image_ids(database, pool, [3])

    def count() -> int:
        with database.read() as session, count_queries(database) as statements:
            for event in history.list_image_events(session, image_id, annotator_id=None)[0]:
                assert event.annotator
        return len(statements)

    flag(database, pool, ada, image_id)
    before = count()
    for _ in range(20):
        flag(database, pool, ada, image_id)

    assert count() == before


def test_a_guess_is_the_one_of_the_round_that_asked(database: Database, pool: Pool, ada: Annotator) -> None:
    asked, beyond = image_ids(database, pool, [5, 6])
    add_round(database, pool, [asked], prediction=4)
    ask(database, pool, ada, 1)
    add_round(database, pool, [asked], prediction=7)
    events = answer(database, pool, ada, [asked, beyond])
    changed = change(database, pool, ada, events[0].id, 2)
    with database.read() as session:
        found = history.read_predictions(session, [*(event.id for event in events), changed.id])

    assert found == {events[0].id: 4, changed.id: 4}


def test_the_model_of_round_0_has_no_guess(database: Database, pool: Pool, ada: Annotator) -> None:
    (event,) = answer(database, pool, ada, image_ids(database, pool, [0]))
    with database.read() as session:
        assert history.read_predictions(session, [event.id]) == {}


def test_the_neighbours_of_an_image_are_those_beside_it_in_its_split(database: Database, pool: Pool) -> None:
    add_pool(database, slug="other")
    ids = image_ids(database, pool)

    assert neighbours_of(database, ids[5]) == (ids[4], ids[6])
    assert neighbours_of(database, ids[0]) == (None, ids[1])
    assert neighbours_of(database, ids[-1]) == (ids[-2], None)


def test_an_annotators_neighbours_are_images_that_they_answered_themselves(
    database: Database, pool: Pool, ada: Annotator, ben: Annotator
) -> None:
    ids = image_ids(database, pool)
    answer(database, pool, ada, [ids[1], ids[5], ids[9]])
    answer(database, pool, ben, [ids[4], ids[6]])
    answer(database, pool, ada, [ids[7]])
    undo(database, pool, ada)
    skip(database, pool, ada, ids[3])

    assert neighbours_of(database, ids[5], ada) == (ids[1], ids[9])
    assert neighbours_of(database, ids[1], ada) == (None, ids[5])
    assert neighbours_of(database, ids[7], ada) == (ids[5], ids[9])
