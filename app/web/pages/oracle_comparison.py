"""Several oracle runs side by side: which curves are compared, and how far apart they end."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy.orm import Session

from app.accuracy import Accuracy, Difference, independent_difference, paired_difference
from app.errors import NothingToCompare
from app.oracle import runs
from app.oracle.experiments import TABLE, Experiment
from app.oracle.results import PARAMETERS, unpack_bits
from app.web.api.oracle_downloads import RunCurve, curves_of
from app.web.pages.oracle_views import STRATEGY_NAMES, RunView

MIN_RUNS, MAX_RUNS = 2, 8  # more could not be told apart in one chart
MAX_BANDS = 4  # more intervals on top of each other cannot be read
LEARNING_CURVES: tuple[Experiment, ...] = ("random_curve", "active", "inkling", "inkling_random")


@dataclass(frozen=True, slots=True)
class ComparedCurve:
    """One row: where a curve ended, and by how much it beats the first row on the unseen images.

    `difference` is None in the first row, and where the two did not have the same unseen images.
    """

    run: RunCurve
    summary: str
    difference: Difference | None

    @property
    def run_id(self) -> int:
        return self.run.run_id

    @property
    def title(self) -> str:
        """The experiment's title; a random strategy is called random."""
        return TABLE[self.run.experiment].title

    @property
    def label(self) -> str:
        """As the chart names it, with what tells runs apart most often."""
        parts = [f"Run {self.run_id}: {self.title}"]
        parameters = self.run.result.parameters
        if self.run.experiment == "active":
            parts.append(STRATEGY_NAMES[parameters.ranking].lower())
        if parameters.shuffle_seed is not None:
            parts.append(f"seed {parameters.shuffle_seed}")
        return ", ".join(parts)

    @property
    def labels(self) -> int:
        """How many labels the last training had."""
        return self.run.curve.labels[-1]

    @property
    def validation(self) -> Accuracy:
        """After the last training."""
        return self.run.curve.validation[-1]

    @property
    def test(self) -> Accuracy | None:
        """After the last training, on unseen images if there are any."""
        return self.run.curve.test[-1] if self.run.curve.test else None


@dataclass(frozen=True, slots=True)
class ComparisonPage:
    """The runs in the order of the address; the rows are compared with the first of them."""

    run_ids: list[int]
    rows: list[ComparedCurve]

    @property
    def title(self) -> str:
        """What is compared."""
        return f"Compare runs {', '.join(map(str, self.run_ids))}"

    @property
    def file_name(self) -> str:
        """Of its downloads, without an ending."""
        return f"inkling-runs-{'-'.join(map(str, self.run_ids))}"

    @property
    def query(self) -> str:
        """The runs, as a query string."""
        return "&".join(f"run={run_id}" for run_id in self.run_ids)

    @property
    def test_total(self) -> int:
        """The unseen images of the first row."""
        return self.rows[0].test.total if self.rows[0].test else 0

    @property
    def is_on_unseen(self) -> bool:
        """Whether the chart shows unseen images. It shows validation, which flatters, only if a run has no others."""
        return all(row.test for row in self.rows)

    @property
    def is_crowded(self) -> bool:
        """Whether there are too many curves for a colour each: then each run has one."""
        return len(self.rows) > MAX_RUNS

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
        found = _choose(curves_of(run_id, runs.get_result(session, run_id)))
        if not found:
            raise NothingToCompare(f"The oracle run {run_id} has no accuracy: k-means alone.", run_id=run_id)
        view = RunView.of(runs.get_run(session, run_id))
        for run in found:
            difference = _difference(run, rows[0].run) if rows else None
            rows.append(ComparedCurve(run, view.summary_of(run.query_strategy), difference))
    return ComparisonPage(chosen, rows)


def _choose(curves: list[RunCurve]) -> list[RunCurve]:
    return [curve for curve in curves if curve.experiment in LEARNING_CURVES] or curves


def _difference(run: RunCurve, first_run: RunCurve) -> Difference | None:
    """On the unseen images, if they are the same ones: those of one data set behind as many validation images."""
    curve, first = run.curve, first_run.curve
    if not curve.test or not first.test or _images_of(run) != _images_of(first_run):
        return None
    if curve.test_right is None or first.test_right is None:  # stored before the answers were kept
        return independent_difference(curve.test[-1], first.test[-1])
    total = curve.test_total
    right, other = unpack_bits(curve.test_right, total), unpack_bits(first.test_right, total)
    return paired_difference(int((right & ~other).sum()), int((other & ~right).sum()), total)


def _images_of(run: RunCurve) -> tuple[str, int]:
    return run.result.data.sha256, run.result.parameters.validation_size


def _row_as_json(row: ComparedCurve) -> dict[str, Any]:
    run = row.run
    return {
        "run": row.run_id,
        "experiment": run.experiment,
        "title": row.title,
        "query_strategy": run.query_strategy,
        "parameters": PARAMETERS.dump_python(run.result.parameters, mode="json"),
        "data": run.result.data.model_dump(),
        "labels": run.curve.labels,
        "validation": [asdict(count) for count in run.curve.validation],
        "unseen": [asdict(count) for count in run.curve.test],
        "validation_interval": row.validation.interval,
        "unseen_interval": row.test.interval if row.test else None,
        "unseen_minus_first": asdict(row.difference) if row.difference else None,
    }
