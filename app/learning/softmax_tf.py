"""The TensorFlow half of softmax regression. Importing this module imports TensorFlow: see `softmax.py`.

Three things here decide whether the paper's numbers come out: the fused loss op, Adam's own kernel with its
powers of beta multiplied up step by step, and pixels divided by 255 (not multiplied by 1/255).
"""

import os
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # TensorFlow reads it while it is imported

import tensorflow as tf

LEARNING_RATE, BETA1, BETA2, EPSILON = 0.1, 0.9, 0.999, 1e-8
PATIENCE = 10


class Graph:
    """The variables of one model and its two compiled functions. K classes, D pixels."""

    def __init__(self, n_classes: int, n_features: int) -> None:
        matrix, vector = (n_classes, n_features), (n_classes,)
        shapes = (matrix, vector, matrix, matrix, vector, vector, (), ())
        # A variable, for TensorFlow turns the division by a constant into a product with its reciprocal, and
        # that differs in the last bit for 126 of the 256 values.
        self._white = tf.Variable(255.0, trainable=False)
        self._variables = [tf.Variable(tf.zeros(shape, tf.float32)) for shape in shapes]
        images = tf.TensorSpec((None, n_features), tf.uint8)
        labels = tf.TensorSpec((None,), tf.int32)
        self.fit = tf.function(self._fit, input_signature=[images, labels, images, labels])
        self.predict = tf.function(self._predict, input_signature=[images])

    def write(self, arrays: tuple[Any, ...]) -> None:
        """Set the variables, in the order of `State`'s fields."""
        for variable, array in zip(self._variables, arrays, strict=True):
            variable.assign(array)

    def read(self) -> list[Any]:
        """The variables as NumPy arrays, in the order of `State`'s fields."""
        return [variable.numpy() for variable in self._variables]

    def _scale(self, images: Any) -> Any:
        """uint8 to float32 in [0, 1]."""
        return tf.cast(images, tf.float32) / self._white

    def _logits(self, x: Any) -> Any:
        weights, bias, *_ = self._variables
        return tf.matmul(x, weights, transpose_b=True) + bias  # (N, D) (D, K) -> (N, K)

    def _predict(self, images: Any) -> Any:
        return tf.nn.softmax(self._logits(self._scale(images)))

    def _fit(self, images: Any, labels: Any, validation_images: Any, validation_labels: Any) -> tuple[Any, Any]:
        weights, bias, *_ = self._variables
        x, validation_x = self._scale(images), self._scale(validation_images)

        def count_correct() -> Any:
            answers = tf.argmax(self._logits(validation_x), axis=1, output_type=tf.int32)  # (V, K) -> (V,)
            return tf.reduce_sum(tf.cast(answers == validation_labels, tf.int32))

        def step(best: Any, patience: Any, best_weights: Any, best_bias: Any, steps: Any) -> tuple[Any, ...]:
            self._descend(x, labels)
            correct = count_correct()
            better = correct > best
            return (
                tf.maximum(best, correct),
                tf.where(better, PATIENCE, patience - 1),
                tf.where(better, weights, best_weights),
                tf.where(better, bias, best_bias),
                steps + 1,
            )

        start = (count_correct(), PATIENCE, tf.identity(weights), tf.identity(bias), 0)
        best, _, best_weights, best_bias, steps = tf.while_loop(lambda _best, patience, *_: patience > 0, step, start)
        # The moments stay where the last step left them; only the weights go back.
        weights.assign(best_weights)
        bias.assign(best_bias)
        return best, steps

    def _descend(self, x: Any, labels: Any) -> None:
        """One step of Adam on the whole labeled set."""
        weights, bias, weights_m, weights_v, bias_m, bias_v, beta1_power, beta2_power = self._variables
        _, gradient = tf.raw_ops.SparseSoftmaxCrossEntropyWithLogits(features=self._logits(x), labels=labels)
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
