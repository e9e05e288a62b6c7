"""`inkling pool`."""

import datetime as dt
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.progress import Progress
from rich.table import Table

from app import datasets, deleting
from app.cli import pool_options as options
from app.cli.child import end_with_parent, give_way, start_writer
from app.cli.console import failures_in_words, get_settings, notes, open_database, screen
from app.cli.exporting import export_labels
from app.cli.pool_sources import LabelOptions, PoolOptions, add_from_source, create_from_source
from app.errors import PreparationSuperseded, PreparationUnderWay
from app.learning.names import PAPERS, PREPARING, LearnerName
from app.models import Split
from app.pools import PoolSpec, get_pool, make_pool
from app.preparing import prepare_pool
from app.queries import list_pools

OWN: LearnerName = "graph"  # needs no validation images, and a pool of one's own has none
pool_app = typer.Typer(help="The pools of images to label.", no_args_is_help=True)
pool_app.command("export")(export_labels)


@pool_app.command("list")
def list_all_pools() -> None:
    """The pools of the database."""
    with failures_in_words(), open_database().read() as session:
        pools, _ = list_pools(session, limit=1000)
        shown = Table("pool", "images", "learner", "batch", "strategy", "data")
        for pool in pools:
            shown.add_row(
                *(pool.slug, f"{pool.n_images:,}", pool.learner, str(pool.batch_size), pool.strategy),
                escape(pool.dataset_description),
            )
    screen.print(shown)


@pool_app.command("create")
def create_pool(
    slug: options.Slug,
    source: options.SourcePath = None,
    name: options.Name = None,
    batch_size: options.BatchSize = None,
    ranking: options.Ranking = None,
    queue_size: options.QueueSize = None,
    learner: options.Learner = None,
    dataset: options.Dataset = None,
    pool_start: options.PoolStart = None,
    pool_size: options.PoolSize = None,
    validation_size: options.ValidationSize = None,
    classes: options.Classes = None,
    size: options.Size = None,
    colour: options.Colour = None,
    labels: options.Labels = None,
    truth: options.Truth = False,
    standing: options.Standing = False,
    by: options.By = None,
    test: options.Test = None,
    validation: options.Validation = None,
    chance_every: options.ChanceEvery = None,
    description: options.Description = None,
) -> None:
    """Make a further pool. What no option says is as in the setting of that name, such as INKLING_POOL_SIZE."""
    of_both = {"batch_size": batch_size, "ranking": ranking, "queue_size": queue_size}
    of_data_set = {"pool_start": pool_start, "pool_size": pool_size, "validation_size": validation_size}
    given_labels = LabelOptions(labels, truth, standing, by)
    if source is None:
        of_source: dict[str, object] = {
            "classes": classes,
            "size": size,
            "colour": colour,
            "test": test,
            "validation": validation,
        }
        of_source |= {"chance-every": chance_every, "description": description, "by": by, "labels": labels}
        of_source |= {"truth": truth or None, "standing": standing or None}
        _refuse_given(of_source, "needs a SOURCE: images of your own.")
        _create_from_data_set(slug, name, learner or PAPERS, {"dataset": dataset, **of_data_set, **of_both})
        return
    _refuse_given({"dataset": dataset, **of_data_set}, "is for pools without a SOURCE.")
    with failures_in_words():
        settings = get_settings(**of_both)
        spec: dict[str, object] = {
            "learner": learner or OWN,
            "description": description,
            "batch_size": settings.batch_size,
            "strategy": settings.ranking,
            "queue_size": settings.queue_size,
        }
        spec |= {} if chance_every is None else {"chance_every": chance_every or None}
        of_pool = PoolOptions(slug, name, classes, size, colour, spec)
        others: dict[Split, Path | None] = {"validation": validation, "test": test}
        create_from_source(source, of_pool, given_labels, others)


@pool_app.command("add")
def add_to_pool(
    slug: Annotated[str, typer.Argument(help="The pool.")],
    source: Annotated[Path, typer.Argument(help="The images, as for “create”.")],
    labels: options.Labels = None,
    truth: options.Truth = False,
    standing: options.Standing = False,
    by: options.By = None,
) -> None:
    """Add images to a pool. Those that it has already are not added again."""
    with failures_in_words():
        add_from_source(slug, source, LabelOptions(labels, truth, standing, by))


def _refuse_given(options: Mapping[str, object], why: str) -> None:
    for name, value in options.items():
        if value is not None:
            raise typer.BadParameter(f"--{name.replace('_', '-')} {why} Leave it out, or see --help.")


def _create_from_data_set(slug: str, name: str | None, learner: LearnerName, given: dict[str, object]) -> None:
    if learner in PREPARING and (given["validation_size"] is not None or given["ranking"] is not None):
        raise typer.BadParameter(
            f"The learner {learner} needs no validation images and has its own rule of what is asked first. "
            "Leave out --validation-size and --ranking."
        )
    with failures_in_words():
        settings = get_settings(**given)
        database, data = open_database(settings), datasets.load(settings)
        spec = PoolSpec.of(settings, slug=slug, name=slug if name is None else name, learner=learner)
        with database.write() as session:
            pool = make_pool(session, data, spec, now=dt.datetime.now(dt.UTC))
    screen.print(f"Created pool “{escape(pool.name)}”: /pools/{slug}/label")


@pool_app.command("prepare")
def prepare(
    slug: Annotated[str, typer.Argument(help="The pool.")],
    again: Annotated[bool, typer.Option("--again", help="Also if its learner has looked at them already.")] = False,
    child: Annotated[bool, typer.Option("--child", hidden=True, help="As a process that the trainer starts.")] = False,
) -> None:
    """Let the pool's learner look at its images now. A trainer does so by itself, before the learner asks."""
    with failures_in_words():
        database = open_database()
        if child:
            end_with_parent()
            write = start_writer(database)
            give_way()
            with suppress(PreparationUnderWay, PreparationSuperseded):  # then another process does it
                prepare_pool(database, slug, again=False, write=write)
            return
        with Progress(console=notes, transient=True) as progress:
            bar = progress.add_task("looking at the images", total=1.0)

            def show(step: str, share: float) -> None:
                progress.update(bar, description=step, completed=share)

            n_images = prepare_pool(database, slug, show, again=again)
            while not again and (more := prepare_pool(database, slug, show, again=False)):
                n_images = more
    screen.print(f"Looked at {n_images:,} images of {slug}." if n_images else f"Nothing is left to look at in {slug}.")


@pool_app.command("delete")
def delete_pool(
    slug: Annotated[str, typer.Argument(help="The pool.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Delete a pool for good: its images, answers, rounds and models. `inkling backup FILE` keeps a copy of all."""
    with failures_in_words():
        database = open_database()
        with database.read() as session:
            pool = get_pool(session, slug)
            counts = deleting.count_rows(session, pool)
        told = ", ".join(f"{name}: {count:,}" for name, count in counts.items() if count)
        if not yes:
            notes.print("This cannot be undone. `inkling backup FILE` copies the database first.", highlight=False)
            typer.confirm(f"Delete {pool.name} ({slug}) for good, with {told}?", abort=True)
        with Progress(console=notes, transient=True) as progress:
            bar = progress.add_task("deleting", total=sum(counts.values()))

            def show(n_deleted: int) -> None:
                progress.advance(bar, n_deleted)

            deleting.delete_pool(database, slug, now=dt.datetime.now(dt.UTC), on_step=show)
    screen.print(f"Deleted {slug}. The database uses the room for what comes next.", highlight=False)
