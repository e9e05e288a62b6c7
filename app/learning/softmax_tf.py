"""The TensorFlow half of softmax regression. Importing this module imports TensorFlow: see `softmax.py`.

Three things here decide whether the paper's numbers come out: the fused loss op, Adam's own kernel with its
powers of beta multiplied up step by step, and pixels divided by 255 (not multiplied by 1/255).
"""

import os
from typing import Any

# TensorFlow reads these while it is imported. oneDNN rounds in its own order, as in the paper's run. A line
# about that comes all the same, once from each of two libraries: they log it before they look at any level (2.21).
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")

import tensorflow as tf

LEARNING_RATE, BETA1, BETA2, EPSILON = 0.1, 0.9, 0.999, 1e-8
PATIENCE = 10


class Graph:
    """The compiled functions of one model; the state goes in and comes out. K classes, D pixels."""

    def __init__(self, n_classes: int, n_features: int) -> None:
        matrix, vector = (n_classes, n_features), (n_classes,)
        shapes = (matrix, vector, matrix, matrix, vector, vector, (), ())  # as the fields of `State`
        # Adam's kernel wants variables; nothing is kept in them between two calls.
        self._variables = [tf.Variable(tf.zeros(shape, tf.float32)) for shape in shapes]
        # A variable too, for TensorFlow turns the division by a constant into a product with its reciprocal, and
        # that differs in the last bit for 126 of the 256 values.
        self._white = tf.Variable(255.0, trainable=False)
        images = tf.TensorSpec((None, n_features), tf.uint8)
        labels = tf.TensorSpec((None,), tf.int32)
        state = [tf.TensorSpec(shape, tf.float32) for shape in shapes]
        self.fit = tf.function(self._fit, input_signature=[state, images, labels, images, labels])
        self.predict = tf.function(self._predict, input_signature=[*state[:2], images])

    def _scale(self, images: Any) -> Any:
        """uint8 to float32 in [0, 1]."""
        return tf.cast(images, tf.float32) / self._white

    def _predict(self, weights: Any, bias: Any, images: Any) -> Any:
        return tf.nn.softmax(_logits(self._scale(images), weights, bias))

    def _fit(
        self, state: Any, images: Any, labels: Any, validation_images: Any, validation_labels: Any
    ) -> tuple[Any, Any, list[Any]]:
        """Right answers on validation, steps taken, and the state after them."""
        for variable, value in zip(self._variables, state, strict=True):
            variable.assign(value)
        weights, bias, *rest = self._variables
        n = tf.shape(images)[0]
        # One product for both, (N + V, D): with fewer than about twenty rows alone, the sums would be rounded in
        # another order than in the notebook, whose W does not lie transposed.
        rows = self._scale(tf.concat([images, validation_images], axis=0))
        x = rows[:n]

        def evaluate() -> tuple[Any, Any]:
            logits = _logits(rows, weights, bias)  # (N + V, K)
            answers = tf.argmax(logits[n:], axis=1, output_type=tf.int32)  # (V, K) -> (V,)
            return logits[:n], tf.reduce_sum(tf.cast(answers == validation_labels, tf.int32))

        def step(best: Any, patience: Any, best_weights: Any, best_bias: Any, steps: Any, logits: Any) -> Any:
            self._descend(x, logits, labels)
            logits, correct = evaluate()
            better = correct > best
            return (
                tf.maximum(best, correct),
                tf.where(better, PATIENCE, patience - 1),
                tf.where(better, weights, best_weights),
                tf.where(better, bias, best_bias),
                steps + 1,
                logits,
            )

        logits, correct = evaluate()
        start = (correct, PATIENCE, tf.identity(weights), tf.identity(bias), 0, logits)
        best, _, best_weights, best_bias, steps, _ = tf.while_loop(
            lambda _, patience, *_rest: patience > 0, step, start
        )
        # The moments stay where the last step left them; only the weights go back.
        return best, steps, [best_weights, best_bias, *(variable.read_value() for variable in rest)]

    def _descend(self, x: Any, logits: Any, labels: Any) -> None:
        """One step of Adam on the whole labeled set, whose logits (N, K) are known already."""
        weights, bias, weights_m, weights_v, bias_m, bias_v, beta1_power, beta2_power = self._variables
        _, gradient = tf.raw_ops.SparseSoftmaxCrossEntropyWithLogits(features=logits, labels=labels)
        gradient *= 1.0 / tf.cast(tf.shape(x)[0], tf.float32)  # (N, K), of the mean loss
        weights_gradient = tf.matmul(gradient, x, transpose_a=True)  # (K, N) (N, D) -> (K, D)
        bias_gradient = tf.reduce_sum(gradient, axis=0)  # (N, K) -> (K,)
        for variable, m, v, grad in (
            (weights, weights_m, weights_v, weights_gradient),
            (bias, bias_m, bias_v, bias_gradient),
        ):
            tf.raw_ops.ResourceApplyAdam(
                var=variable.handle,
                m=m.handle,
                v=v.handle,
                beta1_power=beta1_power,
                beta2_power=beta2_power,
                lr=LEARNING_RATE,
                beta1=BETA1,
                beta2=BETA2,
                epsilon=EPSILON,
                grad=grad,
            )
        beta1_power.assign(beta1_power * BETA1)
        beta2_power.assign(beta2_power * BETA2)


def _logits(x: Any, weights: Any, bias: Any) -> Any:
    return tf.matmul(x, weights, transpose_b=True) + bias  # (N, D) (D, K) -> (N, K)
