"""`inkling oracle`: the paper's experiments in the terminal."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich import box
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from app import datasets
from app.accuracy import Accuracy
from app.cli.console import failures_in_words, get_settings, notes, screen
from app.learning.ranking import Rule
from app.oracle import runs, table
from app.oracle.scenarios import EXPERIMENTS, Parameters, Results
from app.oracle.scenarios import Progress as RunProgress


def oracle(
    experiment: Annotated[
        list[str] | None,
        typer.Option(metavar="|".join(EXPERIMENTS), help="Which to run, repeatable; all if left out."),
    ] = None,
    pool_start: Annotated[int, typer.Option(min=0, help="First training image of the pool.")] = 0,
    pool_size: Annotated[int, typer.Option(min=10, help="Images in the pool.")] = 4000,
    validation_size: Annotated[int, typer.Option(min=1, help="Validation images, the first of the test set.")] = 400,
    batch_size: Annotated[int, typer.Option(min=1, help="Labels bought between two fits.")] = 10,
    budget: Annotated[int, typer.Option(min=1, help="Labels bought in all.")] = 400,
    shuffle_seed: Annotated[int | None, typer.Option(min=0, help="Shuffle the pool by this seed.")] = None,
    ranking: Annotated[Rule, typer.Option(help="What is asked first.")] = "least_confidence",
    json_file: Annotated[Path | None, typer.Option("--json", help="Write all curves to this file.")] = None,
) -> None:
    """Simulate an annotator who is always right: the paper's experiments, published beside reproduced.

    Ends with exit code 1 if MNIST and the paper's parameters were used and any accuracy differs from the paper's.
    """
    unknown = set(experiment or ()) - set(EXPERIMENTS)
    if unknown:
        raise typer.BadParameter(f"There is no experiment {unknown.pop()!r}. Choose from {', '.join(EXPERIMENTS)}.")
    parameters = Parameters(
        experiments=tuple(name for name in EXPERIMENTS if experiment is None or name in experiment),
        pool_start=pool_start,
        pool_size=pool_size,
        validation_size=validation_size,
        batch_size=batch_size,
        budget=budget,
        shuffle_seed=shuffle_seed,
        ranking=ranking,
    )
    with failures_in_words():
        data = datasets.load(get_settings())
        notes.print(f"Data: {escape(data.description)}")
        if json_file is not None:
            json_file.touch()  # a folder that is not there is better known before the run
        with _progress_bars() as on_progress:
            results = runs.run_oracle(data, parameters, on_progress)
        _print_results(results, parameters, data.name)
        if json_file is not None:
            result = table.as_json(results, parameters, data.name, data.sha256)
            json_file.write_text(json.dumps(result, indent=1), encoding="utf-8")
    if table.matches_paper(table.compare(results, parameters, data.name)) is False:
        raise typer.Exit(1)


@contextmanager
def _progress_bars() -> Iterator[runs.OnProgress]:
    """One bar an experiment, begun when it begins."""
    columns = (TextColumn("{task.description:<32}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=notes) as bars:
        tasks = {}

        def show(progress: RunProgress) -> None:
            name = progress.experiment
            if name not in tasks:
                tasks[name] = bars.add_task(table.TITLES[name], total=progress.total)
            bars.update(tasks[name], completed=progress.done)

        yield show


def _print_results(results: Results, parameters: Parameters, dataset: str) -> None:
    rows = table.compare(results, parameters, dataset)
    if rows:
        screen.print(_as_table(rows))
    if results.clusters is not None:
        distances = results.clusters.distances
        screen.print(
            f"k-means: summed squared distance {distances[0]:,.0f} at the start, {distances[-1]:,.0f} after "
            f"{len(distances) - 1} iterations, in {results.clusters_seconds:.1f} s."
        )
        if table.is_comparable(parameters, dataset):
            paper = table.published()["kmeans"]["distances"]
            screen.print(f"The paper, from other centres: {paper['first']:,.0f} and {paper['last']:,.0f}.")
    n_points = sum(row.n_points for row in rows)
    matches = table.matches_paper(rows)
    if matches is None:
        screen.print("Not compared with the paper: that takes MNIST and the paper's parameters.")
    else:
        n_equal = sum(row.n_equal or 0 for row in rows)
        verdict = "[green]All equal[/]" if matches else "[bold red]Not equal[/]"
        screen.print(f"{verdict}: {n_equal} of {n_points} accuracies are the paper's, digit by digit.")


def _as_table(rows: list[table.Row]) -> Table:
    shown = Table(
        title="Published and reproduced",
        caption="In brackets the 95 % Wilson interval. Unseen: images that neither training nor stopping saw.",
        box=box.SIMPLE_HEAD,
        padding=0,  # 80 columns must do: that is what Rich takes where there is no terminal
    )
    for column in ("experiment", "labels", "paper", "ours", "unseen", "equal", "sec."):
        shown.add_column(column, justify="left" if column == "experiment" else "right", no_wrap=True)
    for row in rows:
        shown.add_row(
            row.experiment,
            f"{row.labels:,}",
            f"{row.published:.4f}" if row.published is not None else "–",
            _with_interval(row.validation),
            _with_interval(row.test) if row.test else "–",
            f"{row.n_equal}/{row.n_points}" if row.n_equal is not None else "–",
            f"{row.seconds:.2f}",
        )
    return shown


def _with_interval(accuracy: Accuracy) -> str:
    low, high = accuracy.interval
    return f"{accuracy.value:.4f} ({low:.2f}–{high:.2f})".replace("0.", ".")
