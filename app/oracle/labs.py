"""What the experiments of one learner work with: its view of the pool, and the images that it is tested on.

N pool images, n of them labeled, V validation and T test images.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.datasets.splits import Splits
from app.learning.learner import Fit, LabeledImages, Learner, PoolImages, find_right
from app.learning.learners import make_learner
from app.learning.names import OWN, PAPERS

EMBEDDED_AT_ONCE = 500  # images: some tenths of a second, after which others have their turn
POOLS_SHARE = 0.75  # of the time of a preparation, about: the other images take the rest
OnStep = Callable[[str, float], None]


@dataclass(frozen=True, slots=True)
class Lab:
    """The learner, the pool with its truth (N,), and what a fit may stop by: nothing but that may a step look at.

    `validation` and `test`, (V,) and (T,) in parts, are counted on. `prepare_seconds` went by before the first label.
    """

    learner: Learner
    pool: PoolImages
    truth: NDArray[np.int64]
    stopping: LabeledImages
    validation: list[LabeledImages]
    test: list[LabeledImages]
    prepare_seconds: float = 0.0

    def fit(self, state: bytes, positions: NDArray[np.int64], values: NDArray[np.int64]) -> Fit:
        """Go on from `state` with all n labels."""
        return self.learner.fit(state, self.pool, positions, values, self.stopping)

    def count_validation(self, fit: Fit) -> tuple[int, int]:
        """How many of how many validation images the model gets right."""
        total = sum(map(len, self.validation))
        if fit.correct is not None:
            return fit.correct, total
        return int(sum(find_right(self.learner, fit.state, self.pool, part).sum() for part in self.validation)), total

    def find_right_on_test(self, fit: Fit) -> NDArray[np.bool_] | None:
        """Which test images (T,) the model gets right; None if there are none."""
        found = [find_right(self.learner, fit.state, self.pool, part) for part in self.test]
        return np.concatenate(found) if found else None


def make_papers_lab(splits: Splits, n_classes: int) -> Lab:
    """The paper's learner, which stops by the validation images. Loads TensorFlow."""
    learner = make_learner(PAPERS, n_classes, splits.pool.images.shape[1:])
    learner.warm_up()  # before the clocks
    pool = PoolImages(splits.pool.images, learner.prepare(splits.pool.images))
    # In one part: the last bits depend on how many images are computed together.
    test = [splits.test] if len(splits.test) else []
    return Lab(learner, pool, splits.pool.truth, splits.validation, [splits.validation], test)


def make_own_lab(splits: Splits, n_classes: int, on_step: OnStep) -> Lab:
    """Inkling's learner, which looks at all images first and stops by none. That takes seconds to minutes.

    `on_step` is told every second or so what is done in words, and which share is over; it may raise.
    """
    learner = make_learner(OWN, n_classes, splits.pool.images.shape[1:])
    learner.warm_up()
    started = time.perf_counter()

    def tell(step: str, share: float) -> None:
        if share < 1:  # the end of this is not the end of the preparation
            on_step(step, POOLS_SHARE * share)

    pool = PoolImages(splits.pool.images, learner.prepare(splits.pool.images, on_step=tell))
    seconds = time.perf_counter() - started
    counted, done = len(splits.validation) + len(splits.test), 0

    def embed(images: LabeledImages) -> list[LabeledImages]:
        nonlocal done
        parts = []
        for start in range(0, len(images), EMBEDDED_AT_ONCE):
            part = slice(start, start + EMBEDDED_AT_ONCE)
            found = learner.embed(pool, images.images[part])
            parts.append(LabeledImages(images.images[part], images.truth[part], found))
            done += len(parts[-1])
            on_step("looking at the images to test on", POOLS_SHARE + (1 - POOLS_SHARE) * done / counted)
        return parts

    none = LabeledImages(splits.pool.images[:0], splits.pool.truth[:0])
    return Lab(learner, pool, splits.pool.truth, none, embed(splits.validation), embed(splits.test), seconds)
