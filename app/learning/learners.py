"""The table of learners. A new one is a module beside this one, a line here, and its name in `names`.

The tables `pool` and `feature_set` hold that name by a CHECK, so a migration comes with it.
"""

from collections.abc import Callable

from app.learning.graph import GraphLearner
from app.learning.learner import Learner
from app.learning.names import LEARNERS, LearnerName
from app.learning.softmax import SoftmaxRegression

_LEARNERS: dict[LearnerName, Callable[[int, tuple[int, ...]], Learner]] = {
    "softmax": SoftmaxRegression,
    "graph": GraphLearner,
}


def make_learner(name: str, n_classes: int, image_shape: tuple[int, ...]) -> Learner:
    """A learner for so many classes and images of this shape. That is quick: libraries are loaded later.

    Raises:
        ValueError: there is no such learner.
    """
    for known, make in _LEARNERS.items():
        if known == name:
            return make(n_classes, image_shape)
    raise ValueError(f"this program does not know the learner {name!r}; it has {', '.join(LEARNERS)}")
