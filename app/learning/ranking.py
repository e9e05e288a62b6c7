"""Which images to ask first. Every order is total: equal scores are settled by position in the pool.

N images, K classes; probabilities are float32 (N, K).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

Rule = Literal["least_confidence", "margin", "entropy", "random"]
RULES: tuple[Rule, ...] = get_args(Rule)

Scores = NDArray[np.floating[Any]]


@dataclass(frozen=True, slots=True)
class Ranking:
    """The head of an order: `positions` (count,) in the pool, with the model's confidence and prediction for each.

    `all_confidences` (n,) are those of all images without a label, by position.
    """

    positions: NDArray[np.int64]
    confidence: NDArray[np.float32]
    prediction: NDArray[np.int64]
    all_confidences: NDArray[np.float32]


def rank(
    predict: Callable[[NDArray[np.int64]], NDArray[np.float32]],
    n_images: int,
    labeled: NDArray[np.int64],
    rule: Rule,
    *,
    count: int,
    seed: tuple[int, ...],
) -> Ranking:
    """The `count` images to ask first of a pool of `n_images`, of which those at `labeled` (n,) have a label.

    `predict` gives the probabilities of the images at some positions. Those with a label are left out of it, as in
    the notebook: the last bits of a probability depend on how many are computed together.
    """
    rest = find_rest(n_images, labeled)  # (N - n,)
    probabilities = predict(rest)  # (N - n, K)
    confidences = confidence(probabilities)  # (N - n,)
    first = head(score(probabilities, rule, positions=rest, seed=seed), count)  # (count,), into rest
    return Ranking(rest[first], confidences[first], probabilities[first].argmax(axis=1), confidences)


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
    probabilities: NDArray[np.float32], rule: Rule, *, positions: NDArray[np.int64], seed: tuple[int, ...] = (0,)
) -> Scores:
    """Scores (n,) of the images at `positions` (n,), whose probabilities are (n, K): the lowest is asked first.

    With `random` a position has its draw of the seed, whichever others are scored with it.

    Source: least confidence is the paper's rule; margin and entropy as in B. Settles, "Active Learning
    Literature Survey" (2009), section 3.1.
    """
    if rule == "random":
        return np.random.default_rng(seed).random(int(positions.max(initial=-1)) + 1)[positions]
    return _SCORES[rule](probabilities)


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


_SCORES: dict[Rule, Callable[[NDArray[np.float32]], Scores]] = {
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
