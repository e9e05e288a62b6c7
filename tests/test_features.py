"""Features come back bit for bit or not at all; a set counts once all of it is stored."""

import datetime as dt
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from app import features
from app.db import Database
from app.errors import FeaturesDamaged, PreparationSuperseded, PreparationUnderWay
from app.learning.learner import Features
from app.models import Pool

from .factories.making import NOW, add_pool

LATER = NOW + dt.timedelta(seconds=2)
FEATURES = Features(
    1,
    {
        "graph": np.random.default_rng(0).normal(size=(50, 7)).astype(np.float32),
        "design": np.arange(20),
        "mean": np.float32(0.25) * np.ones((), np.float32),
        "none": np.zeros((0, 4), np.float32),
    },
)


@pytest.fixture
def looking(database: Database) -> Pool:
    """A pool whose learner looks at the images first."""
    return add_pool(database, learner="graph", n_validation=0)


def store(database: Database, pool: Pool, found: Features = FEATURES, n_images: int = 60) -> int:
    with database.write() as session:
        set_id = features.begin(session, pool, n_images, now=NOW)
        parts = list(features.split_parts(found))
        for part in parts:
            features.add_part(session, set_id, part)
        features.finish(session, pool, set_id, version=found.version, n_parts=len(parts), prepare_ms=9.0, now=LATER)
        return set_id


def test_features_come_back_bit_for_bit_whatever_their_parts(
    database: Database, looking: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(features, "PART_BYTES", 100)
    set_id = store(database, looking)
    with database.read() as session:
        found = features.read(session, set_id)
        n_parts = session.scalar(text("SELECT count(*) FROM feature_part WHERE name = 'graph'"))

    assert n_parts is not None and n_parts > 10
    assert found.version == 1 and sorted(found.arrays) == sorted(FEATURES.arrays)
    for name, array in FEATURES.arrays.items():
        assert (found.arrays[name].dtype, found.arrays[name].shape) == (array.dtype, array.shape)
        assert found.arrays[name].tobytes() == array.tobytes()


@pytest.mark.parametrize(
    ("damage", "named"),
    [
        (
            "UPDATE feature_part SET content = CAST(x'00' || substr(content, 2) AS BLOB) WHERE name = 'graph'",
            "array “graph”",
        ),
        ("DELETE FROM feature_part WHERE name = 'design'", "3 of 4 parts"),
        ("DELETE FROM feature_part", "0 of 4 parts"),
    ],
)
def test_features_that_were_damaged_are_not_used(database: Database, looking: Pool, damage: str, named: str) -> None:
    set_id = store(database, looking)
    with database.write() as session:
        session.execute(text(damage))

    with database.read() as session, pytest.raises(FeaturesDamaged, match=named) as raised:
        features.read(session, set_id)
    assert f"inkling pool prepare {looking.slug} --again" in str(raised.value)


def test_a_set_counts_once_it_is_whole(database: Database, looking: Pool) -> None:
    with database.write() as session:
        set_id = features.begin(session, looking, 60, now=NOW)
        for part in features.split_parts(FEATURES):
            features.add_part(session, set_id, part)
        assert features.find_ready(session, looking) is None
        assert features.count_due(session, looking) == 60
        features.finish(session, looking, set_id, version=1, n_parts=4, prepare_ms=9.0, now=LATER)
        assert features.find_ready(session, looking) == set_id
        assert features.count_due(session, looking) is None


def test_a_pool_is_looked_at_by_one_process_at_a_time(database: Database, looking: Pool) -> None:
    with database.write() as session:
        first = features.begin(session, looking, 60, now=NOW)
        features.add_part(session, first, next(features.split_parts(FEATURES)))
        features.record_step(session, looking, first, "seeing", 0.5, now=NOW + dt.timedelta(seconds=10))
    with pytest.raises(PreparationUnderWay, match=looking.slug), database.write() as session:
        features.begin(session, looking, 60, now=NOW + dt.timedelta(seconds=20))

    with database.write() as session:  # it has said nothing for long
        second = features.begin(session, looking, 60, now=NOW + dt.timedelta(seconds=30))
        assert second > first

    acts: list[Callable[[Session], None]] = [
        lambda session: features.add_part(session, first, next(features.split_parts(FEATURES))),
        lambda session: features.record_step(session, looking, first, "seeing", 0.5, now=NOW),
        lambda session: features.finish(session, looking, first, version=1, n_parts=1, prepare_ms=1.0, now=LATER),
    ]
    for late in acts:
        with pytest.raises(PreparationSuperseded), database.write() as session:
            late(session)
    with database.read() as session:
        assert session.scalar(text("SELECT count(*) FROM feature_part")) == 0


def test_how_far_it_is_and_how_long_it_still_takes(database: Database, looking: Pool) -> None:
    with database.write() as session:
        before = features.find_preparation(session, looking, now=NOW)
        set_id = features.begin(session, looking, 60, now=NOW)
        begun = features.find_preparation(session, looking, now=NOW)
        features.record_step(session, looking, set_id, "finding which images are alike", 0.25, now=LATER)
        later = features.find_preparation(session, looking, now=LATER)

    assert begun is not None
    assert before == begun == features.Preparation(60, 60, "", 0.0, None)
    assert later == features.Preparation(60, 60, "finding which images are alike", 0.25, 6.0)
    with database.write() as session:  # its process was killed: nothing is said to be under way
        silent = features.find_preparation(session, looking, now=NOW + dt.timedelta(seconds=60))
        features.record_failure(session, looking, set_id, "MemoryError: too large")
        failed = features.find_preparation(session, looking, now=LATER)
    assert silent == begun
    assert failed == replace(begun, step="this failed (MemoryError: too large); it is tried again")
    store(database, looking)
    with database.read() as session:
        assert features.find_preparation(session, looking, now=LATER) is None


def test_features_of_another_recipe_are_not_used(database: Database, looking: Pool) -> None:
    store(database, looking, replace(FEATURES, version=2))
    with database.read() as session:
        assert features.find_ready(session, looking) is None
        assert features.count_due(session, looking) == 60


def test_a_large_pool_is_looked_at_by_a_sample_first(
    database: Database, looking: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(features, "SAMPLED_FROM", 50)
    monkeypatch.setattr(features, "SAMPLE_SIZE", 20)
    with database.read() as session:
        assert features.count_due(session, looking) == 20
    store(database, looking, n_images=20)
    with database.read() as session:
        assert features.count_due(session, looking) == 60
    store(database, looking)
    with database.read() as session:
        assert features.count_due(session, looking) is None

    sample = features.draw_sample(60, 20)
    assert sample is not None and len(set(sample.tolist())) == 20 and (np.diff(sample) > 0).all()
    assert features.draw_sample(60, 60) is None


def test_the_papers_learner_looks_at_nothing(database: Database, pool: Pool) -> None:
    with database.read() as session:
        assert features.count_due(session, pool) is None
        assert features.find_preparation(session, pool, now=NOW) is None
        assert features.find_ready(session, pool) is None
