"""The TensorFlow half of softmax regression. Importing this module imports TensorFlow: see `softmax.py`.

Four things here decide whether the paper's numbers come out: the fused loss op, Adam's own kernel with its
powers of beta multiplied up step by step, pixels divided by 255 (not multiplied by 1/255), and products of the
same shapes as the notebook's, for TensorFlow splits a sum differently from shape to shape.
"""

import os
from typing import Any

# TensorFlow reads these while it is imported. oneDNN adds products up in another order, and the processor decides
# whether it is on by default. Off, it also keeps TensorFlow from printing two lines about it at each start.
os.environ["TF_ENABLE_ONEDNN_OPTS"] = "0"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import tensorflow as tf

LEARNING_RATE, BETA1, BETA2, EPSILON = 0.1, 0.9, 0.999, 1e-8
PATIENCE = 10

VERSION: str = tf.__version__


class Graph:
    """The compiled functions of one model; the state goes in and comes out. K classes, D pixels."""

    def __init__(self, n_classes: int, n_features: int) -> None:
        matrix, vector = (n_classes, n_features), (n_classes,)
        shapes = (matrix, vector, matrix, matrix, vector, vector, (), ())  # as the fields of `State`
        # Adam's kernel wants variables; nothing is kept in them between two calls. Matrices are (D, K) in here.
        self._variables = [tf.Variable(tf.zeros(shape[::-1], tf.float32)) for shape in shapes]
        # A variable too, for TensorFlow turns the division by a constant into a product with its reciprocal, and
        # that differs in the last bit for 126 of the 256 values.
        self._white = tf.Variable(255.0, trainable=False)
        images = tf.TensorSpec((None, n_features), tf.uint8)
        labels = tf.TensorSpec((None,), tf.int32)
        state = [tf.TensorSpec(shape, tf.float32) for shape in shapes]
        self.fit = tf.function(self._fit, input_signature=[state, images, labels, images, labels])
        self.descend = tf.function(
            self._descend_for, input_signature=[state, images, labels, tf.TensorSpec((), tf.int32)]
        )
        self.predict = tf.function(self._predict, input_signature=[*state[:2], images])

    def _scale(self, images: Any) -> Any:
        """uint8 to float32 in [0, 1]."""
        return tf.cast(images, tf.float32) / self._white

    def _predict(self, weights: Any, bias: Any, images: Any) -> Any:
        return tf.nn.softmax(tf.matmul(self._scale(images), weights, transpose_b=True) + bias)  # (N, D) (D, K)

    def _fit(
        self, state: Any, images: Any, labels: Any, validation_images: Any, validation_labels: Any
    ) -> tuple[Any, Any, list[Any]]:
        """Right answers on validation, steps taken, and the state after them."""
        self._load(state)
        weights, bias, *rest = self._variables
        x = self._scale(images)  # (N, D)
        # (D, N), once: each step would transpose it again. As bytes, which are a quarter of the floats to move.
        x_transposed = self._scale(tf.transpose(images))
        validation_x = self._scale(validation_images)  # (V, D)

        def evaluate() -> Any:
            answers = tf.argmax(tf.matmul(validation_x, weights) + bias, axis=1, output_type=tf.int32)  # (V, K) -> (V,)
            return tf.reduce_sum(tf.cast(answers == validation_labels, tf.int32))

        def step(best: Any, patience: Any, best_weights: Any, best_bias: Any, steps: Any) -> Any:
            self._descend(x, x_transposed, labels)
            correct = evaluate()
            better = correct > best
            return (
                tf.maximum(best, correct),
                tf.where(better, PATIENCE, patience - 1),
                tf.where(better, weights, best_weights),
                tf.where(better, bias, best_bias),
                steps + 1,
            )

        start = (evaluate(), PATIENCE, tf.identity(weights), tf.identity(bias), 0)
        best, _, best_weights, best_bias, steps = tf.while_loop(lambda _, patience, *_rest: patience > 0, step, start)
        # The moments stay where the last step left them; only the weights go back.
        after = [best_weights, best_bias, *(variable.read_value() for variable in rest)]
        return best, steps, [tf.transpose(array) for array in after]  # (D, K) -> (K, D)

    def _descend_for(self, state: list[Any], images: Any, labels: Any, n_steps: Any) -> list[Any]:
        """The state after so many steps."""
        self._load(state)
        x, x_transposed = self._scale(images), self._scale(tf.transpose(images))  # (N, D), (D, N)

        def step(n_done: Any) -> tuple[Any]:
            self._descend(x, x_transposed, labels)
            return (n_done + 1,)

        tf.while_loop(lambda n_done: n_done < n_steps, step, (0,))
        return [tf.transpose(variable.read_value()) for variable in self._variables]  # (D, K) -> (K, D)

    def _load(self, state: list[Any]) -> None:
        for variable, value in zip(self._variables, state, strict=True):
            variable.assign(tf.transpose(value))  # (K, D) -> (D, K)

    def _descend(self, x: Any, x_transposed: Any, labels: Any) -> None:
        """One step of Adam on the whole labeled set: x (N, D) and the same (D, N)."""
        weights, bias, weights_m, weights_v, bias_m, bias_v, beta1_power, beta2_power = self._variables
        logits = tf.matmul(x, weights) + bias  # (N, D) (D, K) -> (N, K)
        _, gradient = tf.raw_ops.SparseSoftmaxCrossEntropyWithLogits(features=logits, labels=labels)
        gradient *= 1.0 / tf.cast(tf.shape(x)[0], tf.float32)  # (N, K), of the mean loss
        weights_gradient = tf.matmul(x_transposed, gradient)  # (D, N) (N, K) -> (D, K)
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
