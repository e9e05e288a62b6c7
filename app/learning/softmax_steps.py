"""How many steps softmax regression should take where no validation images tell: as many as serve images left out.

n labeled images, D pixels, K classes, G groups. The labels are dealt out to the groups one by one, and each group is
left out of one fit: leave-one-out, as long as there are no more labels than groups. The G fits go side by side, for
their products are then one. They start from nothing: a model of an earlier round has seen what is to be left out.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.learning.learner import Classes, Float32

MOST_GROUPS = 20
MOST_COLUMNS = 500  # of the G fits together: with many classes there are fewer groups
PATIENCE = 10
LEARNING_RATE, BETA1, BETA2, EPSILON = 0.1, 0.9, 0.999, 1e-8  # of Adam, as in `softmax_tf`


def count_steps(images: NDArray[np.uint8], values: Classes, n_classes: int) -> int:
    """The fewest steps after which most of the labeled images (n, D) are right when they are left out, n > 0.

    Ten steps in a row that bring no better count end the search. At least 1.
    """
    if len(values) < 2:
        return 1  # there is nothing to learn from, once the only image is left out
    fits = _Fits(images, values, n_classes)
    best, steps, best_steps = -1, 0, 1
    while steps - best_steps < PATIENCE:
        fits.step()
        steps += 1
        if (correct := fits.count_right()) > best:
            best, best_steps = correct, steps
    return best_steps


@dataclass(slots=True)
class _Moments:
    """A parameter of all fits, with what Adam remembers of it."""

    value: Float32
    first: Float32
    second: Float32

    @classmethod
    def zeros(cls, *shape: int) -> "_Moments":
        return cls(*(np.zeros(shape, np.float32) for _ in range(3)))

    def descend(self, gradient: Float32, step: int) -> None:
        self.first += (1 - BETA1) * (gradient - self.first)
        self.second += (1 - BETA2) * (gradient * gradient - self.second)
        rate = LEARNING_RATE * np.sqrt(1 - BETA2**step) / (1 - BETA1**step)
        self.value -= np.float32(rate) * self.first / (np.sqrt(self.second) + np.float32(EPSILON))


class _Fits:
    """G fits side by side; the one of a group does not see its images."""

    def __init__(self, images: NDArray[np.uint8], values: Classes, n_classes: int) -> None:
        n = len(values)
        self._groups = min(n, MOST_GROUPS, max(2, MOST_COLUMNS // n_classes))
        self._shape = (n, self._groups, n_classes)
        self._x: Float32 = np.divide(images, 255, dtype=np.float32)  # (n, D)
        self._values = values
        self._rows, self._group = np.arange(n), np.arange(n) % self._groups  # (n,) each
        sees = self._group[:, None] != np.arange(self._groups)  # (n, G)
        self._share = (sees / sees.sum(axis=0)).astype(np.float32)[:, :, None]  # (n, G, 1): of the mean loss of a fit
        self._weights = _Moments.zeros(images.shape[1], self._groups * n_classes)  # (D, G K)
        self._bias = _Moments.zeros(self._groups * n_classes)  # (G K,)
        self._n_steps = 0

    def step(self) -> None:
        """One step of Adam, for all fits."""
        self._n_steps += 1
        logits = self._compute_logits()
        gradient = np.exp(logits - logits.max(axis=2, keepdims=True))
        gradient /= gradient.sum(axis=2, keepdims=True)  # probabilities
        gradient[self._rows, :, self._values] -= 1
        gradient *= self._share
        flat = gradient.reshape(len(gradient), -1)  # (n, G, K) -> (n, G K)
        self._weights.descend(self._x.T @ flat, self._n_steps)  # (D, n) (n, G K)
        self._bias.descend(flat.sum(axis=0), self._n_steps)

    def count_right(self) -> int:
        """How many images are right in the fit that leaves them out; of equal classes the lowest counts."""
        answers = self._compute_logits()[self._rows, self._group].argmax(axis=1)  # (n, G, K) -> (n, K) -> (n,)
        return int((answers == self._values).sum())

    def _compute_logits(self) -> Float32:
        flat: Float32 = self._x @ self._weights.value + self._bias.value  # (n, D) (D, G K) -> (n, G K)
        return flat.reshape(self._shape)
