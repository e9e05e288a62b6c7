"""Read the containers that MNIST is published in: Keras's npz, and the folder of four IDX files.

The readers know formats, not MNIST: whether the arrays are MNIST's is for `mnist.py` to say.
"""

import gzip
import io
import lzma
import math
import struct
import tokenize
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from app.datasets.dataset import Arrays
from app.errors import DataSetInvalid, DataSetUnavailable

REMEDY = "Set INKLING_MNIST to an intact mnist.npz of Keras or to a folder with the four IDX files of MNIST."

# Array, file name, number of dimensions. Both spellings of the name are in use: Kaggle's copy has the dot.
IDX_FILES = (
    ("x_train", "train-images{}idx3-ubyte", 3),
    ("y_train", "train-labels{}idx1-ubyte", 1),
    ("x_test", "t10k-images{}idx3-ubyte", 3),
    ("y_test", "t10k-labels{}idx1-ubyte", 1),
)
MAX_BYTES = 60_000 * 28 * 28 + 1024  # of one array, MNIST's training images and their header: no more is unpacked
GZIP_MAGIC = b"\x1f\x8b"
UINT8_CODE = 0x08

# What gzip, lzma, zipfile, zlib and NumPy raise on damaged bytes. MemoryError: a header may claim any size;
# RuntimeError: zipfile on an encrypted entry or an unknown compression. SyntaxError and TokenError: NumPy
# parses an array's header as Python literals.
DAMAGE = (
    OSError,
    EOFError,
    ValueError,
    KeyError,
    RuntimeError,
    MemoryError,
    SyntaxError,
    tokenize.TokenError,
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
)


@contextmanager
def reading(path: Path, remedy: str) -> Iterator[None]:
    """Turn whatever goes wrong while `path` is read into an error that names it and says what to do.

    Raises:
        DataSetUnavailable: there is no such file.
        DataSetInvalid: it is there and cannot be read, or its bytes are damaged.
    """
    try:
        yield
    except (FileNotFoundError, NotADirectoryError) as error:
        raise DataSetUnavailable(f"{path} does not exist. {remedy}", path=str(path)) from error
    except DAMAGE as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else error
        raise DataSetInvalid(f"{path} cannot be read: {reason}. {remedy}", path=str(path)) from error


def read_arrays(path: Path) -> Arrays:
    """The four arrays of an npz file, or of a folder of IDX files.

    Raises:
        DataSetUnavailable: there is no such file.
        DataSetInvalid: it is unreadable, damaged, or lacks a part.
    """
    with reading(path, REMEDY):
        is_folder = path.is_dir()
    return read_idx_folder(path) if is_folder else read_npz(path)


def read_npz(path: Path) -> Arrays:
    """The arrays x_train (N, H, W), y_train (N,), x_test, y_test, uint8, of a NumPy archive.

    Raises: as `read_arrays`.
    """
    with reading(path, REMEDY), path.open("rb") as file:
        # np.load would take any other file for a pickle, and its message would mislead.
        if not zipfile.is_zipfile(file):
            raise ValueError("it is not an npz archive, or its end is cut off")
        file.seek(0)
        with np.load(file, allow_pickle=False) as archive:
            missing = [name for name in Arrays.__dataclass_fields__ if name not in archive.files]
            if missing:
                raise ValueError(f"it lacks {', '.join(missing)}; it holds {', '.join(archive.files) or 'nothing'}")
            for entry in archive.zip.infolist():
                _check_entry(entry)
            return Arrays(**{name: _read_entry(archive.zip, name) for name in Arrays.__dataclass_fields__})


def _read_entry(archive: zipfile.ZipFile, name: str) -> NDArray[np.uint8]:
    # In one piece: NumPy reads in small ones, and each would wait for the interpreter while the server is imported.
    with archive.open(f"{name}.npy") as entry:
        content = entry.read(archive.getinfo(f"{name}.npy").file_size)
    if not content.startswith(np.lib.format.MAGIC_PREFIX):
        raise ValueError(f"{name} is not an array")
    return _check_uint8(name, np.lib.format.read_array(io.BytesIO(content), allow_pickle=False))


def read_idx_folder(folder: Path) -> Arrays:
    """The arrays of the four IDX files, each gzipped or not.

    Raises: as `read_arrays`.
    """
    with reading(folder, REMEDY):
        found = {name: _find_idx(folder, pattern) for name, pattern, _ in IDX_FILES}
    missing = [pattern.format("-") for name, pattern, _ in IDX_FILES if found[name] is None]
    if missing:
        raise DataSetInvalid(
            f"{folder} holds {4 - len(missing)} of the 4 IDX files of MNIST: there is no "
            f"{', no '.join(missing)} (nor with .gz). {REMEDY}",
            path=str(folder),
            missing=missing,
        )
    return Arrays(**{name: _read_idx(path, ndim) for name, _, ndim in IDX_FILES if (path := found[name])})


def parse_idx(content: bytes, ndim: int) -> NDArray[np.uint8]:
    """The array of `ndim` dimensions, uint8 and read-only, that the bytes of an IDX file hold.

    Raises ValueError if they are no such file, are cut off, or go on after the end.
    """
    start = 4 + 4 * ndim
    shape = parse_idx_header(content[:start], ndim)
    expected_size = start + math.prod(shape)
    if len(content) != expected_size:
        raise ValueError(f"it holds {len(content)} bytes, expected {expected_size} for shape {shape}")
    return np.frombuffer(content, dtype=np.uint8, offset=start).reshape(shape)  # (N,) or (N, H, W)


def parse_idx_header(content: bytes, ndim: int) -> tuple[int, ...]:
    """The shape that the first 4 + 4 * `ndim` bytes of an IDX file name; the items begin behind them.

    Raises ValueError if they begin no such file, or are too few.

    Source: yann.lecun.com/exdb/mnist. Two zero bytes, the type's code, the number of dimensions; each
    dimension in four bytes, big-endian; then the items in C order.
    """
    start = 4 + 4 * ndim
    expected_magic = bytes((0, 0, UINT8_CODE, ndim))
    if content[:4] != expected_magic:
        raise ValueError(f"it starts with {content[:4].hex() or 'nothing'}, expected {expected_magic.hex()}")
    if len(content) < start:
        raise ValueError(f"its header is cut off: {len(content)} bytes, expected {start}")
    return struct.unpack_from(f">{ndim}I", content, 4)


def _check_entry(entry: zipfile.ZipInfo) -> None:
    """Before it is unpacked. zipfile unpacks no more than the size that an entry names; bzip2 does so by gigabytes."""
    if entry.file_size > MAX_BYTES:
        raise ValueError(
            f"{entry.filename} has {entry.file_size:,} bytes; the largest array of MNIST has {MAX_BYTES:,}"
        )
    if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise ValueError(f"{entry.filename} is compressed by another method than deflate")


def _check_uint8(name: str, array: NDArray[np.generic]) -> NDArray[np.uint8]:
    if array.dtype != np.uint8:
        raise ValueError(f"{name} is of type {array.dtype}, expected uint8")
    return array.astype(np.uint8, copy=False)


def _find_idx(folder: Path, pattern: str) -> Path | None:
    names = [pattern.format(mark) + ending for mark in "-." for ending in ("", ".gz")]
    # is_file, not exists: Kaggle's archive unpacks to files with the dot and folders with the dash.
    return next((path for path in map(folder.joinpath, names) if path.is_file()), None)


def _read_idx(path: Path, ndim: int) -> NDArray[np.uint8]:
    with reading(path, REMEDY):
        with path.open("rb") as packed, gzip.GzipFile(fileobj=packed) as unpacked:
            # By content, not by name: some browsers unpack a .gz while saving it and keep its name.
            is_packed = packed.read(2) == GZIP_MAGIC
            packed.seek(0)
            content = (unpacked if is_packed else packed).read(MAX_BYTES + 1)
        if len(content) > MAX_BYTES:
            raise ValueError(f"it has more than {MAX_BYTES:,} bytes, which is the largest file of MNIST")
        return parse_idx(content, ndim)
