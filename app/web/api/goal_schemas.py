"""How the API tells of goals."""

import datetime as dt

from pydantic import BaseModel, ConfigDict

from app.goals import GoalKind


class GoalOut(BaseModel):
    """A goal, and how far the pool is: `labels` counts answered images, `accuracy` is a share of right answers.

    A share counts what the newest round is tested on, and is null before it is known. It reaches the goal with the
    lower end of its 95 % `interval`. `reached_at` is when that was noticed first.
    """

    kind: GoalKind
    goal: float
    value: float | None
    interval: tuple[float, float] | None
    reached_at: dt.datetime | None

    model_config = ConfigDict(from_attributes=True)
