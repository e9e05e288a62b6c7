"""A clock that is wrong changes no order, keeps nothing from anybody and has no say in the model."""

from pathlib import Path

import pytest

from app import annotators, queries
from app.db import Database
from app.models import Annotator, Pool
from app.pools import get_pool
from app.verify import verify_pool

from .factories.acts import answer, ask, ask_and_answer, change, flag, ids_of, skip, undo
from .factories.files import copy_database, url_of
from .factories.making import LEASE_SECONDS, NOW, add_annotator, add_pool, after, make_trainer
from .factories.stored import check_whole, image_ids, newest_round


@pytest.mark.tensorflow
def test_a_clock_that_is_set_back_changes_no_order_and_breaks_nothing(database: Database) -> None:
    ada, ben, boss = (add_annotator(database, name) for name in ("ada", "ben", "boss"))
    pool = add_pool(database)
    earlier = after(-7200)
    first = answer(database, pool, ada, ids_of(ask(database, pool, ada, 4).images))
    ask(database, pool, ben, 3)

    asked = ask(database, pool, ada, 3, now=earlier)
    second = answer(database, pool, ada, ids_of(asked.images), now=earlier)
    changed = change(database, pool, ada, first[0].id, now=earlier)
    undo(database, pool, ada, now=after(-7300))
    skip(database, pool, ben, image_ids(database, pool)[4], now=after(-7400))
    flag(database, pool, boss, first[0].image_id, now=after(-7500))
    answer(database, pool, boss, image_ids(database, pool)[30:36], now=after(-9000))

    assert [image.position for image in asked.images] == [7, 8, 9]  # ben still has 4 to 6
    assert changed.id > second[-1].id > first[-1].id
    trainer = make_trainer(database)
    assert trainer.run_one()
    check_whole(database)
    assert verify_pool(database, pool, lambda _number, _last: None).difference is None
    for now in (after(-9000), earlier, NOW):
        with database.read() as session:
            events, _ = queries.list_labels(session, pool)
            assert [each.id for each in events] == sorted(each.id for each in events)
            view = queries.view_pool(session, get_pool(session, pool.slug), now=now)
            assert view.counts.labeled + view.counts.unlabeled == view.counts.images
            assert {one.name for one in annotators.list_work(session, pool, now=now)} == {"ada", "ben", "boss"}
        assert ask(database, pool, boss, 1, now=now).images


def test_labels_from_the_future_have_waited_for_no_time(database: Database, pool: Pool, ada: Annotator) -> None:
    ask_and_answer(database, pool, ada, 10, now=after(3600))
    with database.read() as session:
        (measured,) = queries.measure_pools(session, now=NOW)

    assert measured.queue_age_seconds == 0


def test_leases_from_the_future_end(database: Database, pool: Pool, ada: Annotator, ben: Annotator) -> None:
    ask(database, pool, ada, 2, now=after(3600))

    assert [image.position for image in ask(database, pool, ben, 2).images] == [2, 3]
    later = after(3600 + LEASE_SECONDS)
    assert [image.position for image in ask(database, pool, add_annotator(database, "eve"), 2, now=later).images] == [
        0,
        1,
    ]


def test_the_clock_has_no_say_in_the_model(migrated_file: Path, tmp_path: Path) -> None:
    states = []
    for step in (60, -60):
        database = Database(url_of(copy_database(migrated_file, tmp_path / f"{step}.db")))
        pool, ada, trainer = add_pool(database), add_annotator(database), make_trainer(database)
        for turn in range(3):
            ask_and_answer(database, pool, ada, now=after(turn * step))
            assert trainer.run_one()
        states.append((newest_round(database, pool).number, newest_round(database, pool).state))
        database.close()

    assert states[0] == states[1]
