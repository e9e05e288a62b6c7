"""What a fit of the learner `graph` ends with, as bytes: the labels and the weights that follow from them."""

import struct
from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class State:
    """Labels in ascending order of position. No label: every class is equally likely."""

    n_classes: int
    positions: NDArray[np.int64]  # (n,)
    values: NDArray[np.int64]  # (n,), the answers
    weights: NDArray[np.float32]  # (D, K), of the features; (0, K) without a label
    local: NDArray[np.float32]  # (m, K), of likeness to the anchors among the labels

    FORMAT: ClassVar[int] = 1
    _HEADER: ClassVar[struct.Struct] = struct.Struct("<4sHIIII")  # magic, format, K, n, D, m

    @classmethod
    def empty(cls, n_classes: int) -> Self:
        """The state before any label."""
        none = np.empty(0, np.int64)
        nothing = np.empty((0, n_classes), np.float32)
        return cls(n_classes, none, none, nothing, nothing)

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """The state that `to_bytes` wrote, bit for bit.

        Raises:
            ValueError: not such bytes, another format, or cut short.
        """
        if len(data) < cls._HEADER.size:
            raise ValueError(f"a model state has a header of {cls._HEADER.size} bytes, here are {len(data)}")
        magic, version, n_classes, n, d, m = cls._HEADER.unpack_from(data)
        if magic != b"INKG" or version != cls.FORMAT:
            raise ValueError(f"not a model state of format {cls.FORMAT}: it starts with {data[:6]!r}")
        size = (
            cls._HEADER.size + 16 * n + 4 * (d + m) * n_classes
        )  # checked first: a damaged header may claim any shape
        if len(data) != size:
            raise ValueError(f"a model state of this shape has {size} bytes, here are {len(data)}")
        labels = np.frombuffer(data, "<i8", 2 * n, cls._HEADER.size).astype(np.int64).reshape(2, n)
        weights = np.frombuffer(data, "<f4", offset=cls._HEADER.size + 16 * n).astype(np.float32)
        weights = weights.reshape(d + m, n_classes)
        return cls(n_classes, labels[0], labels[1], weights[:d], weights[d:])

    def to_bytes(self) -> bytes:
        """A header, positions and values as int64, the weights as float32, all little-endian."""
        shape = (self.n_classes, len(self.positions), len(self.weights), len(self.local))
        header = self._HEADER.pack(b"INKG", self.FORMAT, *shape)
        labels = np.stack([self.positions, self.values]).astype("<i8").tobytes()
        return header + labels + self.weights.astype("<f4").tobytes() + self.local.astype("<f4").tobytes()
