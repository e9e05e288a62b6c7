"""The notebook's way: TensorFlow 1, one `session.run` a step and one an evaluation. The yardstick for ours.

Written afresh from the description of the method, and sharing no code with `app`, so that it can also serve
as the independent reference. N images, D pixels, K classes; pixels are float32 in [0, 1].

Source: Andy Bosyi, "Active Learning on MNIST - Saving on Labeling" (2018), and its notebook.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

os.environ["TF_ENABLE_ONEDNN_OPTS"] = "0"  # as ours: on or off by default depends on the processor

import tensorflow as tf

LEARNING_RATE = 0.1
PATIENCE = 10

Pixels = NDArray[np.floating[Any]]
Classes = NDArray[np.int64]


class Notebook:
    """Softmax regression in a graph and a session of its own; weights and Adam's moments stay from fit to fit."""

    def __init__(self, n_features: int, n_classes: int, validation_x: Pixels, validation_y: Classes) -> None:
        self._validation_x, self._validation_y = validation_x, validation_y
        with tf.Graph().as_default() as graph:
            self._x = tf.compat.v1.placeholder(tf.float32, (None, n_features))
            self._y = tf.compat.v1.placeholder(tf.int64, (None,))
            weights = tf.compat.v1.get_variable("W", (n_features, n_classes), initializer=tf.zeros_initializer())
            bias = tf.compat.v1.get_variable("b", (n_classes,), initializer=tf.zeros_initializer())
            logits = tf.matmul(self._x, weights) + bias  # (N, D) (D, K) -> (N, K)
            losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=self._y, logits=logits)
            self._step = tf.compat.v1.train.AdamOptimizer(LEARNING_RATE).minimize(tf.reduce_mean(losses))
            self._probabilities = tf.nn.softmax(logits)
            right = tf.equal(tf.argmax(logits, axis=1), self._y)
            self._accuracy = tf.reduce_mean(tf.cast(right, tf.float32))
            self._weights = [weights, bias]
            self._variables = tf.compat.v1.global_variables()  # with Adam's moments and its powers of beta
            self._values = {v.ref(): tf.compat.v1.placeholder(v.dtype.base_dtype, v.shape) for v in self._variables}
            self._assigns = {v.ref(): tf.compat.v1.assign(v, self._values[v.ref()]) for v in self._variables}
            self._reset = tf.compat.v1.global_variables_initializer()
        self._session = tf.compat.v1.Session(graph=graph)

    def close(self) -> None:
        """Free the session."""
        self._session.close()

    def reset(self) -> None:
        """Back to zeros, Adam included."""
        self._session.run(self._reset)

    def save(self) -> list[Any]:
        """Everything that the next fit depends on."""
        return list(self._session.run(self._variables))

    def restore(self, saved: list[Any]) -> None:
        """Restore the state that `save` returned."""
        self._assign(self._variables, saved)

    def fit(self, x: Pixels, y: Classes) -> float:
        """Full-batch Adam until ten steps bring nothing better on the validation images; that accuracy.

        The best weights are put back, Adam's moments are not.
        """
        best, best_weights, patience = self._evaluate(), self._session.run(self._weights), PATIENCE
        while patience > 0:
            self._session.run(self._step, {self._x: x, self._y: y})
            accuracy = self._evaluate()
            if accuracy > best:
                best, best_weights, patience = accuracy, self._session.run(self._weights), PATIENCE
            else:
                patience -= 1
        self._assign(self._weights, best_weights)
        return best

    def predict(self, x: Pixels) -> Pixels:
        """Class probabilities (N, K)."""
        probabilities: Pixels = self._session.run(self._probabilities, {self._x: x})
        return probabilities

    def _evaluate(self) -> float:
        feed = {self._x: self._validation_x, self._y: self._validation_y}
        return float(self._session.run(self._accuracy, feed))

    def _assign(self, variables: list[Any], values: list[Any]) -> None:
        feed = {self._values[v.ref()]: value for v, value in zip(variables, values, strict=True)}
        self._session.run([self._assigns[v.ref()] for v in variables], feed)


@dataclass(frozen=True, slots=True)
class LabeledSet:
    """What is labeled so far: positions in the pool (n,), their labels (n,), true or believed."""

    positions: NDArray[np.int64]
    values: Classes


def run(
    pool: NDArray[np.uint8],  # (N, D)
    truth: Classes,  # (N,)
    validation: NDArray[np.uint8],  # (V, D)
    validation_truth: Classes,  # (V,)
    *,
    budget: int = 400,
    batch_size: int = 10,
    clock: Callable[[], float] = lambda: 0.0,
    dtype: type[np.floating[Any]] = np.float32,
) -> tuple[dict[str, list[float]], dict[str, float]]:
    """The five experiments: accuracies on the validation images after each fit, and seconds, of each.

    `dtype` is that of the pixels that are fed. Bare `x / 255` gives float64, which each `session.run` then casts to
    float32: the same accuracies, much slower.
    """
    x: Pixels = (pool / 255).astype(dtype)
    n_classes = int(max(truth.max(), validation_truth.max())) + 1
    model = Notebook(x.shape[1], n_classes, (validation / 255).astype(dtype), validation_truth)
    accuracies: dict[str, list[float]] = {}
    seconds: dict[str, float] = {}
    first, bought, state = np.arange(budget), LabeledSet(np.arange(0), truth[:0]), None

    def clocked(experiment: str, start: list[Any] | None, steps: Callable[[list[float]], Any]) -> Any:
        model.reset()
        if start is not None:
            model.restore(start)
        accuracies[experiment] = []
        started = clock()
        result = steps(accuracies[experiment])
        seconds[experiment] = clock() - started
        return result

    clocked("ground_truth", None, lambda curve: curve.append(model.fit(x, truth)))
    clocked("random", None, lambda curve: curve.append(model.fit(x[first], truth[first])))
    bought = clocked("active", None, lambda curve: learn_actively(model, x, truth, budget, batch_size, curve))
    state = model.save()
    clocked("auto_naive", state, lambda curve: believe_all(model, x, bought, curve))
    clocked("auto_confident", state, lambda curve: believe_surest(model, x, bought, batch_size, curve))
    model.close()
    return accuracies, seconds


def learn_actively(
    model: Notebook, x: Pixels, truth: Classes, budget: int, batch_size: int, curve: list[float]
) -> LabeledSet:
    """Buy the first batch of the pool, then again and again the least confident ones."""
    positions = np.arange(batch_size)
    curve.append(model.fit(x[positions], truth[positions]))
    while len(positions) < budget:
        rest = _unlabeled(len(x), positions)
        order = np.argsort(model.predict(x[rest]).max(axis=1), kind="stable")  # a tie goes to the lower position
        positions = np.concatenate([positions, rest[order[:batch_size]]])
        curve.append(model.fit(x[positions], truth[positions]))
    return LabeledSet(positions, truth[positions])


def believe_all(model: Notebook, x: Pixels, bought: LabeledSet, curve: list[float]) -> None:
    """Label all other images with the model's predictions, and fit once."""
    rest = _unlabeled(len(x), bought.positions)
    positions = np.concatenate([bought.positions, rest])
    values = np.concatenate([bought.values, model.predict(x[rest]).argmax(axis=1)])
    curve.append(model.fit(x[positions], values))


def believe_surest(model: Notebook, x: Pixels, bought: LabeledSet, batch_size: int, curve: list[float]) -> None:
    """Label the batch of highest confidence with the model's predictions, fit, and repeat until all are labeled."""
    positions, values = bought.positions, bought.values
    while len(positions) < len(x):
        rest = _unlabeled(len(x), positions)
        probabilities = model.predict(x[rest])
        surest = np.argsort(-probabilities.max(axis=1), kind="stable")[:batch_size]
        positions = np.concatenate([positions, rest[surest]])
        values = np.concatenate([values, probabilities[surest].argmax(axis=1)])
        curve.append(model.fit(x[positions], values))


def _unlabeled(count: int, positions: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.setdiff1d(np.arange(count), positions)  # ascending
