"""The paper's table: the last accuracy of each experiment, published beside reproduced."""

from dataclasses import dataclass

from app.accuracy import Accuracy
from app.oracle.experiments import TABLE, Experiment
from app.oracle.results import CurveResult, RunResult


@dataclass(frozen=True, slots=True)
class Row:
    """One experiment: the last point of its curve beside the paper's, and how many points are equal.

    `prepare_seconds` went by before the first label. `published` and `n_equal` are None where the paper has no such
    run.
    """

    experiment: Experiment
    title: str
    labels: int
    published: float | None
    validation: Accuracy
    test: Accuracy | None
    n_points: int
    n_equal: int | None
    seconds: float
    prepare_seconds: float = 0.0

    @property
    def is_equal(self) -> bool | None:
        """Whether every point is the paper's; None if there is nothing to compare with."""
        return None if self.n_equal is None else self.n_equal == self.n_points


def compare(result: RunResult) -> list[Row]:
    """A row for each curve."""
    return [_row(experiment, TABLE[experiment].title, curve) for experiment, curve in result.experiments.items()]


def _row(experiment: Experiment, title: str, curve: CurveResult) -> Row:
    return Row(
        experiment=experiment,
        title=title,
        labels=curve.labels[-1],
        published=curve.published,
        validation=curve.validation[-1],
        test=curve.test[-1] if curve.test else None,
        n_points=len(curve.labels),
        n_equal=curve.n_equal,
        seconds=curve.seconds,
        prepare_seconds=curve.prepare_seconds,
    )
