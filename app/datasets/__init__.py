"""Where images come from: MNIST (`mnist.py`) or the embedded sample (`sample.py`), as one frozen DataSet.

`files.py` reads the containers, `fetch.py` downloads, `dataset.py` says what comes out.
"""

import logging

from app.datasets.dataset import DataSet
from app.datasets.mnist import load_mnist
from app.datasets.sample import load_sample
from app.errors import DataSetUnavailable
from app.settings import Settings

__all__ = ["DataSet", "load"]

logger = logging.getLogger(__name__)


def load(settings: Settings) -> DataSet:
    """The data set that the settings ask for; with "auto" MNIST if it can be had, else the sample.

    A path in `settings.mnist` is a promise: if it does not hold, that is an error with "auto" too.
    May download 11 MB, once; offline it returns within three seconds.

    Raises:
        DataSetUnavailable: what was asked for is not on this machine and cannot be fetched.
        DataSetInvalid: a file is there and is not what it should be.
    """
    if settings.dataset == "sample":
        return load_sample()
    try:
        return load_mnist(settings.mnist)
    except DataSetUnavailable as error:
        if settings.dataset == "mnist" or settings.mnist is not None:
            raise
        logger.warning(
            "Using the embedded 5,000 digits, not the whole MNIST with its 70,000: %s",
            error.message,
        )
        return load_sample()
