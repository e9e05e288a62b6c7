"""Write the files that the readers read."""

import gzip
import struct
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from app.datasets.dataset import Arrays

NAMES = {
    "x_train": "train-images-idx3-ubyte",
    "y_train": "train-labels-idx1-ubyte",
    "x_test": "t10k-images-idx3-ubyte",
    "y_test": "t10k-labels-idx1-ubyte",
}


def to_idx(array: NDArray[np.uint8]) -> bytes:
    """The IDX file that holds the array, as bytes."""
    return bytes((0, 0, 8, array.ndim)) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()


def write_idx_folder(folder: Path, arrays: Arrays, *, gzipped: bool = False, dotted: bool = False) -> Path:
    """The four IDX files in the folder, in one of their four spellings."""
    folder.mkdir(parents=True, exist_ok=True)
    for array, name in NAMES.items():
        content = to_idx(getattr(arrays, array))
        spelled = name.replace("-idx", ".idx") if dotted else name
        if gzipped:
            (folder / f"{spelled}.gz").write_bytes(gzip.compress(content, 1))
        else:
            (folder / spelled).write_bytes(content)
    return folder


def write_npz(path: Path, arrays: Arrays) -> Path:
    """The four arrays in a compressed npz, as Keras has them."""
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(path, **{name: getattr(arrays, name) for name in NAMES})
    return path


def make_arrays() -> Arrays:
    """Three images to train and two to test, of 2 rows and 4 columns, no two pixels alike."""
    pixels = np.arange(40, dtype=np.uint8).reshape(5, 2, 4)
    classes = np.array([5, 0, 4, 1, 9], dtype=np.uint8)
    return Arrays(pixels[:3], classes[:3], pixels[3:], classes[3:])
