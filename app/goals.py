"""The goals of a pool, and how far it is."""

import datetime as dt
from dataclasses import dataclass
from typing import Literal

from app.accuracy import Accuracy
from app.models import Pool

GoalKind = Literal["labels", "accuracy"]


@dataclass(frozen=True, slots=True)
class Goal:
    """A goal: so many images that people or the oracle have labeled, or such a share of right answers of the model.

    `value` is what there is of it: images, or the share, which is None before it is known. A share is that of the
    newest round on images that no model learned from, with its 95 % `interval`. The goal is reached once the lower end
    of that interval is there: the estimate alone would be there by luck half of the time. `reached_at` is when that was
    noticed first; labels that are taken back afterwards do not change it.
    """

    kind: GoalKind
    goal: float
    value: float | None
    interval: tuple[float, float] | None
    reached_at: dt.datetime | None

    @property
    def is_reached(self) -> bool:
        """Whether it was reached, once at least."""
        return self.reached_at is not None


def view_goals(pool: Pool, n_answered: int, accuracy: Accuracy | None) -> list[Goal]:
    """The goals that the pool has, with so many answered images and this accuracy on images of the test."""
    goals = []
    if pool.goal_labels is not None:
        goals.append(Goal("labels", pool.goal_labels, n_answered, None, pool.labels_reached_at))
    if pool.goal_accuracy is not None:
        value, interval = (accuracy.value, accuracy.interval) if accuracy else (None, None)
        goals.append(Goal("accuracy", pool.goal_accuracy, value, interval, pool.accuracy_reached_at))
    return goals
