"""`inkling pool` and `inkling export`."""

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from app import datasets, export
from app.cli.console import failures_in_words, get_settings, open_database, screen
from app.pools import get_pool, make_pool
from app.queries import list_pools

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
def create_pool(slug: Annotated[str, typer.Argument(help="Its name in addresses: a-z, 0-9 and hyphens.")]) -> None:
    """Make a further pool from the settings INKLING_POOL_START, INKLING_POOL_SIZE and so on."""
    with failures_in_words():
        settings = get_settings()
        make_pool(open_database(), datasets.load(settings), settings, slug=slug)
    screen.print(f"Created pool “{slug}”: /pools/{slug}/label")


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
