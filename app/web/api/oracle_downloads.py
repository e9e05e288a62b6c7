"""The curves of oracle runs as files: one row a training, counts and shares with their intervals."""

import csv
import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from fastapi import Response

from app.accuracy import Accuracy
from app.learning.names import Strategy
from app.oracle.experiments import TABLE, Experiment
from app.oracle.results import CurveResult, RunResult

# What a row is about, and of which run: columns are the same in every file, so that files can be put together.
PARAMETERS = ("pool_start", "pool_size", "validation_size", "batch_size", "budget", "shuffle_seed")
COUNTS = ("correct", "total", "accuracy", "low", "high")
COLUMNS = (
    "run",
    "experiment",
    "query_strategy",
    "labels",
    *(f"validation_{name}" for name in COUNTS),
    *(f"unseen_{name}" for name in COUNTS),
    "data",
    *PARAMETERS,
)


@dataclass(frozen=True, slots=True)
class RunCurve:
    """One experiment's curve, and the whole result that it is of."""

    run_id: int
    experiment: Experiment
    curve: CurveResult
    result: RunResult

    @property
    def query_strategy(self) -> Strategy | None:
        """The query strategy; None where the learner asked by its own rule, or no batches were asked."""
        if TABLE[self.experiment].is_random:
            return "random"
        return self.result.parameters.ranking if TABLE[self.experiment].is_asked else None


def curves_of(run_id: int, result: RunResult) -> list[RunCurve]:
    """All curves of a result."""
    return [RunCurve(run_id, experiment, curve, result) for experiment, curve in result.experiments.items()]


def csv_response(name: str, curves: Iterable[RunCurve]) -> Response:
    """The curves as the file `name`.csv."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for curve in curves:
        writer.writerows(_rows(curve))
    return Response(text.getvalue(), media_type="text/csv", headers=attachment(f"{name}.csv"))


def attachment(file_name: str) -> dict[str, str]:
    """The header by which a browser saves a response and does not show it."""
    return {"Content-Disposition": f'attachment; filename="{file_name}"'}


def _rows(run: RunCurve) -> Iterator[list[Any]]:
    curve, result = run.curve, run.result
    test: list[Accuracy | None] = [*curve.test] or [None] * len(curve.labels)
    about = [result.data.name, *(getattr(result.parameters, name) for name in PARAMETERS)]
    for labels, validation, unseen in zip(curve.labels, curve.validation, test, strict=True):
        start = [run.run_id, run.experiment, run.query_strategy, labels]
        yield [*start, *_cells(validation), *_cells(unseen), *about]


def _cells(count: Accuracy | None) -> list[float | None]:
    """In the order of COUNTS; empty cells for no such images."""
    if count is None:
        return [None] * len(COUNTS)
    low, high = count.interval
    return [count.correct, count.total, count.value, round(low, 6), round(high, 6)]
