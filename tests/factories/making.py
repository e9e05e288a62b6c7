"""Pools, rounds and people, and the data that they are made of. Time starts at NOW."""

import datetime as dt
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from app import datasets, labeling, rounds, training_status
from app.datasets import DataSet
from app.datasets.splits import Splits, split
from app.db import Database
from app.learning.learner import LabeledImages
from app.learning.learners import make_learner
from app.learning.names import PAPERS, LearnerName, Strategy
from app.models import Annotator, Pool, Role, Round, TrainerState
from app.pools import PoolSpec, make_pool
from app.rounds import Outcome, TrainingSet
from app.settings import Settings
from app.trainer import Trainer
from app.training_process import TrainingProcess
from app.training_status import Training

NOW = dt.datetime(2026, 3, 4, 5, 6, 7, tzinfo=dt.UTC)
LEASE_SECONDS = 600
CLASSES = tuple("0123456789")


def after(seconds: float) -> dt.datetime:
    """So many seconds behind NOW."""
    return NOW + dt.timedelta(seconds=seconds)


def make_images(
    n_images: int, *, height: int = 4, width: int = 4, n_classes: int = 10, seed: int = 0
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Images uint8 (n, height, width) that a model can learn, but not at once, and their classes (n,)."""
    patterns = np.random.default_rng(7).integers(0, 256, (n_classes, height, width))
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, n_classes, n_images)
    noise = rng.integers(-120, 121, (n_images, height, width))
    return np.clip(patterns[truth] + noise, 0, 255).astype(np.uint8), truth.astype(np.int64)


def make_data_set(
    *,
    n_train: int = 60,
    n_test: int = 50,
    height: int = 4,
    width: int = 4,
    classes: Sequence[str] = CLASSES,
    name: str = "patterns",
    seed: int = 0,
) -> DataSet:
    """A data set of noisy patterns, one pattern a class."""
    size: dict[str, int] = {"height": height, "width": width, "n_classes": len(classes)}
    return DataSet(
        name=name,
        description=f"{n_train + n_test} noisy patterns",
        sha256="0" * 64,
        classes=tuple(classes),
        train=LabeledImages(*make_images(n_train, seed=seed, **size)),
        test=LabeledImages(*make_images(n_test, seed=seed + 1, **size)),
    )


def in_colour(grey: DataSet) -> DataSet:
    """The same data set in red, green and blue, which differ."""

    def paint(images: LabeledImages) -> LabeledImages:
        return replace(images, images=np.stack([images.images, 255 - images.images, images.images // 2], axis=3))

    return replace(grey, train=paint(grey.train), test=paint(grey.test))


def make_splits(data: DataSet, *, n_validation: int = 20) -> Splits:
    """All training images as the pool."""
    return split(data, pool_start=0, pool_size=len(data.train.images), validation_size=n_validation)


def make_spec(
    *,
    slug: str = "patterns",
    name: str = "Patterns",
    start: int = 0,
    size: int = 60,
    validation_size: int = 20,
    strategy: Strategy = "least_confidence",
    batch_size: int = 10,
    queue_size: int = 40,
    learner: LearnerName = PAPERS,
) -> PoolSpec:
    """What a pool is to be: all training images of a data set as tests make it."""
    return PoolSpec(slug, name, start, size, validation_size, strategy, batch_size, queue_size, learner)


def add_pool(
    database: Database,
    *,
    slug: str = "patterns",
    name: str = "Patterns",
    n_images: int = 60,
    n_validation: int = 20,
    n_test: int = 30,
    height: int = 4,
    width: int = 4,
    classes: Sequence[str] = CLASSES,
    learner: LearnerName = PAPERS,
    strategy: Strategy = "least_confidence",
    batch_size: int = 10,
    queue_size: int = 40,
    seed: int = 0,
    now: dt.datetime = NOW,
) -> Pool:
    """A pool with its images and round 0."""
    data = make_data_set(
        n_train=n_images, n_test=n_validation + n_test, height=height, width=width, classes=classes, seed=seed
    )
    spec = make_spec(
        slug=slug,
        name=name,
        size=n_images,
        validation_size=n_validation,
        strategy=strategy,
        batch_size=batch_size,
        queue_size=queue_size,
        learner=learner,
    )
    with database.write() as session:
        return make_pool(session, data, spec, now=now)


def add_annotator(
    database: Database, name: str = "ada", *, role: Role = "annotator", now: dt.datetime = NOW
) -> Annotator:
    """Somebody who answers."""
    with database.write() as session:
        return labeling.ensure_annotator(session, name, role=role, now=now)


def make_outcome(
    ranking: Sequence[int] = (), *, confidence: float = 0.5, prediction: int = 0, state: bytes | None = None
) -> Outcome:
    """What a training may have brought: these image ids at the head of the ranking."""
    return Outcome(
        state=make_learner(PAPERS, 10, (4, 4)).initial() if state is None else state,
        steps=11,
        validation_correct=5,
        validation_total=20,
        test_correct=None,
        test_total=30,
        tested_on="test",
        n_images=60,
        n_classes=10,
        fit_ms=1.5,
        rank_ms=0.5,
        ranking=np.array(ranking, np.int64),
        confidence=np.full(len(ranking), confidence, np.float32),
        prediction=np.full(len(ranking), prediction, np.int64),
        numerics="made by a test",
    )


def add_round(
    database: Database,
    pool: Pool,
    ranking: Sequence[int] = (),
    *,
    confidence: float = 0.5,
    prediction: int = 0,
    training: TrainingSet | None = None,
    now: dt.datetime = NOW,
) -> Round:
    """The next round as a trainer would store it, without training."""
    with database.write() as session:
        previous = rounds.get_newest_round(session, pool)
        training = training or rounds.read_training_set(session, pool)
        outcome = make_outcome(ranking, confidence=confidence, prediction=prediction)
        assert rounds.store(session, previous, training, outcome, now=now)
        return rounds.get_newest_round(session, pool)


def add_trainer(database: Database, *, state: TrainerState = "ready", pid: int = 4711, now: dt.datetime = NOW) -> int:
    """What a training process that is alive says of itself; its id."""
    with database.write() as session:
        trainer_id = training_status.enter_trainer(session, pid, now=now)
        training_status.record_state(session, trainer_id, state, now=now)
    return trainer_id


def training_of(database: Database, pool: Pool) -> Training:
    """What is told of a pool's training while a trainer is ready."""
    with database.read() as session:
        is_there = training_status.is_ready(session, now=NOW)
    if not is_there:
        add_trainer(database)
    with database.read() as session:
        return training_status.read_training(session, pool, is_supervised=False, now=NOW)


@contextmanager
def running_training(settings: Settings) -> Iterator[TrainingProcess]:
    """What the trainer's process does, in a thread, on a database connection of its own."""
    database = Database(settings.database_url)
    training = TrainingProcess(
        database, settings.model_copy(update={"retry_seconds": 0.01}), partial(datasets.load, settings)
    )
    thread = threading.Thread(target=training.run)
    thread.start()
    try:
        yield training
    finally:
        training.stop()
        thread.join()
        database.close()


def make_trainer(database: Database, *, retry_seconds: float = 0.0) -> Trainer:
    """A trainer that no thread runs: tests call `run_one`."""
    return Trainer(database, retry_seconds=retry_seconds)
