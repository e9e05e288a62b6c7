"""A change stands in place of an answer that stands, and the next round is trained with it."""

import pytest

from app import rounds
from app.db import Database
from app.errors import KeyReused, NotFound, NothingToUndo, ValueNotAClass
from app.events import LabelEventView
from app.models import Annotator, Pool

from .factories.acts import answer, ask, ask_and_answer, change, flag, skip, undo, undo_and_hold
from .factories.making import add_pool, add_round, after, make_trainer
from .factories.stored import count_events, held_by, image_ids, standing, training_set
from .factories.watching import race


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


def test_an_image_counts_once_towards_a_round_however_often_it_is_changed(
    database: Database, pool: Pool, ada: Annotator
) -> None:
    (event,) = answer(database, pool, ada, image_ids(database, pool, [0]), value=3)
    add_round(database, pool)
    last = event.id
    for value in range(10):
        last = change(database, pool, ada, last, value).id

    with database.read() as session:
        assert rounds.get_newest(session, pool).n_new == 1
        assert not rounds.is_due(session, pool)


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
        with pytest.raises(NothingToUndo, match=f"The answer of event {event.id} was changed or undone already"):
            change(database, pool, ada, event.id, 3)


def test_a_skip_a_flag_an_undo_and_another_pools_answer_are_nothing_to_change(
    database: Database, pool: Pool, ada: Annotator
) -> None:
    other = add_pool(database, slug="other")
    first, second = image_ids(database, pool, [0, 1])
    answer(database, pool, ada, [first])
    events: list[LabelEventView] = [
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


@pytest.mark.tensorflow
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


@pytest.mark.tensorflow
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
