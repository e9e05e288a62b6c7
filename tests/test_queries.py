"""Read-only answers for pages and the API; how many questions they cost does not depend on how many rows there are."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from sqlalchemy.orm import Session

from app import queries
from app.db import Database
from app.errors import NotFound
from app.export.rows import read_chunk
from app.models import Annotator, Image, Pool
from app.oracle import runs
from app.oracle.scenarios import Parameters
from app.pools import get_pool
from app.training_status import Training
from app.web.api.schemas import EventOut, PoolDetail, RoundOut

from .factories.acts import answer, ask, ask_and_answer, undo
from .factories.making import LEASE_SECONDS, NOW, add_annotator, add_pool, add_round, after
from .factories.stored import image_ids
from .factories.watching import count_queries


def view(database: Database, pool: Pool, seconds: float = 0) -> queries.PoolView:
    with database.read() as session:
        return queries.view_pool(session, pool, now=after(seconds))


def read_pages(read: Callable[[int | None], tuple[Sequence[Any], int | None]]) -> list[list[Any]]:
    """All pages of a list, following the cursors."""
    pages, cursor = [], None
    while True:
        rows, cursor = read(cursor)
        pages.append(list(rows))
        if cursor is None:
            return pages


def test_a_new_pool_has_nothing_but_unlabeled_images(database: Database, pool: Pool) -> None:
    found = view(database, pool)

    assert found.counts == queries.Counts(images=60, human=0, oracle=0, model=0, held=0)
    assert (found.counts.labeled, found.counts.unlabeled) == (0, 60)
    assert (found.newest.number, found.until_round) == (0, 10)


def test_labels_are_counted_apart_by_who_gave_them(
    database: Database, pool: Pool, ada: Annotator, oracle: Annotator
) -> None:
    ask_and_answer(database, pool, ada, 3)
    ask_and_answer(database, pool, oracle, 4)
    undo(database, pool, ada)

    counts = view(database, pool).counts

    assert (counts.human, counts.oracle, counts.model, counts.labeled, counts.unlabeled) == (2, 4, 0, 6, 54)


def test_what_is_held_is_counted_while_the_lease_lasts(database: Database, pool: Pool, ada: Annotator) -> None:
    ask(database, pool, ada, 7)

    assert view(database, pool).counts.held == 7
    assert view(database, pool, LEASE_SECONDS).counts.held == 0


def test_the_next_round_waits_for_what_is_missing_and_never_for_less_than_nothing(
    database: Database, pool: Pool, ada: Annotator
) -> None:
    ask_and_answer(database, pool, ada, 4)
    assert view(database, pool).until_round == 6

    ask_and_answer(database, pool, ada, 20)
    assert view(database, pool).until_round == 0


def test_the_newest_round_is_shown(database: Database, pool: Pool) -> None:
    add_round(database, pool)
    add_round(database, pool)

    assert view(database, pool).newest.number == 2


@pytest.mark.parametrize("limit", [1, 2, 3, 4, 5])
def test_pages_have_every_row_once_and_the_last_one_no_cursor(database: Database, ada: Annotator, limit: int) -> None:
    pools = [add_pool(database, slug=f"pool-{index}", n_images=20) for index in range(4)]
    pool = pools[2]
    numbers = [add_round(database, pool).number for _ in range(3)]
    events = ask_and_answer(database, pool, ada, 4)
    with database.write() as session:
        ids = [runs.request_run(session, Parameters(), now=NOW).id for _ in range(4)]
    with database.read() as session:
        found = {
            "pools": read_pages(lambda c: queries.list_pools(session, after=c or 0, limit=limit)),
            "rounds": read_pages(
                lambda c: queries.list_rounds(session, pool, after=-1 if c is None else c, limit=limit)
            ),
            "labels": read_pages(lambda c: queries.list_labels(session, pool, after=c or 0, limit=limit)),
            "runs": read_pages(lambda c: queries.list_oracle_runs(session, before=c, limit=limit)),
        }

    assert [row.slug for page in found["pools"] for row in page] == [pool.slug for pool in pools]
    assert [row.number for page in found["rounds"] for row in page] == [0, *numbers]
    assert [row.id for page in found["labels"] for row in page] == [event.id for event in events]
    assert [row.id for page in found["runs"] for row in page] == ids[::-1]
    for pages in found.values():
        assert [len(page) for page in pages] == [min(limit, 4 - start) for start in range(0, 4, limit)]


def test_labels_come_in_the_order_in_which_they_were_given(
    database: Database, pool: Pool, ada: Annotator, ben: Annotator
) -> None:
    late, early, gone = image_ids(database, pool, [1, 30, 5])
    answer(database, pool, ada, [gone])
    answer(database, pool, ada, [early], value=4)
    answer(database, pool, ben, [late], value=5)
    undo(database, pool, ada, 1)
    with database.read() as session:
        events, following = queries.list_labels(session, pool)

    assert [(event.image_id, event.value, event.annotator) for event in events] == [
        (early, 4, "ada"),
        (late, 5, "ben"),
    ]
    assert following is None


def test_a_list_of_an_empty_database_is_empty(database: Database) -> None:
    with database.read() as session:
        assert queries.list_pools(session) == ([], None)
        assert queries.list_oracle_runs(session) == ([], None)


def test_a_round_that_is_not_there_says_which_are(database: Database, pool: Pool) -> None:
    add_round(database, pool)
    with database.read() as session, pytest.raises(NotFound, match="patterns has no round 2: it has 0 to 1"):
        queries.get_round(session, pool, 2)


def test_pixels_come_with_their_size_from_every_split(database: Database) -> None:
    pool = add_pool(database, height=3, width=5)
    with database.read() as session:
        (image_id,) = image_ids(database, pool, [9])
        stored = session.get_one(Image, image_id)

        found = queries.get_pixels(session, image_id, with_held_out=False)
        assert (found.pixels.shape, found.pixels.tobytes(), found.sha256) == ((3, 5), stored.pixels, stored.sha256)
        assert queries.get_pixels(session, 110, with_held_out=True).pixels.shape == (3, 5)  # the last test image
        with pytest.raises(NotFound, match="There is no image 111"):
            queries.get_pixels(session, 111, with_held_out=True)


# How many questions


def show_pool(session: Session, pool: Pool) -> object:
    return PoolDetail.of_view(queries.view_pool(session, get_pool(session, pool.slug), now=NOW), Training("idle"))


def show_rounds(session: Session, pool: Pool) -> object:
    return [RoundOut.of(row) for row in queries.list_rounds(session, pool)[0]]


def show_labels(session: Session, pool: Pool) -> object:
    return [EventOut.model_validate(event) for event in queries.list_labels(session, pool)[0]]


def show_export(session: Session, pool: Pool) -> object:
    return read_chunk(session, pool, after=-1)


@pytest.mark.parametrize("show", [show_pool, show_rounds, show_labels, show_export])
def test_the_number_of_queries_does_not_grow_with_the_rows(
    database: Database, pool: Pool, show: Callable[[Session, Pool], object]
) -> None:
    def count() -> int:
        with database.read() as session, count_queries(database) as statements:
            show(session, pool)
        return len(statements)

    ask_and_answer(database, pool, add_annotator(database, "ada"), 1)
    before = count()
    for index in range(8):
        ask_and_answer(database, pool, add_annotator(database, f"annotator {index}"), 4)
        add_round(database, pool)

    assert count() == before <= 6
