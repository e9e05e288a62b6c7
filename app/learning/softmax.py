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
from dataclasses import dataclass, fields
from functools import cache
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from app.learning.softmax_tf import Graph

Float32 = NDArray[np.float32]

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


@dataclass(frozen=True, slots=True)
class Fit:
    """What a fit ended with: the state to go on from, `correct` of `total` validation images, steps taken."""

    state: State
    correct: int
    total: int
    steps: int


class SoftmaxRegression:
    """The model for K classes and D pixels. It keeps no state between calls, only compiled graphs.

    Not for two threads at once: the graphs share variables. Each thread makes its own.
    """

    def __init__(self, n_classes: int, n_features: int) -> None:
        self._graph: Graph = _tensorflow_half().Graph(n_classes, n_features)

    def fit(
        self,
        state: State,
        x: NDArray[np.uint8],  # (N, D)
        y: NDArray[np.integer[Any]],  # (N,)
        validation_x: NDArray[np.uint8],  # (V, D)
        validation_y: NDArray[np.integer[Any]],  # (V,)
    ) -> Fit:
        """Full-batch Adam from `state` until ten steps bring no better count on the validation set.

        The weights returned are the best ones; Adam's moments are those of the last step. The order of the
        rows decides the last bits of the result, and the run is chaotic: callers give a fixed order.
        """
        labels, validation_labels = y.astype(np.int32), validation_y.astype(np.int32)
        arguments = (list(state.arrays()), x, labels, validation_x, validation_labels)
        correct, steps, arrays = self._graph.fit(*arguments)
        after = State(*(array.numpy() for array in arrays))
        return Fit(after, int(correct), len(validation_y), int(steps))

    def predict(self, state: State, x: NDArray[np.uint8], rows: NDArray[np.int64] | None = None) -> Float32:
        """Class probabilities (n, K), float32, of images (N, D): of all, or of those `rows` (n,) alone.

        The last bits depend on how many images are predicted together: ask for the rows that count, not for all.
        """
        if rows is not None and len(x) > CHUNK and 2 * len(rows) > len(x):
            return self.predict(state, x)[rows]  # to gather most of a large pool takes as long as to predict it
        chunks = _split(x) if rows is None else (x[part] for part in _split(rows))
        return np.concatenate([self._graph.predict(state.weights, state.bias, chunk).numpy() for chunk in chunks])

    def count_correct(self, state: State, x: NDArray[np.uint8], y: NDArray[np.integer[Any]]) -> int:
        """How many of the images (N, D) get their true class (N,); of equal classes the lowest counts."""
        return int((self.predict(state, x).argmax(axis=1) == y).sum())


def warm_up() -> None:
    """Import TensorFlow: four to six seconds, so never in the path of a request."""
    _tensorflow_half()


@cache
def numerics() -> str:
    """What the last bits of a fit depend on besides its inputs: library, settings, processor. Imports TensorFlow."""
    found: list[str] = np.show_config(mode="dicts")["SIMD Extensions"]["found"]
    processor = " ".join([platform.machine(), *found[-1:]])
    return f"TensorFlow {_tensorflow_half().VERSION}, oneDNN off, {processor}"


def _split(rows: NDArray[Any]) -> list[NDArray[Any]]:
    """Chunks of equal length: a small last one would be added up in another order."""
    return np.array_split(rows, max(1, -(-len(rows) // CHUNK)))


@cache
def _tensorflow_half() -> Any:
    # The only import of TensorFlow in the product; at the top of the module it would delay the first page.
    from app.learning import softmax_tf

    return softmax_tf
