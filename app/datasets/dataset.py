"""What every source of images becomes: one frozen DataSet, made from the arrays that its files hold."""

import hashlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.learning.learner import LabeledImages

CLASSES = tuple("0123456789")


@dataclass(frozen=True, slots=True)
class DataSet:
    """One source of images, in their published order; its arrays are read-only.

    `train` feeds pools; the first images of `test` validate, the others are never shown to training
    or stopping. `sha256` is taken over the arrays, so it is equal for every container of the same data.
    """

    name: str
    description: str
    sha256: str
    classes: tuple[str, ...]
    train: LabeledImages
    test: LabeledImages


@dataclass(frozen=True, slots=True)
class Arrays:
    """The content of a container, all uint8: images (N, H, W) as x, classes (N,) as y.

    The names and their order are those of Keras's mnist.npz.
    """

    x_train: NDArray[np.uint8]
    y_train: NDArray[np.uint8]
    x_test: NDArray[np.uint8]
    y_test: NDArray[np.uint8]


def hash_arrays(arrays: Arrays) -> str:
    """SHA-256 in hexadecimal over the bytes of the four arrays, one after the other, in C order.

    Shapes are not part of it: compare them first.
    """
    digest = hashlib.sha256()
    for array in (arrays.x_train, arrays.y_train, arrays.x_test, arrays.y_test):
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


def build_data_set(name: str, description: str, sha256: str, arrays: Arrays) -> DataSet:
    """Make the arrays a DataSet of digits: C order, truth widened to int64, everything read-only."""
    return DataSet(
        name=name,
        description=description,
        sha256=sha256,
        classes=CLASSES,
        train=_build_part(arrays.x_train, arrays.y_train),
        test=_build_part(arrays.x_test, arrays.y_test),
    )


def _build_part(x: NDArray[np.uint8], y: NDArray[np.uint8]) -> LabeledImages:
    # A view, so that the caller's own array stays as writeable as it was; no copy if it is in C order.
    images, truth = np.ascontiguousarray(x).view(), y.astype(np.int64)
    images.flags.writeable = False
    truth.flags.writeable = False
    return LabeledImages(images, truth)
