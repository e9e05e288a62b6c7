"""Compute every round again from its events, and compare it bit for bit with what is stored.

A round that was computed under other numerics (see `Learner.numerics`) may differ in its last bits, and training
amplifies them. Such a round is evaluated instead: its labels, and how its stored model does here.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from sqlalchemy import bindparam, func, select
from sqlalchemy.orm import Session, undefer

from app import events, opinions
from app.db import Database
from app.differences import Difference, first_difference
from app.errors import FeaturesDamaged
from app.events import EVENTS, LabelEventView
from app.labels import Fold
from app.learning.learner import count_right_untrained
from app.learning.learners import make_learner
from app.learning.names import PREPARING
from app.merges import read_merges
from app.models import LabelEvent, Pool, RankedImage, Round
from app.pools import PoolArrays, order_first, read_arrays
from app.rounds import Outcome, TrainingSet
from app.standing import compare_standing
from app.training import PreparedPool, go_on_from, prepare, read_features, train

_RANKED = (
    select(RankedImage.image_id, RankedImage.confidence, RankedImage.prediction)
    .where(RankedImage.round_id == bindparam("round_id"))
    .order_by(RankedImage.rank)
)
NO_RANK = 1 << 62  # behind every rank: an image from beyond the stored head

# The same weights under other numerics: a probability moves by some millionths, an image changes sides only at a tie.
MAX_CONFIDENCE_GAP = 1e-3
MAX_ACCURACY_GAP = 0.005  # or one image


@dataclass(frozen=True, slots=True)
class Verdict:
    """The result for a pool: the first difference, if any, and how many rounds were computed under other numerics.

    The gaps are the largest ones between the stored values of those rounds and what their stored models give here: in
    accuracy as a share of the images, and in confidence.
    """

    difference: Difference | None = None
    n_rounds: int = 0
    n_other: int = 0
    accuracy_gap: float = 0.0
    confidence_gap: float = 0.0


@dataclass(frozen=True, slots=True)
class _RoundVerdict:
    """One round: the state that the next one starts from, and a difference or, under other numerics, the gaps."""

    state: bytes
    difference: Difference | None = None
    gaps: tuple[float, float] | None = None


def verify_pool(database: Database, pool: Pool, on_round: Callable[[int, int], None]) -> Verdict:
    """Verify a pool. `on_round` is called with the number of each verified round and of the last one.

    Each round is computed from the state computed before it, so one damaged round is not hidden by the next.
    """
    with database.read() as session:
        arrays = read_arrays(session, pool)
        history = _read_events(session, pool)
        if (difference := compare_standing(session, pool, history)) is not None:
            return Verdict(difference)
        last = session.scalar(select(func.max(Round.number)).where(Round.pool_id == pool.id)) or 0
    rounds = _Rounds(pool, arrays, _History(history))
    state = b""
    gaps = []
    for number in range(last + 1):
        with database.read() as session:
            try:
                verified = rounds.verify(session, number, state)
            except FeaturesDamaged as error:
                return Verdict(
                    Difference(f"{pool.slug}, round {number}, the features", error.message, "what was stored")
                )
        if verified.difference is not None:
            return Verdict(verified.difference)
        state = verified.state
        gaps += [verified.gaps] if verified.gaps else []
        on_round(number, last)
    accuracy_gap, confidence_gap = map(max, zip(*gaps, strict=True)) if gaps else (0.0, 0.0)
    return Verdict(None, last + 1, len(gaps), accuracy_gap, confidence_gap)


class _History:
    """The events of a pool, folded up to the last one that a round saw; the next round goes on from there."""

    def __init__(self, history: Sequence[LabelEventView]) -> None:
        self._events = history
        self._fold = Fold()
        self._n_folded = 0

    def training_set(self, last_event_id: int, *, hold_out: bool) -> TrainingSet:
        """The labels after that event, from the events alone, in the order of training."""
        n_seen = bisect_right(self._events, last_event_id, key=lambda event: event.id)
        if n_seen < self._n_folded:  # only a damaged round saw less than the one before it
            self._fold, self._n_folded = Fold(), 0
        for event in self._events[self._n_folded : n_seen]:
            self._fold.add(event)
        self._n_folded = n_seen
        rows = sorted(
            (event.round, NO_RANK if event.rank is None else event.rank, event.position, event.value, event.asked_by)
            for event in self._fold.labels.values()
            if event.value is not None and event.source != "model"
        )
        found = [(at, value, number > 0 and by == "chance") for number, _, at, value, by in rows]
        return TrainingSet.of(found, last_event_id, hold_out=hold_out)


class _Rounds:
    """Verifies the rounds of one pool, in their order."""

    def __init__(self, pool: Pool, arrays: PoolArrays, history: _History) -> None:
        self._pool, self._arrays, self._history = pool, arrays, history
        self._prepared: PreparedPool | None = None
        self._basis: tuple[int | None, int, int, int, int] | None = None
        self._n_classes = self._last_merge_id = 0  # of the round that was verified last

    def verify(self, session: Session, number: int, state: bytes) -> _RoundVerdict:
        """Round `number`, computed from the state before it."""
        pool = self._pool
        place = f"{pool.slug}, round {number}"
        stored = session.scalar(
            select(Round).where(Round.pool_id == pool.id, Round.number == number).options(undefer(Round.state))
        )
        if stored is None:
            return _RoundVerdict(state, Difference(place, "nothing", "a round"))
        if number == 0:
            self._n_classes = stored.n_classes
            initial = make_learner(pool.learner, stored.n_classes, pool.image_shape).initial()
            return _RoundVerdict(initial, first_difference(self._round_0(session, place, stored, initial)))
        prepared = self._take(session, stored)
        version = PREPARING.get(pool.learner, 0)
        if prepared.images.features.version != version:
            made = Difference(f"{place}, version of the features", str(prepared.images.features.version), str(version))
            return _RoundVerdict(state, made)
        training = self._history.training_set(stored.last_event_id, hold_out=stored.tested_on != "test")
        model_id = stored.trained_model_id
        opinion = None if model_id is None else opinions.read_opinion(session, pool, model_id)
        state = go_on_from(prepared, state, self._n_classes, self._last_merge_id)
        self._n_classes, self._last_merge_id = prepared.n_classes, prepared.last_merge_id
        outcome = train(prepared, state, training, opinion, number=number)
        after = outcome.state
        pairs = [*_facts(place, stored, training, outcome), *_ranks(session, place, stored, outcome)]
        if stored.test_correct is not None:  # else it is still being counted
            n_right = outcome.test_correct
            if n_right is None:
                n_right = prepared.count_right_on_test(after)
            pairs.append((f"{place}, right on test", stored.test_correct, n_right))
        difference = first_difference(pairs)
        if difference is None or stored.numerics == outcome.numerics:
            return _RoundVerdict(after, difference)
        return self._measure(session, place, stored, training, prepared)

    def _round_0(
        self, session: Session, place: str, stored: Round, initial: bytes
    ) -> Iterator[tuple[str, object, object]]:
        """The untrained model, which ranks by position or by chance and knows no confidence."""
        pool, arrays = self._pool, self._arrays.head(stored.n_images, stored.test_total)
        yield f"{place}, the model's state", stored.state, initial
        yield f"{place}, how it asks", stored.asked_by, "chance" if pool.learner in PREPARING else "strategy"
        yield f"{place}, labels", stored.n_labels, 0
        right = count_right_untrained(arrays.validation) if len(arrays.validation) else None
        yield f"{place}, right on validation", stored.validation_correct, right
        yield f"{place}, right on test", stored.test_correct, count_right_untrained(arrays.test)
        found = [tuple(row) for row in session.execute(_RANKED, {"round_id": stored.id})]
        computed = [
            (image_id, None, None) for image_id in arrays.image_ids[order_first(pool, stored.n_images)].tolist()
        ]
        yield f"{place}, length of the ranking", len(found), len(computed)
        for rank, pair in enumerate(zip(found, computed, strict=False)):
            yield f"{place}, rank {rank} (image, confidence, prediction)", *pair

    def _take(self, session: Session, stored: Round) -> PreparedPool:
        """The pool as a round knew it, with the features that the round was computed from.

        Raises:
            FeaturesDamaged
        """
        n_test = stored.test_total if stored.tested_on == "test" else 0
        basis = (stored.feature_set_id, stored.n_images, stored.n_classes, n_test, stored.last_merge_id)
        if self._prepared is None or basis != self._basis:
            set_id, n_images, n_classes, _, last_merge_id = self._basis = basis
            arrays, known = self._arrays.head(n_images, n_test), read_features(session, set_id)
            merges = read_merges(session, self._pool, until=last_merge_id)
            self._prepared = prepare(
                self._pool, arrays, known, feature_set_id=set_id, n_classes=n_classes, merges=merges
            )
        return self._prepared

    def _measure(
        self, session: Session, place: str, stored: Round, training: TrainingSet, prepared: PreparedPool
    ) -> _RoundVerdict:
        """A round under other numerics: its labels, and the stored results of its model beside the ones here."""
        state = stored.state
        try:
            confidence_gap = _measure_confidences(session, stored, prepared)
        except ValueError as error:
            return _RoundVerdict(state, Difference(f"{place}, the model's state", str(error), "a state"))
        difference = first_difference([(f"{place}, labels", stored.n_labels, len(training))])
        accuracy_gap = 0.0
        for name, correct, total in (
            ("validation", stored.validation_correct, stored.validation_total),
            ("test", stored.test_correct, stored.test_total),
        ):
            if correct is None or total == 0:
                continue
            of_test = name == "test"
            found = prepared.count_right_on_test(state) if of_test else prepared.count_right(state, prepared.validation)
            accuracy_gap = max(accuracy_gap, abs(found - correct) / total)
            if abs(found - correct) > max(1, MAX_ACCURACY_GAP * total):
                difference = difference or Difference(f"{place}, right on {name}", str(correct), str(found))
        if confidence_gap > MAX_CONFIDENCE_GAP:
            computed = f"others, by up to {confidence_gap:.3f}"
            difference = difference or Difference(f"{place}, the ranking's confidences", "a ranking", computed)
        return _RoundVerdict(state, difference, (accuracy_gap, confidence_gap))


def _measure_confidences(session: Session, stored: Round, prepared: PreparedPool) -> float:
    """The largest gap between a confidence of the stored ranking and the one computed here.

    Raises:
        ValueError: the stored bytes are no state of this learner.
    """
    if not stored.n_labels:
        return 0.0  # it knew no confidence
    ranked = {row[0]: row[1] for row in session.execute(_RANKED, {"round_id": stored.id})}
    rows = np.flatnonzero(np.isin(prepared.arrays.image_ids, list(ranked)))
    here = prepared.learner.predict(stored.state, prepared.images, rows).max(axis=1)  # (n, K) -> (n,)
    there = np.array([ranked[image_id] for image_id in prepared.arrays.image_ids[rows].tolist()], np.float32)
    is_whole = len(rows) == len(ranked) and not np.isnan(there).any()
    return float(np.abs(here - there).max(initial=0.0)) if is_whole else 1.0


def _read_events(session: Session, pool: Pool) -> list[LabelEventView]:
    return events.read(session.execute(EVENTS.where(LabelEvent.pool_id == pool.id).order_by(LabelEvent.id)))


def _facts(place: str, stored: Round, training: TrainingSet, outcome: Outcome) -> Iterable[tuple[str, object, object]]:
    yield f"{place}, how it asks", stored.asked_by, "strategy"
    yield f"{place}, labels", stored.n_labels, len(training)
    yield f"{place}, the newest merge of classes", stored.last_merge_id, outcome.last_merge_id
    yield f"{place}, steps", stored.steps, outcome.steps
    yield f"{place}, right on validation", stored.validation_correct, outcome.validation_correct
    yield f"{place}, validation images", stored.validation_total, outcome.validation_total
    yield f"{place}, test images", stored.test_total, outcome.test_total
    yield f"{place}, the model's state", stored.state, outcome.state


def _ranks(session: Session, place: str, stored: Round, outcome: Outcome) -> Iterable[tuple[str, object, object]]:
    found = [tuple(row) for row in session.execute(_RANKED, {"round_id": stored.id})]
    computed = outcome.ranked()
    yield f"{place}, length of the ranking", len(found), len(computed)
    for rank, pair in enumerate(zip(found, computed, strict=False)):
        yield f"{place}, rank {rank} (image, confidence, prediction)", *pair
