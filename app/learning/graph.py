"""The learner that knows the pool before it asks: it looks at all images first, and then needs few answers.

N images of a pool, m of them covered by its features, n labeled, D features, K classes.

`prepare` finds out which images are alike (graph_features.py); `fit` is ridge regression on what it found; `choose` asks
the images that say most of all others, and later those on which the model is unsure as well (graph_ridge.py). No call
depends on another: all that changes with the labels is computed from the labels.
"""

import platform
from functools import cache

import numpy as np
from numpy.typing import NDArray

from app.learning import graph_ridge, strategies
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


class GraphLearner:
    """Inkling's own learner for K classes and images of any size. It keeps no state between calls."""

    def __init__(self, n_classes: int, image_shape: tuple[int, ...]) -> None:
        self._n_classes = n_classes
        self._shape = image_shape
        # The first answers find the classes; until then the classes known so far say little of the images.
        self._n_design = max(10, -(-n_classes // 10) * 10)

    def warm_up(self) -> None:
        """Import SciPy and scikit-learn: a second or two."""
        import sklearn.cluster  # noqa: F401

    def numerics(self) -> str:
        """NumPy, its linear algebra with the number of threads, and the processor."""
        return _numerics()

    def prepare(
        self, images: Images, *, seed: int = 0, sample: Positions | None = None, on_step: OnStep = ignore_step
    ) -> Features:
        """The features of the images, how to find those of others, and the first images to ask."""
        covered = np.arange(len(images)) if sample is None else sample
        return prepare(images, covered, seed=seed, n_design=self._n_design, on_step=on_step)

    def embed(self, pool: PoolImages, images: Images) -> Features:
        """Their features, from their neighbours in the pool."""
        return embed_others(Pool.of(pool), images)

    def initial(self) -> bytes:
        """The state without a label."""
        return State.empty(self._n_classes).to_bytes()

    def fit(
        self, state: bytes, pool: PoolImages, positions: Positions, values: Classes, validation: LabeledImages
    ) -> Fit:
        """Ridge regression on all labels; nothing of the old state is used. One step. Order does not matter."""
        self._read(state)
        known = Pool.of(pool)
        order = np.argsort(positions)
        positions, values = positions[order], values[order]
        targets = np.eye(self._n_classes)[values] - 1 / self._n_classes  # (n, K)
        weights = graph_ridge.solve(known.rows(positions), targets, graph_ridge.ANSWER_NOISE)
        if not np.isfinite(weights).all():
            raise TrainingDiverged(f"the fit on {len(positions)} labels ended in NaN or infinity")
        after = State(self._n_classes, positions, values, weights)
        if not len(validation):
            return Fit(after.to_bytes(), 1, None)
        answers = self._probabilities(after, self._rows_of_others(known, validation)).argmax(axis=1)
        return Fit(after.to_bytes(), 1, int((answers == validation.truth).sum()))

    def predict(self, state: bytes, pool: PoolImages, positions: Positions) -> Float32:
        """Class shares (n, K): they tell which class is likelier, but are not calibrated.

        Classes that nobody answered yet come last. Images that the features do not cover are looked at on the spot.
        """
        return self._probabilities(self._read(state), Pool.of(pool).rows(positions))

    def predict_others(self, state: bytes, pool: PoolImages, others: LabeledImages) -> Float32:
        """Class shares (M, K) as `predict` gives; quick if the images bring what `embed` made of them."""
        return self._probabilities(self._read(state), self._rows_of_others(Pool.of(pool), others))

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
        if strategy == "random":
            scores = strategies.score(np.empty((len(rest), 0)), strategy, positions=rest, seed=seed)
            first = strategies.head(scores, count)
            return self._tell(read, known, rest[first], scores[first])
        if len(labeled) < self._n_design:
            positions, values = known.design(labeled, rest, count)
        else:
            positions, values = self._rank(read, known, labeled, rest, second_opinion)
        return self._tell(read, known, positions[: max(count, 0)], -values[: max(count, 0)])

    def _rank(
        self, state: State, pool: Pool, labeled: Positions, rest: Positions, second_opinion: Classes | None
    ) -> tuple[Positions, Float32]:
        scores = self._scores(state, pool.phi)[pool.row_of(rest)]  # (n, K)
        top = np.partition(scores, self._n_classes - 2, axis=1)[:, -2:]
        doubt = np.maximum(1 - (top[:, 1] - top[:, 0]), 0) ** 2
        if second_opinion is not None:
            other = second_opinion[rest]
            doubt[(other >= 0) & (other != scores.argmax(axis=1))] = 1
        covariance = graph_ridge.find_covariance(pool.rows(labeled), graph_ridge.ANSWER_NOISE)
        rows, values = graph_ridge.rank_unsure(pool.phi, covariance, doubt, pool.row_of(rest))
        return pool.covered[rows], values

    def _tell(self, state: State, pool: Pool, positions: Positions, scores: NDArray[np.floating]) -> Batch:
        probabilities = self._probabilities(state, pool.rows(positions))
        return Batch(positions, scores, strategies.confidence(probabilities), probabilities.argmax(axis=1))

    def _rows_of_others(self, pool: Pool, others: LabeledImages) -> Float32:
        features = others.features if "phi" in others.features.arrays else embed_others(pool, others.images)
        return Pool.phi_of(features)

    def _probabilities(self, state: State, phi: Float32) -> Float32:
        """Softmax (N, K) of the scores."""
        if not len(state.positions):
            return np.full((len(phi), self._n_classes), 1 / self._n_classes, np.float32)
        shares = np.exp(TEMPERATURE * self._scores(state, phi))
        return np.asarray(shares / shares.sum(axis=1, keepdims=True), np.float32)

    def _scores(self, state: State, phi: Float32) -> Float32:
        """About 1 for the class and 0 for others, (N, K); a class without an answer is below all that have one."""
        scores = phi @ state.weights  # (N, D) (D, K)
        answered = np.unique(state.values)
        absent = np.setdiff1d(np.arange(self._n_classes), answered)
        if len(answered) and len(absent):
            lowest = scores[:, answered].min(axis=1, keepdims=True)
            scores[:, absent] = np.minimum(scores[:, absent], lowest) - np.float32(0.1)
        return scores

    def _read(self, state: bytes) -> State:
        read = State.from_bytes(state)
        if read.n_classes != self._n_classes:
            raise ValueError(f"a model state of {read.n_classes} classes, where one of {self._n_classes} belongs")
        return read


@cache
def _numerics() -> str:
    from threadpoolctl import threadpool_info

    found: list[str] = np.show_config(mode="dicts")["SIMD Extensions"]["found"]
    blas = next((each for each in threadpool_info() if each["user_api"] == "blas"), None)
    used = f"{blas['internal_api']} {blas['version']}, {blas['num_threads']} threads" if blas else "no BLAS"
    return f"NumPy {np.__version__}, {used}, {' '.join([platform.machine(), *found[-1:]])}"[:100]
