"""`inkling pool` and `inkling export`."""

import datetime as dt
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from app import datasets, export
from app.cli.console import failures_in_words, get_settings, open_database, screen
from app.learning.names import STRATEGIES, Strategy
from app.pools import PoolSpec, get_pool, make_pool
from app.queries import list_pools
from app.settings import Source

pool_app = typer.Typer(help="The pools of images to label.", no_args_is_help=True)


@pool_app.command("list")
def list_all_pools() -> None:
    """The pools of the database."""
    with failures_in_words(), open_database().read() as session:
        pools, _ = list_pools(session, limit=1000)
        shown = Table("pool", "images", "batch", "strategy", "data")
        for pool in pools:
            shown.add_row(
                pool.slug, f"{pool.n_images:,}", str(pool.batch_size), pool.strategy, escape(pool.dataset_description)
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
    with failures_in_words():
        settings = get_settings(**given)
        database, data = open_database(settings), datasets.load(settings)
        spec = PoolSpec.of(settings, slug=slug, name=slug if name is None else name)
        with database.write() as session:
            pool = make_pool(session, data, spec, now=dt.datetime.now(dt.UTC))
    screen.print(f"Created pool “{escape(pool.name)}”: /pools/{slug}/label")


def export_labels(
    slug: Annotated[str, typer.Argument(help="The pool.")],
    file: Annotated[Path, typer.Argument(help="Where to; the ending .csv, .jsonl or .npz says how.")],
) -> None:
    """Write the labels of a pool to a file."""
    with failures_in_words():
        kinds = {f".{kind}": kind for kind in export.MEDIA_TYPES}
        if file.suffix not in kinds:
            raise typer.BadParameter(f"{file} should end in {', '.join(kinds)}.")
        database = open_database()
        with database.read() as session:
            pool = get_pool(session, slug)
        with file.open("wb") as target:
            target.writelines(export.stream(database, pool, kinds[file.suffix]))
    screen.print(f"The labels of {slug} are in {escape(str(file))} ({file.stat().st_size:,} bytes)")
