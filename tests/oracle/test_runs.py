"""Oracle runs on request: a queue in the database, one at a time, and whoever stops one is heard."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import select

from app import training_status
from app.changes import Change
from app.datasets import DataSet
from app.db import Database
from app.errors import DataSetUnavailable, NotFound, RunFinished, TooManyRuns
from app.limits import QUEUED_ORACLE_RUNS
from app.models import OracleRun
from app.oracle import runs
from app.oracle.results import PARAMETERS, RunResult
from app.oracle.runs import OracleRunner
from app.oracle.scenarios import Parameters, Progress
from tests.factories import NOW, add_trainer, after, make_data_set, race

pytestmark = pytest.mark.tensorflow

SMALL = Parameters(pool_size=60, validation_size=20, batch_size=10, budget=30, experiments=("random", "active"))


def request(database: Database, parameters: Parameters = SMALL) -> int:
    with database.write() as session:
        return runs.request_run(session, parameters, now=NOW).id


def get(database: Database, run_id: int) -> OracleRun:
    with database.read() as session:
        return runs.get_run(session, run_id)


def stop(database: Database, run_id: int) -> OracleRun:
    with database.write() as session:
        return runs.stop_run(session, run_id, now=after(60))


def statuses(database: Database) -> list[str]:
    with database.read() as session:
        return list(session.scalars(select(OracleRun.status).order_by(OracleRun.id)))


def run_one(database: Database, runner: OracleRunner) -> bool:
    """By a trainer that has just started: any other is gone."""
    with database.write() as session:
        training_status.drop_trainer(session, pid=4711)
    return runner.run_one(add_trainer(database, pid=4711))


@pytest.fixture
def runner(database: Database) -> OracleRunner:
    """A runner that runs when it is told to, on a small data set, and stores every step."""
    runner = OracleRunner(database, make_data_set)
    runner.PROGRESS_SECONDS = 0.0
    return runner


def test_a_run_is_queued_with_what_was_asked_for(database: Database) -> None:
    run = get(database, request(database))

    assert (run.status, run.created_at, run.started_at, run.result) == ("queued", NOW, None, None)
    assert PARAMETERS.validate_python(run.parameters) == SMALL
    assert run.progress == {"experiment": None, "done": 0, "total": 0}


def test_a_run_ends_with_every_curve(database: Database, runner: OracleRunner) -> None:
    run_id = request(database)

    assert run_one(database, runner)

    run = get(database, run_id)
    data = make_data_set()
    expected = runs.run_oracle(data, SMALL, lambda _: None)
    assert run.status == "done"
    assert run.error is None
    assert run.started_at is not None
    assert run.finished_at is not None
    assert run.started_at <= run.finished_at
    found = runs.read_result(run)
    assert found is not None
    assert without_seconds(found) == without_seconds(expected)
    assert (found.data.name, found.matches_paper) == (data.name, None)


def without_seconds(result: RunResult) -> RunResult:
    curves = {name: curve.model_copy(update={"seconds": 0.0}) for name, curve in result.experiments.items()}
    return result.model_copy(update={"experiments": curves})


def test_an_empty_queue_is_no_work(database: Database, runner: OracleRunner) -> None:
    assert not run_one(database, runner)


def test_runs_are_run_in_the_order_in_which_they_were_asked_for(database: Database, runner: OracleRunner) -> None:
    for _ in range(3):
        request(database)

    seen = []
    while run_one(database, runner):
        seen.append(statuses(database))

    assert seen == [["done", "queued", "queued"], ["done", "done", "queued"], ["done", "done", "done"]]


def test_the_queue_has_an_end_and_moves_on(database: Database) -> None:
    ids = [request(database) for _ in range(QUEUED_ORACLE_RUNS)]

    with pytest.raises(TooManyRuns, match=f"{QUEUED_ORACLE_RUNS} oracle runs wait already"):
        request(database)
    stop(database, ids[0])

    assert request(database) == ids[-1] + 1


def test_a_run_is_taken_by_one_runner(database: Database) -> None:
    run_id = request(database)
    runners = [(OracleRunner(database, make_data_set), add_trainer(database, pid=pid)) for pid in range(4)]

    outcomes = race(4, lambda index: runners[index][0].run_one(runners[index][1]))

    assert sorted(map(str, outcomes)) == ["False"] * 3 + ["True"]
    assert get(database, run_id).status == "done"


def test_a_queued_run_is_stopped_and_never_begins(database: Database, runner: OracleRunner) -> None:
    run_id = request(database)

    assert stop(database, run_id).status == "stopped"
    assert not run_one(database, runner)
    assert get(database, run_id).finished_at == after(60)


def test_a_run_under_way_is_stopped_at_its_next_step(database: Database) -> None:
    run_id = request(database)

    def load_and_stop() -> DataSet:
        stop(database, run_id)
        return make_data_set()

    assert run_one(database, OracleRunner(database, load_and_stop))

    run = get(database, run_id)
    assert (run.status, run.result, run.finished_at) == ("stopped", None, after(60))


def test_a_run_that_is_stopped_keeps_the_experiments_that_were_finished(
    database: Database, runner: OracleRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id = request(database)
    stop_at(monkeypatch, "active", lambda: stop(database, run_id))

    assert run_one(database, runner)

    run = get(database, run_id)
    assert (run.status, run.finished_at) == ("stopped", after(60))
    assert run.result is not None
    assert list(run.result["experiments"]) == ["random"]
    assert run.has_result


def test_a_run_that_fails_keeps_the_experiments_that_were_finished(
    database: Database, runner: OracleRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id = request(database)
    stop_at(monkeypatch, "active", lambda: 1 // 0)

    assert run_one(database, runner)

    run = get(database, run_id)
    assert run.status == "failed"
    assert run.result is not None
    assert list(run.result["experiments"]) == ["random"]


def test_what_a_run_under_way_has_finished_is_no_result_yet(
    database: Database, runner: OracleRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id = request(database)

    def look() -> None:
        assert get(database, run_id).has_result
        with database.read() as session, pytest.raises(NotFound, match="is running: it has no result"):
            runs.get_result(session, run_id)

    stop_at(monkeypatch, "active", look)
    assert run_one(database, runner)

    with database.read() as session:
        assert list(runs.get_result(session, run_id).experiments) == ["random", "active"]


def test_a_run_that_starts_over_forgets_what_it_had_finished(
    database: Database, runner: OracleRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id = request(database)
    stop_at(monkeypatch, "active", runner.stop)  # the server stops
    assert run_one(database, runner)
    assert get(database, run_id).has_result

    found = []

    def look() -> DataSet:
        found.append(get(database, run_id))
        return make_data_set()

    assert run_one(database, OracleRunner(database, look))
    assert [(run.status, run.has_result) for run in found] == [("running", False)]


def stop_at(monkeypatch: pytest.MonkeyPatch, experiment: str, act: Callable[[], object]) -> None:
    """Do something at the first step of an experiment."""
    real = runs.run_oracle
    done: list[Progress] = []

    def run_oracle(data: DataSet, parameters: Parameters, on_progress: runs.OnProgress, *others: Any) -> Any:
        def progress(step: Progress) -> None:
            if step.experiment == experiment and not done:
                done.append(step)
                act()
            on_progress(step)

        return real(data, parameters, progress, *others)

    monkeypatch.setattr(runs, "run_oracle", run_oracle)


def test_a_run_that_was_stopped_too_late_is_not_overwritten(database: Database, runner: OracleRunner) -> None:
    run_id = request(database)
    run_one(database, runner)

    with pytest.raises(RunFinished, match=f"The oracle run {run_id} is done already") as caught:
        stop(database, run_id)

    assert caught.value.context == {"run_id": run_id, "status": "done"}
    assert get(database, run_id).result is not None


def test_a_run_is_stopped_once(database: Database) -> None:
    run_id = request(database)
    stop(database, run_id)

    with pytest.raises(RunFinished, match="is stopped already"):
        stop(database, run_id)


def test_a_run_that_is_not_there_is_not_found(database: Database) -> None:
    with pytest.raises(NotFound, match="There is no oracle run 7"):
        get(database, 7)
    with pytest.raises(NotFound, match="There is no oracle run 7"):
        stop(database, 7)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        (replace(SMALL, pool_size=61), "The pool asks for images 0 to 60, and the data set has 60"),
        (replace(SMALL, validation_size=51), "The validation asks for images 0 to 50"),
        (replace(SMALL, budget=61), "A budget of 61 labels is more than the pool of 60"),
    ],
)
def test_a_run_that_asks_for_too_much_says_so(
    database: Database, runner: OracleRunner, parameters: Parameters, message: str
) -> None:
    run_id = request(database, parameters)

    assert run_one(database, runner)

    run = get(database, run_id)
    assert run.status == "failed"
    assert run.error is not None
    assert run.error.startswith(message)
    assert run.finished_at is not None


@pytest.mark.parametrize(
    ("failure", "message"),
    [(DataSetUnavailable("no network"), "no network"), (RuntimeError("x" * 5000), "RuntimeError: xxx")],
)
def test_a_run_that_fails_says_why_and_the_next_one_runs(database: Database, failure: Exception, message: str) -> None:
    first, second = request(database), request(database)
    outcomes = iter([failure])

    def load() -> DataSet:
        for error in outcomes:
            raise error
        return make_data_set()

    runner = OracleRunner(database, load)
    while run_one(database, runner):
        pass

    assert statuses(database) == ["failed", "done"]
    error = get(database, first).error or ""
    assert error.startswith(message)
    assert len(error) <= 1000
    assert get(database, second).error is None


def test_progress_is_stored_as_it_is_made(database: Database, runner: OracleRunner) -> None:
    run_id = request(database)
    run_one(database, runner)

    assert get(database, run_id).progress == {
        "experiment": "active",
        "done": 3,
        "total": 3,
        "preparation": None,
    }


def test_a_run_whose_trainer_is_gone_is_begun_again(database: Database) -> None:
    run_id = request(database)

    def break_off() -> DataSet:
        broken.stop()
        return make_data_set()

    broken = OracleRunner(database, break_off)
    assert broken.run_one(add_trainer(database, pid=1))
    assert get(database, run_id).status == "running"

    others = OracleRunner(database, make_data_set)
    other_id = add_trainer(database, pid=2)
    assert not others.run_one(other_id)  # the one that has it may be at work still
    with database.write() as session:
        training_status.drop_trainer(session, pid=1)

    assert others.run_one(other_id)
    assert (get(database, run_id).status, get(database, run_id).trainer_id) == ("done", other_id)


def test_a_trainer_that_was_given_up_for_dead_changes_nothing_of_its_run(database: Database) -> None:
    run_id = request(database)

    def lose_it() -> DataSet:
        with database.write() as session:
            training_status.drop_trainer(session, pid=1)
        other = OracleRunner(database, make_data_set)
        assert other.run_one(add_trainer(database, pid=2))
        return make_data_set()

    slow = OracleRunner(database, lose_it)
    slow.PROGRESS_SECONDS = 0.0
    assert slow.run_one(add_trainer(database, pid=1))

    run = get(database, run_id)
    assert (run.status, run.error) == ("done", None)
    assert run.trainer_id != 1


def test_what_is_more_urgent_is_done_between_the_fits(database: Database, runner: OracleRunner) -> None:
    request(database)
    turns: list[str] = []

    assert runner.run_one(add_trainer(database), lambda: turns.append(statuses(database)[0]))

    assert turns == ["running"] * 4  # one fit of "random", three of "active"


def test_what_is_more_urgent_is_done_while_a_learner_looks_at_the_images(
    database: Database, runner: OracleRunner
) -> None:
    run_id = request(database, replace(SMALL, experiments=("inkling",)))
    told: list[str | None] = []

    assert runner.run_one(add_trainer(database), lambda: told.append(get(database, run_id).progress.get("preparation")))

    assert get(database, run_id).status == "done"
    assert len(told) >= 8  # data, preparation, three fits
    assert len({step for step in told if step}) >= 3


def test_a_run_is_stopped_while_a_learner_looks_at_the_images(database: Database, runner: OracleRunner) -> None:
    run_id = request(database, replace(SMALL, experiments=("random", "inkling")))

    def stop_then() -> None:
        if get(database, run_id).progress.get("preparation") and statuses(database) == ["running"]:
            stop(database, run_id)

    assert runner.run_one(add_trainer(database), stop_then)

    run = get(database, run_id)
    assert (run.status, run.progress["experiment"]) == ("stopped", "inkling")
    assert run.result is not None and list(run.result["experiments"]) == ["random"]


def test_a_run_that_is_requested_is_announced(database: Database) -> None:
    heard: list[Change] = []
    database.on_commit(heard.append)

    request(database)

    assert heard == [Change("oracle")]


def test_the_data_set_is_known_once_a_run_has_loaded_it(database: Database, runner: OracleRunner) -> None:
    with database.read() as session:
        assert training_status.find_data(session) is None
    request(database)
    run_one(database, runner)

    with database.read() as session:
        assert training_status.find_data(session) == training_status.RunData("patterns", "110 noisy patterns", 60, 50)
