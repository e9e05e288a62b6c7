"""`inkling oracle`: the experiments in the terminal."""

import json
from pathlib import Path
from typing import Annotated, cast

import typer
from rich import box
from rich.markup import escape
from rich.table import Table

from app import datasets
from app.accuracy import Accuracy
from app.cli.console import failures_in_words, get_settings, notes, screen
from app.cli.oracle_progress import progress_bars, show_in
from app.cli.oracle_study import run_study
from app.datasets import DataSet
from app.learning.learners import make_learner
from app.learning.names import PAPERS, STRATEGIES, Strategy
from app.oracle import runs, table
from app.oracle.bounds import LARGEST, TITLES, Sizes, find_faults
from app.oracle.experiments import ALL_EXPERIMENTS, EXPERIMENTS, TABLE, Experiment
from app.oracle.results import RunResult
from app.oracle.scenarios import Parameters
from app.oracle.study import MAX_POOLS

WIDE = 110  # columns from which an interval has three digits

Named = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NAME",
        help=f"Which to run, repeatable: {', '.join(ALL_EXPERIMENTS)}. "
        "If left out, the six of the paper; with --pools inkling.",
    ),
]
Pools = Annotated[
    int | None,
    typer.Option(
        metavar="N",
        min=1,
        max=MAX_POOLS,
        help="Run on so many pools, drawn by --shuffle-seed, and compare with active and inkling_random.",
    ),
]


def oracle(
    experiment: Named = None,
    pool_start: Annotated[int, typer.Option(metavar="N", help="First training image of the pool, from 0.")] = 0,
    pool_size: Annotated[int, typer.Option(metavar="N", help="Images in the pool, 10 or more.")] = 4000,
    validation_size: Annotated[
        int, typer.Option(metavar="N", help="Validation images, the first of the test set; 1 or more.")
    ] = 400,
    batch_size: Annotated[int, typer.Option(metavar="N", help="Labels given between two fits, 1 to 10,000.")] = 10,
    budget: Annotated[
        int, typer.Option(metavar="N", help="Labels given in all, at most one an image of the pool.")
    ] = 400,
    shuffle_seed: Annotated[
        int | None, typer.Option(metavar="N", help="Shuffle the pool by this seed, from 0.")
    ] = None,
    ranking: Annotated[
        Strategy, typer.Option(metavar="STRATEGY", help=f"Query strategy: {', '.join(STRATEGIES)}.")
    ] = "least_confidence",
    pools: Pools = None,
    json_file: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="Write all curves to this file.")
    ] = None,
) -> None:
    """Simulate an annotator who is always right: the paper's experiments beside its numbers.

    Inkling's own learner can be asked beside them, and several pools compared. Ends with exit code 1 if MNIST and the
    paper's parameters were used and any accuracy differs from the paper's.
    """
    named = _check_names(experiment, is_study=pools is not None)
    parameters = Parameters(
        experiments=tuple(sorted(named, key=ALL_EXPERIMENTS.index)),
        pool_start=pool_start,
        pool_size=pool_size,
        validation_size=validation_size,
        batch_size=batch_size,
        budget=budget,
        shuffle_seed=shuffle_seed,
        ranking=ranking,
    )
    _check(parameters, LARGEST)  # what no data set allows is refused before one is fetched
    if pools is not None:
        run_study(named, parameters, pools, json_file, _load)
    else:
        _run_once(parameters, json_file)


def _check_names(experiment: list[str] | None, *, is_study: bool) -> list[Experiment]:
    """The experiments in the order in which they were named, each once."""
    unknown = set(experiment or ()) - set(ALL_EXPERIMENTS)
    if unknown:
        raise typer.BadParameter(f"There is no experiment {unknown.pop()!r}. Choose from {', '.join(ALL_EXPERIMENTS)}.")
    by_default: tuple[Experiment, ...] = ("inkling",) if is_study else EXPERIMENTS
    return cast(list[Experiment], list(dict.fromkeys(experiment or by_default)))


def _run_once(parameters: Parameters, json_file: Path | None) -> None:
    with failures_in_words():
        data = _load(parameters, json_file)
        with progress_bars() as bars:
            result = runs.run_oracle(data, parameters, show_in(bars))
        _print_result(result)
        if json_file is not None:
            json_file.write_text(json.dumps(result.as_json(), indent=1), encoding="utf-8")
    if result.matches_paper is False:
        raise typer.Exit(1)


def _load(parameters: Parameters, json_file: Path | None) -> DataSet:
    """The data set, once all that could fail later has been tried."""
    data = datasets.load(get_settings())
    notes.print(f"Data: {escape(data.description)}")
    _check(parameters, Sizes(len(data.train.images), len(data.test.images)))
    if json_file is not None:
        json_file.touch()  # before the run, so that a missing folder fails at once
    if any(TABLE[name].learner == PAPERS for name in parameters.experiments):
        with notes.status("Loading TensorFlow"):
            make_learner(PAPERS, len(data.classes), data.train.images.shape[1:]).warm_up()
    return data


def _check(parameters: Parameters, sizes: Sizes) -> None:
    """End with exit code 2 if a number is out of its bounds, or an experiment is there twice."""
    if parameters.has_random_twice:
        raise typer.BadParameter(
            "With --ranking random, active learning is random_curve: leave one of the two experiments out."
        )
    faults = find_faults({name: getattr(parameters, name) for name in TITLES}, sizes)
    for name in faults:
        raise typer.BadParameter(" ".join(faults.values()), param_hint=f"'--{name.replace('_', '-')}'")


def _print_result(result: RunResult) -> None:
    rows = table.compare(result)
    if rows:
        screen.print(_as_table(rows, digits=1 if screen.width >= WIDE else 0))
    if looked := max((row.prepare_seconds for row in rows), default=0.0):
        screen.print(f"Inkling's learner looked at the images for {looked:.1f} s before the first answer.")
    if result.clusters is not None:
        distances = result.clusters.distances
        screen.print(
            f"k-means: summed squared distance {distances[0]:,.0f} at the start, {distances[-1]:,.0f} after "
            f"{len(distances) - 1} iterations, in {result.clusters.seconds:.1f} s."
        )
        if (theirs := result.clusters.published) is not None:
            screen.print(f"The paper, from other centres: {theirs.first:,.0f} and {theirs.last:,.0f}.")
    n_points = sum(row.n_points for row in rows if row.n_equal is not None)
    if result.matches_paper is None:
        screen.print("Not compared with the paper: that takes its experiments on MNIST with its parameters.")
    else:
        n_equal = sum(row.n_equal or 0 for row in rows)
        verdict = "[green]All equal[/]" if result.matches_paper else "[bold red]Not equal[/]"
        screen.print(f"{verdict}: {n_equal} of {n_points} accuracies are the paper's, digit by digit.")


def _as_table(rows: list[table.Row], *, digits: int) -> Table:
    """The rows as a table; intervals have `digits` digits behind the point.

    Without any the table fits in 80 columns, which Rich takes where there is no terminal.
    """
    shown = Table(
        title="Published and reproduced" if any(TABLE[row.experiment].is_papers for row in rows) else None,
        caption="In brackets the 95 % Wilson interval. Unseen: images that neither training nor stopping saw.",
        box=box.SIMPLE_HEAD,
        padding=(0, digits),
    )
    for column in ("experiment", "labels", "paper", "ours", "unseen", "equal", "sec."):
        shown.add_column(column, justify="left" if column == "experiment" else "right", no_wrap=True)
    for row in rows:
        shown.add_row(
            row.experiment,
            f"{row.labels:,}",
            _percent(row.published) if row.published is not None else "–",
            _with_interval(row.validation, digits),
            _with_interval(row.test, digits) if row.test else "–",
            f"{row.n_equal}/{row.n_points}" if row.n_equal is not None else "–",
            f"{row.seconds:.{digits + 1}f}",
        )
    return shown


def _percent(share: float) -> str:
    return f"{share * 100:.2f} %"  # as the pages have it


def _with_interval(accuracy: Accuracy, digits: int) -> str:
    low, high = accuracy.interval
    return f"{_percent(accuracy.value)} ({low * 100:.{digits}f}–{high * 100:.{digits}f})"
