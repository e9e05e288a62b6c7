"""`inkling verify`, `inkling backup` and `inkling restore`."""

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.progress import Progress

from app import backup
from app.cli.console import failures_in_words, get_settings, notes, open_database, screen
from app.db import Database
from app.models import Pool
from app.pools import get_pool
from app.queries import list_pools
from app.verify import Verdict, verify_pool


def verify(
    pool: Annotated[list[str] | None, typer.Option(help="Which pool, repeatable; all if left out.")] = None,
) -> None:
    """Compute every round again from its events, and compare bit for bit with what is stored.

    Ends with exit code 1 and the first place that differs.
    """
    is_same = True
    with failures_in_words():
        database = open_database()
        with database.read() as session:
            slugs = pool or [found.slug for found in list_pools(session, limit=1000)[0]]
            pools = [get_pool(session, slug) for slug in slugs]
        for one in pools:
            verdict = _verify_one(database, one)
            is_same = is_same and verdict.difference is None
            screen.print(_in_words(one, verdict), highlight=False, soft_wrap=True)
    if not is_same:
        raise typer.Exit(1)


def _verify_one(database: Database, pool: Pool) -> Verdict:
    with Progress(console=notes) as bars:
        task = bars.add_task(f"{pool.slug}: rounds", total=None)

        def show(number: int, last: int) -> None:
            bars.update(task, completed=number + 1, total=last + 1)

        return verify_pool(database, pool, show)


def _in_words(pool: Pool, verdict: Verdict) -> str:
    if verdict.difference is not None:
        return f"[bold red]Different[/] at {escape(str(verdict.difference))}"
    n_other = verdict.n_other
    if not n_other:
        return f"{pool.slug}: every round comes out the same, bit for bit."
    return (
        f"{pool.slug}: {n_other} of {verdict.n_rounds} rounds were computed under other numerics (another version of "
        "Inkling or TensorFlow, or another processor). Their labels are the same; their models, evaluated here, have "
        f"the stored accuracies within {verdict.accuracy_gap:.2%} and the stored confidences within "
        f"{verdict.confidence_gap:.6f}. Every other round comes out the same, bit for bit."
    )


def back_up(file: Annotated[Path, typer.Argument(help="Where to; it must not exist yet.")]) -> None:
    """Copy the database into one file, also while it is served; the copy is checked."""
    with failures_in_words():
        backup.back_up(Database(get_settings().database_url).path, file)
    screen.print(f"The backup is in {escape(str(file))} ({file.stat().st_size:,} bytes), checked.", highlight=False)


def restore(
    file: Annotated[Path, typer.Argument(help="A file that `inkling backup` wrote.")],
) -> None:
    """Put a backup in the place of the database, while no server runs. The old file is kept beside it."""
    with failures_in_words():
        kept = backup.restore(file, Database(get_settings().database_url).path)
    old = f" The old database is kept as {kept}." if kept else ""
    screen.print(escape(f"{file} is restored.{old}"), highlight=False)
