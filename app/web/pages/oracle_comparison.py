"""Several oracle runs side by side: which curves are compared, and how far apart they end."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy.orm import Session

from app.accuracy import Accuracy, Difference, independent_difference, paired_difference
from app.errors import NothingToCompare
from app.oracle import runs
from app.oracle.scenarios import Experiment
from app.oracle.table import TITLES, unpack_bits
from app.web.api.oracle_downloads import StoredCurve, curves_of
from app.web.pages.oracle_views import RANKINGS, RunView

MIN_RUNS, MAX_RUNS = 2, 8  # more could not be told apart in one chart
MAX_BANDS = 4  # more intervals on top of each other cannot be read
LEARNING_CURVES: tuple[Experiment, ...] = ("random_curve", "active")


@dataclass(frozen=True, slots=True)
class ComparedCurve:
    """One row: where a curve ended, and by how much it beats the first row on the unseen images.

    `difference` is None in the first row, and where the two did not have the same unseen images.
    """

    curve: StoredCurve
    summary: str
    difference: Difference | None

    @property
    def run_id(self) -> int:
        """The run that it is of."""
        return self.curve.run_id

    @property
    def title(self) -> str:
        """The experiment's title; a random strategy is called random."""
        return TITLES[self.curve.named]

    @property
    def label(self) -> str:
        """As the chart names it, with what tells runs apart most often."""
        parts = [f"Run {self.run_id}: {self.title}"]
        if self.curve.named == "active":
            parts.append(RANKINGS[self.curve.parameters["ranking"]].lower())
        if self.curve.parameters["shuffle_seed"] is not None:
            parts.append(f"seed {self.curve.parameters['shuffle_seed']}")
        return ", ".join(parts)

    @property
    def labels(self) -> int:
        """How many labels the last training had."""
        return int(self.curve.stored["labels"][-1])

    @property
    def validation(self) -> Accuracy:
        """After the last training."""
        return self.curve.validation[-1]

    @property
    def test(self) -> Accuracy | None:
        """After the last training, on unseen images if there are any."""
        return self.curve.test[-1] if self.curve.test else None


@dataclass(frozen=True, slots=True)
class ComparisonPage:
    """The runs in the order of the address; the rows are compared with the first of them."""

    run_ids: list[int]
    rows: list[ComparedCurve]

    @property
    def query(self) -> str:
        """The runs as in the address."""
        return "&".join(f"run={run_id}" for run_id in self.run_ids)

    @property
    def test_total(self) -> int:
        """The unseen images of the first row."""
        return self.rows[0].test.total if self.rows[0].test else 0

    @property
    def is_on_unseen(self) -> bool:
        """Whether the chart is of unseen images: of validation, which flatters, only if a run has no others."""
        return all(row.test for row in self.rows)

    @property
    def has_bands(self) -> bool:
        """Whether the chart shows the intervals."""
        return len(self.rows) <= MAX_BANDS

    @property
    def has_paired(self) -> bool:
        """Whether a difference was taken image by image."""
        return any(row.difference is not None and row.difference.is_paired for row in self.rows)

    @property
    def has_independent(self) -> bool:
        """Whether for a difference only the counts were known."""
        return any(row.difference is not None and not row.difference.is_paired for row in self.rows)

    @property
    def has_other_images(self) -> bool:
        """Whether a row was counted on other unseen images than the first."""
        return any(row.difference is None for row in self.rows[1:])

    def first_with(self, run_id: int) -> str:
        """The address's query with another run as the first."""
        return "&".join(f"run={each}" for each in sorted(self.run_ids, key=lambda each: each != run_id))

    def as_json(self) -> dict[str, Any]:
        """All that the page shows, with the whole curves."""
        return {"runs": self.run_ids, "curves": [_row_as_json(row) for row in self.rows]}


def compare_runs(session: Session, run_ids: Sequence[int]) -> ComparisonPage:
    """Lay the learning curves of the runs side by side; of a run without one, all experiments that it has.

    Raises:
        NothingToCompare: too few or too many runs, or one without an accuracy.
        NotFound: a run is not there, or has no result.
    """
    chosen = list(dict.fromkeys(run_ids))
    if not MIN_RUNS <= len(chosen) <= MAX_RUNS:
        raise NothingToCompare(
            f"Choose {MIN_RUNS} to {MAX_RUNS} different runs to compare; {len(chosen)} came.", n_runs=len(chosen)
        )
    rows: list[ComparedCurve] = []
    for run_id in chosen:
        curves = _choose(curves_of(run_id, runs.get_result(session, run_id)))
        if not curves:
            raise NothingToCompare(f"The oracle run {run_id} has no accuracy: k-means alone.", run_id=run_id)
        view = RunView.of(runs.get_run(session, run_id))
        for curve in curves:
            difference = _difference(curve, rows[0].curve) if rows else None
            rows.append(ComparedCurve(curve, view.summary_of(curve.query_strategy), difference))
    return ComparisonPage(chosen, rows)


def _choose(curves: list[StoredCurve]) -> list[StoredCurve]:
    return [curve for curve in curves if curve.experiment in LEARNING_CURVES] or curves


def _difference(curve: StoredCurve, first: StoredCurve) -> Difference | None:
    """On the unseen images, if they are the same ones: those of one data set behind as many validation images."""
    if not curve.test or not first.test or _images_of(curve) != _images_of(first):
        return None
    ours, theirs = curve.stored.get("test_right"), first.stored.get("test_right")
    if ours is None or theirs is None:  # stored before the answers were kept
        return independent_difference(curve.test[-1], first.test[-1])
    total = curve.test[-1].total
    right, other = unpack_bits(ours, total), unpack_bits(theirs, total)
    return paired_difference(int((right & ~other).sum()), int((other & ~right).sum()), total)


def _images_of(curve: StoredCurve) -> tuple[str, int]:
    return curve.data["sha256"], curve.parameters["validation_size"]


def _row_as_json(row: ComparedCurve) -> dict[str, Any]:
    return {
        "run": row.run_id,
        "experiment": row.curve.named,
        "title": row.title,
        "query_strategy": row.curve.query_strategy,
        "parameters": row.curve.parameters,
        "data": row.curve.data,
        "labels": row.curve.stored["labels"],
        "validation": [asdict(count) for count in row.curve.validation],
        "unseen": [asdict(count) for count in row.curve.test],
        "validation_interval": row.validation.interval,
        "unseen_interval": row.test.interval if row.test else None,
        "unseen_minus_first": asdict(row.difference) if row.difference else None,
    }
