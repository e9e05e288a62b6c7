"""A pool is made whole or not at all, and comes back as the arrays it was made of."""

import numpy as np
import pytest
from sqlalchemy import func, select, text

from app import datasets
from app.accuracy import Accuracy
from app.db import Database
from app.errors import NotEnoughImages, NotFound, SlugTaken
from app.models import Image, Pool, RankedImage, Round
from app.pools import create_pool, get_pool, make_pool, read_arrays
from app.rounds import get_newest_round
from app.settings import Settings
from app.training import prepare

from .factories import NOW, add_pool, image_ids, make_data_set, make_settings, make_splits, ranked_ids


def count_rows(database: Database) -> dict[str, int]:
    with database.read() as session:
        return {
            table.__tablename__: session.scalar(select(func.count()).select_from(table)) or 0
            for table in (Pool, Image, Round, RankedImage)
        }


def test_a_pool_reads_back_as_the_arrays_it_was_made_of(database: Database) -> None:
    pool = add_pool(database, height=3, width=5, seed=4)
    data = make_data_set(height=3, width=5, seed=4)
    with database.read() as session:
        arrays = read_arrays(session, pool)

    np.testing.assert_array_equal(arrays.images, data.train.images)
    np.testing.assert_array_equal(arrays.validation.images, data.test.images[:20])
    np.testing.assert_array_equal(arrays.validation.truth, data.test.truth[:20])
    np.testing.assert_array_equal(arrays.test.images, data.test.images[20:])
    np.testing.assert_array_equal(arrays.test.truth, data.test.truth[20:])
    assert arrays.image_ids.tolist() == image_ids(database, pool)
    assert arrays.images.dtype == np.uint8
    assert arrays.validation.truth.dtype == np.int64


def test_a_pool_without_test_images_has_empty_arrays_and_no_test_accuracy(database: Database) -> None:
    pool = add_pool(database, n_test=0)
    with database.read() as session:
        arrays = read_arrays(session, pool)
        newest = get_newest_round(session, pool)

    assert (arrays.test.images.shape, arrays.test.truth.shape) == ((0, 4, 4), (0,))
    assert (newest.test_correct, newest.test_total) == (0, 0)


def test_an_unknown_truth_reads_back_as_minus_one(database: Database, pool: Pool) -> None:
    with database.write() as session:
        session.execute(text("UPDATE image SET truth = NULL WHERE split = 'test' AND position = 3"))
    with database.read() as session:
        assert read_arrays(session, pool).test.truth[3] == -1


def test_two_pools_keep_their_images_apart(database: Database) -> None:
    first, second = add_pool(database, slug="one", seed=1), add_pool(database, slug="two", seed=9)
    with database.read() as session:
        ones, twos = read_arrays(session, first), read_arrays(session, second)

    assert set(ones.image_ids.tolist()).isdisjoint(twos.image_ids.tolist())
    np.testing.assert_array_equal(twos.images, make_data_set(seed=9).train.images)


def test_round_0_ranks_by_position_and_knows_no_confidence(database: Database) -> None:
    pool = add_pool(database, n_images=60, queue_size=25)
    with database.read() as session:
        newest = get_newest_round(session, pool)
        rows = session.scalars(select(RankedImage).where(RankedImage.round_id == newest.id)).all()

    assert (newest.number, newest.n_labels, newest.steps, newest.last_event_id) == (0, 0, 0, 0)
    assert ranked_ids(database, newest) == image_ids(database, pool)[:25]
    assert {(row.confidence, row.prediction) for row in rows} == {(None, None)}


@pytest.mark.tensorflow
def test_round_0_counts_what_an_untrained_model_gets_right(database: Database, pool: Pool) -> None:
    with database.read() as session:
        newest, arrays = get_newest_round(session, pool, with_state=True), read_arrays(session, pool)
    prepared = prepare(pool, arrays)

    assert newest.validation_correct == prepared.count_right(newest.state, arrays.validation)
    assert newest.test_correct == prepared.count_right(newest.state, arrays.test)
    assert (newest.validation_total, newest.test_total) == (20, 30)
    assert Accuracy(newest.validation_correct, newest.validation_total).value < 0.5


def test_a_slug_is_given_once(database: Database, pool: Pool) -> None:
    before = count_rows(database)

    with pytest.raises(SlugTaken, match="There is a pool patterns already"):
        add_pool(database, slug=pool.slug)

    assert count_rows(database) == before


def test_a_pool_that_fails_halfway_leaves_nothing(database: Database) -> None:
    data = make_data_set()

    def fail_halfway() -> None:
        with database.write() as session:
            create_pool(
                session,
                data,
                make_splits(data),
                slug="half",
                name="Half",
                ranking="margin",
                batch_size=10,
                queue_size=10,
                now=NOW,
            )
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail_halfway()

    assert set(count_rows(database).values()) == {0}


def make_sample_pool(database: Database, settings: Settings, *, slug: str) -> None:
    make_pool(database, datasets.load(settings), settings, slug=slug)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"pool_size": 4001}, r"The pool asks for images 0 to 4,000, and the data set has 4,000 \(0 to 3,999\)"),
        ({"pool_size": 100, "pool_start": 3950}, "The pool asks for images 3,950 to 4,049"),
        ({"validation_size": 1001}, "The validation asks for images 0 to 1,000, and the data set has 1,000"),
    ],
)
def test_not_enough_images_leave_no_pool(database: Database, values: dict[str, int], message: str) -> None:
    with pytest.raises(NotEnoughImages, match=message):
        make_sample_pool(database, make_settings("sqlite:///unused.db", **values), slug="large")

    assert set(count_rows(database).values()) == {0}


def test_a_pool_starts_at_the_image_that_the_settings_name(database: Database) -> None:
    make_sample_pool(database, make_settings("sqlite:///unused.db", pool_start=0, pool_size=30), slug="zero")
    make_sample_pool(database, make_settings("sqlite:///unused.db", pool_start=10, pool_size=20), slug="ten")
    with database.read() as session:
        zero, ten = (read_arrays(session, get_pool(session, slug)) for slug in ("zero", "ten"))

    np.testing.assert_array_equal(zero.images[10:], ten.images)


def test_a_pool_that_is_not_there_is_not_found(database: Database) -> None:
    with database.read() as session, pytest.raises(NotFound, match="There is no pool nowhere") as caught:
        get_pool(session, "nowhere")

    assert caught.value.context == {"slug": "nowhere"}
