"""Trains the models to take away: reads what a pool knows, computes outside any transaction, stores it whole."""

import datetime as dt
import logging
import time
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import select
from sqlalchemy.orm import Session

from app import features, rounds, trained_models
from app.db import Database, Write
from app.errors import AppError, NothingToLearn
from app.learning import network
from app.learning.learner import OnStep, ignore_step
from app.learning.names import PREPARING
from app.learning.network import LEFT_OUT, Targets
from app.loops import BackgroundLoop
from app.merges import apply_map, read_merges
from app.models import Image, Label, LabelEvent, Pool
from app.pools import get_pool, read_arrays
from app.trained_models import ClaimedModel
from app.training import PreparedPool, prepare, read_features

logger = logging.getLogger(__name__)

BEAT_SECONDS = 1.0  # how often progress is stored, and a stop noticed
NETWORK_FROM, NETWORK_TO = 0.05, 0.95  # the share of the time that the network takes; the rest reads and counts


class TrainingStopped(Exception):
    """Raised inside a training whose model was stopped, or is being trained elsewhere."""


@dataclass(frozen=True, slots=True)
class KnownLabels:
    """The n labels of people and the oracle, and the m labels of models that stand beside them.

    `round` is the number of the newest round.
    """

    positions: NDArray[np.int64]
    values: NDArray[np.int64]
    is_oracles: NDArray[np.bool_]
    by_chance: NDArray[np.bool_]
    models_positions: NDArray[np.int64]
    models_values: NDArray[np.int64]
    last_event_id: int
    round: int

    def hold_out(self, *, seed: int) -> NDArray[np.bool_]:
        """Which labels (n,) the training leaves out to count right answers on: those asked by chance, half at most.

        Of a single label that is none.
        """
        chosen = np.random.default_rng(seed).permutation(np.flatnonzero(self.by_chance))
        is_held_out = np.zeros(len(self.positions), np.bool_)
        is_held_out[chosen[: len(self.positions) // 2]] = True
        return is_held_out


def find_model_to_train(database: Database) -> str | None:
    """The slug of the pool whose model is the next one to train."""
    with database.read() as session:
        pool = trained_models.find_waiting(session, now=_now())
    return pool.slug if pool else None


def run_queued_model(database: Database, write: Write, slug: str) -> bool:
    """Train the pool's first model in the queue; return whether there was one. Failures are stored with the model.

    Raises:
        NotFound: there is no such pool.
    """
    with database.read() as session:
        pool = get_pool(session, slug)
    claimed = write(lambda session: trained_models.claim_next(session, pool, now=_now()))
    if claimed is not None:
        run_claimed(database, write, pool, claimed)
    return claimed is not None


def run_claimed(
    database: Database, write: Write, pool: Pool, claimed: ClaimedModel, on_step: OnStep = ignore_step
) -> None:
    """Train a model. However it ends, that is stored, unless it was stopped or begun again elsewhere meanwhile.

    An `Exception`, one of `on_step` too, is stored as the failure of the model and goes no further. Anything else, such
    as Ctrl-C, stops the model and is raised again.
    """
    started = time.perf_counter()
    beat = _Beat(write, claimed, on_step)
    beat.start()
    try:
        ended = _compute(database, pool, claimed.seed, beat.tell)
    except TrainingStopped:
        ended = {"status": "stopped"}  # as is stored already
    except AppError as error:
        ended = {"status": "failed", "error": error.message}
    except Exception as error:  # a job's boundary
        logger.exception("%s: training model %d failed", pool.slug, claimed.id)
        ended = {"status": "failed", "error": f"{type(error).__name__}: {error}"[:1000]}
    except BaseException:
        _finish(write, claimed, status="stopped", error=None)
        raise
    finally:
        beat.stop()
    is_stored = _finish(write, claimed, **ended, train_ms=(time.perf_counter() - started) * 1000)
    how = ended["status"] if is_stored else "stopped, or trained elsewhere: what was computed here is dropped"
    logger.info("%s: model %d is %s", pool.slug, claimed.id, how)


def _compute(database: Database, pool: Pool, seed: int, on_step: OnStep) -> dict[str, Any]:
    """The columns of a model that is done."""
    on_step("loading TensorFlow", 0.0)
    network.warm_up()  # before the learner, which may turn off what makes it quick
    on_step("reading the labels", 0.02)
    with database.read() as session:
        labels = read_labels(session, pool)
        prepared = _prepare(session, pool)
    has_test = len(prepared.arrays.test) > 0
    is_held_out = np.zeros(len(labels.positions), np.bool_) if has_test else labels.hold_out(seed=seed)
    targets = _find_targets(prepared, labels, is_held_out)

    def tell(step: str, share: float) -> None:
        on_step(step, NETWORK_FROM + share * (NETWORK_TO - NETWORK_FROM))

    images = prepared.arrays.images
    content = network.train(images, targets, len(pool.classes), seed=seed, on_step=tell)
    on_step("counting right answers", NETWORK_TO)
    predictions = apply_map(prepared.class_map, network.predict(content, images).argmax(axis=1))
    return {
        "status": "done",
        "step": "",
        "share": 1.0,
        "round": labels.round,
        "last_event_id": labels.last_event_id,
        **_count_labels(labels, targets, is_held_out),
        **_count_right(prepared, labels, is_held_out, content, predictions),
        "content": content,
        "predictions": predictions.astype("<u2").tobytes(),
        "numerics": network.numerics(),
        "error": None,
    }


def _count_labels(labels: KnownLabels, targets: Targets, is_held_out: NDArray[np.bool_]) -> dict[str, int]:
    """How many images it was trained on, by who gave their labels."""
    n_given, n_oracle = int(targets.is_given.sum()), int((labels.is_oracles & ~is_held_out).sum())
    n_machine = int(((targets.classes != LEFT_OUT) & ~targets.is_given).sum())
    return {"n_human": n_given - n_oracle, "n_oracle": n_oracle, "n_machine": n_machine}


def _count_right(
    prepared: PreparedPool,
    labels: KnownLabels,
    is_held_out: NDArray[np.bool_],
    content: bytes,
    predictions: NDArray[np.int64],
) -> dict[str, Any]:
    """Right answers on the test images, or on what is held out (n,). `predictions` (N,) are those for the pool."""
    test = prepared.arrays.test
    if len(test):
        tested_on, truth = "test", test.truth
        found = apply_map(prepared.class_map, network.predict(content, test.images).argmax(axis=1))
    else:
        tested_on, truth = "chance", labels.values[is_held_out]
        found = predictions[labels.positions[is_held_out]]
    if not len(truth):
        return {"tested_on": None, "correct": None, "total": None}
    return {"tested_on": tested_on, "correct": int((found == truth).sum()), "total": len(truth)}


def read_labels(session: Session, pool: Pool) -> KnownLabels:
    """The labels that stand, in the order in which learners train on them.

    Raises:
        NothingToLearn: nobody has labeled an image.
    """
    training = rounds.read_training_set(session, pool, hold_out=False)
    if not len(training.positions):
        trained_models.check_labeled(session, pool)
    rows = session.execute(
        select(Image.position, Label.value, Label.source, LabelEvent.asked_by)
        .join(LabelEvent, LabelEvent.id == Label.event_id)
        .join(Image, Image.id == Label.image_id)
        .where(Label.pool_id == pool.id)
    ).all()
    about = {position: (source, asked_by) for position, _, source, asked_by in rows}
    given = [about[position] for position in training.positions.tolist()]
    class_map = read_merges(session, pool).as_map(len(pool.classes))  # some labels may not have followed yet
    by_models = np.array([(row[0], row[1]) for row in rows if row[2] == "model"], np.int64).reshape(-1, 2)  # (m, 2)
    return KnownLabels(
        positions=training.positions,
        values=apply_map(class_map, training.values),
        is_oracles=np.array([source == "oracle" for source, _ in given], np.bool_),
        by_chance=np.array([asked_by == "chance" for _, asked_by in given], np.bool_),
        models_positions=by_models[:, 0],
        models_values=apply_map(class_map, by_models[:, 1]),
        last_event_id=training.last_event_id,
        round=rounds.get_newest(session, pool).number,
    )


def _prepare(session: Session, pool: Pool) -> PreparedPool:
    set_id = features.find_ready(session, pool)
    if set_id is None and pool.learner in PREPARING:
        raise NothingToLearn(
            f"The learner of {pool.name} has not looked at the images yet.", hint=f"`inkling pool prepare {pool.slug}`"
        )
    arrays, known = read_arrays(session, pool), read_features(session, set_id)
    return prepare(pool, arrays, known, feature_set_id=set_id, merges=read_merges(session, pool))


def _find_targets(prepared: PreparedPool, labels: KnownLabels, is_held_out: NDArray[np.bool_]) -> Targets:
    """The class of each image of the pool: as given, or else as the pool's learner predicts.

    The learner is fitted anew on what is not held out, so that nothing of that is in its predictions.
    """
    learner, pool = prepared.learner, prepared.images
    n_images = len(pool.images)
    positions, values = labels.positions[~is_held_out], labels.values[~is_held_out]
    state = learner.fit(learner.initial(), pool, positions, values, prepared.validation).state
    probabilities = learner.predict(state, pool, np.arange(n_images))  # (N, K)
    classes, confidence = apply_map(prepared.class_map, probabilities.argmax(axis=1)), probabilities.max(axis=1)
    classes[labels.models_positions], confidence[labels.models_positions] = labels.models_values, 1
    classes[positions] = values
    classes[labels.positions[is_held_out]] = LEFT_OUT
    is_given = np.zeros(n_images, np.bool_)
    is_given[positions] = True
    return Targets(classes, is_given, confidence)


class _Beat:
    """Stores how far a training is, and hears whether it was stopped: in a thread, for some steps take seconds."""

    def __init__(self, write: Write, claimed: ClaimedModel, on_step: OnStep) -> None:
        self._write, self._claimed, self._on_step = write, claimed, on_step
        self._told = ("", 0.0)
        self._is_stopped = False
        self._loop = BackgroundLoop("model", self._beat, poll_seconds=BEAT_SECONDS)

    def start(self) -> None:
        self._loop.start()

    def stop(self) -> None:
        self._loop.stop()

    def tell(self, step: str, share: float) -> None:
        """
        Raises:
            TrainingStopped
        """
        if self._is_stopped:
            raise TrainingStopped
        self._told = (step, share)
        self._on_step(step, share)

    def _beat(self) -> bool:
        step, share = self._told
        progress = {"step": step, "share": share, "heartbeat_at": _now()}
        if not self._write(lambda session: trained_models.update_claimed(session, self._claimed, **progress)):
            self._is_stopped = True
        return False


def _finish(write: Write, claimed: ClaimedModel, **values: Any) -> bool:
    """Store how a training ended; False if it was stopped, or begun again elsewhere."""
    return write(lambda session: trained_models.update_claimed(session, claimed, **values, finished_at=_now()))


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)
