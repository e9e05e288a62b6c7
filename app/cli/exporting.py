"""`inkling pool export`, which `inkling export` is, too."""

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from app import export
from app.cli.console import failures_in_words, notes, open_database, screen
from app.export.rows import Splits
from app.pools import get_pool

_KINDS: dict[str, export.Format] = {".csv": "csv", ".jsonl": "jsonl", ".npz": "npz", ".zip": "folders"}


def export_labels(
    slug: Annotated[str, typer.Argument(metavar="POOL", help="The pool.")],
    file: Annotated[Path, typer.Argument(help="Where to; the ending .csv, .jsonl, .npz or .zip says how.")],
    format: Annotated[
        export.Format | None,
        typer.Option(metavar="NAME", help=f"How, in the place of the ending: {', '.join(export.MEDIA_TYPES)}."),
    ] = None,
    validation: Annotated[int, typer.Option(metavar="PERCENT", help="How many to validate.")] = 0,
    test: Annotated[int, typer.Option(metavar="PERCENT", help="How many to test.")] = 0,
    seed: Annotated[int, typer.Option(metavar="N", help="The same splits in the same way.")] = 0,
) -> None:
    """Write the labels of a pool to a file. A .zip has the images, too, in a folder for each class."""
    with failures_in_words():
        kind = format or _KINDS.get(file.suffix.lower())
        if kind is None:
            raise typer.BadParameter(f"{file} should end in {', '.join(_KINDS)}, or say --format.")
        splits = Splits(validation, test, seed) if validation or test else None
        database = open_database()
        with database.read() as session:
            pool = get_pool(session, slug)
        part = file.with_name(f"{file.name}.part")  # what ends halfway must not look whole
        try:
            with part.open("wb") as target, notes.status(f"Writing {escape(str(file))}"):
                target.writelines(export.stream(database, pool, kind, splits))
            part.replace(file)
        finally:
            part.unlink(missing_ok=True)
    screen.print(f"The labels of {slug} are in {escape(str(file))} ({file.stat().st_size:,} bytes)")
