"""Published against reproduced: the paper's printed accuracies, and what a run of ours says about each."""

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.accuracy import Accuracy
from app.learning.strategies import Strategy
from app.oracle.scenarios import Curve, Experiment, Parameters, Results

TITLES: dict[Experiment, str] = {
    "ground_truth": "Ground truth, all labels",
    "random": "The first of the pool (“random”)",
    "random_curve": "Random, batch by batch",
    "active": "Active learning",
    "auto_naive": "+ naive auto-labeling",
    "auto_confident": "+ confident auto-labeling",
    "kmeans": "k-means",
}


@dataclass(frozen=True, slots=True)
class Row:
    """One experiment: the last point of its curve beside the paper's, and how many points are equal.

    `published` and `n_equal` are None where the paper has no such run.
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

    @property
    def is_equal(self) -> bool | None:
        """Whether every point is the paper's; None if there is nothing to compare with."""
        return None if self.n_equal is None else self.n_equal == self.n_points


def as_named(experiment: Experiment, ranking: Strategy) -> Experiment:
    """The experiment by whose name a run with this ranking goes: asking at random is not active learning."""
    return "random_curve" if experiment == "active" and ranking == "random" else experiment


def title_of(experiment: Experiment, ranking: Strategy) -> str:
    """The experiment's title in a run with this ranking."""
    return TITLES[as_named(experiment, ranking)]


def compare(results: Results, parameters: Parameters, dataset: str) -> list[Row]:
    """A row for each curve, beside the paper's where the two can be compared."""
    has_paper = is_comparable(parameters, dataset)
    return [_row(experiment, curve, parameters, has_paper) for experiment, curve in results.curves.items()]


def is_comparable(parameters: Parameters, dataset: str) -> bool:
    """Whether the paper has such a run: on MNIST, with the paper's parameters."""
    return dataset == "mnist" and parameters.are_the_papers


def matches_paper(rows: list[Row]) -> bool | None:
    """Whether all compared points are equal; None if none was compared."""
    compared = [row.is_equal for row in rows if row.is_equal is not None]
    return all(compared) if compared else None


def as_json(results: Results, parameters: Parameters, dataset: str, sha256: str) -> dict[str, Any]:
    """All curves, clusters and comparisons as the API and `inkling oracle --json` give them."""
    rows = compare(results, parameters, dataset)
    experiments: dict[str, Any] = {row.experiment: _curve_as_json(results.curves[row.experiment], row) for row in rows}
    if results.clusters is not None:
        experiments["kmeans"] = {
            "distances": list(results.clusters.distances),
            "centers": results.clusters.centers.round(4).tolist(),
            "published": published()["kmeans"]["distances"] if is_comparable(parameters, dataset) else None,
            "seconds": results.clusters_seconds,
        }
    return {
        "parameters": parameters_as_json(parameters),
        "data": {"name": dataset, "sha256": sha256},
        "experiments": experiments,
        "matches_paper": matches_paper(rows),
    }


def parameters_as_json(parameters: Parameters) -> dict[str, Any]:
    """Plain JSON, and the other way by `parameters_from_json`."""
    return {name: getattr(parameters, name) for name in Parameters.__slots__} | {
        "experiments": list(parameters.experiments)
    }


def parameters_from_json(stored: dict[str, Any]) -> Parameters:
    """What `parameters_as_json` wrote."""
    return Parameters(**{**stored, "experiments": tuple(stored["experiments"])})


def pack_bits(right: NDArray[np.bool_]) -> str:
    """One bit an image in hexadecimal, the first image in the highest bit of the first digit."""
    return np.packbits(right).tobytes().hex()


def unpack_bits(packed: str, count: int) -> NDArray[np.bool_]:
    """What `pack_bits` packed, (count,)."""
    return np.unpackbits(np.frombuffer(bytes.fromhex(packed), np.uint8), count=count).astype(np.bool_)


@cache
def published() -> dict[str, Any]:
    """The paper's printed numbers: per experiment, labels and accuracy (on 400 images) of each fit."""
    data: dict[str, Any] = json.loads((Path(__file__).parent / "published.json").read_text(encoding="utf-8"))
    return data


def _row(experiment: Experiment, curve: Curve, parameters: Parameters, has_paper: bool) -> Row:
    has_paper = has_paper and experiment in published()
    ours = [point.value for point in curve.validation]
    paper: list[float] = published()[experiment]["accuracy"] if has_paper else []
    return Row(
        experiment=experiment,
        title=title_of(experiment, parameters.ranking),
        labels=curve.labels[-1],
        published=paper[-1] if has_paper else None,
        validation=curve.validation[-1],
        test=curve.test[-1] if curve.test else None,
        n_points=len(ours),
        # Both are a count divided by 400, so equal means equal to the last bit.
        n_equal=sum(a == b for a, b in zip(ours, paper, strict=True)) if has_paper else None,
        seconds=curve.seconds,
    )


def _curve_as_json(curve: Curve, row: Row) -> dict[str, Any]:
    return {
        "labels": curve.labels,
        "accuracy": [point.value for point in curve.validation],
        "interval": list(row.validation.interval),  # of the last accuracy
        "total": row.validation.total,
        "test_accuracy": [point.value for point in curve.test],
        "test_interval": list(row.test.interval) if row.test else None,
        "test_total": row.test.total if row.test else 0,
        "test_right": pack_bits(curve.test_right) if curve.test_right is not None else None,
        "published": row.published,
        "n_equal": row.n_equal,
        "seconds": curve.seconds,
        "confidence": {str(n): values.astype(float).round(5).tolist() for n, values in curve.confidence.items()},
    }
