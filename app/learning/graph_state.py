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
    weights: NDArray[np.float32]  # (D, K); (0, K) without a label

    FORMAT: ClassVar[int] = 1
    _HEADER: ClassVar[struct.Struct] = struct.Struct("<4sHIII")  # magic, format, K, n, D

    @classmethod
    def empty(cls, n_classes: int) -> Self:
        """The state before any label."""
        none = np.empty(0, np.int64)
        return cls(n_classes, none, none, np.empty((0, n_classes), np.float32))

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """The state that `to_bytes` wrote, bit for bit.

        Raises:
            ValueError: not such bytes, another format, or cut short.
        """
        if len(data) < cls._HEADER.size:
            raise ValueError(f"a model state has a header of {cls._HEADER.size} bytes, here are {len(data)}")
        magic, version, n_classes, n, d = cls._HEADER.unpack_from(data)
        if magic != b"INKG" or version != cls.FORMAT:
            raise ValueError(f"not a model state of format {cls.FORMAT}: it starts with {data[:6]!r}")
        size = cls._HEADER.size + 16 * n + 4 * d * n_classes  # checked first: a damaged header may claim any shape
        if len(data) != size:
            raise ValueError(f"a model state of this shape has {size} bytes, here are {len(data)}")
        labels = np.frombuffer(data, "<i8", 2 * n, cls._HEADER.size).astype(np.int64).reshape(2, n)
        weights = np.frombuffer(data, "<f4", offset=cls._HEADER.size + 16 * n).astype(np.float32)
        return cls(n_classes, labels[0], labels[1], weights.reshape(d, n_classes))

    def to_bytes(self) -> bytes:
        """A header, positions and values as int64, the weights as float32, all little-endian."""
        header = self._HEADER.pack(b"INKG", self.FORMAT, self.n_classes, len(self.positions), len(self.weights))
        labels = np.stack([self.positions, self.values]).astype("<i8").tobytes()
        return header + labels + self.weights.astype("<f4").tobytes()
