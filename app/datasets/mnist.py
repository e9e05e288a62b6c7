"""MNIST as published: where its files are looked for, and the proof that they are MNIST."""

import logging
import os
from pathlib import Path

from app.datasets.dataset import Arrays, DataSet, build_data_set, hash_arrays
from app.datasets.fetch import fetch_file
from app.datasets.files import REMEDY, read_arrays
from app.errors import DataSetInvalid, DataSetUnavailable

logger = logging.getLogger(__name__)

# Over the arrays (see `hash_arrays`). They are also, byte for byte, the items of the four IDX files whose
# published SHA-256 begin ba891046, 65a50cbb, 0fa7898d and ff7bcfd4.
MNIST_SHA256 = "06b0d1f124c4e5fa796686ade41a9b778edacc8622f2195a352ef479ad44fc16"
MNIST_SHAPES = {
    "x_train": (60_000, 28, 28),
    "y_train": (60_000,),
    "x_test": (10_000, 28, 28),
    "y_test": (10_000,),
}

# Keras's copy, and the hash of that file: a property of the archive, so it differs from MNIST_SHA256.
MNIST_URL = "https://storage.googleapis.com/tensorflow/tf-keras-datasets/mnist.npz"
MNIST_FILE_SHA256 = "731c5ac602752760c8e48fbffcf8c3b850d9dc2a2aedcf2cc48468fc17b673d1"


def load_mnist(chosen: Path | None) -> DataSet:
    """MNIST from `chosen`; without it from Keras's cache, or else fetched once over the network.

    What was chosen is never silently replaced by anything else. A file in Keras's cache that is not
    MNIST is logged and passed over.

    Raises:
        DataSetUnavailable: `chosen` does not exist, or there is neither a copy nor a network.
        DataSetInvalid: a file is there and is not MNIST.
    """
    if chosen is not None:
        return read_mnist(chosen)
    return _read_keras_cache() or read_mnist(fetch_file(MNIST_URL, MNIST_FILE_SHA256))


def read_mnist(path: Path) -> DataSet:
    """MNIST from a Keras mnist.npz or from a folder of the four IDX files.

    Raises: as `load_mnist`.
    """
    arrays = read_arrays(path)
    check_is_mnist(arrays, path)
    logger.debug("MNIST is read from %s", path)
    n_train, n_test = len(arrays.x_train), len(arrays.x_test)
    # The name alone: every user sees the description, and the file's folder is for the log.
    description = f"MNIST, {n_train:,} digits to label from and {n_test:,} to test, from {path.name}"
    return build_data_set("mnist", description, MNIST_SHA256, arrays)


def check_is_mnist(arrays: Arrays, path: Path) -> None:
    """Raise DataSetInvalid, naming `path`, unless the arrays are MNIST's to the last bit.

    Another data set in the same container (Fashion-MNIST, say), a subset or another order would run
    well and make every number that is compared with the paper's meaningless.
    """
    for name, expected in MNIST_SHAPES.items():
        found = getattr(arrays, name).shape
        if found != expected:
            raise DataSetInvalid(
                f"{path} is not MNIST: {name} has shape {found}, expected {expected}. {REMEDY}",
                path=str(path),
                array=name,
                expected=list(expected),
                found=list(found),
            )
    sha256 = hash_arrays(arrays)
    if sha256 != MNIST_SHA256:
        raise DataSetInvalid(
            f"{path} is not MNIST as published: the SHA-256 over its arrays is {sha256}, "
            f"expected {MNIST_SHA256}. {REMEDY}",
            path=str(path),
            expected=MNIST_SHA256,
            found=sha256,
        )


def _read_keras_cache() -> DataSet | None:
    try:
        folder = Path(os.environ.get("KERAS_HOME") or "~/.keras").expanduser()
    except RuntimeError:  # an account without a home, as in some containers: then Keras has no cache there
        return None
    try:
        return read_mnist(folder / "datasets" / "mnist.npz")
    except DataSetUnavailable:
        return None
    except DataSetInvalid as error:
        logger.warning("Keras's copy of MNIST is passed over: %s", error.message)
        return None
