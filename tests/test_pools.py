"""A pool is made whole or not at all, and comes back as the arrays it was made of."""

import hashlib

import numpy as np
import pytest
from sqlalchemy import func, select

from app.accuracy import Accuracy
from app.changes import Change, note
from app.db import Database
from app.errors import NameInvalid, NotEnoughImages, NotFound, SlugTaken
from app.live import Live
from app.models import Annotator, Image, Pool, RankedImage, Round
from app.pools import UNKNOWN, Pools, PoolSpec, get_pool, make_pool, read_arrays
from app.rounds import get_newest_round
from app.training import prepare

from .factories import (
    NOW,
    add_pool,
    ask_and_answer,
    count_queries,
    image_ids,
    in_colour,
    make_data_set,
    make_settings,
    make_spec,
    ranked_ids,
)


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


def test_images_of_unknown_class_neither_validate_nor_test(database: Database) -> None:
    data = make_data_set(n_test=50)
    data.test.truth[[3, 4, 25]] = UNKNOWN
    data.train.truth[7] = UNKNOWN
    with database.write() as session:
        pool = make_pool(session, data, make_spec(), now=NOW)
    with database.read() as session:
        arrays = read_arrays(session, pool)
        unknown = session.scalars(select(Image.position).where(Image.truth.is_(None)).order_by(Image.id)).all()
        newest = get_newest_round(session, pool)

    assert unknown == [7, 3, 4, 5]  # the 26th image is the 6th test image
    assert arrays.validation.truth.tolist() == [t for t in data.test.truth[:20].tolist() if t != UNKNOWN]
    np.testing.assert_array_equal(arrays.test.images, np.delete(data.test.images[20:], 5, axis=0))
    assert (newest.validation_total, newest.test_total) == (18, 29)


def test_a_pool_without_validation_images_has_no_validation_accuracy(database: Database) -> None:
    pool = add_pool(database, n_validation=0)
    with database.read() as session:
        arrays = read_arrays(session, pool)
        newest = get_newest_round(session, pool)

    assert (arrays.validation.images.shape, arrays.validation.truth.shape) == ((0, 4, 4), (0,))
    assert (newest.validation_correct, newest.validation_total) == (None, 0)


def test_colours_are_kept_with_the_pixels(database: Database) -> None:
    data = in_colour(make_data_set(n_train=6, n_test=4))
    with database.write() as session:
        pool = make_pool(session, data, make_spec(size=6, validation_size=2), now=NOW)
    with database.read() as session:
        images = read_arrays(session, pool).images

    assert (pool.channels, pool.n_inputs) == (3, 48)
    np.testing.assert_array_equal(images, data.train.images)


def test_an_image_has_the_hash_of_its_pixels(database: Database) -> None:
    add_pool(database)
    with database.read() as session:
        rows = session.execute(select(Image.sha256, Image.pixels, Image.name)).all()

    assert all(sha256 == hashlib.sha256(pixels).hexdigest() for sha256, pixels, _ in rows)
    assert {name for *_, name in rows} == {None}


def test_a_pool_that_has_changed_is_read_anew(database: Database, pool: Pool) -> None:
    pools, live = Pools(), Live(database)
    live.listen(pools.hear)
    with database.read() as session:
        assert pools.get(session, pool.slug) is pools.get(session, pool.slug)
    with database.write() as session:
        stored = get_pool(session, pool.slug)
        stored.classes = [*stored.classes, "ten"]
        note(session, Change("pool", stored.id))
    with database.read() as session, count_queries(database) as statements:
        found = [pools.get(session, pool.slug) for _ in range(3)]

    assert found[0].classes[-1] == "ten"
    assert sum("FROM pool" in statement for statement in statements) == 1


def test_a_pool_that_only_got_labels_is_not_read_anew(database: Database, pool: Pool, ada: Annotator) -> None:
    pools, live = Pools(), Live(database)
    live.listen(pools.hear)
    with database.read() as session:
        before = pools.get(session, pool.slug)
    ask_and_answer(database, pool, ada)
    with database.read() as session:
        assert pools.get(session, pool.slug) is before


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
            make_pool(session, data, make_spec(), now=NOW)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail_halfway()

    assert set(count_rows(database).values()) == {0}


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        (make_spec(size=61), r"The pool asks for images 0 to 60, and the data set has 60 \(0 to 59\)"),
        (make_spec(size=11, start=50), "The pool asks for images 50 to 60"),
        (make_spec(validation_size=51), "The validation asks for images 0 to 50, and the data set has 50"),
    ],
    ids=["size", "start", "validation"],
)
def test_not_enough_images_leave_no_pool(database: Database, spec: PoolSpec, message: str) -> None:
    with pytest.raises(NotEnoughImages, match=message), database.write() as session:
        make_pool(session, make_data_set(), spec, now=NOW)

    assert set(count_rows(database).values()) == {0}


def test_a_pool_starts_at_the_image_that_its_spec_names(database: Database) -> None:
    data = make_data_set()
    with database.write() as session:
        pool = make_pool(session, data, make_spec(start=10, size=20), now=NOW)
    with database.read() as session:
        images = read_arrays(session, pool).images

    np.testing.assert_array_equal(images, data.train.images[10:30])


@pytest.mark.parametrize("name", ["", "   ", "two\nlines", "bell\x07", "n" * 201])
def test_a_name_that_no_page_could_show_is_refused(database: Database, name: str) -> None:
    with pytest.raises(NameInvalid, match="Take 1 to 200 characters"):
        add_pool(database, name=name)

    assert set(count_rows(database).values()) == {0}


def test_the_settings_say_what_a_pool_is_to_be() -> None:
    settings = make_settings(
        "sqlite:///unused.db",
        pool_start=1,
        pool_size=2,
        validation_size=3,
        batch_size=4,
        queue_size=5,
        ranking="margin",
    )

    assert PoolSpec.of(settings, slug="few", name="Few") == make_spec(
        slug="few", name="Few", start=1, size=2, validation_size=3, batch_size=4, queue_size=5, strategy="margin"
    )


def test_a_pool_that_is_not_there_is_not_found(database: Database) -> None:
    with database.read() as session, pytest.raises(NotFound, match="There is no pool nowhere") as caught:
        get_pool(session, "nowhere")

    assert caught.value.context == {"slug": "nowhere"}
