"""Undo takes back what stands, the last first and each once; what was answered comes back to the annotator."""

import pytest

from app.db import Database
from app.errors import KeyReused, NotFound, NothingToUndo
from app.labeling import GivenLabel
from app.models import Annotator, Pool
from app.verify import verify_pool

from .factories.acts import answer, ask, ask_and_answer, change, give, ids_of, skip, undo, undo_and_hold
from .factories.making import LEASE_SECONDS, NOW, add_pool, add_round, after
from .factories.stored import count_events, held_by, image_ids, skipped_by, standing
from .factories.watching import race


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
    with pytest.raises(NothingToUndo, match="ada has no current answer in patterns"):
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

    with pytest.raises(NothingToUndo, match=f"The answer of event {event.id} was changed or undone already"):
        undo(database, pool, ada, event.id)


def test_anothers_answer_is_not_found(database: Database, pool: Pool, ada: Annotator, ben: Annotator) -> None:
    (event,) = ask_and_answer(database, pool, ben, 1)

    with pytest.raises(NotFound, match=f"ada gave no answer with the event {event.id}"):
        undo(database, pool, ada, event.id)
    with pytest.raises(NothingToUndo):
        undo(database, pool, ada)
    assert len(standing(database)) == 1


def test_an_admin_takes_back_anybodys_answer_and_the_image_is_free(
    database: Database, pool: Pool, ada: Annotator, ben: Annotator, boss: Annotator
) -> None:
    first, second = ask_and_answer(database, pool, ada, 2)

    done = undo_and_hold(database, pool, boss, first.id, key="key")

    assert (done.event.undoes_id, done.event.annotator, done.image) == (first.id, "boss", None)
    assert set(standing(database)) == {second.image_id}
    assert held_by(database, boss) == held_by(database, ada) == set()
    assert ids_of(ask(database, pool, ben, 1).images) == [first.image_id]
    assert undo_and_hold(database, pool, boss, first.id, key="key") == done
    with pytest.raises(NothingToUndo):
        undo(database, pool, ada, first.id)


@pytest.mark.tensorflow
def test_an_admin_takes_back_anybodys_change_and_skip(
    database: Database, pool: Pool, ada: Annotator, boss: Annotator
) -> None:
    answered, skipped = image_ids(database, pool, [0, 1])
    (event,) = answer(database, pool, ada, [answered], value=3)
    changed = change(database, pool, ada, event.id, 4)
    skip_event = skip(database, pool, ada, skipped)

    undo(database, pool, boss, changed.id)
    undo(database, pool, boss, skip_event.id)

    assert standing(database) == {answered: 3}
    assert skipped_by(database, ada) == set()
    assert verify_pool(database, pool, lambda _number, _last: None).difference is None


def test_without_an_event_an_admin_takes_back_their_own_last_answer(
    database: Database, pool: Pool, ada: Annotator, boss: Annotator
) -> None:
    (own,) = ask_and_answer(database, pool, boss, 1)
    ask_and_answer(database, pool, ada, 1)

    assert undo(database, pool, boss).undoes_id == own.id
    with pytest.raises(NothingToUndo):
        undo(database, pool, boss)


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
    give(database, pool, ada, GivenLabel(image_ids(database, pool)[0], 3, "key"))

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
