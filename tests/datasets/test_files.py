"""The readers of npz and IDX, on small arrays."""

import gzip
import io
import os
import tracemalloc
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from numpy.typing import NDArray

from app.datasets.dataset import Arrays
from app.datasets.files import parse_idx, read_arrays
from app.errors import AppError, DataSetInvalid, DataSetUnavailable

from .idx import NAMES, make_arrays, to_idx, write_idx_folder, write_npz


def assert_same(found: Arrays, expected: Arrays) -> None:
    for name in NAMES:
        assert getattr(found, name).dtype == np.uint8
        assert np.array_equal(getattr(found, name), getattr(expected, name)), name


def assert_helpful(error: AppError, path: Path) -> None:
    assert str(path) in error.message
    assert "Set INKLING_MNIST to" in error.message
    assert error.context["path"] == str(path)


def test_an_npz_gives_its_arrays(tmp_path: Path) -> None:
    assert_same(read_arrays(write_npz(tmp_path / "few.npz", make_arrays())), make_arrays())


@pytest.mark.parametrize("gzipped", [False, True])
@pytest.mark.parametrize("dotted", [False, True])
def test_a_folder_gives_its_arrays_in_each_spelling(tmp_path: Path, gzipped: bool, dotted: bool) -> None:
    folder = write_idx_folder(tmp_path / "idx", make_arrays(), gzipped=gzipped, dotted=dotted)

    assert_same(read_arrays(folder), make_arrays())


def test_a_file_that_is_called_gz_and_is_unpacked_is_read(tmp_path: Path) -> None:
    folder = write_idx_folder(tmp_path / "idx", make_arrays())
    (folder / NAMES["x_test"]).rename(folder / f"{NAMES['x_test']}.gz")

    assert_same(read_arrays(folder), make_arrays())


def test_folders_with_the_names_of_files_are_passed_over(tmp_path: Path) -> None:
    folder = write_idx_folder(tmp_path / "idx", make_arrays(), dotted=True)
    for name in NAMES.values():
        (folder / name).mkdir()

    assert_same(read_arrays(folder), make_arrays())


@given(st.data(), st.sampled_from([1, 3]))
def test_an_array_survives_the_way_through_idx(data: st.DataObject, ndim: int) -> None:
    shapes = array_shapes(min_dims=ndim, max_dims=ndim, min_side=0, max_side=6)
    array: NDArray[np.uint8] = data.draw(arrays(np.uint8, shapes))

    found = parse_idx(to_idx(array), ndim)

    assert found.shape == array.shape
    assert np.array_equal(found, array)


@given(st.binary(max_size=64), st.sampled_from([1, 3]))
def test_any_bytes_are_an_idx_file_or_a_value_error(content: bytes, ndim: int) -> None:
    try:
        array = parse_idx(content, ndim)
    except ValueError:
        return
    assert to_idx(array) == content


@pytest.mark.parametrize("size", [0, 3, 4, 15, 16, 39, 41])
def test_an_idx_file_of_another_length_is_refused(size: int) -> None:
    content = to_idx(make_arrays().x_train)
    assert len(content) == 40

    with pytest.raises(ValueError, match=r"expected|header is cut off"):
        parse_idx((content + b"\0")[:size], 3)


def test_labels_where_images_should_be_are_refused_with_both_magic_numbers(tmp_path: Path) -> None:
    folder = write_idx_folder(tmp_path / "idx", make_arrays())
    path = folder / NAMES["x_train"]
    path.write_bytes(to_idx(make_arrays().y_train))

    with pytest.raises(DataSetInvalid, match="starts with 00000801, expected 00000803") as caught:
        read_arrays(folder)
    assert_helpful(caught.value, path)


def test_a_dimension_that_claims_more_than_memory_holds_is_refused() -> None:
    with pytest.raises(ValueError, match="expected 79228162458924105385300197391"):
        parse_idx(bytes((0, 0, 8, 3)) + b"\xff" * 12, 3)


@pytest.mark.parametrize("kept", [0, 1, 2, 9, 10, 20, 40])
def test_a_truncated_gz_is_refused(tmp_path: Path, kept: int) -> None:
    folder = write_idx_folder(tmp_path / "idx", make_arrays(), gzipped=True)
    path = folder / f"{NAMES['x_train']}.gz"
    path.write_bytes(path.read_bytes()[:kept])

    with pytest.raises(DataSetInvalid) as caught:
        read_arrays(folder)
    assert_helpful(caught.value, path)


def test_a_gz_with_a_flipped_byte_is_refused(tmp_path: Path) -> None:
    folder = write_idx_folder(tmp_path / "idx", make_arrays(), gzipped=True)
    path = folder / f"{NAMES['x_train']}.gz"
    content = bytearray(gzip.compress(to_idx(make_arrays().x_train)))
    content[20] ^= 0xFF
    path.write_bytes(content)

    with pytest.raises(DataSetInvalid) as caught:
        read_arrays(folder)
    assert_helpful(caught.value, path)


BOMB = bytes(120_000_000)


def peak_bytes(path: Path) -> int:
    """What reading takes at most, until it is refused."""
    tracemalloc.start()
    try:
        with pytest.raises(DataSetInvalid) as caught:
            read_arrays(path)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert_helpful(caught.value, path if path.is_file() else path / f"{NAMES['x_train']}.gz")
    return peak


def test_a_gz_that_unpacks_to_more_than_mnist_is_not_unpacked(tmp_path: Path) -> None:
    folder = write_idx_folder(tmp_path / "idx", make_arrays(), gzipped=True)
    (folder / f"{NAMES['x_train']}.gz").write_bytes(gzip.compress(BOMB, 1))

    assert peak_bytes(folder) < 110_000_000


def test_an_idx_file_that_is_larger_than_mnist_is_not_read(tmp_path: Path) -> None:
    folder = write_idx_folder(tmp_path / "idx", make_arrays(), gzipped=True)
    with (folder / f"{NAMES['x_train']}.gz").open("wb") as file:
        file.truncate(len(BOMB))  # takes no room on the disk

    assert peak_bytes(folder) < 110_000_000


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_an_npz_that_unpacks_to_more_than_mnist_is_not_unpacked(tmp_path: Path, method: int) -> None:
    path = tmp_path / "bomb.npz"
    entry = io.BytesIO()
    np.save(entry, np.frombuffer(BOMB, np.uint8))
    with zipfile.ZipFile(path, "w", method, compresslevel=1) as archive:
        for name in NAMES:
            archive.writestr(f"{name}.npy", entry.getvalue() if name == "y_test" else b"")

    assert peak_bytes(path) < 1_000_000


def test_an_npz_that_names_two_sizes_is_not_unpacked_beyond_the_smaller(tmp_path: Path) -> None:
    path = tmp_path / "bomb.npz"
    entry = io.BytesIO()
    np.save(entry, np.frombuffer(BOMB, np.uint8))
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name in NAMES:
            archive.writestr(f"{name}.npy", entry.getvalue() if name == "x_train" else b"")
        archive.getinfo("x_train.npy").file_size = 1000  # what the directory at the end says of it

    assert peak_bytes(path) < 125_000_000  # NumPy sets aside what the header asks for, and fills a kilobyte of it


@pytest.mark.parametrize("name", NAMES.values())
def test_a_folder_that_lacks_one_file_says_which(tmp_path: Path, name: str) -> None:
    folder = write_idx_folder(tmp_path / "idx", make_arrays())
    (folder / name).unlink()

    with pytest.raises(DataSetInvalid, match=f"3 of the 4 IDX files .* no {name}") as caught:
        read_arrays(folder)
    assert_helpful(caught.value, folder)
    assert caught.value.context["missing"] == [name]


def test_a_folder_with_none_of_the_files_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()

    with pytest.raises(DataSetInvalid, match="0 of the 4 IDX files") as caught:
        read_arrays(tmp_path / "empty")
    assert_helpful(caught.value, tmp_path / "empty")


@pytest.mark.parametrize("name", ["nowhere.npz", "no/such/folder", "file/below.npz"])
def test_a_path_that_does_not_exist_is_unavailable(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").write_bytes(b"")

    with pytest.raises(DataSetUnavailable, match="does not exist") as caught:
        read_arrays(tmp_path / name)
    assert_helpful(caught.value, tmp_path / name)


def test_a_path_that_cannot_be_opened_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "loop.npz"
    path.symlink_to(path)

    with pytest.raises(DataSetInvalid, match="cannot be read: Too many levels") as caught:
        read_arrays(path)
    assert_helpful(caught.value, path)


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_permission_is_refused(tmp_path: Path) -> None:
    path = write_npz(tmp_path / "few.npz", make_arrays())
    path.chmod(0)

    with pytest.raises(DataSetInvalid, match="Permission denied") as caught:
        read_arrays(path)
    assert_helpful(caught.value, path)


@pytest.mark.parametrize("content", [b"", b"PK", b"<html>", b"\x93NUMPY\x01\x00", b"\x80\x04N."])
def test_a_file_that_is_no_archive_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "few.npz"
    path.write_bytes(content)

    with pytest.raises(DataSetInvalid, match="not an npz archive") as caught:
        read_arrays(path)
    assert_helpful(caught.value, path)


def test_an_npz_that_lacks_a_key_says_which_and_what_it_holds(tmp_path: Path) -> None:
    path = tmp_path / "few.npz"
    np.savez(path, x_train=make_arrays().x_train, labels=make_arrays().y_train)

    with pytest.raises(DataSetInvalid, match="lacks y_train, x_test, y_test; it holds x_train, labels") as caught:
        read_arrays(path)
    assert_helpful(caught.value, path)


def test_an_npz_of_floats_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "few.npz"
    few = make_arrays()
    np.savez(path, x_train=few.x_train / 255, y_train=few.y_train, x_test=few.x_test, y_test=few.y_test)

    with pytest.raises(DataSetInvalid, match="x_train is of type float64, expected uint8") as caught:
        read_arrays(path)
    assert_helpful(caught.value, path)


def test_a_pickle_in_an_npz_is_not_run(tmp_path: Path) -> None:
    path = tmp_path / "few.npz"
    few = make_arrays()
    objects = np.array([{"a": 1}], dtype=object)
    np.savez(path, x_train=objects, y_train=few.y_train, x_test=few.x_test, y_test=few.y_test)

    with pytest.raises(DataSetInvalid, match="allow_pickle=False") as caught:
        read_arrays(path)
    assert_helpful(caught.value, path)


def test_an_archive_of_something_else_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "few.npz"
    with zipfile.ZipFile(path, "w") as archive:
        for name in NAMES:
            archive.writestr(f"{name}.npy", b"not an array")

    with pytest.raises(DataSetInvalid, match="x_train is not an array") as caught:
        read_arrays(path)
    assert_helpful(caught.value, path)


@pytest.mark.parametrize(("old", "new"), [(b"}", b" "), (b"'descr'", b" descr("), (b"(3,", b"(9,"), (b"|u1", b"|z9")])
def test_an_array_with_a_damaged_header_is_refused(tmp_path: Path, old: bytes, new: bytes) -> None:
    path = tmp_path / "few.npz"
    entry = io.BytesIO()
    np.save(entry, make_arrays().x_train)
    assert old in entry.getvalue()
    with zipfile.ZipFile(path, "w") as archive:
        for name in NAMES:
            archive.writestr(f"{name}.npy", entry.getvalue().replace(old, new))

    with pytest.raises(DataSetInvalid) as caught:
        read_arrays(path)
    assert_helpful(caught.value, path)


def test_an_npz_cut_off_anywhere_is_refused(tmp_path: Path) -> None:
    path = write_npz(tmp_path / "few.npz", make_arrays())
    whole = path.read_bytes()

    for kept in range(len(whole)):
        path.write_bytes(whole[:kept])
        with pytest.raises(DataSetInvalid) as caught:
            read_arrays(path)
        assert_helpful(caught.value, path)


def test_an_npz_with_any_byte_flipped_is_read_unchanged_or_refused(tmp_path: Path) -> None:
    path = write_npz(tmp_path / "few.npz", make_arrays())
    whole = path.read_bytes()

    for position in range(len(whole)):
        damaged = bytearray(whole)
        damaged[position] ^= 0xFF
        path.write_bytes(damaged)
        try:
            found = read_arrays(path)
        except DataSetInvalid as error:
            assert_helpful(error, path)
        else:  # a date, an attribute: not all bytes of an archive carry its content
            assert_same(found, make_arrays())
