"""All labels of an annotator are taken back, nobody else's, and the model forgets them."""

import pytest

from app import revoking
from app.db import Database
from app.errors import NotFound
from app.live import Live
from app.models import Annotator, Pool
from app.trainer import Trainer
from app.verify import verify_pool

from .factories.acts import answer, ask, ask_and_answer, change, flag, skip, undo
from .factories.making import NOW, add_pool, add_round
from .factories.stored import check_whole, count_events, image_ids, newest_round, skipped_by, standing
from .factories.watching import race

pytestmark = pytest.mark.tensorflow


def revoke(database: Database, pool: Pool, admin: Annotator, name: str) -> int:
    return revoking.revoke_labels(database, pool, admin, name, now=NOW)


def is_sound(database: Database, pool: Pool) -> bool:
    check_whole(database)
    return verify_pool(database, pool, lambda _number, _last: None).difference is None


def test_all_that_stands_of_one_annotator_is_taken_back_and_nothing_of_others(
    database: Database, ada: Annotator, ben: Annotator, boss: Annotator
) -> None:
    pool = add_pool(database, n_images=200)
    other = add_pool(database, slug="other")
    ids = image_ids(database, pool)
    mine = answer(database, pool, ben, ids[:3])
    theirs = answer(database, pool, ada, ids[10:130])
    change(database, pool, ada, theirs[0].id)
    corrected = change(database, pool, boss, theirs[1].id, 7)
    undo(database, pool, ada, theirs[2].id)
    skip(database, pool, ada, ids[150])
    flag(database, pool, ada, ids[151])
    elsewhere = ask_and_answer(database, other, ada, 1)

    n_revoked = revoke(database, pool, boss, "ada")

    assert n_revoked == 119  # 118 answers and a change; one was taken back, one is the admin's
    left = {event.image_id for event in (*mine, *elsewhere)} | {corrected.image_id}
    assert set(standing(database)) == left
    assert skipped_by(database, ada) == {ids[150]}
    assert is_sound(database, pool)
    assert revoke(database, pool, boss, "ada") == 0


def test_what_an_admin_had_changed_stands_again_if_the_admins_labels_are_revoked(
    database: Database, pool: Pool, ada: Annotator, boss: Annotator
) -> None:
    (event,) = answer(database, pool, ada, image_ids(database, pool, [0]), value=3)
    change(database, pool, boss, event.id, 8)

    assert revoke(database, pool, boss, "boss") == 1
    assert standing(database) == {event.image_id: 3}


def test_the_oracles_labels_may_be_revoked(database: Database, pool: Pool, oracle: Annotator, boss: Annotator) -> None:
    ask_and_answer(database, pool, oracle, 12)

    assert revoke(database, pool, boss, "oracle") == 12
    assert standing(database) == {}


def test_nobodys_labels_cannot_be_revoked(database: Database, pool: Pool, boss: Annotator) -> None:
    with pytest.raises(NotFound, match="There is no annotator nobody"):
        revoke(database, pool, boss, "nobody")


def test_the_model_forgets_what_it_has_learned_from_revoked_labels(
    database: Database, pool: Pool, ada: Annotator, ben: Annotator, boss: Annotator, trainer: Trainer
) -> None:
    ask_and_answer(database, pool, ben, 12)
    answer(database, pool, ada, image_ids(database, pool)[40:52], value=0)
    assert trainer.run_one()
    assert trainer.run_one()  # counts the test images
    poisoned = newest_round(database, pool)

    revoke(database, pool, boss, "ada")

    assert trainer.run_one()
    assert trainer.run_one()
    assert not trainer.run_one()  # once is enough
    assert newest_round(database, pool).number == poisoned.number + 1
    assert (poisoned.n_labels, newest_round(database, pool).n_labels) == (24, 12)
    assert is_sound(database, pool)


def test_a_pool_without_any_label_left_is_not_trained(
    database: Database, pool: Pool, ada: Annotator, boss: Annotator, trainer: Trainer
) -> None:
    ask_and_answer(database, pool, ada, 12)
    while trainer.run_one():
        pass
    revoke(database, pool, boss, "ada")

    assert not trainer.run_one()
    ask_and_answer(database, pool, boss, 1)
    assert trainer.run_one()
    assert newest_round(database, pool).n_labels == 1
    assert is_sound(database, pool)


def test_an_annotator_who_takes_back_their_own_makes_no_round_due(
    database: Database, pool: Pool, ada: Annotator, ben: Annotator, trainer: Trainer
) -> None:
    ask_and_answer(database, pool, ben, 5)
    ask_and_answer(database, pool, ada, 15)
    while trainer.run_one():
        pass
    for _ in range(12):
        undo(database, pool, ada)

    assert not trainer.run_one()


def test_others_label_while_labels_are_revoked(
    database: Database, ada: Annotator, ben: Annotator, boss: Annotator
) -> None:
    pool = add_pool(database, n_images=400)
    ids = image_ids(database, pool)
    answer(database, pool, ada, ids[:300])

    def contend(index: int) -> int:
        if index == 0:
            return revoke(database, pool, boss, "ada")
        return len([answer(database, pool, ben, [ids[300 + 10 * index + turn]]) for turn in range(10)])

    outcomes = race(5, contend)

    assert outcomes == [300, 10, 10, 10, 10]
    assert len(standing(database)) == 40
    assert count_events(database) == 300 + 300 + 40
    assert ask(database, pool, ben, 1).images[0].image_id == ids[0]
    assert is_sound(database, pool)


def test_those_who_wait_for_an_image_and_the_trainer_hear_of_it(
    database: Database, pool: Pool, ada: Annotator, ben: Annotator, boss: Annotator
) -> None:
    ask_and_answer(database, pool, ben, 5)
    ask_and_answer(database, pool, ada, 15)
    add_round(database, pool)
    heard: list[str] = []
    Live(database).listen(lambda change: heard.append(change.kind))

    revoke(database, pool, boss, "ada")
    (event,) = ask_and_answer(database, pool, ada, 1)
    undo(database, pool, boss, event.id)

    assert heard == ["labels", "leases", "due", "labels", "labels", "leases"]
