"""The network to take away: trained on the labels that stand, and on a learner's own predictions for the other images.

N images of a pool, H x W pixels, C channels, K classes. `network_tf.py` holds the Keras half. It learns from distorted
copies, each anew, so it cannot learn single wrong labels by heart: it ends with fewer mistakes than it is trained on.
"""

import platform
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.learning.distortions import Strength, distort
from app.learning.learner import Classes, Float32, Images, OnStep, TrainingDiverged, ignore_step

BATCH = 64
EPOCHS = 16
LEAST_SEEN, MOST_SEEN = 2000, 240_000  # copies, a class and in all: more epochs for a small pool, fewer for a large one
GIVEN = 2.0  # how much a given label counts beside one of the machine
DOUBTED = 0.3  # this share of the machine's labels, the least sure ones, counts for less
LEFT_OUT = -1  # as the class of an image: nothing is learned from it


@dataclass(frozen=True, slots=True)
class Targets:
    """What the network is to learn: a class for each image, LEFT_OUT for some, and how sure that is.

    `classes` int64 (N,); `is_given` bool (N,): by a person or an oracle, in whom the network trusts; `confidence`
    float32 (N,): the machine's in its other labels, of which only the order counts.
    """

    classes: Classes
    is_given: NDArray[np.bool_]
    confidence: Float32

    def weigh(self) -> Float32:
        """How much each image counts (N,): most if its label is given, little if the machine doubts, 0 if left out."""
        is_kept = self.classes != LEFT_OUT
        is_machine = is_kept & ~self.is_given
        weights = np.where(is_kept, GIVEN, 0).astype(np.float32)
        order = np.argsort(np.argsort(self.confidence[is_machine], kind="stable"), kind="stable")
        weights[is_machine] = np.minimum(1, (order + 1) / max(1.0, DOUBTED * len(order)))
        return weights


def train(images: Images, targets: Targets, n_classes: int, *, seed: int, on_step: OnStep = ignore_step) -> bytes:
    """A network trained on these images, as a `.keras` file that Keras alone reads.

    It takes float or uint8 arrays (M, H, W, C) of pixels from 0 to 255 and gives probabilities (M, K). The same
    arguments give the same weights on one machine with one number of threads. `on_step` may raise to stop.

    Raises:
        TrainingDiverged: the weights ended in NaN or infinity.
        ValueError: all images are left out.
    """
    weights = targets.weigh()
    kept = np.flatnonzero(weights)
    if not len(kept):
        raise ValueError("there is no image to learn from")
    x, wanted = _with_channels(images), np.eye(n_classes, dtype=np.float32)
    n_steps = _count_steps(len(kept), n_classes)
    on_step("loading TensorFlow", 0.0)
    network = _keras_half().Network(*x.shape[1:], n_classes, n_steps=n_steps, seed=seed)
    rng = np.random.default_rng(seed)
    for number, rows in enumerate(_draw(kept, n_steps, rng)):
        on_step("training the network", number / n_steps)
        copies = distort(x[rows].astype(np.float32), rng, Strength())  # (B, H, W, C)
        network.step(copies, wanted[targets.classes[rows]], weights[rows])
    if not network.is_finite():
        raise TrainingDiverged(f"the network of {len(kept)} images ended in NaN or infinity")
    content: bytes = network.to_bytes()
    return content


def warm_up() -> None:
    """Import TensorFlow, which takes seconds. Convolutions are quick only where nothing has imported it before."""
    _keras_half()


def predict(content: bytes, images: Images) -> Float32:
    """Class probabilities (M, K) that the network in a file gives images of its pool's size."""
    found: Float32 = _keras_half().predict(content, _with_channels(images))
    return found


def numerics() -> str:
    """What the last bits depend on besides the arguments."""
    half = _keras_half()
    return f"TensorFlow {half.VERSION}, {platform.machine()}, {half.count_threads()} threads"


def _with_channels(images: Images) -> Images:
    return images[..., None] if images.ndim == 3 else images  # (N, H, W) -> (N, H, W, 1)


def _count_steps(n_images: int, n_classes: int) -> int:
    n_seen = min(max(EPOCHS * n_images, LEAST_SEEN * n_classes), MOST_SEEN)
    return -(-n_seen // min(BATCH, n_images))


def _draw(kept: NDArray[np.int64], n_steps: int, rng: np.random.Generator) -> Iterator[NDArray[np.int64]]:
    """Batches (B,) of positions: all images once, in a new order, before any comes again."""
    size = min(BATCH, len(kept))
    waiting = np.zeros(0, np.int64)
    for _ in range(n_steps):
        if len(waiting) < size:
            waiting = np.concatenate([waiting, rng.permutation(kept)])
        yield waiting[:size]
        waiting = waiting[size:]


@cache
def _keras_half() -> Any:
    # At the top of the module the import of TensorFlow would delay everything that trains nothing.
    from app.learning import network_tf

    return network_tf
