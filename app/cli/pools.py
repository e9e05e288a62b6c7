"""`inkling pool`."""

import datetime as dt
from contextlib import suppress
from typing import Annotated

import typer
from rich.markup import escape
from rich.progress import Progress
from rich.table import Table

from app import datasets, deleting
from app.cli.child import end_with_parent, give_way, start_writer
from app.cli.console import failures_in_words, get_settings, notes, open_database, screen
from app.cli.exporting import export_labels
from app.errors import PreparationSuperseded, PreparationUnderWay
from app.learning.names import LEARNERS, PAPERS, PREPARING, STRATEGIES, LearnerName, Strategy
from app.pools import PoolSpec, get_pool, make_pool
from app.preparing import prepare_pool
from app.queries import list_pools
from app.settings import Source

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
    slug: Annotated[str, typer.Argument(help="Its name in addresses: a-z, 0-9 and hyphens.")],
    name: Annotated[str | None, typer.Option(help="Its name on the pages; the same if left out.")] = None,
    dataset: Annotated[Source | None, typer.Option(help="Where its images come from.")] = None,
    pool_start: Annotated[int | None, typer.Option(metavar="N", min=0, help="Its first training image.")] = None,
    pool_size: Annotated[int | None, typer.Option(metavar="N", min=1, help="Its images.")] = None,
    validation_size: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="Validation images, the first of the test set.")
    ] = None,
    batch_size: Annotated[
        int | None, typer.Option(metavar="N", min=1, max=1000, help="New labels that make a round due.")
    ] = None,
    ranking: Annotated[
        Strategy | None, typer.Option(metavar="RULE", help=f"What is asked first: {', '.join(STRATEGIES)}.")
    ] = None,
    queue_size: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="How many images of a round's ranking are stored.")
    ] = None,
    learner: Annotated[
        LearnerName, typer.Option(metavar="NAME", help=f"What learns and asks: {', '.join(LEARNERS)}.")
    ] = PAPERS,
) -> None:
    """Make a further pool. What no option says is as in the setting of that name, such as INKLING_POOL_SIZE."""
    given = {
        "dataset": dataset,
        "pool_start": pool_start,
        "pool_size": pool_size,
        "validation_size": validation_size,
        "batch_size": batch_size,
        "ranking": ranking,
        "queue_size": queue_size,
    }
    if learner in PREPARING and (validation_size is not None or ranking is not None):
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
