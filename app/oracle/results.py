"""What a run found: stored, given by the API and written by `inkling oracle --json` in one shape.

Counts are stored; shares and intervals are computed from them wherever the shape is written for others.
"""

from collections.abc import Iterable
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, computed_field, model_validator

from app.accuracy import Accuracy
from app.oracle import paper
from app.oracle.experiments import Experiment, as_named
from app.oracle.scenarios import Parameters, Results
from app.oracle.steps import Curve

FORMAT: Literal[1] = 1
PARAMETERS = TypeAdapter(Parameters)  # to JSON and back

Share = float
Interval = tuple[Share, Share]


class Frozen(BaseModel):
    """A model whose fields cannot be set."""

    model_config = ConfigDict(frozen=True)


class CurveResult(Frozen):
    """One experiment, an entry a fit: labels used, right answers of `total` validation and `test_total` unseen images.

    There may be no unseen images. `test_right` says which of them the last model gets right, one bit an image as
    `pack_bits` packs them; versions before 0.3 did not store it. `n_equal` counts the accuracies that are the paper's,
    `published` is its last one: null if it has no such run. `confidence` maps a number of labels to the ascending
    confidences of what had none then. `prepare_seconds` went by before the first label.
    """

    labels: tuple[int, ...] = Field(min_length=1)
    correct: tuple[int, ...]
    total: int = Field(ge=1)
    test_correct: tuple[int, ...] = ()
    test_total: int = Field(default=0, ge=0)
    test_right: str | None = None
    published: float | None
    n_equal: int | None
    seconds: float
    prepare_seconds: float = 0.0
    confidence: dict[int, tuple[float, ...]] = Field(default_factory=dict)

    @model_validator(mode="after")
    def has_an_entry_a_fit(self) -> Self:
        """Each count has its labels, and none is above its total."""
        for correct, total in ((self.correct, self.total), (self.test_correct, self.test_total)):
            if total and len(correct) != len(self.labels):
                raise ValueError(f"{len(self.labels)} fits, and {len(correct)} counts of right answers")
            if any(not 0 <= count <= total for count in correct):
                raise ValueError(f"a count of right answers is not between 0 and {total}")
        return self

    @property
    def validation(self) -> list[Accuracy]:
        """After each fit."""
        return [Accuracy(count, self.total) for count in self.correct]

    @property
    def test(self) -> list[Accuracy]:
        """After each fit, on unseen images; empty if there are none."""
        return [Accuracy(count, self.test_total) for count in self.test_correct]

    @computed_field  # type: ignore[prop-decorator]  # as Pydantic has it
    @property
    def accuracy(self) -> list[Share]:
        """After each fit, on validation."""
        return [point.value for point in self.validation]

    @computed_field  # type: ignore[prop-decorator]
    @property
    def interval(self) -> Interval:
        """Of the last accuracy."""
        return self.validation[-1].interval

    @computed_field  # type: ignore[prop-decorator]
    @property
    def test_accuracy(self) -> list[Share]:
        """After each fit, on unseen images."""
        return [point.value for point in self.test]

    @computed_field  # type: ignore[prop-decorator]
    @property
    def test_interval(self) -> Interval | None:
        """Of the last accuracy on unseen images."""
        return self.test[-1].interval if self.test else None


class PublishedDistances(Frozen):
    """The paper's, from a random start that it did not record."""

    first: float
    last: float


class ClustersResult(Frozen):
    """k-means: centres (n, D) in [0, 1], and the summed squared distance before each iteration and after the last."""

    centers: tuple[tuple[float, ...], ...]
    distances: tuple[float, ...] = Field(min_length=1)
    published: PublishedDistances | None
    seconds: float


class DataSource(Frozen):
    """The data set that a run used."""

    name: str
    sha256: str


class RunResult(Frozen):
    """The curves of all experiments that are finished, in their order, and the clusters if k-means is among them."""

    format: Literal[1]
    parameters: Parameters
    data: DataSource
    experiments: dict[Experiment, CurveResult]
    clusters: ClustersResult | None = None

    @model_validator(mode="before")
    @classmethod
    def is_of_this_format(cls, stored: Any) -> Any:
        """Results of versions before 0.4 have no format; until 0.4 asking at random could be called active."""
        is_old = isinstance(stored, dict) and "format" not in stored and "experiments" in stored
        return _name_random(_from_shares(stored) if is_old else stored)

    @property
    def confidence(self) -> dict[int, tuple[float, ...]]:
        """That of the first experiment batch by batch that has one, the query strategy's before random choice."""
        curves = [self.experiments[name] for name in ("active", "random_curve") if name in self.experiments]
        return next((curve.confidence for curve in curves if curve.confidence), {})

    @computed_field  # type: ignore[prop-decorator]
    @property
    def matches_paper(self) -> bool | None:
        """Whether every accuracy that the paper has, too, is equal; null if it has none of them."""
        compared = [curve for curve in self.experiments.values() if curve.n_equal is not None]
        return all(curve.n_equal == len(curve.labels) for curve in compared) if compared else None

    def as_json(self) -> dict[str, Any]:
        """All fields, the computed ones included."""
        return self.model_dump(mode="json")

    def as_stored(self) -> dict[str, Any]:
        """The fields that the result is read from again."""
        return self.model_dump(mode="json", round_trip=True)


def build_result(results: Results, parameters: Parameters, data: DataSource) -> RunResult:
    """Everything that the experiments found, beside the paper's numbers where it has such a run."""
    has_paper = paper.is_comparable(parameters, data.name)
    clusters = None
    if results.clusters is not None:
        clusters = ClustersResult(
            centers=tuple(map(tuple, results.clusters.centers.round(4).tolist())),
            distances=results.clusters.distances,
            published=PublishedDistances(**paper.published()["kmeans"]["distances"]) if has_paper else None,
            seconds=results.clusters_seconds,
        )
    return RunResult(
        format=FORMAT,
        parameters=parameters,
        data=data,
        experiments={name: _build_curve(name, curve, has_paper) for name, curve in results.curves.items()},
        clusters=clusters,
    )


def _build_curve(experiment: Experiment, curve: Curve, has_paper: bool) -> CurveResult:
    theirs: list[float] | None = None
    if has_paper and experiment in paper.published():
        theirs = paper.published()[experiment]["accuracy"]
    # Both are a count divided by 400, so equal means equal to the last bit.
    n_equal = sum(a.value == b for a, b in zip(curve.validation, theirs, strict=True)) if theirs else None
    return CurveResult(
        labels=tuple(curve.labels),
        correct=tuple(point.correct for point in curve.validation),
        total=curve.validation[-1].total,
        test_correct=tuple(point.correct for point in curve.test),
        test_total=curve.test[-1].total if curve.test else 0,
        test_right=pack_bits(curve.test_right) if curve.test_right is not None else None,
        published=theirs[-1] if theirs else None,
        n_equal=n_equal,
        seconds=curve.seconds,
        prepare_seconds=curve.prepare_seconds,
        confidence={n: tuple(values.astype(float).round(5).tolist()) for n, values in curve.confidence.items()},
    )


def _from_shares(stored: dict[str, Any]) -> dict[str, Any]:
    """A result without a format: it has shares in place of counts, and k-means among the curves."""
    experiments = dict(stored["experiments"])
    clusters = experiments.pop("kmeans", None)
    curves = {
        name: curve
        | {
            "correct": _counts(curve["accuracy"], curve["total"]),
            "test_correct": _counts(curve["test_accuracy"], curve["test_total"]),
        }
        for name, curve in experiments.items()
    }
    return {**stored, "format": FORMAT, "experiments": curves, "clusters": clusters}


def _name_random(stored: Any) -> Any:
    """A result in which what was asked at random is called random."""
    if not isinstance(stored, dict) or not isinstance(parameters := stored.get("parameters"), dict):
        return stored
    if parameters.get("ranking") != "random" or "active" not in stored.get("experiments", ()):
        return stored
    return {**stored, "experiments": {as_named(name, "random"): it for name, it in stored["experiments"].items()}}


def _counts(shares: Iterable[float], total: int) -> list[int]:
    """Each share is a count divided by `total`, so this is exact."""
    return [round(share * total) for share in shares]


def pack_bits(right: NDArray[np.bool_]) -> str:
    """One bit an image in hexadecimal, the first image in the highest bit of the first digit."""
    return np.packbits(right).tobytes().hex()


def unpack_bits(packed: str, count: int) -> NDArray[np.bool_]:
    """What `pack_bits` packed, (count,)."""
    return np.unpackbits(np.frombuffer(bytes.fromhex(packed), np.uint8), count=count).astype(np.bool_)
