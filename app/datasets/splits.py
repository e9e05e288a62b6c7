"""Cut a data set into the pool, the validation images and the test images."""

from dataclasses import dataclass

import numpy as np

from app.datasets import DataSet
from app.errors import NotEnoughImages
from app.learning.learner import LabeledImages


@dataclass(frozen=True, slots=True)
class Splits:
    """The pool to label from, the images that stop training, and those that nothing sees until the end."""

    pool: LabeledImages
    validation: LabeledImages
    test: LabeledImages


def split(
    data: DataSet, *, pool_start: int, pool_size: int, validation_size: int, shuffle_seed: int | None = None
) -> Splits:
    """`train[start:start + size]` as the pool, shuffled by NumPy's default generator if there is a seed.

    Validation is the first `validation_size` of `test`, the test images are the others (there may be none).

    Raises:
        NotEnoughImages: the data set is smaller than what is asked of it.
    """
    _check("pool", pool_start, pool_size, len(data.train.images))
    _check("validation", 0, validation_size, len(data.test.images))
    order = np.arange(pool_start, pool_start + pool_size)
    if shuffle_seed is not None:
        order = order[np.random.default_rng(shuffle_seed).permutation(pool_size)]
    rest = slice(validation_size, None)
    return Splits(
        pool=LabeledImages(data.train.images[order], data.train.truth[order]),
        validation=LabeledImages(data.test.images[:validation_size], data.test.truth[:validation_size]),
        test=LabeledImages(data.test.images[rest], data.test.truth[rest]),
    )


def _check(name: str, start: int, size: int, available: int) -> None:
    if start + size > available:
        raise NotEnoughImages(
            f"The {name} asks for images {start:,} to {start + size - 1:,}, and the data set has {available:,} "
            f"(0 to {available - 1:,}). Lower the {name} size or its start.",
            asked=start + size,
            available=available,
        )
