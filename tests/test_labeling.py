"""What an annotator does: ask, answer, undo; all or nothing, twice is once, and one image has one label."""

from collections import Counter

import pytest
from sqlalchemy import select, text

from app import labeling
from app.db import Database
from app.errors import (
    AlreadyLabeled,
    AppError,
    DuplicateImage,
    DuplicateKey,
    ImageNotFound,
    KeyReused,
    LeasedByAnother,
    NameTaken,
    NotFound,
    TruthUnknown,
    ValueNotAClass,
)
from app.labeling import Answered, GivenLabel
from app.labels import Recorded
from app.models import Annotator, Image, Lease, Pool, Role

from .factories import (
    LEASE_SECONDS,
    NOW,
    add_annotator,
    add_pool,
    add_round,
    after,
    answer,
    ask,
    ask_and_answer,
    count_events,
    held_by,
    image_ids,
    race,
    standing,
    truth_of,
    undo,
)


def give(database: Database, pool: Pool, annotator: Annotator, *given: GivenLabel, seconds: float = 0) -> Answered:
    with database.write() as session:
        return labeling.answer(session, pool, annotator, given, now=after(seconds))


def answer_by_truth(database: Database, pool: Pool, oracle: Annotator, count: int = 10) -> list[Recorded]:
    with database.write() as session:
        answered = labeling.answer_by_truth(session, pool, oracle, count, now=NOW, lease_seconds=LEASE_SECONDS)
        return answered.events


# Who somebody is


def test_an_annotator_is_entered_at_first_sight_and_found_again(database: Database) -> None:
    first, again = add_annotator(database, "ada"), add_annotator(database, "ada", now=after(60))

    assert (again.id, again.role, again.created_at) == (first.id, "annotator", NOW)


@pytest.mark.parametrize(("first", "second"), [("oracle", "annotator"), ("annotator", "oracle")])
def test_a_person_and_the_oracle_cannot_have_one_name(database: Database, first: Role, second: Role) -> None:
    add_annotator(database, "delphi", role=first)

    with pytest.raises(NameTaken, match=f"The name delphi belongs to the {first}"):
        add_annotator(database, "delphi", role=second)


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
    first, *others = [image.image_id for image in asked.images]

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

    with pytest.raises(LeasedByAnother, match="is with somebody else until 05:16:07 UTC") as caught:
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


def test_a_key_twice_in_one_answer_is_refused(database: Database, pool: Pool, ada: Annotator) -> None:
    first, second = image_ids(database, pool, [0, 1])

    with pytest.raises(DuplicateKey, match="The request has the key one twice"):
        give(database, pool, ada, GivenLabel(first, 1, "one"), GivenLabel(second, 1, "one"))


# Retries


def test_a_retry_with_the_key_gives_the_same_event_and_stores_nothing(
    database: Database, pool: Pool, ada: Annotator
) -> None:
    given = GivenLabel(image_ids(database, pool)[0], 3, "key")
    first = give(database, pool, ada, given)
    again = give(database, pool, ada, given, seconds=60)

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


# The oracle


def test_the_oracle_answers_the_head_of_the_ranking_truly(database: Database, pool: Pool, oracle: Annotator) -> None:
    ids = image_ids(database, pool, [30, 4, 17])
    newest = add_round(database, pool, ids)

    events = answer_by_truth(database, pool, oracle, 3)

    assert [event.image_id for event in events] == ids
    assert [event.value for event in events] == truth_of(database, ids)
    assert {(event.source, event.annotator, event.round) for event in events} == {("oracle", "oracle", newest.number)}
    assert held_by(database, oracle) == set()


def test_the_oracle_leaves_alone_what_people_hold(
    database: Database, pool: Pool, ada: Annotator, oracle: Annotator
) -> None:
    ask(database, pool, ada, 5)

    assert [event.position for event in answer_by_truth(database, pool, oracle, 2)] == [5, 6]


def test_the_oracle_does_not_guess(database: Database, pool: Pool, oracle: Annotator) -> None:
    (unknown,) = image_ids(database, pool, [4])
    with database.write() as session:
        session.execute(text("UPDATE image SET truth = NULL WHERE id = :id"), {"id": unknown})

    with pytest.raises(TruthUnknown, match="The true class of 1 of 10 images is unknown") as caught:
        answer_by_truth(database, pool, oracle)

    assert caught.value.context == {"image_ids": [unknown]}
    assert standing(database) == {}
    assert held_by(database, oracle) == set()


def test_the_oracle_of_a_finished_pool_answers_nothing(database: Database, oracle: Annotator) -> None:
    pool = add_pool(database, n_images=5)
    answer_by_truth(database, pool, oracle)

    assert answer_by_truth(database, pool, oracle) == []


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


def test_a_retry_that_overtakes_itself_is_one_event(database: Database, pool: Pool, ada: Annotator) -> None:
    given = GivenLabel(image_ids(database, pool)[0], 3, "key")

    outcomes = race(8, lambda _: give(database, pool, ada, given).events[0].id)

    assert len(set(outcomes)) == 1
    assert count_events(database) == 1


def test_every_expected_failure_says_what_to_do_and_has_a_status() -> None:
    kinds = AppError.__subclasses__() + NotFound.__subclasses__()

    assert all(400 <= kind.status < 600 and kind.__doc__ for kind in kinds)
