"""Which data set the settings give."""

import logging
import os
import time
from pathlib import Path

import pytest

from app.datasets import load
from app.errors import DataSetInvalid, DataSetUnavailable
from app.settings import Settings

from .conftest import HANG_SECONDS
from .idx import make_arrays, write_npz

REAL = Path(os.environ.get("INKLING_MNIST", ""))


def choose(dataset: str, mnist: Path | None = None) -> Settings:
    """Settings that do not depend on the INKLING_MNIST of the environment."""
    return Settings.model_validate({"dataset": dataset, "mnist": mnist})


def test_the_sample_is_given_without_a_word(caplog: pytest.LogCaptureFixture) -> None:
    assert load(choose("sample")).name == "sample"
    assert caplog.records == []


def test_auto_offline_gives_the_sample_and_says_so(caplog: pytest.LogCaptureFixture) -> None:
    data = load(choose("auto"))

    assert data.name == "sample"
    (record,) = [record for record in caplog.records if record.name == "app.datasets"]
    assert record.levelno == logging.WARNING
    for part in (
        "embedded 5,000 digits",
        "storage.googleapis.com cannot be reached",
        "set INKLING_MNIST to it",
    ):
        assert part in record.getMessage()


@pytest.mark.usefixtures("hanging_resolver")
def test_auto_is_not_held_up_by_a_hanging_resolver() -> None:
    start = time.monotonic()

    assert load(choose("auto")).name == "sample"

    assert time.monotonic() - start < HANG_SECONDS / 2


def test_mnist_offline_is_an_error() -> None:
    with pytest.raises(DataSetUnavailable, match="could not be fetched"):
        load(choose("mnist"))


@pytest.mark.parametrize("dataset", ["auto", "mnist"])
def test_a_chosen_file_that_is_missing_is_never_replaced(dataset: str, tmp_path: Path) -> None:
    with pytest.raises(DataSetUnavailable, match="does not exist"):
        load(choose(dataset, tmp_path / "mnist.npz"))


@pytest.mark.parametrize("dataset", ["auto", "mnist"])
def test_a_chosen_file_that_is_not_mnist_is_never_replaced(dataset: str, tmp_path: Path) -> None:
    with pytest.raises(DataSetInvalid, match="is not MNIST"):
        load(choose(dataset, write_npz(tmp_path / "mnist.npz", make_arrays())))


@pytest.mark.skipif(not REAL.is_file(), reason="INKLING_MNIST does not name Keras's mnist.npz")
def test_auto_gives_the_chosen_mnist() -> None:
    assert load(choose("auto", REAL)).name == "mnist"
