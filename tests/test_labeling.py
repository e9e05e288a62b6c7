"""What an annotator does: ask and answer; all or nothing, and one image has one label."""

from collections import Counter

import pytest
from sqlalchemy import select, update

from app import labeling
from app.db import Database
from app.errors import (
    AlreadyLabeled,
    AppError,
    DuplicateImage,
    ImageNotFound,
    LeasedByAnother,
    NameInvalid,
    NameTaken,
    NotFound,
    ValueNotAClass,
)
from app.labeling import GivenLabel
from app.models import Annotator, Image, Lease, Pool, Role

from .factories.acts import answer, ask, ask_and_answer, give, ids_of
from .factories.making import LEASE_SECONDS, NOW, add_annotator, add_pool, add_round, after
from .factories.stored import count_events, held_by, image_ids, standing
from .factories.watching import race

# Who somebody is


def test_an_annotator_is_entered_at_first_sight_and_found_again(database: Database) -> None:
    first, again = add_annotator(database, "ada"), add_annotator(database, "ada", now=after(60))

    assert (again.id, again.role, again.created_at) == (first.id, "annotator", NOW)


@pytest.mark.parametrize(("first", "second"), [("oracle", "annotator"), ("annotator", "oracle")])
def test_a_person_and_the_oracle_cannot_have_one_name(database: Database, first: Role, second: Role) -> None:
    add_annotator(database, "delphi", role=first)

    with pytest.raises(NameTaken, match=f"The name delphi belongs to the {first}"):
        add_annotator(database, "delphi", role=second)


def test_an_annotator_is_the_same_in_every_spelling(database: Database) -> None:
    first = add_annotator(database, "Jose\u0301")

    assert first.name == "José"
    assert [add_annotator(database, typed).id for typed in ("José", "Jose\u0301")] == [first.id] * 2


@pytest.mark.parametrize("name", ["ann ", "\u0430nn", "ann\u200d"], ids=ascii)
def test_nobody_is_entered_under_a_name_that_could_be_taken_for_anothers(database: Database, name: str) -> None:
    with pytest.raises(NameInvalid):
        add_annotator(database, name)


def test_whoever_was_entered_under_such_a_name_before_goes_on_with_it(database: Database, ada: Annotator) -> None:
    with database.write() as session:
        session.execute(update(Annotator).values(name="ada "))

    assert add_annotator(database, "ada ").id == ada.id


# Ask


def test_asking_tells_whether_a_newer_round_is_due(database: Database, pool: Pool, ada: Annotator) -> None:
    ask_and_answer(database, pool, ada, 9)
    assert not ask(database, pool, ada).is_stale

    ask_and_answer(database, pool, ada, 1)
    assert ask(database, pool, ada).is_stale

    add_round(database, pool, image_ids(database, pool, [20]))
    asked = ask(database, pool, ada)
    assert (asked.round_number, asked.is_stale) == (1, False)


# Answer


def test_an_answer_keeps_what_was_known_when_the_image_was_asked(
    database: Database, pool: Pool, ada: Annotator
) -> None:
    (image_id,) = image_ids(database, pool, [7])
    round_1 = add_round(database, pool, [image_id], confidence=0.25)
    ask(database, pool, ada, 1)
    add_round(database, pool, [image_id], confidence=0.75)

    (event,) = answer(database, pool, ada, [image_id], value=3, now=after(30))

    assert (event.round, event.rank, event.confidence) == (round_1.number, 0, 0.25)
    assert (event.kind, event.value, event.source, event.created_at) == ("label", 3, "human", after(30))
    assert standing(database) == {image_id: 3}


def test_an_image_that_was_never_asked_counts_as_asked_in_the_newest_round(
    database: Database, pool: Pool, ada: Annotator
) -> None:
    ranked, unranked = image_ids(database, pool, [7, 8])
    newest = add_round(database, pool, [ranked], confidence=0.25)

    first, second = answer(database, pool, ada, [ranked, unranked])

    assert (first.round, first.rank, first.confidence) == (newest.number, 0, 0.25)
    assert (second.round, second.rank, second.confidence) == (newest.number, None, None)


def test_an_answer_ends_the_lease(database: Database, pool: Pool, ada: Annotator) -> None:
    asked = ask(database, pool, ada, 3)
    first, *others = ids_of(asked.images)

    answer(database, pool, ada, [first])

    assert held_by(database, ada) == set(others)


def test_an_answer_says_how_many_labels_the_next_round_waits_for(
    database: Database, pool: Pool, ada: Annotator
) -> None:
    ids = image_ids(database, pool)

    assert give(database, pool, ada, *(GivenLabel(i, 1) for i in ids[:4])).until_round == 6
    assert give(database, pool, ada, *(GivenLabel(i, 1) for i in ids[4:20])).until_round == 0


def test_answers_that_come_after_the_deadline_are_taken(database: Database, pool: Pool, ada: Annotator) -> None:
    (leased,) = ask(database, pool, ada, 1).images

    answer(database, pool, ada, [leased.image_id], now=after(LEASE_SECONDS + 1))

    assert len(standing(database)) == 1


def test_an_image_whose_lease_is_over_may_be_answered_by_others(
    database: Database, pool: Pool, ada: Annotator, ben: Annotator
) -> None:
    (leased,) = ask(database, pool, ada, 1).images

    answer(database, pool, ben, [leased.image_id], now=after(LEASE_SECONDS))

    assert held_by(database, ada) == set()
    with pytest.raises(AlreadyLabeled):
        answer(database, pool, ada, [leased.image_id], now=after(LEASE_SECONDS))


# Refused


@pytest.mark.parametrize("wrong", ["unknown", "validation", "other pool", "labeled", "held", "value", "twice"])
def test_one_wrong_label_of_ten_stores_none(
    database: Database, pool: Pool, ada: Annotator, ben: Annotator, wrong: str
) -> None:
    ids = image_ids(database, pool)
    other = add_pool(database, slug="other")
    answer(database, pool, ben, ids[20:21], value=3)
    with database.write() as session:
        labeling.ask(session, pool, ben, 1, now=NOW, lease_seconds=60)
        held = session.scalars(select(Lease.image_id)).one()
        validation = session.scalars(select(Image.id).where(Image.split == "validation").limit(1)).one()
    bad, error = {
        "unknown": (GivenLabel(10**6, 1), ImageNotFound),
        "validation": (GivenLabel(validation, 1), ImageNotFound),
        "other pool": (GivenLabel(image_ids(database, other)[0], 1), ImageNotFound),
        "labeled": (GivenLabel(ids[20], 1), AlreadyLabeled),
        "held": (GivenLabel(held, 1), LeasedByAnother),
        "value": (GivenLabel(ids[30], 10), ValueNotAClass),
        "twice": (GivenLabel(ids[1], 2), DuplicateImage),
    }[wrong]
    before, n_events = standing(database), count_events(database)

    with pytest.raises(error):
        give(database, pool, ada, *(GivenLabel(i, 1) for i in ids[1:10]), bad)

    assert standing(database) == before
    assert count_events(database) == n_events


def test_an_image_that_is_not_there_is_named(database: Database, pool: Pool, ada: Annotator) -> None:
    with pytest.raises(ImageNotFound, match="The pool patterns has no image 999 to label") as caught:
        give(database, pool, ada, GivenLabel(999, 1), GivenLabel(998, 1))

    assert caught.value.context == {"image_ids": [999, 998]}


def test_a_labeled_image_comes_with_the_label_that_stands(
    database: Database, pool: Pool, ada: Annotator, ben: Annotator
) -> None:
    (event,) = answer(database, pool, ben, image_ids(database, pool, [3]), value=7)

    with pytest.raises(AlreadyLabeled, match=f"Image {event.image_id} has the label 7 by ben already") as caught:
        answer(database, pool, ada, [event.image_id])

    assert caught.value.context == {
        "labels": [
            {
                "event_id": event.id,
                "image_id": event.image_id,
                "value": 7,
                "source": "human",
                "annotator": "ben",
                "created_at": NOW.isoformat(),
            }
        ]
    }


def test_ones_own_label_is_not_overwritten_either(database: Database, pool: Pool, ada: Annotator) -> None:
    ids = image_ids(database, pool, [3])
    answer(database, pool, ada, ids, value=7)

    with pytest.raises(AlreadyLabeled):
        answer(database, pool, ada, ids, value=7)


def test_an_image_with_somebody_else_says_until_when(
    database: Database, pool: Pool, ada: Annotator, ben: Annotator
) -> None:
    (leased,) = ask(database, pool, ben, 1).images

    with pytest.raises(LeasedByAnother, match="is leased to another annotator until 05:16:07 UTC") as caught:
        answer(database, pool, ada, [leased.image_id])

    assert caught.value.context == {"image_ids": [leased.image_id]}


@pytest.mark.parametrize("value", [-1, 10, 2**31 - 1])
def test_a_value_that_is_no_class_says_which_are(database: Database, pool: Pool, ada: Annotator, value: int) -> None:
    with pytest.raises(ValueNotAClass, match=f"The value {value} .* is not a class of patterns. Give 0 to 9"):
        give(database, pool, ada, GivenLabel(image_ids(database, pool)[0], value))


def test_an_image_twice_in_one_answer_is_refused(database: Database, pool: Pool, ada: Annotator) -> None:
    (image_id,) = image_ids(database, pool, [0])

    with pytest.raises(DuplicateImage, match=f"The request has image {image_id} twice"):
        give(database, pool, ada, GivenLabel(image_id, 1), GivenLabel(image_id, 1))


def test_every_expected_failure_says_what_to_do_and_has_a_status() -> None:
    kinds = AppError.__subclasses__() + NotFound.__subclasses__()

    assert all(400 <= kind.status < 600 and kind.__doc__ for kind in kinds)


# Races


def test_of_those_who_label_one_image_at_once_exactly_one_wins(database: Database, pool: Pool) -> None:
    annotators = [add_annotator(database, f"annotator {index}") for index in range(10)]
    ids = image_ids(database, pool, [0])

    outcomes = race(10, lambda index: answer(database, pool, annotators[index], ids, value=index)[0].value)

    (won,) = [outcome for outcome in outcomes if isinstance(outcome, int)]
    assert Counter(type(outcome) for outcome in outcomes) == {AlreadyLabeled: 9, int: 1}
    assert standing(database) == {ids[0]: won}


def test_of_batches_that_share_one_image_one_is_stored_whole_and_the_others_not_at_all(
    database: Database, pool: Pool
) -> None:
    annotators = [add_annotator(database, f"annotator {index}") for index in range(5)]
    shared, *ids = image_ids(database, pool)

    outcomes = race(
        5, lambda index: len(answer(database, pool, annotators[index], [*ids[index * 3 : index * 3 + 3], shared]))
    )

    assert Counter(map(type, outcomes)) == {AlreadyLabeled: 4, int: 1}
    assert len(standing(database)) == count_events(database) == 4
