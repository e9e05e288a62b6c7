"""The learner that knows the pool before it asks: it looks at all images first, and then needs few answers.

N images of a pool, m of them covered by its features, n labeled, D features, K classes.

`prepare` finds out which images are alike (graph_pool.py, graph_features.py); `fit` is a regression on that
(graph_model.py); `choose` asks the images that say most of all others, and later those on which the model is unsure as
well (graph_ridge.py). No call depends on another: all that changes with the labels is computed from the labels.
"""

import platform
from functools import cache

import numpy as np
from numpy.typing import NDArray

from app.learning import graph_model, graph_ridge, graph_threads, strategies
from app.learning.graph_pool import Pool, embed_others, prepare
from app.learning.graph_state import State
from app.learning.learner import (
    Classes,
    Features,
    Fit,
    Float32,
    Images,
    LabeledImages,
    OnStep,
    PoolImages,
    Positions,
    TrainingDiverged,
    ignore_step,
)
from app.learning.names import Strategy
from app.learning.strategies import Batch

TEMPERATURE = 8.0
CHECKED_BELOW, MOST_SUSPECTS, CHECKS = 3, 4, 2  # answers a class; answers that look wrong; images asked for each


class GraphLearner:
    """Inkling's own learner for K classes and images of any size. It keeps no state between calls."""

    def __init__(self, n_classes: int, image_shape: tuple[int, ...]) -> None:
        self._n_classes = n_classes
        self._shape = image_shape
        # The first answers find the classes; until then the classes known so far say little of the images.
        self._n_design = max(10, -(-n_classes // 10) * 10)

    def warm_up(self) -> None:
        """Import SciPy and scikit-learn: a second or two."""
        graph_threads.libraries()

    def numerics(self) -> str:
        """NumPy, its linear algebra, and the processor; the number of threads changes no bit."""
        return _numerics()

    def prepare(
        self, images: Images, *, seed: int = 0, sample: Positions | None = None, on_step: OnStep = ignore_step
    ) -> Features:
        """The features of the images, how to find those of others, and the first images to ask."""
        covered = np.arange(len(images)) if sample is None else sample
        return prepare(images, covered, seed=seed, n_design=self._n_design, on_step=on_step)

    def embed(self, pool: PoolImages, images: Images) -> Features:
        """Their features, from their neighbours in the pool."""
        with graph_threads.alone():
            return embed_others(Pool.of(pool), images)

    def initial(self) -> bytes:
        """The state without a label."""
        return State.empty(self._n_classes).to_bytes()

    def fit(
        self, state: bytes, pool: PoolImages, positions: Positions, values: Classes, validation: LabeledImages
    ) -> Fit:
        """Regression on all labels, in one step; nothing of the old state is used. Their order does not matter."""
        self._read(state)
        known = Pool.of(pool)
        order = np.argsort(positions)
        positions, values = positions[order], values[order]
        with graph_threads.alone():
            found = graph_model.fit(known.rows(positions), known.n_look, values, self._n_classes)
            if not all(np.isfinite(weights).all() for weights in found):
                raise TrainingDiverged(f"the fit on {len(positions)} labels ended in NaN or infinity")
            after = State(self._n_classes, positions, values, *found)
            if not len(validation):
                return Fit(after.to_bytes(), 1, None)
            answers = self._scores(after, known, self._rows_of_others(known, validation)).argmax(axis=1)
        return Fit(after.to_bytes(), 1, int((answers == validation.truth).sum()))

    def predict(self, state: bytes, pool: PoolImages, positions: Positions) -> Float32:
        """Class shares (n, K): they tell which class is likelier, but are not calibrated.

        Classes that nobody answered yet come last. Images that the features do not cover are looked at on the spot.
        """
        read, known = self._read(state), Pool.of(pool)
        with graph_threads.alone():
            return _share(self._scores(read, known, known.rows(positions)))

    def predict_others(self, state: bytes, pool: PoolImages, others: LabeledImages) -> Float32:
        """Class shares (M, K) as `predict` gives; quick if the images bring what `embed` made of them."""
        read, known = self._read(state), Pool.of(pool)
        with graph_threads.alone():
            return _share(self._scores(read, known, self._rows_of_others(known, others)))

    def choose(
        self,
        state: bytes,
        pool: PoolImages,
        labeled: Positions,
        *,
        strategy: Strategy,
        count: int,
        seed: tuple[int, ...],
        second_opinion: Classes | None = None,
    ) -> Batch:
        """The images without a label that say most of the others; never one that the features do not cover.

        The first max(10, K) answers make a V-optimal design, which needs no labels. After them, an image's doubt is
        (1 - margin)^2, or 1 where the second opinion is another class, and counts times its variance. The strategy
        `random` asks at random; for all others this learner's own rule takes its place. The lowest score is minus the
        highest value.
        """
        read, known, labeled = self._read(state), Pool.of(pool), np.unique(labeled)
        rest = np.setdiff1d(known.covered, labeled, assume_unique=True)
        with graph_threads.alone():
            if strategy == "random":
                chances = strategies.score(np.empty((len(rest), 0), np.float32), strategy, positions=rest, seed=seed)
                first = strategies.head(chances, count)
                return self._tell(read, known, rest[first], chances[first])
            if len(labeled) < self._n_design:
                positions, values = known.design(labeled, rest, count)
            else:
                positions, values = self._rank(read, known, labeled, rest, count, second_opinion)
            return self._tell(read, known, positions[: max(count, 0)], -values[: max(count, 0)])

    def _rank(
        self, state: State, pool: Pool, labeled: Positions, rest: Positions, count: int, second_opinion: Classes | None
    ) -> tuple[Positions, Float32]:
        scores = self._scores(state, pool, pool.phi)[pool.row_of(rest)]  # (n, K)
        doubt = _doubt(scores)
        if second_opinion is not None:
            other = second_opinion[rest]
            doubt[(other >= 0) & (other != scores.argmax(axis=1))] = 1
        rows, values = graph_ridge.rank_unsure(pool.phi, pool.rows(labeled), doubt, pool.row_of(rest), max(count, 0))
        positions, checks = pool.covered[rows], self._find_checks(state, pool, rest)
        is_other = ~np.isin(positions, checks)
        return np.append(checks, positions[is_other]), np.append(np.ones(len(checks), np.float32), values[is_other])

    def _find_checks(self, state: State, pool: Pool, rest: Positions) -> Positions:
        """Images so near to an answer that looks wrong that they should have the same.

        With few answers each of them speaks for hundreds of images: one wrong among the first ten costs ten points.
        It gives itself away, for it makes a class appear in a second place while another class is missing. Where many
        answers look so, classes just have several places, and nothing is checked.
        """
        n_answers = np.bincount(state.values, minlength=self._n_classes)
        if not 0 < len(state.values) < CHECKED_BELOW * self._n_classes or n_answers.all():
            return rest[:0]
        is_suspect = graph_model.find_lonely(pool.rows(state.positions)) & (n_answers[state.values] > 1)
        if is_suspect.sum() > MOST_SUSPECTS:
            return rest[:0]
        return pool.find_near(state.positions[is_suspect], rest, CHECKS)

    def _tell(self, state: State, pool: Pool, positions: Positions, scores: NDArray[np.floating]) -> Batch:
        shares = _share(self._scores(state, pool, pool.rows(positions)))
        return Batch(positions, scores, strategies.confidence(shares), shares.argmax(axis=1))

    def _rows_of_others(self, pool: Pool, others: LabeledImages) -> Float32:
        features = others.features if others.features.arrays else embed_others(pool, others.images)
        return Pool.phi_of(features)

    def _scores(self, state: State, pool: Pool, phi: Float32) -> Float32:
        """About 1 for the class and 0 for others, (N, K); a class without an answer is below all that have one."""
        if not len(state.positions):
            return np.zeros((len(phi), self._n_classes), np.float32)
        anchors = state.positions[graph_model.pick_anchors(len(state.positions), self._n_classes)]
        looks = pool.rows(anchors)[:, -pool.n_look :]  # (m, L)
        scores = graph_model.score(phi, state.weights, looks, state.local)
        answered = np.unique(state.values)
        absent = np.setdiff1d(np.arange(self._n_classes), answered)
        if len(absent):
            lowest = scores[:, answered].min(axis=1, keepdims=True)
            scores[:, absent] = np.minimum(scores[:, absent], lowest) - np.float32(0.1)
        return scores

    def _read(self, state: bytes) -> State:
        read = State.from_bytes(state)
        if read.n_classes != self._n_classes:
            raise ValueError(f"a model state of {read.n_classes} classes, where one of {self._n_classes} belongs")
        return read


def _doubt(scores: Float32) -> Float32:
    """(1 - margin)^2 of scores (N, K), at least 0."""
    top = np.partition(scores, scores.shape[1] - 2, axis=1)[:, -2:]  # (N, 2), ascending
    doubt: Float32 = np.maximum(1 - (top[:, 1] - top[:, 0]), 0) ** 2
    return doubt


def _share(scores: Float32) -> Float32:
    """Softmax (N, K) of the scores."""
    shares = np.exp(np.float32(TEMPERATURE) * (scores - scores.max(axis=1, keepdims=True)))
    return np.asarray(shares / shares.sum(axis=1, keepdims=True), np.float32)


@cache
def _numerics() -> str:
    found: list[str] = np.show_config(mode="dicts")["SIMD Extensions"]["found"]
    blas = next((each for each in graph_threads.libraries().info() if each["user_api"] == "blas"), None)
    used = f"{blas['internal_api']} {blas['version']}, 1 thread a block" if blas else "no BLAS"
    return f"NumPy {np.__version__}, {used}, {' '.join([platform.machine(), *found[-1:]])}"[:100]
