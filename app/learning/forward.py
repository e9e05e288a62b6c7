"""The trained network without TensorFlow: what `network.py` has written, computed by NumPy alone.

B images of a block, H x W pixels, C channels (1 or 3), D inputs and F outputs of a layer, K classes. It is equal to
Keras up to the order of sums: a float32 differs by some 1e-6.
"""

import io
import json
import re
import zipfile
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.learning.learner import Float32, Images

Layer = Callable[[Float32], Float32]
BLOCK_FLOATS = 1 << 22  # of the largest array within a block of images: it stays near the processor's cache


class NetworkDamaged(ValueError):
    """The file is not a network as it is trained here."""


@dataclass(frozen=True, slots=True)
class Forward:
    """A network that predicts: `shape` (H, W, C) is that of an image, `n_classes` that of an answer."""

    shape: tuple[int, int, int]
    n_classes: int
    layers: tuple[Layer, ...]

    def predict(self, images: Images) -> Float32:
        """Class probabilities (M, K) of images uint8 (M, H, W) or (M, H, W, C).

        Raises:
            ValueError: they have another size or other channels.
        """
        x = images[..., None] if images.ndim == 3 else images
        if x.shape[1:] != self.shape:
            raise ValueError(f"images of the shape {x.shape[1:]} for a network of {self.shape}")
        height, width, _ = self.shape
        size = max(1, BLOCK_FLOATS // (height * width * 9 * 8))
        found = [self._predict_block(x[start : start + size]) for start in range(0, len(x), size)]
        return np.concatenate([np.zeros((0, self.n_classes), np.float32), *found])

    def _predict_block(self, images: Images) -> Float32:
        x = images.astype(np.float32)  # (B, H, W, C)
        for layer in self.layers:
            x = layer(x)
        return x  # (B, K)


def read_network(content: bytes) -> Forward:
    """The network in a `.keras` file.

    Raises:
        NetworkDamaged: it is none, it is damaged, or it has layers that `network.py` does not make.
    """
    import h5py  # only what predicts needs it, and it takes as long to import as NumPy

    try:
        with zipfile.ZipFile(io.BytesIO(content)) as file:
            layers = json.loads(file.read("config.json"))["config"]["layers"]
            with h5py.File(io.BytesIO(file.read("model.weights.h5"))) as stored:
                return _build(layers, stored["layers"])
    except (zipfile.BadZipFile, OSError, LookupError, ValueError, TypeError) as error:
        raise NetworkDamaged(f"it is not a network of Inkling ({error})") from error


def _build(described: list[dict[str, Any]], stored: Any) -> Forward:
    built = list[Layer]()
    shape, n_classes, seen = None, 0, Counter[str]()
    for each in described:
        kind, config = each["class_name"], each["config"]
        weights = _read_weights(stored, kind, seen)
        if kind == "InputLayer":
            shape = tuple(config["batch_shape"][1:])
        elif kind == "Dense":
            n_classes = config["units"]
        built += _make_layers(kind, config, weights)
    if shape is None or len(shape) != 3 or not n_classes:
        raise NetworkDamaged("it names no input or no classes")
    return Forward(shape, n_classes, tuple(built))


def _read_weights(stored: Any, kind: str, seen: Counter[str]) -> list[Float32]:
    """Keras stores a layer's arrays by the name of its kind, numbered from the second one on: conv2d, conv2d_1."""
    snake = re.sub(r"(?<=[a-z])([A-Z])", r"_\1", kind.replace("ReLU", "ReLu")).lower()
    name = f"{snake}_{seen[snake]}" if seen[snake] else snake
    seen[snake] += 1
    if name not in stored:
        return []
    arrays = stored[name]["vars"]
    return [np.asarray(arrays[str(index)], np.float32) for index in range(len(arrays))]


def _make_layers(kind: str, config: Mapping[str, Any], weights: list[Float32]) -> list[Layer]:
    if kind == "Rescaling":
        scale, offset = np.float32(config["scale"]), np.float32(config["offset"])
        return [lambda x: x * scale + offset]
    if kind == "Conv2D":
        (kernel,) = weights
        return [lambda x: _convolve(x, kernel)]
    if kind == "BatchNormalization":
        gamma, beta, mean, variance = weights
        factor = gamma / np.sqrt(variance + np.float32(config["epsilon"]))
        return [lambda x: x * factor + (beta - mean * factor)]
    if kind == "Dense":
        kernel, bias = weights
        dense: Layer = lambda x: x @ kernel + bias  # noqa: E731 (typed as the others)
        return [dense, _rectify] if config["activation"] == "relu" else [dense]
    if kind in _WITHOUT_WEIGHTS:
        return [_WITHOUT_WEIGHTS[kind]]
    if kind in ("InputLayer", "Dropout"):  # neither changes what is predicted
        return []
    raise NetworkDamaged(f"it has a layer of the kind {kind}")


def _convolve(x: Float32, kernel: Float32) -> Float32:
    """3 x 3 pixels each, with zeros around: (B, H, W, D) to (B, H, W, F) as one product of matrices."""
    n_images, height, width, n_inputs = x.shape
    padded = np.zeros((n_images, height + 2, width + 2, n_inputs), np.float32)
    padded[:, 1:-1, 1:-1] = x
    # The three pixels of a row lie beside each other, so a view shows them as one run: (B, H, W, 3, 3D).
    rows = np.lib.stride_tricks.as_strided(
        padded, (n_images, height, width, 3, 3 * n_inputs), (*padded.strides[:3], padded.strides[1], 4), writeable=False
    )
    product = rows.reshape(-1, 9 * n_inputs) @ kernel.reshape(9 * n_inputs, -1)  # (BHW, 9D) @ (9D, F)
    return product.reshape(n_images, height, width, -1)


def _halve_by_max(x: Float32) -> Float32:
    """The largest of 2 x 2 pixels; an odd side ends with a pixel of its own."""
    by_rows = _pair(np.maximum, x, axis=1)  # (B, H/2, W, F)
    return _pair(np.maximum, by_rows, axis=2)


def _halve_by_mean(x: Float32) -> Float32:
    """The mean of 2 x 2 pixels, or of those that there are at an odd side."""

    def average(left: Float32, right: Float32) -> Float32:
        return (left + right) * np.float32(0.5)

    return _pair(average, _pair(average, x, axis=1), axis=2)


def _pair(join: Callable[[Float32, Float32], Float32], x: Float32, *, axis: int) -> Float32:
    """Join neighbours along an axis; the last one stays as it is where their number is odd."""
    moved = np.moveaxis(x, axis, 0)
    n_pairs = len(moved) // 2
    joined = join(moved[: 2 * n_pairs : 2], moved[1 : 2 * n_pairs : 2])
    if len(moved) % 2:
        joined = np.concatenate([joined, moved[-1:]])
    return np.moveaxis(joined, 0, axis)


def _rectify(x: Float32) -> Float32:
    return np.maximum(x, 0)


def _flatten(x: Float32) -> Float32:
    return x.reshape(len(x), -1)


def _softmax(x: Float32) -> Float32:
    powers = np.exp(x - x.max(axis=1, keepdims=True))
    found: NDArray[np.float32] = powers / powers.sum(axis=1, keepdims=True)
    return found


_WITHOUT_WEIGHTS: dict[str, Layer] = {
    "MaxPooling2D": _halve_by_max,
    "AveragePooling2D": _halve_by_mean,
    "ReLU": _rectify,
    "Flatten": _flatten,
    "Softmax": _softmax,
}
