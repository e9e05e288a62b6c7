"""The command line: parse, one domain call, print. Results go to stdout, everything else to stderr."""

import json
import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from pydantic import ValidationError
from pydantic_settings import SettingsError
from rich import box
from rich.console import Console
from rich.logging import RichHandler
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from sqlalchemy.exc import DBAPIError

from app import datasets, export
from app.accuracy import Accuracy
from app.db import Database
from app.errors import AppError
from app.learning.ranking import Rule
from app.main import make_pool
from app.oracle import runs, table
from app.oracle.scenarios import EXPERIMENTS, Parameters, Results
from app.oracle.scenarios import Progress as RunProgress
from app.pools import get_pool
from app.queries import list_pools
from app.server import serve as serve_application
from app.settings import Settings

app = typer.Typer(
    help="Inkling: label the digits the model is least sure of.", no_args_is_help=True, add_completion=False
)
pool_app = typer.Typer(help="The pools of images to label.", no_args_is_help=True)
app.add_typer(pool_app, name="pool")

screen = Console()
notes = Console(stderr=True)


@app.command()
def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on (INKLING_HOST).")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on (INKLING_PORT); 0 takes a free one.")] = None,
    open_browser: Annotated[bool, typer.Option("--open", help="Open the labeling page in a browser.")] = False,
) -> None:
    """Serve the labeling page, the oracle page and the REST API."""
    given = {"host": host, "port": port}
    with _failures_in_words():
        settings = _settings(**{name: value for name, value in given.items() if value is not None})
        serve_application(settings, open_browser=open_browser)


@app.command()
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
    """Let the truth answer: the paper's experiments, published beside reproduced.

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
    with _failures_in_words():
        data = datasets.load(_settings())
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


@pool_app.command("list")
def list_all_pools() -> None:
    """The pools of the database."""
    with _failures_in_words(), _database().read() as session:
        pools, _ = list_pools(session, limit=1000)
        shown = Table("pool", "images", "batch", "ranking", "data")
        for pool in pools:
            shown.add_row(pool.slug, f"{pool.n_images:,}", str(pool.batch_size), pool.ranking, pool.dataset_description)
    screen.print(shown)


@pool_app.command("create")
def create_pool(slug: Annotated[str, typer.Argument(help="Its name in addresses: a-z, 0-9 and hyphens.")]) -> None:
    """Make a further pool from the settings INKLING_POOL_START, INKLING_POOL_SIZE and so on."""
    with _failures_in_words():
        make_pool(_database(), _settings(), slug=slug)
    screen.print(f"The pool {slug} is made: /pools/{slug}/label")


@app.command("export")
def export_labels(
    slug: Annotated[str, typer.Argument(help="The pool.")],
    file: Annotated[Path, typer.Argument(help="Where to; the ending .csv, .jsonl or .npz says how.")],
) -> None:
    """Write the labels of a pool to a file."""
    with _failures_in_words():
        kinds = {f".{kind}": kind for kind in export.MEDIA_TYPES}
        if file.suffix not in kinds:
            raise typer.BadParameter(f"{file} should end in {', '.join(kinds)}.")
        database = _database()
        with database.read() as session:
            pool = get_pool(session, slug)
        with file.open("wb") as target:
            target.writelines(export.stream(database, pool, kinds[file.suffix]))
    screen.print(f"The labels of {slug} are in {file} ({file.stat().st_size:,} bytes)")


def _settings(**given: object) -> Settings:
    settings = Settings.model_validate({**Settings().model_dump(), **given})
    level = settings.log_level.upper()
    logging.basicConfig(
        level=level, format="%(message)s", handlers=[RichHandler(console=notes, show_path=False)], force=True
    )
    if settings.log_level != "debug":
        logging.getLogger("alembic").setLevel(logging.WARNING)
        logging.getLogger("uvicorn").setLevel(logging.WARNING)
    return settings


def _database() -> Database:
    database = Database(_settings().database_url)
    database.migrate()
    return database


@contextmanager
def _failures_in_words() -> Iterator[None]:
    """Expected failures end the command with their message alone."""
    try:
        yield
    except AppError as error:
        notes.print(f"[bold red]{type(error).__name__}[/]: {escape(error.message)}", soft_wrap=True)
        sys.exit(1)
    except DBAPIError as error:
        notes.print(
            f"[bold red]The database cannot be used[/]: {escape(str(error.orig))}. Is there room on the disk, and may "
            "this user write to the file and its folder?",
            soft_wrap=True,
        )
        sys.exit(1)
    except OSError as error:
        notes.print(f"[bold red]{escape(str(error.filename))}[/]: {error.strerror}", soft_wrap=True)
        sys.exit(1)
    except SettingsError as error:
        notes.print(f'[bold red]Wrong setting[/]: {escape(str(error))}. Lists are JSON: ["a", "b"].', soft_wrap=True)
        sys.exit(2)
    except ValidationError as error:
        for wrong in error.errors():
            name = f"INKLING_{'_'.join(map(str, wrong['loc'])).upper()}"
            notes.print(
                f"[bold red]{name}[/] is {escape(repr(wrong['input']))}: {escape(wrong['msg'])}", soft_wrap=True
            )
        sys.exit(2)


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


if __name__ == "__main__":
    app()
