"""The Keras half of the network to take away. Importing this module imports TensorFlow: see `network.py`.

H x W pixels, C channels (1 or 3), K classes; B images of a batch, M images predicted.
"""

import os
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

# Read while TensorFlow is imported, so these do nothing if the paper's learner was first. With oneDNN convolutions
# take half as long, and no bit of the paper's path passes through here.
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # oneDNN calls it an error to leave an operation to others


@contextmanager
def _quiet() -> Iterator[None]:
    """Without two lines about oneDNN on the standard error, which no log level keeps TensorFlow from printing."""
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


with _quiet():
    import keras
    import tensorflow as tf

Float32 = NDArray[np.float32]

LEARNING_RATE, SMOOTHING, DROPOUT, MOMENTUM = 2e-3, 0.1, 0.4, 0.9
LARGE = 40  # larger sides are halved before the first convolution, which bounds the time
CHUNK = 500  # images predicted at once

VERSION: str = tf.__version__


class Network:
    """Four convolutions and two dense layers, all of Keras's own kinds: pixels 0 to 255 in, probabilities out."""

    def __init__(self, height: int, width: int, channels: int, n_classes: int, *, n_steps: int, seed: int) -> None:
        self._n_classes = n_classes
        self._seeds = iter(range(seed, seed + 100))
        pixels = keras.layers.Input((height, width, channels), name="pixels")
        x = keras.layers.Rescaling(1 / 255)(pixels)
        if max(height, width) > LARGE:
            x = keras.layers.AveragePooling2D(2, padding="same")(x)
        x = self._convolve(x, 32, halved=True)  # (B, H/2, W/2, 32)
        x = self._convolve(x, 32)
        x = self._convolve(x, 64, halved=True)  # (B, H/4, W/4, 64)
        x = self._convolve(x, 64)
        x = self._normalize(self._dense(128)(keras.layers.Flatten()(x)))  # (B, 128)
        x = keras.layers.Dropout(DROPOUT, seed=next(self._seeds))(x)
        logits = self._dense(n_classes)(x)  # (B, K)
        self._trained = keras.Model(pixels, logits)
        self._whole = keras.Model(pixels, keras.layers.Softmax(name="probabilities")(logits), name="inkling")
        self._optimizer = keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(LEARNING_RATE, n_steps))
        self._optimizer.build(self._trained.trainable_variables)
        shapes = (None, height, width, channels), (None, n_classes), (None,)
        self._step = tf.function(self._descend, input_signature=[tf.TensorSpec(shape, tf.float32) for shape in shapes])

    def step(self, images: Float32, targets: Float32, weights: Float32) -> None:
        """One step of Adam on images (B, H, W, C), wanted probabilities (B, K) and weights (B,), not all of them 0."""
        self._step(images, targets, weights)

    def is_finite(self) -> bool:
        """Whether no weight has become NaN or infinity."""
        return all(bool(np.isfinite(weight).all()) for weight in self._whole.get_weights())

    def to_bytes(self) -> bytes:
        """The network as a file that Keras alone reads, without what only training needs."""
        with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():  # Keras writes to files only
            warnings.simplefilter("ignore", DeprecationWarning)  # of NumPy, about Keras itself
            path = Path(folder) / "network.keras"
            self._whole.save(path)
            return path.read_bytes()

    def _descend(self, images: Any, targets: Any, weights: Any) -> None:
        smooth = targets * (1 - SMOOTHING) + SMOOTHING / self._n_classes
        variables = self._trained.trainable_variables
        with tf.GradientTape() as tape:
            logits = self._trained(images, training=True)
            losses = tf.nn.softmax_cross_entropy_with_logits(smooth, logits)  # (B,)
            loss = tf.reduce_sum(weights * losses) / tf.reduce_sum(weights)
        self._optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables, strict=True))

    def _convolve(self, x: Any, n_filters: int, *, halved: bool = False) -> Any:
        start = keras.initializers.HeNormal(next(self._seeds))
        x = keras.layers.Conv2D(n_filters, 3, padding="same", use_bias=False, kernel_initializer=start)(x)
        if halved:  # before the two below: a quarter of the numbers is left to them, and the result is nearly the same
            x = keras.layers.MaxPooling2D(2, padding="same")(x)
        return self._normalize(x)

    def _dense(self, n_units: int) -> Any:
        return keras.layers.Dense(n_units, kernel_initializer=keras.initializers.GlorotUniform(next(self._seeds)))

    def _normalize(self, x: Any) -> Any:
        # Without it the first steps may leave units that no image activates: for coloured pictures it was all of them.
        return keras.layers.ReLU()(keras.layers.BatchNormalization(momentum=MOMENTUM)(x))


def predict(content: bytes, images: NDArray[np.uint8]) -> Float32:
    """Class probabilities (M, K) that the network in a file gives images (M, H, W, C)."""
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        path = Path(folder) / "network.keras"
        path.write_bytes(content)
        network = keras.saving.load_model(path, compile=False)
    chunks = (images[start : start + CHUNK].astype(np.float32) for start in range(0, len(images), CHUNK))
    found = [np.asarray(network.predict_on_batch(chunk)) for chunk in chunks]
    return np.concatenate([np.zeros((0, network.output_shape[-1]), np.float32), *found])


def count_threads() -> int:
    """How many threads share one operation."""
    return int(tf.config.threading.get_intra_op_parallelism_threads()) or os.cpu_count() or 1
