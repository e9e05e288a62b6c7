"""Which images to ask first. Every order is total: equal scores are settled by position in the pool.

N images, K classes; probabilities are float32 (N, K).
"""

from collections.abc import Callable
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

Rule = Literal["least_confidence", "margin", "entropy", "random"]
RULES: tuple[Rule, ...] = get_args(Rule)

Scores = NDArray[np.floating[Any]]


def confidence(probabilities: NDArray[np.float32]) -> NDArray[np.float32]:
    """The probability of the most probable class, (N, K) -> (N,)."""
    top: NDArray[np.float32] = probabilities.max(axis=1)
    return top


def score(probabilities: NDArray[np.float32], rule: Rule, *, seed: tuple[int, ...] = (0,)) -> Scores:
    """Scores (N,), the lowest is asked first. `seed` matters to `random` only.

    Source: least confidence is the paper's rule; margin and entropy as in B. Settles, "Active Learning
    Literature Survey" (2009), sections 3.1.
    """
    if rule == "random":
        return np.random.default_rng(seed).random(len(probabilities))
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


def head(scores: Scores, count: int, *, eligible: NDArray[np.bool_]) -> NDArray[np.int64]:
    """The positions of the `count` lowest scores among the eligible, in the order (score, position).

    By partition: N log N is paid for the head only. Fewer are returned when fewer are eligible.

    Raises:
        ValueError: a score is NaN, which has no place in an order.
    """
    positions = np.flatnonzero(eligible)
    values = scores[positions]
    if np.isnan(values).any():
        raise ValueError(f"{int(np.isnan(values).sum())} of {len(values)} scores are not a number")
    if 0 < count < len(values):
        # All that tie with the last place stay in until the sort, so that position settles the tie.
        last = np.partition(values, count - 1)[count - 1]
        kept = values <= last
        positions, values = positions[kept], values[kept]
    order = np.lexsort((positions, values))
    return positions[order[: max(count, 0)]]
