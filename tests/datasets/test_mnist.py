"""What counts as MNIST; on the real file too, if INKLING_MNIST names it."""

import logging
import os
from pathlib import Path

import numpy as np
import pytest

from app.datasets.dataset import Arrays
from app.datasets.files import read_npz
from app.datasets.mnist import MNIST_SHA256, check_is_mnist, load_mnist
from app.errors import DataSetInvalid, DataSetUnavailable

from .idx import make_arrays, write_idx_folder, write_npz

REAL = Path(os.environ.get("INKLING_MNIST", ""))
needs_mnist = pytest.mark.skipif(not REAL.is_file(), reason="INKLING_MNIST does not name Keras's mnist.npz")


@pytest.fixture(scope="module")
def real() -> Arrays:
    return read_npz(REAL)


def test_another_shape_is_refused_with_both_shapes(tmp_path: Path) -> None:
    path = write_npz(tmp_path / "few.npz", make_arrays())

    with pytest.raises(DataSetInvalid) as caught:
        load_mnist(path)

    expected = f"{path} is not MNIST: x_train has shape (3, 2, 4), expected (60000, 28, 28). Set INKLING_MNIST to"
    assert caught.value.message.startswith(expected)


def test_another_data_set_of_the_same_shape_is_refused_with_both_hashes() -> None:
    blank = Arrays(
        np.zeros((60_000, 28, 28), np.uint8),
        np.zeros(60_000, np.uint8),
        np.zeros((10_000, 28, 28), np.uint8),
        np.zeros(10_000, np.uint8),
    )

    with pytest.raises(DataSetInvalid, match=r"blank\.npz is not MNIST as published") as caught:
        check_is_mnist(blank, Path("blank.npz"))

    assert caught.value.context["expected"] == MNIST_SHA256
    assert caught.value.context["found"] in caught.value.message
    assert MNIST_SHA256 in caught.value.message


def test_without_a_copy_and_without_a_network_it_is_unavailable() -> None:
    with pytest.raises(DataSetUnavailable, match=r"storage\.googleapis\.com cannot be reached"):
        load_mnist(None)


@pytest.mark.parametrize("has_keras_home", [False, True])
def test_a_broken_file_in_keras_cache_is_logged_and_passed_over(
    home: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    has_keras_home: bool,
) -> None:
    folder = home / ".keras"
    if has_keras_home:
        folder = tmp_path / "keras"
        monkeypatch.setenv("KERAS_HOME", str(folder))
    path = write_npz(folder / "datasets" / "mnist.npz", make_arrays())

    with pytest.raises(DataSetUnavailable, match="could not be fetched"):
        load_mnist(None)

    (record,) = [record for record in caplog.records if record.name == "app.datasets.mnist"]
    assert record.levelno == logging.WARNING
    assert f"Keras's copy of MNIST is passed over: {path} is not MNIST" in record.getMessage()


@needs_mnist
def test_mnist_is_seventy_thousand_digits_in_their_published_order() -> None:
    data = load_mnist(REAL)

    assert data.train.images.shape == (60_000, 28, 28)
    assert data.test.images.shape == (10_000, 28, 28)
    assert data.train.truth[:10].tolist() == [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]
    assert data.test.truth[:10].tolist() == [7, 2, 1, 0, 4, 1, 4, 9, 5, 9]
    assert data.name == "mnist"
    assert data.description == f"MNIST, 60,000 digits to label from and 10,000 to test, from {REAL.name}"
    assert data.sha256 == MNIST_SHA256
    assert not data.train.images.flags.writeable
    assert not data.test.truth.flags.writeable


@needs_mnist
@pytest.mark.parametrize("gzipped", [False, True])
def test_the_idx_files_of_mnist_have_the_hash_of_its_npz(real: Arrays, tmp_path: Path, gzipped: bool) -> None:
    data = load_mnist(write_idx_folder(tmp_path / "idx", real, gzipped=gzipped))

    assert data.sha256 == MNIST_SHA256
    assert np.array_equal(data.train.images, real.x_train)


@needs_mnist
def test_keras_cache_is_used_if_it_holds_mnist(home: Path) -> None:
    path = home / ".keras" / "datasets" / "mnist.npz"
    path.parent.mkdir(parents=True)
    path.symlink_to(REAL.resolve())

    assert load_mnist(None).description.endswith(f", from {path.name}")


@needs_mnist
@pytest.mark.parametrize("part", [0.0, 0.001, 0.3, 0.86, 0.99, 0.99999])
def test_mnist_cut_off_anywhere_is_refused(tmp_path: Path, part: float) -> None:
    whole = REAL.read_bytes()
    path = tmp_path / "mnist.npz"
    path.write_bytes(whole[: int(part * len(whole))])

    with pytest.raises(DataSetInvalid, match="cut off"):
        load_mnist(path)


@needs_mnist
@pytest.mark.parametrize("part", [0.0001, 0.5, 0.9])
def test_mnist_with_a_flipped_byte_is_refused(tmp_path: Path, part: float) -> None:
    damaged = bytearray(REAL.read_bytes())
    damaged[int(part * len(damaged))] ^= 0xFF
    path = tmp_path / "mnist.npz"
    path.write_bytes(damaged)

    with pytest.raises(DataSetInvalid, match=r"mnist\.npz"):
        load_mnist(path)


@needs_mnist
def test_mnist_with_one_other_pixel_is_refused(real: Arrays) -> None:
    x_test = real.x_test.copy()
    x_test[9_999, 14, 14] ^= 1

    with pytest.raises(DataSetInvalid, match="is not MNIST as published"):
        check_is_mnist(Arrays(real.x_train, real.y_train, x_test, real.y_test), REAL)
