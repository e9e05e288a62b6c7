"""The DataSet that all sources become."""

import hashlib

import numpy as np
import pytest

from app.datasets.dataset import Arrays, build_data_set, hash_arrays

from .idx import make_arrays


def test_the_hash_is_that_of_the_four_arrays_bytes_in_order() -> None:
    arrays = make_arrays()
    parts = (arrays.x_train, arrays.y_train, arrays.x_test, arrays.y_test)

    assert hash_arrays(arrays) == hashlib.sha256(b"".join(part.tobytes() for part in parts)).hexdigest()


def test_the_hash_does_not_depend_on_the_layout_in_memory() -> None:
    arrays = make_arrays()
    columns_first = Arrays(
        np.asfortranarray(arrays.x_train), arrays.y_train, np.asfortranarray(arrays.x_test), arrays.y_test
    )

    assert hash_arrays(columns_first) == hash_arrays(arrays)


def test_one_changed_pixel_changes_the_hash() -> None:
    arrays, changed = make_arrays(), make_arrays()
    changed.x_test[1, 1, 3] += 1

    assert hash_arrays(changed) != hash_arrays(arrays)


def test_the_arrays_of_a_data_set_cannot_be_written_to() -> None:
    data = build_data_set("few", "a few", "0" * 64, make_arrays())

    for split in (data.train, data.test):
        with pytest.raises(ValueError, match="read-only"):
            split.images[0, 0, 0] = 1
        with pytest.raises(ValueError, match="read-only"):
            split.truth[0] = 1


def test_truth_is_int64_and_images_are_contiguous_bytes() -> None:
    arrays = make_arrays()
    data = build_data_set("few", "a few", "0" * 64, Arrays(np.asfortranarray(arrays.x_train), *_rest_of(arrays)))

    assert data.train.truth.dtype == np.int64
    assert data.train.truth.tolist() == [5, 0, 4]
    assert data.train.images.dtype == np.uint8
    assert data.train.images.flags.c_contiguous
    assert np.array_equal(data.train.images, arrays.x_train)
    assert data.classes == ("0", "1", "2", "3", "4", "5", "6", "7", "8", "9")


def test_building_a_data_set_leaves_the_callers_arrays_writeable() -> None:
    arrays = make_arrays()
    build_data_set("few", "a few", "0" * 64, arrays)

    assert arrays.x_train.flags.writeable
    assert arrays.y_train.flags.writeable


def _rest_of(arrays: Arrays) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    return arrays.y_train, arrays.x_test, arrays.y_test
