"""What the oracle pages show, computed from the runs' rows and stored results."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from app.learning.names import OWN, Strategy
from app.models import OracleRun, RunStatus
from app.oracle import runs
from app.oracle.experiments import EXPERIMENTS, TABLE, Experiment, as_named
from app.oracle.results import PARAMETERS, ClustersResult, RunResult
from app.oracle.scenarios import Parameters
from app.oracle.table import Row, compare
from app.web.api.run_schemas import RunProgress
from app.web.pages.oracle_form import OracleForm

STRATEGY_NAMES: dict[Strategy, str] = {
    "least_confidence": "Least confidence",
    "margin": "Margin",
    "entropy": "Entropy",
    "random": "Random",
}
# Of the charts that a run may have, by name; here, where the page knows them without Bokeh.
CHART_TITLES = {
    "accuracy": "Accuracy by number of labels",
    "confidence": "How sure the model is",
    "distances": "k-means: how far from the centres",
}


@dataclass(frozen=True, slots=True)
class Step:
    """One experiment of a run that is under way."""

    title: str
    state: str  # "done", "running" or "waiting"


@dataclass(frozen=True, slots=True)
class RunView:
    """A run without its result. `done` of `total` are steps of `experiment`; total is 0 before the first.

    Where there is a `preparation`, they are per cent of that.
    """

    id: int
    status: RunStatus
    parameters: Parameters
    experiment: Experiment | None
    done: int
    total: int
    preparation: str | None
    error: str | None
    created_at: dt.datetime
    seconds: float | None
    has_result: bool

    @classmethod
    def of(cls, run: OracleRun) -> "RunView":
        progress = RunProgress.model_validate(run.progress)
        took = run.finished_at - run.started_at if run.started_at and run.finished_at else None
        return cls(
            id=run.id,
            status=run.status,
            parameters=PARAMETERS.validate_python(run.parameters),
            experiment=progress.experiment,
            done=progress.done,
            total=progress.total,
            preparation=progress.preparation,
            error=run.error,
            created_at=run.created_at,
            seconds=took.total_seconds() if took is not None else None,
            has_result=runs.has_ended_with_result(run),
        )

    @property
    def is_active(self) -> bool:
        """Whether the run is queued or under way."""
        return self.status in ("queued", "running")

    @property
    def state(self) -> str:
        """A text that changes when the page has to be drawn anew. While it is the same, only the bar moves."""
        return f"{self.status} {self.experiment or ''}".strip()

    @property
    def title(self) -> str:
        """What runs, in a few words."""
        if self.parameters == Parameters():
            return "The paper’s experiments"
        p = self.parameters
        if set(p.experiments) == set(EXPERIMENTS):
            return "The paper’s experiments, varied"
        names = self._names
        return names[:1].upper() + names[1:]

    @property
    def doing(self) -> str:
        """What the run does just now."""
        if self.status == "queued":
            return "Waiting for its turn"
        return TABLE[self.experiment].title if self.experiment else "Loading the images and the model"

    @property
    def count(self) -> str:
        """How far it is, beside the bar."""
        if not self.total:
            return ""
        return f"{self.done} %" if self.preparation else f"{self.done:,} of {self.total:,}"

    @property
    def facts(self) -> list[tuple[str, str]]:
        """The parameters, name and value."""
        p = self.parameters
        order = "as in the data set" if p.shuffle_seed is None else f"shuffled, seed {p.shuffle_seed}"
        asked = [("Query strategy", STRATEGY_NAMES[p.ranking].lower())]
        return [
            ("Pool", f"{p.pool_size:,} images from {p.pool_start:,}"),
            ("Order", order),
            ("Validation", f"{p.validation_size:,} images"),
            ("Labels given", f"{p.budget:,} in batches of {p.batch_size:,}"),
            *(asked if any(TABLE[experiment].is_asked for experiment in p.experiments) else []),
            ("Experiments", self._names),
        ]

    @property
    def summary(self) -> str:
        """The parameters in one line."""
        return self.summary_of(self.parameters.ranking)

    def summary_of(self, strategy: Strategy | None) -> str:
        """The parameters in one line with another query strategy than the run's own; None leaves it out."""
        p = self.parameters
        parts = [f"pool {p.pool_size:,}", f"{p.budget:,} labels in batches of {p.batch_size:,}"]
        parts += [f"from image {p.pool_start:,}"] if p.pool_start else []
        parts += [f"{p.validation_size:,} to validate"] if p.validation_size != Parameters().validation_size else []
        parts += [STRATEGY_NAMES[strategy].lower()] if strategy and strategy != Parameters().ranking else []
        parts += [f"shuffle seed {p.shuffle_seed}"] if p.shuffle_seed is not None else []
        return " · ".join(parts)

    @property
    def steps(self) -> list[Step]:
        """The experiments in their order, with the one under way."""
        wanted = set(self.parameters.named)
        # Auto-labeling starts where active learning ends, so that runs whether asked for or not.
        if {"auto_naive", "auto_confident"} & wanted:
            wanted.add(as_named("active", self.parameters.ranking))
        run = [experiment for experiment in TABLE if experiment in wanted]
        now = run.index(self.experiment) if self.experiment in run else -1
        states = ["done" if i < now else "running" if i == now else "waiting" for i in range(len(run))]
        return [Step(TABLE[experiment].title, state) for experiment, state in zip(run, states, strict=True)]

    def missing_in(self, result: RunResult) -> list[str]:
        """The titles of the experiments that were asked for and not finished."""
        finished = {*result.experiments, *(["kmeans"] if result.clusters else [])}
        return [TABLE[e].title for e in TABLE if e in self.parameters.named and e not in finished]

    @property
    def _names(self) -> str:
        return ", ".join(TABLE[experiment].name for experiment in self.parameters.named)


@dataclass(frozen=True, slots=True)
class ResultView:
    """A result that is there. `n_equal` of `n_compared` points are the paper's; 0 of 0 if it has no such run.

    `has_papers` says whether there are experiments of the paper, `has_own` whether some are of Inkling's learner.
    """

    rows: list[Row]
    n_equal: int
    n_compared: int
    dataset: str
    sha256: str
    validation_total: int | None
    test_total: int | None
    has_papers: bool
    has_own: bool
    has_confidence: bool
    clusters: ClustersResult | None

    @classmethod
    def of(cls, result: RunResult) -> "ResultView":
        """All that the page tells of it in words and tables."""
        rows = compare(result)
        compared = [row for row in rows if row.n_equal is not None]
        return cls(
            rows=rows,
            n_equal=sum(row.n_equal or 0 for row in compared),
            n_compared=sum(row.n_points for row in compared),
            dataset=result.data.name,
            sha256=result.data.sha256,
            validation_total=rows[0].validation.total if rows else None,
            test_total=rows[0].test.total if rows and rows[0].test else None,
            has_papers=any(TABLE[row.experiment].is_papers for row in rows),
            has_own=any(TABLE[row.experiment].learner == OWN for row in rows),
            has_confidence=bool(result.confidence),
            clusters=result.clusters,
        )


@dataclass(frozen=True, slots=True)
class OraclePage:
    """The form and the runs; `older` is the cursor of the next page of the list, `dataset` what they use, if known.

    `limits` has the least and the most of each field, `most_compared` how many runs may be compared.
    """

    form: OracleForm
    limits: dict[str, tuple[int, int]]
    most_compared: int
    strategies: dict[Strategy, str]
    experiments: dict[Experiment, str]
    runs: Sequence[RunView]
    older: int | None
    is_first_page: bool
    dataset: str | None
    is_mnist: bool | None

    @property
    def n_comparable(self) -> int:
        """Runs of this page that may be compared."""
        return sum(run.has_result for run in self.runs)


@dataclass(frozen=True, slots=True)
class OracleRunPage:
    """One run, and its result once it has ended; `missing` names the experiments that were not finished."""

    run: RunView
    result: ResultView | None
    missing: list[str]

    @property
    def chart_titles(self) -> dict[str, str]:
        """By the chart's name."""
        return CHART_TITLES
