"""Skip, flag, change and undo: each is a new event, each once, and what stands is always the fold of all of them."""

from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from app import labeling, labels, rounds
from app.db import Database
from app.errors import (
    AlreadyLabeled,
    AlreadySkipped,
    AppError,
    ImageNotFound,
    KeyReused,
    LeasedByAnother,
    NotFound,
    NothingToUndo,
    ValueNotAClass,
)
from app.labeling import GivenLabel
from app.labels import Recorded
from app.live import Change, Live
from app.models import Annotator, Image, Label, LabelEvent, Pool, Skip
from app.pools import read_arrays
from app.rounds import TrainingSet

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
    change,
    count_events,
    flag,
    fresh_pool,
    held_by,
    image_ids,
    make_trainer,
    race,
    skip,
    standing,
    undo,
    undo_and_hold,
)


@pytest.fixture
def boss(database: Database) -> Annotator:
    """An admin."""
    return add_annotator(database, "boss", role="admin")


def skipped_by(database: Database, annotator: Annotator) -> set[int]:
    with database.read() as session:
        return set(session.scalars(select(Skip.image_id).where(Skip.annotator_id == annotator.id)))


def training_set(database: Database, pool: Pool) -> TrainingSet:
    with database.read() as session:
        return rounds.read_training_set(session, pool)


def offered(database: Database, pool: Pool, annotator: Annotator, *, seconds: float = 0) -> list[int]:
    """Everything that the annotator could get."""
    asked = ask(database, pool, annotator, 1000, now=after(seconds))
    return [image.image_id for image in asked.images]


# Skip


def test_a_skipped_image_goes_on_to_others_and_does_not_come_again(
    database: Database, pool: Pool, ada: Annotator, ben: Annotator
) -> None:
    first = ask(database, pool, ada, 1).images[0].image_id

    event = skip(database, pool, ada, first)

    assert (event.kind, event.image_id, event.value, event.annotator) == ("skip", first, None, "ada")
    assert held_by(database, ada) == set()
    assert offered(database, pool, ada) == [i for i in image_ids(database, pool) if i != first]
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


def test_two_may_skip_the_same_image(database: Database, pool: Pool, ada: Annotator, ben: Annotator) -> None:
    (image_id,) = image_ids(database, pool, [0])
    skip(database, pool, ada, image_id)
    skip(database, pool, ben, image_id)

    assert image_id not in offered(database, pool, ada)
    assert image_id not in offered(database, pool, ben)


def test_a_labeled_image_cannot_be_skipped(database: Database, pool: Pool, ada: Annotator) -> None:
    (event,) = ask_and_answer(database, pool, ada, 1)

    with pytest.raises(AlreadyLabeled, match=f"Image {event.image_id} has a label already"):
        skip(database, pool, ada, event.image_id)


def test_what_another_holds_cannot_be_skipped_until_the_lease_is_over(
    database: Database, pool: Pool, ada: Annotator, ben: Annotator
) -> None:
    (leased,) = ask(database, pool, ben, 1).images

    with pytest.raises(LeasedByAnother):
        skip(database, pool, ada, leased.image_id)
    skip(database, pool, ada, leased.image_id, now=after(LEASE_SECONDS))
    assert skipped_by(database, ada) == {leased.image_id}


@pytest.mark.parametrize("which", ["unknown", "validation", "other pool"])
@pytest.mark.parametrize("act", [skip, flag])
def test_an_image_that_is_not_to_label_is_not_found(
    database: Database, pool: Pool, ada: Annotator, which: str, act: type
) -> None:
    other = add_pool(database, slug="other")
    with database.read() as session:
        validation = session.scalars(select(Image.id).where(Image.split == "validation").limit(1)).one()
    image_id = {"unknown": 10**6, "validation": validation, "other pool": image_ids(database, other)[0]}[which]

    with pytest.raises(ImageNotFound, match=f"The pool patterns has no image {image_id} to label"):
        act(database, pool, ada, image_id)
    assert count_events(database) == 0


# Flag


def test_a_flag_is_an_event_that_changes_neither_label_nor_lease(
    database: Database, pool: Pool, ada: Annotator, ben: Annotator
) -> None:
    (leased,) = ask(database, pool, ada, 1).images
    labeled, free = image_ids(database, pool, [8, 9])
    answer(database, pool, ben, [labeled], value=4)

    flags = [flag(database, pool, ben, image_id, "smudged") for image_id in (leased.image_id, labeled, free)]

    assert [(event.kind, event.remark, event.value) for event in flags] == [("flag", "smudged", None)] * 3
    assert standing(database) == {labeled: 4}
    assert held_by(database, ada) == {leased.image_id}
    assert training_set(database, pool).positions.tolist() == [8]


def test_an_image_may_be_flagged_again_and_a_retry_is_the_same_event(
    database: Database, pool: Pool, ada: Annotator
) -> None:
    (image_id,) = image_ids(database, pool, [0])
    first = flag(database, pool, ada, image_id, key="key")

    assert flag(database, pool, ada, image_id, key="key").id == first.id
    assert flag(database, pool, ada, image_id).id != first.id
    with pytest.raises(KeyReused):
        flag(database, pool, ada, image_id, "another remark", key="key")


def test_a_flag_cannot_be_undone(database: Database, pool: Pool, ada: Annotator) -> None:
    event = flag(database, pool, ada, image_ids(database, pool)[0])

    with pytest.raises(NotFound):
        undo(database, pool, ada, event.id)
    with pytest.raises(NothingToUndo):
        undo(database, pool, ada)


# Change


def test_a_change_is_a_new_event_that_stands_in_place_of_the_answer(
    database: Database, pool: Pool, ada: Annotator
) -> None:
    (image_id,) = image_ids(database, pool, [7])
    add_round(database, pool, [image_id], confidence=0.25)
    ask(database, pool, ada, 1)
    (event,) = answer(database, pool, ada, [image_id], value=3)

    changed = change(database, pool, ada, event.id, 8, now=after(30))

    assert (changed.kind, changed.value, changed.undoes_id, changed.created_at) == ("change", 8, event.id, after(30))
    assert (changed.round, changed.rank, changed.confidence) == (event.round, 0, 0.25)
    assert standing(database) == {image_id: 8}
    assert held_by(database, ada) == set()


def test_an_admin_may_change_anybodys_answer_and_others_may_not(
    database: Database, pool: Pool, ada: Annotator, ben: Annotator, boss: Annotator
) -> None:
    (event,) = answer(database, pool, ada, image_ids(database, pool, [0]), value=3)

    with pytest.raises(NotFound, match=f"ben gave no answer with the event {event.id}"):
        change(database, pool, ben, event.id)
    changed = change(database, pool, boss, event.id, 8)

    assert changed.annotator == boss.name
    assert standing(database) == {event.image_id: 8}
    with pytest.raises(NothingToUndo):
        undo(database, pool, ada)
    assert undo(database, pool, boss).undoes_id == changed.id
    assert standing(database) == {event.image_id: 3}


def test_a_change_may_be_changed_again_and_undone_step_by_step(database: Database, pool: Pool, ada: Annotator) -> None:
    (event,) = answer(database, pool, ada, image_ids(database, pool, [0]), value=1)
    second = change(database, pool, ada, event.id, 2)
    third = change(database, pool, ada, second.id, 3)

    steps = [(undo(database, pool, ada).undoes_id, standing(database).get(event.image_id)) for _ in range(3)]

    assert steps == [(third.id, 2), (second.id, 1), (event.id, None)]
    assert held_by(database, ada) == {event.image_id}


def test_an_answer_whose_change_was_undone_may_be_changed_again(database: Database, pool: Pool, ada: Annotator) -> None:
    (event,) = answer(database, pool, ada, image_ids(database, pool, [0]), value=1)
    change(database, pool, ada, event.id, 2)
    undo(database, pool, ada)

    change(database, pool, ada, event.id, 5)

    assert standing(database) == {event.image_id: 5}


def test_a_change_that_is_undone_gives_nothing_back_to_answer(database: Database, pool: Pool, ada: Annotator) -> None:
    (event,) = answer(database, pool, ada, image_ids(database, pool, [0]), value=1)
    change(database, pool, ada, event.id, 2)

    assert undo_and_hold(database, pool, ada).image is None
    assert held_by(database, ada) == set()


def test_only_what_stands_may_be_changed(database: Database, pool: Pool, ada: Annotator) -> None:
    first, second = answer(database, pool, ada, image_ids(database, pool, [0, 1]), value=1)
    undo(database, pool, ada, second.id)
    change(database, pool, ada, first.id, 2)

    for event in (first, second):
        with pytest.raises(NothingToUndo, match=f"The answer of event {event.id} stands no more"):
            change(database, pool, ada, event.id, 3)


def test_a_skip_a_flag_an_undo_and_another_pools_answer_are_nothing_to_change(
    database: Database, pool: Pool, ada: Annotator
) -> None:
    other = add_pool(database, slug="other")
    first, second = image_ids(database, pool, [0, 1])
    answer(database, pool, ada, [first])
    events: list[Recorded] = [
        undo(database, pool, ada),
        skip(database, pool, ada, second),
        flag(database, pool, ada, second),
        *answer(database, other, ada, image_ids(database, other, [0])),
    ]
    before = count_events(database)

    for event_id in [*(event.id for event in events), 10**6]:
        with pytest.raises(NotFound, match=f"ada gave no answer with the event {event_id} in patterns"):
            change(database, pool, ada, event_id)
    assert count_events(database) == before


@pytest.mark.parametrize("value", [-1, 10])
def test_a_change_to_a_value_that_is_no_class_says_which_are(
    database: Database, pool: Pool, ada: Annotator, value: int
) -> None:
    (event,) = ask_and_answer(database, pool, ada, 1)

    with pytest.raises(ValueNotAClass, match="Give 0 to 9"):
        change(database, pool, ada, event.id, value)


def test_a_retry_of_a_change_is_the_same_event(database: Database, pool: Pool, ada: Annotator) -> None:
    first, second = answer(database, pool, ada, image_ids(database, pool, [0, 1]), value=1)
    changed = change(database, pool, ada, first.id, 2, key="key")

    assert change(database, pool, ada, first.id, 2, key="key", now=after(60)).id == changed.id
    for event_id, value in ((first.id, 3), (second.id, 2)):
        with pytest.raises(KeyReused):
            change(database, pool, ada, event_id, value, key="key")
    assert standing(database) == {first.image_id: 2, second.image_id: 1}


def test_a_retry_of_a_change_that_was_undone_does_not_bring_it_back(
    database: Database, pool: Pool, ada: Annotator
) -> None:
    (event,) = answer(database, pool, ada, image_ids(database, pool, [0]), value=1)
    changed = change(database, pool, ada, event.id, 2, key="key")
    undo(database, pool, ada)

    assert change(database, pool, ada, event.id, 2, key="key").id == changed.id
    assert standing(database) == {event.image_id: 1}


def test_a_label_that_rounds_have_used_is_trained_with_its_new_value_next(
    database: Database, pool: Pool, ada: Annotator
) -> None:
    trainer = make_trainer(database)
    wrong, *others = answer(database, pool, ada, image_ids(database, pool)[:10])
    assert trainer.run_one()
    before = training_set(database, pool)
    assert wrong.value is not None

    change(database, pool, ada, wrong.id, (wrong.value + 1) % 10)
    ask_and_answer(database, pool, ada, 9)
    assert trainer.run_one()

    used = training_set(database, pool)
    assert used.positions.tolist()[:10] == before.positions.tolist()  # the place in the order stays
    assert used.values.tolist()[:10] == [(wrong.value + 1) % 10, *(event.value for event in others)]
    with database.read() as session:
        assert rounds.get_newest_round(session, pool).n_labels == 19


def test_ten_changes_make_a_round_due_as_ten_labels_do(database: Database, pool: Pool, ada: Annotator) -> None:
    trainer = make_trainer(database)
    events = ask_and_answer(database, pool, ada, 10)
    assert trainer.run_one()

    assert trainer.run_one()  # counts the test images
    for event in events[:9]:
        change(database, pool, ada, event.id, 1)
    assert not trainer.run_one()
    change(database, pool, ada, events[9].id, 1)

    assert trainer.run_one()


@pytest.mark.parametrize("n_contenders", [8])
def test_of_those_who_change_one_answer_at_once_exactly_one_does(
    database: Database, pool: Pool, ada: Annotator, n_contenders: int
) -> None:
    (event,) = answer(database, pool, ada, image_ids(database, pool, [0]), value=9)

    outcomes = race(n_contenders, lambda index: change(database, pool, ada, event.id, index).value)

    (won,) = [outcome for outcome in outcomes if isinstance(outcome, int)]
    assert sum(isinstance(outcome, NothingToUndo) for outcome in outcomes) == n_contenders - 1
    assert standing(database) == {event.image_id: won}


def test_of_a_change_and_an_undo_at_once_one_does(database: Database, pool: Pool, ada: Annotator) -> None:
    events = answer(database, pool, ada, image_ids(database, pool)[:6], value=1)

    def contend(index: int) -> str:
        event = events[index // 2]
        return (change(database, pool, ada, event.id) if index % 2 else undo(database, pool, ada, event.id)).kind

    outcomes = race(12, contend)

    for first, second in zip(outcomes[::2], outcomes[1::2], strict=True):
        assert sum(isinstance(outcome, NothingToUndo) for outcome in (first, second)) == 1
    changed = sum(outcome == "change" for outcome in outcomes)
    assert list(standing(database).values()) == [9] * changed


# Keys


def test_a_key_belongs_to_one_kind_of_act(database: Database, pool: Pool, ada: Annotator) -> None:
    ids = image_ids(database, pool)
    (event,) = answer(database, pool, ada, ids[:1], value=1)
    skip(database, pool, ada, ids[1], key="skip")
    flag(database, pool, ada, ids[2], key="flag")
    change(database, pool, ada, event.id, 2, key="change")
    before = count_events(database)

    for key in ("skip", "flag", "change"):
        with pytest.raises(KeyReused):
            undo(database, pool, ada, key=key)
        if key != "skip":
            with pytest.raises(KeyReused):
                skip(database, pool, ada, ids[3], key=key)
        if key != "flag":
            with pytest.raises(KeyReused):
                flag(database, pool, ada, ids[2], key=key)
    assert count_events(database) == before


@pytest.mark.parametrize("act", ["skip", "change"])
def test_the_key_of_another_act_is_none_of_an_answer(database: Database, pool: Pool, ada: Annotator, act: str) -> None:
    (image_id,) = image_ids(database, pool, [0])
    if act == "skip":
        skip(database, pool, ada, image_id, key="key")
        undo(database, pool, ada)
    else:
        (event,) = answer(database, pool, ada, [image_id], value=1)
        change(database, pool, ada, event.id, 2, key="key")
        undo(database, pool, ada)
        undo(database, pool, ada)

    with pytest.raises(KeyReused), database.write() as session:
        labeling.answer(session, pool, ada, [GivenLabel(image_id, 2, "key")], now=NOW)


@pytest.mark.parametrize("n_contenders", [6])
def test_a_retry_of_a_skip_that_overtakes_itself_is_one_event(
    database: Database, pool: Pool, ada: Annotator, n_contenders: int
) -> None:
    (image_id,) = image_ids(database, pool, [0])

    outcomes = race(n_contenders, lambda _: skip(database, pool, ada, image_id, key="key").id)

    assert len(set(outcomes)) == 1
    assert count_events(database) == 1


# Undo


def test_undo_returns_the_digit_to_the_pool_and_to_the_annotators_hands(
    database: Database, pool: Pool, ada: Annotator
) -> None:
    (image_id,) = image_ids(database, pool, [7])
    newest = add_round(database, pool, [image_id], confidence=0.25, prediction=4)
    ask_and_answer(database, pool, ada, 1)
    done = undo_and_hold(database, pool, ada, now=after(60))
    undone, image = done.event, done.image

    assert image is not None
    assert (undone.kind, undone.image_id, undone.value) == ("undo", image_id, None)
    assert (image.image_id, image.position, image.confidence, image.prediction) == (image_id, 7, 0.25, 4)
    assert image.expires_at == after(60 + LEASE_SECONDS)
    assert standing(database) == {}
    assert held_by(database, ada) == {image_id}
    (again,) = answer(database, pool, ada, [image_id])
    assert (again.round, again.rank, again.confidence) == (newest.number, 0, 0.25)


def test_undo_takes_back_the_last_answer_first(database: Database, pool: Pool, ada: Annotator) -> None:
    events = ask_and_answer(database, pool, ada, 5)

    undone = [undo(database, pool, ada).undoes_id for _ in range(5)]

    assert undone == [event.id for event in reversed(events)]
    assert standing(database) == {}
    with pytest.raises(NothingToUndo, match="No answer of ada stands in patterns"):
        undo(database, pool, ada)


def test_undo_with_an_event_takes_back_that_one(database: Database, pool: Pool, ada: Annotator) -> None:
    first, second, third = ask_and_answer(database, pool, ada, 3)

    undone = undo(database, pool, ada, second.id)

    assert undone.undoes_id == second.id
    assert set(standing(database)) == {first.image_id, third.image_id}


def test_undo_passes_over_what_was_undone_already(database: Database, pool: Pool, ada: Annotator) -> None:
    first, second = ask_and_answer(database, pool, ada, 2)
    undo(database, pool, ada, second.id)

    assert undo(database, pool, ada).undoes_id == first.id


def test_an_event_is_undone_once(database: Database, pool: Pool, ada: Annotator) -> None:
    (event,) = ask_and_answer(database, pool, ada, 1)
    undo(database, pool, ada)

    with pytest.raises(NothingToUndo, match=f"The answer of event {event.id} was taken back or changed already"):
        undo(database, pool, ada, event.id)


def test_anothers_answer_is_not_found(database: Database, pool: Pool, ada: Annotator, ben: Annotator) -> None:
    (event,) = ask_and_answer(database, pool, ben, 1)

    with pytest.raises(NotFound, match=f"ada gave no answer with the event {event.id}"):
        undo(database, pool, ada, event.id)
    with pytest.raises(NothingToUndo):
        undo(database, pool, ada)
    assert len(standing(database)) == 1


def test_an_undo_is_nothing_to_undo(database: Database, pool: Pool, ada: Annotator) -> None:
    ask_and_answer(database, pool, ada, 1)
    undone = undo(database, pool, ada)

    with pytest.raises(NotFound):
        undo(database, pool, ada, undone.id)


def test_undo_stays_within_the_pool(database: Database, pool: Pool, ada: Annotator) -> None:
    other = add_pool(database, slug="other")
    (event,) = ask_and_answer(database, other, ada, 1)

    with pytest.raises(NothingToUndo):
        undo(database, pool, ada)
    with pytest.raises(NotFound):
        undo(database, pool, ada, event.id)


def test_a_retry_of_an_undo_takes_back_nothing_more(database: Database, pool: Pool, ada: Annotator) -> None:
    ask_and_answer(database, pool, ada, 3)
    first = undo(database, pool, ada, key="key")
    again = undo(database, pool, ada, key="key", now=after(60))

    assert (again.id, again.created_at) == (first.id, NOW)
    assert len(standing(database)) == 2


def test_a_retry_of_an_undo_tells_the_same_of_the_image(database: Database, pool: Pool, ada: Annotator) -> None:
    ids = image_ids(database, pool, [7, 8])
    add_round(database, pool, ids, confidence=0.25, prediction=4)
    ask_and_answer(database, pool, ada, 2)

    first, again = (undo_and_hold(database, pool, ada, key="key") for _ in range(2))

    assert first.image is not None
    assert again.image == first.image


def test_the_key_of_an_answer_is_none_of_an_undo(database: Database, pool: Pool, ada: Annotator) -> None:
    with database.write() as session:
        given_label = GivenLabel(image_ids(database, pool)[0], 3, "key")
        labeling.answer(session, pool, ada, [given_label], now=NOW)

    with pytest.raises(KeyReused, match="The key key belongs to another request"):
        undo(database, pool, ada, key="key")


def test_the_key_of_an_undo_holds_for_the_event_it_took_back(database: Database, pool: Pool, ada: Annotator) -> None:
    first, second = ask_and_answer(database, pool, ada, 2)
    undo(database, pool, ada, second.id, key="key")

    with pytest.raises(KeyReused):
        undo(database, pool, ada, first.id, key="key")


def test_an_image_that_was_undone_may_be_answered_otherwise(database: Database, pool: Pool, ada: Annotator) -> None:
    (event,) = answer(database, pool, ada, image_ids(database, pool, [0]), value=3)
    undo(database, pool, ada)
    answer(database, pool, ada, [event.image_id], value=8)

    assert standing(database) == {event.image_id: 8}
    assert count_events(database) == 3


def test_undos_that_come_at_once_take_back_one_label_each(database: Database, pool: Pool, ada: Annotator) -> None:
    events = ask_and_answer(database, pool, ada, 6)

    outcomes = race(8, lambda _: undo(database, pool, ada).undoes_id)

    undone = [outcome for outcome in outcomes if isinstance(outcome, int)]
    assert sorted(undone) == [event.id for event in events]
    assert sum(isinstance(outcome, NothingToUndo) for outcome in outcomes) == 2
    assert standing(database) == {}


# Together


def test_every_act_that_changes_what_stands_is_announced(database: Database, pool: Pool, ada: Annotator) -> None:
    first, second = image_ids(database, pool, [0, 1])
    (event,) = answer(database, pool, ada, [first])
    heard: list[Change] = []
    Live(database.sessions).listen(heard.append)

    change(database, pool, ada, event.id)
    skip(database, pool, ada, second)
    undo(database, pool, ada)

    assert heard == [Change("labels", pool.id)] * 3


def test_the_training_set_is_what_the_fold_of_the_events_leaves(
    database: Database, pool: Pool, ada: Annotator, ben: Annotator
) -> None:
    first, second, third, _ = ask_and_answer(database, pool, ada, 4)
    ask_and_answer(database, pool, ben, 2)
    undo(database, pool, ada, second.id)
    change(database, pool, ada, third.id, 1)
    change(database, pool, ada, first.id, 2)
    undo(database, pool, ada)
    with database.read() as session:
        events = session.scalars(select(LabelEvent).order_by(LabelEvent.id)).all()
        folded = labels.fold(events)
        ids = read_arrays(session, pool).image_ids

    used = training_set(database, pool)

    assert dict(zip(ids[used.positions].tolist(), used.values.tolist(), strict=True)) == {
        image_id: event.value for image_id, event in folded.items()
    }
    assert np.all(np.diff(used.positions) > 0)


N_IMAGES = 5
NAMES = ("ada", "ben", "boss")

who = st.sampled_from(NAMES)
position = st.integers(0, N_IMAGES - 1)
value = st.integers(0, 9)
an_event = st.integers(1, 15)
acts = st.one_of(
    st.tuples(st.just("answer"), who, position, value),
    st.tuples(st.just("change"), who, an_event, value),
    st.tuples(st.just("undo"), who, st.none() | an_event, st.none()),
    st.tuples(st.just("skip"), who, position, st.none()),
    st.tuples(st.just("flag"), who, position, st.none()),
    st.tuples(st.just("ask"), who, position, st.none()),
)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(acts, max_size=30))
def test_the_tables_are_the_fold_of_the_events_whatever_people_do(
    migrated_file: Path, steps: list[tuple[str, str, int | None, int | None]]
) -> None:
    with fresh_pool(migrated_file, n_images=N_IMAGES) as (database, pool):
        ids = image_ids(database, pool)
        people = {
            name: add_annotator(database, name, role="admin" if name == "boss" else "annotator") for name in NAMES
        }
        for turn, step in enumerate(steps):
            with suppress(AppError):  # refused, and so without a trace: that is what the fold shows
                do(database, pool, people, ids, step, seconds=turn * 200)
        with database.read() as session:
            events = session.scalars(select(LabelEvent).order_by(LabelEvent.id)).all()
            stored = {row.image_id: row.event_id for row in session.scalars(select(Label))}
            skipped = {(row.image_id, row.annotator_id) for row in session.scalars(select(Skip))}
        undone = {event.undoes_id for event in events if event.kind == "undo"}
        assert stored == {image_id: event.id for image_id, event in labels.fold(events).items()}
        assert skipped == {(e.image_id, e.annotator_id) for e in events if e.kind == "skip" and e.id not in undone}
        assert len(undone) == sum(event.kind == "undo" for event in events)


def do(
    database: Database,
    pool: Pool,
    people: dict[str, Annotator],
    ids: list[int],
    step: tuple[str, str, int | None, int | None],
    *,
    seconds: float,
) -> None:
    """One step of a sequence."""
    annotator, now = people[step[1]], after(seconds)
    match step:
        case "answer", _, int() as place, int() as given_value:
            answer(database, pool, annotator, [ids[place]], value=given_value, now=now)
        case "change", _, int() as event_id, int() as given_value:
            change(database, pool, annotator, event_id, given_value, now=now)
        case "undo", _, event_id, _:
            undo(database, pool, annotator, event_id, now=now)
        case "skip", _, int() as place, _:
            skip(database, pool, annotator, ids[place], now=now)
        case "flag", _, int() as place, _:
            flag(database, pool, annotator, ids[place], now=now)
        case "ask", _, int() as count, _:
            ask(database, pool, annotator, count + 1, now=now)
