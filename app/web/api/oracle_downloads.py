"""The curves of oracle runs as files: one row a training, counts and shares with their intervals."""

import csv
import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from fastapi import Response

from app.accuracy import Accuracy
from app.oracle.scenarios import Experiment
from app.oracle.table import as_named

# What a row is about, and of which run: columns are the same in every file, so that files can be put together.
PARAMETERS = ("pool_start", "pool_size", "validation_size", "batch_size", "budget", "shuffle_seed")
ASKING: tuple[Experiment, ...] = ("active", "auto_naive", "auto_confident")  # their labels go by the run's ranking
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
class StoredCurve:
    """One experiment's curve as stored, the parameters of its run, and the run's data set by name and hash."""

    run_id: int
    experiment: Experiment
    stored: dict[str, Any]
    parameters: dict[str, Any]
    data: dict[str, str]

    @property
    def named(self) -> Experiment:
        """The experiment by whose name it goes."""
        return as_named(self.experiment, self.parameters["ranking"])

    @property
    def query_strategy(self) -> str | None:
        """By which rule images were asked; None where they were not asked batch by batch."""
        if self.named == "random_curve":
            return "random"
        return str(self.parameters["ranking"]) if self.experiment in ASKING else None

    @property
    def validation(self) -> list[Accuracy]:
        """After each training."""
        return counts_of(self.stored["accuracy"], self.stored["total"])

    @property
    def test(self) -> list[Accuracy]:
        """After each training, on unseen images; empty if there are none."""
        return counts_of(self.stored["test_accuracy"], self.stored["test_total"])


def counts_of(shares: Iterable[float], total: int) -> list[Accuracy]:
    """The counts that stored shares came from: each is a count divided by `total`, so this is exact."""
    return [Accuracy(round(share * total), total) for share in shares]


def curves_of(run_id: int, result: dict[str, Any]) -> list[StoredCurve]:
    """All curves of a stored result; k-means has none."""
    return [
        StoredCurve(run_id, experiment, stored, result["parameters"], result["data"])
        for experiment, stored in result["experiments"].items()
        if experiment != "kmeans"
    ]


def csv_response(name: str, curves: Iterable[StoredCurve]) -> Response:
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


def _rows(curve: StoredCurve) -> Iterator[list[Any]]:
    test: list[Accuracy | None] = [*curve.test] or [None] * len(curve.validation)
    about = [curve.data["name"], *(curve.parameters[name] for name in PARAMETERS)]
    for labels, validation, unseen in zip(curve.stored["labels"], curve.validation, test, strict=True):
        start = [curve.run_id, curve.named, curve.query_strategy, labels]
        yield [*start, *_cells(validation), *_cells(unseen), *about]


def _cells(count: Accuracy | None) -> list[float | None]:
    """In the order of COUNTS; empty cells for no such images."""
    if count is None:
        return [None] * len(COUNTS)
    low, high = count.interval
    return [count.correct, count.total, count.value, round(low, 6), round(high, 6)]
