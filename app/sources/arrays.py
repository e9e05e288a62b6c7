"""Arrays of images, read row by row: NumPy's npz, and IDX, the format of MNIST."""

import io
import math
import re
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import repeat
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from app.datasets.files import parse_idx, parse_idx_header, reading
from app.sources.item import Item, SourceLimits
from app.sources.packed import Budget, unpack
from app.sources.zips import METHODS, CarefulFile

NPZ_REMEDY = "Save it with numpy.savez: `images` as uint8 (n, height, width) or (n, height, width, 3), in C order."
IDX_REMEDY = "It should be an IDX file of uint8 in three dimensions, as train-images-idx3-ubyte of MNIST."
MAX_LABEL_BYTES = 64_000_000


class NpzSource:
    """The array `images` of an npz file. Labels are in `labels`, or in `value` as our export writes them.

    With an array `classes` they are indexes into it. Names are in `name`, else an image's number is its name.
    """

    def __init__(self, path: Path, limits: SourceLimits) -> None:
        self._path, self._limits = path, limits
        self.description = f"the arrays in {path.name}"

    def labels(self) -> Iterator[str | None]:
        """Reads all but the images."""
        with reading(self._path, NPZ_REMEDY), self._open() as archive:
            return iter(_read_labels(archive, self._read_shape(archive)[0]))

    def __iter__(self) -> Iterator[Item]:
        """
        Raises:
            DataSetInvalid: as `reading`.
            ArchiveTooBig: it is taken for a bomb.
        """
        with reading(self._path, NPZ_REMEDY), self._open() as archive:
            shape = self._read_shape(archive)
            labels, names = _read_labels(archive, shape[0]), _read_names(archive, shape[0])
            with archive.open("images.npy") as entry:
                _read_header(entry)
                rows = _read_rows(entry, shape)
                for name, label, pixels in zip(names, labels, rows, strict=True):
                    yield Item(name, pixels=pixels, label=label)

    def _read_shape(self, archive: zipfile.ZipFile) -> tuple[int, ...]:
        shape = _read_shape(archive)
        _check_claim(shape, self._limits, self._path)
        return shape

    @contextmanager
    def _open(self) -> Iterator[zipfile.ZipFile]:
        with CarefulFile(self._path, self._limits) as file, zipfile.ZipFile(file) as archive:
            if "images.npy" not in archive.namelist():
                raise ValueError(f"it has no array `images` but {', '.join(archive.namelist()[:10]) or 'nothing'}")
            yield archive


class IdxSource:
    """The images of an IDX file, packed or not; labels from the file of the same name with "labels" and "idx1"."""

    def __init__(self, path: Path, limits: SourceLimits) -> None:
        self._path, self._limits = path, limits
        self._labels_path = _find_idx_labels(path)
        beside = f", labels in {self._labels_path.name}" if self._labels_path else ""
        self.description = f"the IDX file {path.name}{beside}"

    def labels(self) -> Iterator[str | None]:
        """From the file beside it."""
        with reading(self._path, IDX_REMEDY), self._path.open("rb") as packed:
            return iter(self._read_labels(self._read_shape(unpack(packed))[0]))

    def __iter__(self) -> Iterator[Item]:
        """
        Raises:
            DataSetInvalid: as `reading`.
            ArchiveTooBig: it is taken for a bomb.
        """
        with reading(self._path, IDX_REMEDY), self._path.open("rb") as packed:
            file = unpack(packed)
            shape = self._read_shape(file)
            labels = self._read_labels(shape[0])
            rows = _read_rows(file, shape)
            for index, (label, pixels) in enumerate(zip(labels, rows, strict=True)):
                yield Item(number_name(index), pixels=pixels, label=label)
            if file.read(1):
                raise ValueError(f"it goes on after its {shape[0]:,} images")

    def _read_shape(self, file: IO[bytes]) -> tuple[int, ...]:
        shape = parse_idx_header(file.read(16), 3)
        _check_claim(shape, self._limits, self._path)
        return shape

    def _read_labels(self, n_images: int) -> Iterable[str | None]:
        if self._labels_path is None:
            return repeat(None, n_images)
        labels = read_idx_labels(self._labels_path)
        if len(labels) != n_images:
            raise ValueError(f"it has {n_images:,} images, and {self._labels_path.name} has {len(labels):,} labels")
        return labels


def number_name(index: int) -> str:
    """What an image is called that has no name, by its place from 0."""
    return f"{index:06}"


def read_idx_labels(path: Path) -> list[str]:
    """The numbers in an IDX file of labels, packed or not.

    Raises: as `reading`, DataSetInvalid or DataSetUnavailable.
    """
    with reading(path, "It should be an IDX file of uint8 in one dimension."), path.open("rb") as packed:
        content = unpack(packed).read(MAX_LABEL_BYTES + 1)
        if len(content) > MAX_LABEL_BYTES:
            raise ValueError(f"it has more than {MAX_LABEL_BYTES:,} bytes")
        return [str(value) for value in parse_idx(content, 1).tolist()]


def _find_idx_labels(path: Path) -> Path | None:
    name = re.sub("idx3", "idx1", path.name.replace("images", "labels"))
    beside = path.with_name(name)
    return beside if name != path.name and beside.is_file() else None


def _check_claim(shape: tuple[int, ...], limits: SourceLimits, path: Path) -> None:
    """Before anything is made for each of the images that a header names."""
    n_bytes = math.prod(shape[1:])
    if 0 in shape[1:] or n_bytes > limits.file_bytes:
        raise ValueError(f"each of its images has {n_bytes:,} bytes; 1 to {limits.file_bytes:,} are allowed")
    Budget(limits).count_bytes(math.prod(shape), path.stat().st_size)


def _read_shape(archive: zipfile.ZipFile) -> tuple[int, ...]:
    """Of the images: (N, H, W) or (N, H, W, 3); a last axis of one is left out.

    Raises ValueError if they are no such array.
    """
    info = archive.getinfo("images.npy")
    if info.compress_type not in METHODS:
        raise ValueError("`images` is packed by another method than deflate")
    with archive.open(info) as entry:
        shape, is_fortran, dtype = _read_header(entry)
    if dtype != np.uint8 or is_fortran:
        raise ValueError(f"`images` is of type {dtype}{' in Fortran order' if is_fortran else ''}")
    if len(shape) == 4 and shape[3] == 1:
        shape = shape[:3]
    if not (len(shape) == 3 or (len(shape) == 4 and shape[3] == 3)):
        raise ValueError(f"`images` has the shape {shape}")
    return shape


def _read_header(entry: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    version = np.lib.format.read_magic(entry)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, is_fortran, dtype = read(entry)
    return shape, is_fortran, dtype


def _read_rows(file: IO[bytes], shape: tuple[int, ...]) -> Iterator[NDArray[np.uint8]]:
    n_bytes = math.prod(shape[1:])
    for index in range(shape[0]):
        content = file.read(n_bytes)
        if len(content) < n_bytes:
            raise EOFError(f"it ends within image {index:,} of {shape[0]:,}")
        yield np.frombuffer(content, np.uint8).reshape(shape[1:])


def _read_labels(archive: zipfile.ZipFile, n_images: int) -> Iterable[str | None]:
    values = _read_small(archive, "labels", n_images)
    if values is None:
        values = _read_small(archive, "value", n_images)
    if values is None:
        return repeat(None, n_images)
    classes = _read_small(archive, "classes", None)
    if classes is None or values.dtype.kind not in "iu":
        return [str(value) or None for value in values.tolist()]
    names = [str(name) for name in classes.tolist()]
    return [names[value] if 0 <= value < len(names) else None for value in values.tolist()]


def _read_names(archive: zipfile.ZipFile, n_images: int) -> Iterable[str]:
    names = _read_small(archive, "name", n_images)
    numbers = map(number_name, range(n_images))
    return numbers if names is None else [str(name) or number for name, number in zip(names, numbers, strict=True)]


def _read_small(archive: zipfile.ZipFile, name: str, length: int | None) -> NDArray[Any] | None:
    """An array of one dimension; None if it is not there."""
    if f"{name}.npy" not in archive.namelist():
        return None
    info = archive.getinfo(f"{name}.npy")
    if info.file_size > MAX_LABEL_BYTES or info.compress_type not in METHODS:
        raise ValueError(f"`{name}` has {info.file_size:,} bytes, or is packed by another method than deflate")
    array: NDArray[Any] = np.lib.format.read_array(io.BytesIO(archive.read(info)), allow_pickle=False)
    if array.ndim != 1 or (length is not None and len(array) != length):
        raise ValueError(f"`{name}` has the shape {array.shape}; there are {length} images")
    return array
