"""`inkling oracle --pools`: the same experiments on several pools, compared pool by pool."""

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import typer
from rich import box
from rich.table import Table

from app.cli.console import failures_in_words, notes, screen
from app.cli.oracle_progress import progress_bars, show_in
from app.datasets import DataSet
from app.oracle import runs, study
from app.oracle.experiments import Experiment
from app.oracle.results import RunResult
from app.oracle.scenarios import Parameters
from app.oracle.study import DrawnPool, Point, Spread

INTERRUPTED = 130  # the exit code of a program that Ctrl-C ended


def run_study(
    named: Sequence[Experiment],
    parameters: Parameters,
    n_pools: int,
    json_file: Path | None,
    load: Callable[[Parameters, Path | None], DataSet],
) -> None:
    """Run, print and write; the first of the named experiments is compared with the others. Ctrl-C ends it early."""
    parameters = replace(parameters, experiments=study.with_references(named))
    _check(parameters)
    first, seed = parameters.named[0], parameters.shuffle_seed or 0
    pools: list[DrawnPool] = []
    results: list[RunResult] = []

    def write() -> None:
        if json_file is not None:
            found = study.as_json(pools, results, first=first, n_asked=n_pools, seed=seed)
            json_file.write_text(json.dumps(found, indent=1), encoding="utf-8")

    is_whole = True
    with failures_in_words():
        data = load(parameters, json_file)
        notes.print(f"Rule: {study.RULE}. Here s is {seed}, n_images {len(data.train.images)}.", highlight=False)
        try:
            for number in range(1, n_pools + 1):
                pool, result = _run_pool(data, parameters, number, n_pools, seed)
                pools.append(pool)
                results.append(result)
                write()
        except KeyboardInterrupt:
            is_whole = False
            write()
        if results:
            _print_points(study.summarize(results, first), results, first)
    if not is_whole:
        notes.print(f"Stopped: {len(results)} of {n_pools} pools are finished and counted.")
        raise typer.Exit(INTERRUPTED)


def _check(parameters: Parameters) -> None:
    without_curve = [name for name in parameters.experiments if name not in study.CURVES]
    if without_curve:
        raise typer.BadParameter(
            f"--pools compares learning curves: {', '.join(study.CURVES)}; not {without_curve[0]}."
        )
    if parameters.pool_start:
        raise typer.BadParameter("--pools draws the start of each pool: leave --pool-start out.")


def _run_pool(
    data: DataSet, parameters: Parameters, number: int, n_pools: int, seed: int
) -> tuple[DrawnPool, RunResult]:
    pool = study.draw_pool(number, n_images=len(data.train.images), pool_size=parameters.pool_size, seed=seed)
    on_it = replace(parameters, pool_start=pool.pool_start, shuffle_seed=pool.shuffle_seed)
    with progress_bars() as bars:
        result = runs.run_oracle(data, on_it, show_in(bars))
        for task in bars.task_ids:
            bars.remove_task(task)
    ends = [f"{name} {_percent(_last(result, name))}" for name in result.experiments]
    where = f"Pool {number} of {n_pools}, from image {pool.pool_start:,}, seed {pool.shuffle_seed}"
    notes.print(f"{where}: {', '.join(ends)}", highlight=False)
    return pool, result


def _print_points(points: list[Point], results: Sequence[RunResult], first: Experiment) -> None:
    unseen = next(iter(results[0].experiments.values())).test_total
    images = f"{unseen:,} unseen images" if unseen else "the validation images, for there are no unseen ones"
    n = f"{len(results)} {'pool' if len(results) == 1 else 'pools'}"
    names = list(points[0].accuracy)
    accuracy = _new_table(
        f"Accuracy on {images}, {n}",
        "In %: mean ± half of its 95 % interval (Student t over the pools) and, in brackets, the worst pool. "
        f"{study.CAUTION}",
        names,
    )
    for point in points:
        accuracy.add_row(str(point.labels), *(_as_cell(point.accuracy[name]) for name in names))
    ahead = _new_table(
        f"{first} minus another on the same pool",
        "Percentage points, pool by pool: mean ± half of its 95 % interval. One that holds 0 decides nothing. "
        f"{study.CAUTION}",
        list(points[0].ahead_of),
    )
    for point in points:
        ahead.add_row(str(point.labels), *map(_as_difference, point.ahead_of.values()))
    screen.print(accuracy, ahead, sep="\n")


def _new_table(title: str, caption: str, names: Sequence[str]) -> Table:
    shown = Table(title=title, caption=caption, box=box.SIMPLE_HEAD)
    for name in ("labels", *names):
        shown.add_column(name, justify="right")
    return shown


def _as_cell(found: Spread) -> str:
    return f"{found.mean * 100:.2f}{_half(found)} ({found.worst * 100:.1f})"


def _as_difference(found: Spread) -> str:
    return f"{found.mean * 100:+.2f}".replace("-", "\N{MINUS SIGN}") + _half(found)


def _half(found: Spread) -> str:
    return f" ± {(found.interval[1] - found.mean) * 100:.2f}" if found.interval else ""


def _last(result: RunResult, name: Experiment) -> float:
    curve = result.experiments[name]
    return (curve.test or curve.validation)[-1].value


def _percent(share: float) -> str:
    return f"{share * 100:.2f} %"
