"""What every learner is, and the one way a round goes: fit, then choose what is asked next.

N images of a pool, n of them labeled, H x W pixels, K classes. An image's position is its index in the pool. Images are
uint8, grey (N, H, W) or with colours (N, H, W, 3).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from app.learning.names import Strategy
from app.learning.strategies import Batch, find_rest

Float32 = NDArray[np.float32]
Images = NDArray[np.uint8]
Positions = NDArray[np.int64]
Classes = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Features:
    """What a learner found out about images before the first label: arrays by name, of no object dtype.

    `version` says which recipe made them. A learner refuses features of another version.
    """

    version: int
    arrays: Mapping[str, NDArray[np.generic]]


NO_FEATURES = Features(0, {})


@dataclass(frozen=True, slots=True)
class PoolImages:
    """The images (N, H, W) of a pool, and what its learner prepared of them."""

    images: Images
    features: Features


@dataclass(frozen=True, slots=True)
class LabeledImages:
    """Images (N, H, W), their true classes int64 (N,), and what `Learner.embed` made of them.

    A class of -1 is unknown. Whatever counts right answers takes images of known classes only.
    """

    images: Images
    truth: Classes
    features: Features = NO_FEATURES

    def __len__(self) -> int:
        return len(self.truth)


@dataclass(frozen=True, slots=True)
class Fit:
    """What a fit ended with: the state to go on from, and the steps it took.

    `correct` counts right answers on the validation images; None without any.
    """

    state: bytes
    steps: int
    correct: int | None


@dataclass(frozen=True, slots=True)
class RankedFit:
    """A fit and the batch that its model chose, with the time of each."""

    fit: Fit
    batch: Batch
    fit_ms: float
    rank_ms: float


OnStep = Callable[[str, float], None]  # what is done now, in plain words, and the share of the whole time that is over


def ignore_step(_step: str, _share: float) -> None:
    """Tell nobody."""


class TrainingDiverged(Exception):
    """The fit ended in NaN or infinity."""


class Learner(Protocol):
    """Learns the labels of one kind of pool: K classes, images of one shape.

    Equal arguments give equal bits, and no call depends on another. Not for two threads at once.

    A state is opaque bytes that say their own version, so that it can be stored. Whatever takes a state raises
    ValueError for bytes that are none, or of another pool's kind.
    """

    def warm_up(self) -> None:
        """Load the libraries, which may take seconds: never in the path of a request. Every call that fits or
        predicts does it, too."""

    def numerics(self) -> str:
        """What the last bits depend on besides the arguments: library, settings, processor. Warms up."""

    def prepare(
        self, images: Images, *, seed: int = 0, sample: Positions | None = None, on_step: OnStep = ignore_step
    ) -> Features:
        """What later calls need to know of a pool's images, once a pool.

        With a `sample` (m,) of positions, ascending, the features are learned of these images alone. Only they are
        asked then.
        """

    def embed(self, pool: PoolImages, images: Images) -> Features:
        """What `predict_others` and `fit` need to know of images (M, H, W) that are not of the pool."""

    def initial(self) -> bytes:
        """The state before any label. It finds all classes equally likely. Loads no library."""

    def fit(
        self, state: bytes, pool: PoolImages, positions: Positions, values: Classes, validation: LabeledImages
    ) -> Fit:
        """Go on from `state` with the labels `values` (n,) of the images at `positions` (n,), n > 0.

        There may be no validation images. The last bits may depend on the order of the labels.

        Raises:
            TrainingDiverged
        """

    def predict(self, state: bytes, pool: PoolImages, positions: Positions) -> Float32:
        """Class probabilities (n, K) of images of the pool. The last bits may depend on which are asked together."""

    def predict_others(self, state: bytes, pool: PoolImages, others: LabeledImages) -> Float32:
        """Class probabilities (M, K) of images that are not of the pool; their classes are not looked at."""

    def choose(
        self,
        state: bytes,
        pool: PoolImages,
        labeled: Positions,
        *,
        strategy: Strategy,
        count: int,
        seed: tuple[int, ...],
        second_opinion: Classes | None = None,
    ) -> Batch:
        """The `count` images to ask next, in their order, if those at `labeled` (n,) have a label; fewer if there
        are fewer. The batch is a set: which images are good beside each other is the learner's business.

        `second_opinion` (N,) are the classes that another model predicts, -1 where it predicts none. A learner may
        ask first where the two disagree.
        """


def fit_and_rank(
    learner: Learner,
    state: bytes,
    pool: PoolImages,
    positions: Positions,
    values: Classes,
    validation: LabeledImages,
    *,
    strategy: Strategy,
    count: int,
    seed: tuple[int, ...],
    second_opinion: Classes | None = None,
    held_out: Positions | None = None,
    clock: Callable[[], float],
) -> RankedFit:
    """One round: what the learner makes of its n labels, and what it asks next. `clock` gives seconds.

    Images `held_out` (h,) have labels that it does not learn from; they are not asked again. Without labels there is
    nothing to fit: the learner asks from what it knows of the images.

    Raises:
        TrainingDiverged
    """
    started = clock()
    if len(positions):
        fit = learner.fit(state, pool, positions, values, validation)
    else:
        fit = Fit(learner.initial(), 0, count_right_untrained(validation) if len(validation) else None)
    fitted = clock()
    left_out = positions[:0] if held_out is None else held_out
    wanted = count + len(left_out)
    batch = learner.choose(
        fit.state, pool, positions, strategy=strategy, count=wanted, seed=seed, second_opinion=second_opinion
    ).without(left_out, count)
    return RankedFit(fit, batch, (fitted - started) * 1000, (clock() - fitted) * 1000)


def predict_rest(learner: Learner, state: bytes, pool: PoolImages, labeled: Positions) -> tuple[Positions, Float32]:
    """The positions (N - n,) without a label, ascending, and their class probabilities (N - n, K)."""
    rest = find_rest(len(pool.images), labeled)
    return rest, learner.predict(state, pool, rest)


def find_right(
    learner: Learner, state: bytes, pool: PoolImages, others: LabeledImages, class_map: Classes | None = None
) -> NDArray[np.bool_]:
    """Which images (M,) outside the pool get their true class; of equal classes the lowest counts.

    An answer counts for what `class_map` (K,) says, as their true classes do already.
    """
    answers = learner.predict_others(state, pool, others).argmax(axis=1)  # (M, K) -> (M,)
    return np.asarray((answers if class_map is None else class_map[answers]) == others.truth)


def count_right_untrained(others: LabeledImages) -> int:
    """`find_right` of any learner's initial state, counted: of classes that are equally likely the lowest counts."""
    return int((others.truth == 0).sum())
