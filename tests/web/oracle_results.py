"""Results of oracle runs without running any."""

import datetime as dt
from functools import partial
from typing import Any

import numpy as np

from app import datasets
from app.accuracy import Accuracy
from app.db import Database
from app.learning.clusters import Clusters
from app.learning.names import OWN
from app.models import OracleRun, RunStatus
from app.oracle.experiments import EXPERIMENTS, TABLE, Experiment
from app.oracle.paper import published
from app.oracle.results import PARAMETERS, DataSource, RunResult, build_result
from app.oracle.runs import OracleRunner
from app.oracle.scenarios import Parameters, Results
from app.oracle.steps import Curve
from app.web.edge.deps import Services

from ..factories import NOW, add_trainer, after


def run_oracle(services: Services) -> bool:
    """Run the first of the queue, as a trainer does."""
    runner = OracleRunner(services.database, partial(datasets.load, services.settings))
    return runner.run_one(add_trainer(services.database, now=dt.datetime.now(dt.UTC)))


def make_curve(experiment: Experiment, *, n_test: int = 9600) -> Curve:
    """The paper's curve; on the test images every accuracy is 0.5: the even ones are right."""
    paper = published()[experiment if TABLE[experiment].is_papers else "active"]
    curve = Curve(labels=paper["labels"], seconds=1.25)
    curve.validation = [Accuracy(round(share * 400), 400) for share in paper["accuracy"]]
    curve.test = [Accuracy(n_test // 2, n_test) for _ in curve.validation] if n_test else []
    curve.prepare_seconds = 24.3 if TABLE[experiment].learner == OWN else 0.0
    curve.test_right = np.arange(n_test) % 2 == 0 if n_test else None
    if experiment == "active":
        curve.confidence = {n: np.linspace(0.2, 1, 4000 - n, dtype=np.float32) for n in (10, 400)}
    return curve


def make_result(
    *experiments: Experiment, dataset: str = "mnist", n_test: int = 9600, parameters: Parameters | None = None
) -> RunResult:
    """A run that came out as the paper's did; without names, all experiments."""
    experiments = experiments or EXPERIMENTS
    results = Results({name: make_curve(name, n_test=n_test) for name in experiments if name != "kmeans"})
    if "kmeans" in experiments:
        centers = np.linspace(0, 1, 10 * 784).reshape(10, 784)
        results.clusters = Clusters(centers, tuple(270_000 / (1 + i) for i in range(11)))
    data = DataSource(name=dataset, sha256="ab" * 32)
    return build_result(results, parameters or Parameters(experiments=experiments), data)


def with_curve(result: RunResult, experiment: Experiment, **values: Any) -> RunResult:
    """The result with other values in one of its curves."""
    changed = result.experiments[experiment].model_copy(update=values)
    return result.model_copy(update={"experiments": {**result.experiments, experiment: changed}})


def add_run(
    database: Database,
    *,
    status: RunStatus = "done",
    parameters: Parameters | None = None,
    progress: tuple[Experiment | None, int, int] = (None, 0, 0),
    preparation: str | None = None,
    result: RunResult | None = None,
    error: str | None = None,
    finished_at: dt.datetime | None = None,
    trainer_id: int | None = None,
) -> int:
    """A run in the database; its id. Without a trainer, the next one that looks takes a run under way for its own."""
    if status == "done":
        result, finished_at = result or make_result(), finished_at or after(12.5)
    with database.write() as session:
        run = OracleRun(
            status=status,
            parameters=PARAMETERS.dump_python(parameters or Parameters(), mode="json"),
            progress=dict(zip(("experiment", "done", "total"), progress, strict=True)) | {"preparation": preparation},
            result=result.as_stored() if result else None,
            error=error,
            created_at=NOW,
            started_at=None if status == "queued" else NOW,
            finished_at=finished_at,
            trainer_id=trainer_id,
        )
        session.add(run)
        session.flush()
        return run.id
