"""Query strategies: which images to ask first. The LOWEST score is asked first.

That is the reverse of the utilities of modAL, small-text and scikit-activeml. Every order is total: equal scores are
settled by position in the pool. N images, n of them labeled, K classes; probabilities are float32 (N, K).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.learning.names import Strategy

Scores = NDArray[np.floating[Any]]


@dataclass(frozen=True, slots=True)
class Batch:
    """Images to ask, in their order: `positions` (count,) in the pool, with the model's view of each.

    The scores are the strategy's. They ascend unless the learner looks at the batch as a whole.
    """

    positions: NDArray[np.int64]
    scores: Scores
    confidence: NDArray[np.float32]
    prediction: NDArray[np.int64]

    def without(self, left_out: NDArray[np.int64], count: int) -> "Batch":
        """The first `count` that are not at the positions `left_out` (h,)."""
        kept = np.flatnonzero(~np.isin(self.positions, left_out))[: max(count, 0)]
        return Batch(self.positions[kept], self.scores[kept], self.confidence[kept], self.prediction[kept])


def choose(
    positions: NDArray[np.int64],
    probabilities: NDArray[np.float32],
    strategy: Strategy,
    *,
    count: int,
    seed: tuple[int, ...],
) -> Batch:
    """The `count` lowest scores among the images at `positions` (n,), whose probabilities are (n, K)."""
    scores = score(probabilities, strategy, positions=positions, seed=seed)  # (n,)
    first = head(scores, count)  # (count,), into positions
    top = probabilities[first]  # (count, K)
    return Batch(positions[first], scores[first], confidence(top), top.argmax(axis=1))


def find_rest(n_images: int, labeled: NDArray[np.int64]) -> NDArray[np.int64]:
    """The positions (N - n,) that are not among `labeled` (n,), ascending."""
    is_unlabeled = np.ones(n_images, np.bool_)
    is_unlabeled[labeled] = False
    return np.flatnonzero(is_unlabeled)


def confidence(probabilities: NDArray[np.float32]) -> NDArray[np.float32]:
    """The probability of the most probable class, (N, K) -> (N,)."""
    top: NDArray[np.float32] = probabilities.max(axis=1)
    return top


def score(
    probabilities: NDArray[np.float32],
    strategy: Strategy,
    *,
    positions: NDArray[np.int64],
    seed: tuple[int, ...] = (0,),
) -> Scores:
    """Scores (n,) of the images at `positions` (n,), whose probabilities are (n, K): the lowest is asked first.

    With `random` the score of a position depends on the seed alone, not on the other positions.

    Source: least confidence is the paper's strategy; margin and entropy as in B. Settles, "Active Learning
    Literature Survey" (2009), section 3.1.
    """
    if strategy == "random":
        return np.random.default_rng(seed).random(int(positions.max(initial=-1)) + 1)[positions]
    return _SCORES[strategy](probabilities)


def _margin(probabilities: NDArray[np.float32]) -> Scores:
    """The most probable class's lead over the second, (N, K) -> (N,)."""
    if probabilities.shape[1] < 2:
        return probabilities[:, 0]
    top = np.partition(probabilities, -2, axis=1)[:, -2:]  # (N, 2), ascending
    return top[:, 1] - top[:, 0]


def _negative_entropy(probabilities: NDArray[np.float32]) -> Scores:
    """Minus the entropy in nats, (N, K) -> (N,); 0 log 0 counts as 0."""
    p = probabilities.astype(np.float64)
    logs = np.log(p, out=np.zeros_like(p), where=p > 0)
    return np.asarray((p * logs).sum(axis=1))


_SCORES: dict[Strategy, Callable[[NDArray[np.float32]], Scores]] = {
    "least_confidence": confidence,
    "margin": _margin,
    "entropy": _negative_entropy,
}


def head(scores: Scores, count: int) -> NDArray[np.int64]:
    """The indices of the `count` lowest scores (n,), in the order (score, index).

    By partition: n log n is paid for the head only. Fewer are returned when there are fewer.

    Raises:
        ValueError: a score is NaN, which has no place in an order.
    """
    if np.isnan(scores).any():
        raise ValueError(f"{int(np.isnan(scores).sum())} of {len(scores)} scores are not a number")
    indices = np.arange(len(scores))
    if 0 < count < len(scores):
        # All that tie with the last place stay in until the sort, so that the index settles the tie.
        last = np.partition(scores, count - 1)[count - 1]
        indices = np.flatnonzero(scores <= last)
    order = np.lexsort((indices, scores[indices]))
    return indices[order[: max(count, 0)]]
