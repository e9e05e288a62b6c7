"""Which value stands: an annotator's answer goes before a model's, and the oldest of several answers decides."""

import pytest
from sqlalchemy import select

from app import queries
from app.db import Database
from app.errors import AlreadyLabeled, LeasedByAnother
from app.labeling import GivenLabel
from app.models import Annotator, Label, Pool

from .factories.acts import answer, ask, change, give, ids_of, label_by_model, release, skip, undo, withdraw
from .factories.making import LEASE_SECONDS, NOW, add_annotator, after
from .factories.stored import check_whole, image_ids, standing


@pytest.fixture
def cyd(database: Database) -> Annotator:
    return add_annotator(database, "cyd")


@pytest.fixture
def twice(database: Database, pool: Pool) -> Pool:
    """A pool that wants two answers for each image."""
    with database.write() as session:
        session.get_one(Pool, pool.id).answers_wanted = 2
    pool.answers_wanted = 2
    return pool


def sources(database: Database) -> dict[int, str]:
    with database.read() as session:
        return {row.image_id: row.source for row in session.scalars(select(Label))}


# Labels of models


def test_what_a_model_labeled_is_asked_and_answered_like_any_other_image(
    database: Database, pool: Pool, ada: Annotator
) -> None:
    first, second = image_ids(database, pool, [0, 1])
    label_by_model(database, pool, [first, second], value=1)

    asked = ask(database, pool, ada, 1)
    answer(database, pool, ada, [first], value=2)

    assert ids_of(asked.images) == [first]
    assert standing(database) == {first: 2, second: 1}
    assert sources(database) == {first: "human", second: "model"}
    check_whole(database)


def test_a_models_label_stands_again_once_the_answer_is_taken_back(
    database: Database, pool: Pool, ada: Annotator
) -> None:
    (image_id,) = image_ids(database, pool, [0])
    label_by_model(database, pool, [image_id], value=1)
    answer(database, pool, ada, [image_id], value=2)

    undo(database, pool, ada)

    assert (standing(database), sources(database)) == ({image_id: 1}, {image_id: "model"})
    check_whole(database)


def test_a_models_label_that_comes_later_does_not_take_an_answers_place(
    database: Database, pool: Pool, ada: Annotator
) -> None:
    (image_id,) = image_ids(database, pool, [0])
    answer(database, pool, ada, [image_id], value=2)

    label_by_model(database, pool, [image_id], value=1)

    assert standing(database) == {image_id: 2}
    check_whole(database)


def test_a_models_label_that_was_withdrawn_does_not_come_back(database: Database, pool: Pool, ada: Annotator) -> None:
    first, second = image_ids(database, pool, [0, 1])
    one, other = label_by_model(database, pool, [first, second], value=1)
    answer(database, pool, ada, [first], value=2)

    withdraw(database, one)
    withdraw(database, other)
    assert standing(database) == {first: 2}
    undo(database, pool, ada)

    assert standing(database) == {}
    check_whole(database)


def test_an_admin_takes_a_models_label_back(database: Database, pool: Pool) -> None:
    (event,) = label_by_model(database, pool, image_ids(database, pool, [0]))
    boss = add_annotator(database, "boss", role="admin")

    undo(database, pool, boss, event.id)

    assert standing(database) == {}
    check_whole(database)


def test_labels_of_models_are_counted_apart(database: Database, pool: Pool, ada: Annotator) -> None:
    label_by_model(database, pool, image_ids(database, pool, [0, 1, 2]))
    answer(database, pool, ada, image_ids(database, pool, [0]))
    with database.read() as session:
        counts = queries.view_pool(session, pool, now=NOW).counts
        (first, *_), _ = queries.list_labels(session, pool)

    assert (counts.human, counts.model, counts.unlabeled) == (1, 2, 57)
    assert (first.source, first.annotator, first.autolabel_id) == ("model", None, 1)


# Several answers


def test_an_image_is_with_as_many_annotators_as_answers_are_wanted(
    database: Database, twice: Pool, ada: Annotator, ben: Annotator, cyd: Annotator
) -> None:
    ids = image_ids(database, twice)
    asked = {who.name: ids_of(ask(database, twice, who, 2).images) for who in (ada, ben, cyd)}

    assert asked == {"ada": ids[:2], "ben": ids[:2], "cyd": ids[2:4]}
    with pytest.raises(LeasedByAnother):
        answer(database, twice, cyd, ids[:1])
    assert answer(database, twice, ada, ids[:1], value=1)[0].asked_by == "strategy"
    assert ids_of(ask(database, twice, ada, 3).images) == [ids[1], *ids[2:4]]  # not what she has answered


def test_the_oldest_of_several_answers_decides(
    database: Database, twice: Pool, ada: Annotator, ben: Annotator, cyd: Annotator
) -> None:
    (image_id,) = image_ids(database, twice, [0])
    (first,) = answer(database, twice, ada, [image_id], value=1)
    answer(database, twice, ben, [image_id], value=2)
    assert standing(database) == {image_id: 1}
    with pytest.raises(AlreadyLabeled):
        answer(database, twice, cyd, [image_id], value=3)

    undo(database, twice, ada, first.id)

    assert standing(database) == {image_id: 2}
    check_whole(database)
    release(database, twice, ada)  # it was hers to answer again
    answer(database, twice, cyd, [image_id], value=3)
    undo(database, twice, ben)
    assert standing(database) == {image_id: 3}
    check_whole(database)


def test_nobody_answers_an_image_twice(database: Database, twice: Pool, ada: Annotator) -> None:
    (image_id,) = image_ids(database, twice, [0])
    answer(database, twice, ada, [image_id], value=1)

    with pytest.raises(AlreadyLabeled):
        answer(database, twice, ada, [image_id], value=2)
    with pytest.raises(AlreadyLabeled):
        skip(database, twice, ada, image_id)


def test_a_change_by_an_admin_changes_the_answer_of_its_annotator(
    database: Database, twice: Pool, ada: Annotator
) -> None:
    boss = add_annotator(database, "boss", role="admin")
    (image_id,) = image_ids(database, twice, [0])
    (first,) = answer(database, twice, ada, [image_id], value=1)
    answer(database, twice, boss, [image_id], value=2)

    change(database, twice, boss, first.id, 3)

    assert standing(database) == {image_id: 2}  # the changed answer is the newer one
    check_whole(database)
    undo(database, twice, boss)
    assert standing(database) == {image_id: 1}
    check_whole(database)


def test_an_image_with_all_its_answers_is_no_more_to_give(
    database: Database, twice: Pool, ada: Annotator, ben: Annotator, cyd: Annotator
) -> None:
    ids = image_ids(database, twice)
    for who in (ada, ben):
        answer(database, twice, who, ids)

    asked = ask(database, twice, cyd, 1, now=after(LEASE_SECONDS))

    assert asked.images == []
    assert asked.shortage is not None
    assert asked.shortage.unlabeled == 0


def test_of_two_models_labels_the_older_one_is_the_label_until_it_is_withdrawn(database: Database, pool: Pool) -> None:
    (image_id,) = image_ids(database, pool, [0])
    label_by_model(database, pool, [image_id], value=1)
    label_by_model(database, pool, [image_id], value=2)

    assert standing(database) == {image_id: 1}
    check_whole(database)


def test_ones_own_second_answer_is_known_though_anothers_is_the_label(
    database: Database, twice: Pool, ada: Annotator, ben: Annotator
) -> None:
    (image_id,) = image_ids(database, twice, [0])
    answer(database, twice, ada, [image_id], value=3)
    (first,) = answer(database, twice, ben, [image_id], value=3)

    again = give(database, twice, ben, GivenLabel(image_id, 3, "another-key"))

    assert [event.id for event in again.events] == [first.id]
    assert again.n_replayed == 1
