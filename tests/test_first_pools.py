"""A first start makes the same images into two pools, and nothing else ever does."""

from dataclasses import replace

import numpy as np
import pytest

from app import first_pools
from app.db import Database
from app.models import Pool
from app.pools import get_pool, read_arrays
from app.settings import Settings

from .factories.acts import ask_and_answer
from .factories.files import make_settings, url_of
from .factories.making import add_annotator, add_pool, make_data_set


def settings_of(database: Database, *, side_by_side: bool = True) -> Settings:
    return make_settings(url_of(database.path), side_by_side=side_by_side, pool_size=60, validation_size=20)


def ensure_both(database: Database, *, side_by_side: bool = True) -> bool:
    settings = settings_of(database, side_by_side=side_by_side)
    first_pools.ensure_first(database, settings, make_data_set)
    return first_pools.ensure_second(database, settings, make_data_set)


def read(database: Database, slug: str) -> Pool:
    with database.read() as session:
        return get_pool(session, slug)


def test_a_first_start_makes_two_pools_of_the_same_images(database: Database) -> None:
    assert ensure_both(database)

    papers, inklings = read(database, "digits"), read(database, "digits-inkling")
    assert (papers.learner, inklings.learner) == ("softmax", "graph")
    with database.read() as session:
        one, other = read_arrays(session, papers), read_arrays(session, inklings)
    np.testing.assert_array_equal(one.images, other.images)
    assert (len(one.validation), len(other.validation)) == (20, 0)
    assert len(other.test) == len(one.test) + 20  # what does not validate tests
    assert not ensure_both(database)


def test_a_second_pool_of_other_images_is_not_made(database: Database) -> None:
    first_pools.ensure_first(database, settings_of(database), make_data_set)

    others = replace(make_data_set(seed=7), sha256="1" * 64)
    assert not first_pools.ensure_second(database, settings_of(database), lambda: others)


def test_nobody_gets_a_second_pool_who_does_not_want_one(database: Database) -> None:
    assert not ensure_both(database, side_by_side=False)


@pytest.mark.parametrize("is_first", [True, False])
def test_a_database_in_use_is_left_alone(database: Database, is_first: bool) -> None:
    pool = add_pool(database, slug="digits" if is_first else "patterns")
    if is_first:
        ask_and_answer(database, pool, add_annotator(database), 1)

    assert not ensure_both(database)
