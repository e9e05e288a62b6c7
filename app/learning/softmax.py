"""Softmax regression as the paper trains it: NumPy in, NumPy out; `softmax_tf.py` holds the TensorFlow half.

N images, D pixels, K classes. Pixels are uint8 and become float32 in [0, 1] inside TensorFlow, chunk by
chunk, so a pool never has a float copy.

Source: Andy Bosyi, "Active Learning on MNIST - Saving on Labeling" (2018), and its notebook.
Differs from the source: the whole of `fit` is one graph, which transposes the images once and not at each step.
Weights, moments and probabilities stay equal to the last bit. Pools of more than CHUNK images are predicted in parts,
so their probabilities may differ in the last bits.
"""

import platform
import struct
from collections.abc import Iterable
from dataclasses import dataclass, fields
from functools import cache, cached_property
from math import prod
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from app.learning import strategies
from app.learning.learner import (
    NO_FEATURES,
    Classes,
    Features,
    Fit,
    Float32,
    Images,
    LabeledImages,
    OnStep,
    PoolImages,
    Positions,
    TrainingDiverged,
    ignore_step,
    predict_rest,
)
from app.learning.names import Strategy
from app.learning.softmax_steps import count_steps
from app.learning.strategies import Batch

if TYPE_CHECKING:
    from app.learning.softmax_tf import Graph

CHUNK = 8192


@dataclass(frozen=True, slots=True)
class State:
    """All that the next fit depends on: the weights, Adam's moments and its powers of beta, all float32."""

    weights: Float32  # (K, D)
    bias: Float32  # (K,)
    weights_m: Float32  # (K, D), first moment
    weights_v: Float32  # (K, D), second moment
    bias_m: Float32  # (K,)
    bias_v: Float32  # (K,)
    beta1_power: Float32  # (), beta1 ** (step + 1) by repeated multiplication, as Adam's kernel expects it
    beta2_power: Float32  # ()

    FORMAT: ClassVar[int] = 1
    _HEADER: ClassVar[struct.Struct] = struct.Struct("<4sHHI")  # magic, format, K, D

    @classmethod
    def zeros(cls, n_classes: int, n_features: int) -> Self:
        """The state before any training: everything 0, the powers at Adam's betas."""
        matrix, vector = (n_classes, n_features), (n_classes,)
        return cls(
            *(np.zeros(shape, np.float32) for shape in (matrix, vector, matrix, matrix, vector, vector)),
            *(np.asarray(beta, np.float32) for beta in (0.9, 0.999)),
        )

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """The state that `to_bytes` wrote, bit for bit.

        Raises:
            ValueError: not such bytes, another format, or cut short.
        """
        if len(data) < cls._HEADER.size:
            raise ValueError(f"a model state has a header of {cls._HEADER.size} bytes, here are {len(data)}")
        magic, version, n_classes, n_features = cls._HEADER.unpack_from(data)
        if magic != b"INKS" or version != cls.FORMAT:
            raise ValueError(f"not a model state of format {cls.FORMAT}: it starts with {data[:6]!r}")
        n_floats = 3 * n_classes * n_features + 3 * n_classes + 2
        size = cls._HEADER.size + 4 * n_floats  # checked first: a damaged header may claim any shape
        if len(data) != size:
            raise ValueError(f"a model state of this shape has {size} bytes, here are {len(data)}")
        empty = cls.zeros(n_classes, n_features)
        offset, arrays = cls._HEADER.size, []
        for like in empty.arrays():
            flat = np.frombuffer(data, "<f4", like.size, offset)
            arrays.append(flat.astype(np.float32).reshape(like.shape))
            offset += like.nbytes
        return cls(*arrays)

    def to_bytes(self) -> bytes:
        """A header and the arrays, float32 little-endian, in the order of the fields."""
        header = self._HEADER.pack(b"INKS", self.FORMAT, *self.weights.shape)
        return header + b"".join(array.astype("<f4").tobytes() for array in self.arrays())

    def arrays(self) -> tuple[Float32, ...]:
        """The fields in their order."""
        return tuple(getattr(self, field.name) for field in fields(self))

    def is_finite(self) -> bool:
        """False once a NaN or an infinity has crept in: such a state must not be used."""
        return all(bool(np.isfinite(array).all()) for array in self.arrays())


class SoftmaxRegression:
    """The paper's learner for K classes and images of D pixels. It keeps no state between calls, only compiled graphs.

    Not for two threads at once: the graphs share variables. Each thread makes its own.
    """

    def __init__(self, n_classes: int, image_shape: tuple[int, ...]) -> None:
        self._shape = (n_classes, prod(image_shape))

    def warm_up(self) -> None:
        """Import TensorFlow: four to six seconds."""
        _tensorflow_half()

    def numerics(self) -> str:
        """Library, settings and processor."""
        return _numerics()

    def prepare(
        self, images: Images, *, seed: int = 0, sample: Positions | None = None, on_step: OnStep = ignore_step
    ) -> Features:
        """Nothing: it learns from the pixels themselves."""
        return NO_FEATURES

    def embed(self, pool: PoolImages, images: Images) -> Features:
        """Nothing."""
        return NO_FEATURES

    def initial(self) -> bytes:
        """The state of zeros."""
        return State.zeros(*self._shape).to_bytes()

    def fit(
        self, state: bytes, pool: PoolImages, positions: Positions, values: Classes, validation: LabeledImages
    ) -> Fit:
        """Full-batch Adam from `state` until ten steps bring no better count on the validation images.

        The weights in the new state are the best ones; Adam's moments are those of the last step. The order of the
        labels decides the last bits of the result, and the run is chaotic: callers give a fixed order.

        Differs from the source: without validation images a fit starts from nothing, and its number of steps is what
        serves labeled images that are left out, see `softmax_steps`.
        """
        before = self._read(state)
        x, y = _flat(pool.images)[positions], values.astype(np.int32)  # (n, D), (n,)
        correct: int | None = None
        if len(validation):
            stop_x, stop_y = _flat(validation.images), validation.truth.astype(np.int32)
            right, steps, arrays = self._graph.fit(list(before.arrays()), x, y, stop_x, stop_y)
            correct = int(right)
        else:
            steps = count_steps(x, values, self._shape[0])
            arrays = self._graph.descend(list(State.zeros(*self._shape).arrays()), x, y, steps)
        after = State(*(array.numpy() for array in arrays))
        if not after.is_finite():
            raise TrainingDiverged(f"the fit on {len(positions)} labels ended in NaN or infinity")
        return Fit(after.to_bytes(), int(steps), correct)

    def predict(self, state: bytes, pool: PoolImages, positions: Positions) -> Float32:
        """Class probabilities (n, K). The last bits depend on how many images are predicted together."""
        model, x, n_images = self._read(state), _flat(pool.images), len(pool.images)
        if n_images > CHUNK and 2 * len(positions) > n_images:
            # Gathering most of a large pool takes as long as predicting all of it.
            return self._predict(model, _split(x))[positions]
        return self._predict(model, (x[part] for part in _split(positions)))

    def predict_others(self, state: bytes, pool: PoolImages, others: LabeledImages) -> Float32:
        """Class probabilities (M, K)."""
        return self._predict(self._read(state), _split(_flat(others.images)))

    def choose(
        self,
        state: bytes,
        pool: PoolImages,
        labeled: Positions,
        *,
        strategy: Strategy,
        count: int,
        seed: tuple[int, ...],
        second_opinion: Classes | None = None,
    ) -> Batch:
        """The lowest scores among the images without a label.

        Only those are predicted, as in the notebook: the last bits depend on how many are computed together.
        """
        rest, probabilities = predict_rest(self, state, pool, labeled)
        return strategies.choose(rest, probabilities, strategy, count=count, seed=seed)

    @cached_property
    def _graph(self) -> "Graph":
        graph: Graph = _tensorflow_half().Graph(*self._shape)
        return graph

    def _read(self, state: bytes) -> State:
        read = State.from_bytes(state)
        if read.weights.shape != self._shape:
            ours, theirs = (f"{k} classes and {d} pixels" for k, d in (self._shape, read.weights.shape))
            raise ValueError(f"a model state of {theirs}, where one of {ours} belongs")
        return read

    def _predict(self, model: State, chunks: Iterable[NDArray[np.uint8]]) -> Float32:
        return np.concatenate([self._graph.predict(model.weights, model.bias, chunk).numpy() for chunk in chunks])


@cache
def _numerics() -> str:
    found: list[str] = np.show_config(mode="dicts")["SIMD Extensions"]["found"]
    processor = " ".join([platform.machine(), *found[-1:]])
    return f"TensorFlow {_tensorflow_half().VERSION}, oneDNN off, {processor}"


def _flat(images: Images) -> NDArray[np.uint8]:
    return images.reshape(len(images), prod(images.shape[1:]))  # (N, H, W) -> (N, D)


def _split(rows: NDArray[Any]) -> list[NDArray[Any]]:
    """Chunks of equal length: a small last one would be added up in another order."""
    return np.array_split(rows, max(1, -(-len(rows) // CHUNK)))


@cache
def _tensorflow_half() -> Any:
    # At the top of the module this import of TensorFlow would delay the first page.
    from app.learning import softmax_tf

    return softmax_tf
