"""`inkling predict`, which `inkling model predict` is, too."""

import os
import sys
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from numpy.typing import NDArray
from rich.markup import escape
from rich.table import Table

from app import predicting, trained_models
from app.cli.console import failures_in_words, notes, open_database, screen
from app.errors import FileMissing, FileUnreadable, PictureRefused
from app.export.tables import CsvRows
from app.merges import read_merges
from app.pictures import Decoders
from app.pools import get_pool
from app.predicting import Predictor
from app.sources import Item, SourceLimits, open_source

COLUMNS = ("name", "class", "confidence", "refused")
AT_ONCE = 256  # images

Row = dict[str, object]


def predict(
    model: Annotated[str, typer.Argument(metavar="FILE_OR_POOL", help="A file of `inkling model export`, or a pool.")],
    images: Annotated[list[Path], typer.Argument(metavar="IMAGE...", help="Pictures, and folders of them.")],
    as_csv: Annotated[bool, typer.Option("--csv", help="As CSV, for programs.")] = False,
    model_id: Annotated[
        int | None,
        typer.Option("--model", metavar="ID", min=1, help="Which of the pool; the newest if left out."),
    ] = None,
) -> None:
    """Say which class each picture has by a model, and how sure that is. What is no picture is named."""
    with failures_in_words():
        predictor = _open(model, model_id)
        rows = _predict_all(predictor, images)
        if as_csv:
            _print_csv(rows)
        else:
            _print_table(rows)


def _open(model: str, model_id: int | None) -> Predictor:
    """A file goes before a pool of the same name; a folder is none."""
    file = Path(model)
    if file.is_file():
        return predicting.open_model(file.read_bytes(), model)
    with open_database().read() as session:
        pool = get_pool(session, model)
        if model_id is None:
            found = trained_models.get_newest_done(session, pool)
        else:
            found = trained_models.get_model(session, pool, model_id)
        content = trained_models.read_content(session, found)
        return predicting.make_predictor(pool, read_merges(session, pool), found, content)


def _predict_all(predictor: Predictor, paths: list[Path]) -> Iterator[Row]:
    with Decoders(os.cpu_count() or 1) as decoders:

        def decode(item: Item) -> NDArray[np.uint8]:
            if item.refused is not None:
                raise item.refused
            return decoders.decode(item.content or b"", predictor.image_shape).pixels

        decoded = decoders.run_ahead(_read(paths), decode, lambda item: item.n_bytes)
        while some := list(islice(decoded, AT_ONCE)):
            pictures = [found for _, found in some if not isinstance(found, PictureRefused)]
            images = np.stack(pictures) if pictures else np.zeros((0, *predictor.image_shape), np.uint8)
            answers = iter(predictor.predict(images))  # (K,) each
            for item, found in some:
                if isinstance(found, PictureRefused):
                    yield {"name": item.name, "class": None, "confidence": None, "refused": found.message}
                    continue
                answer = next(answers)
                best = int(answer.argmax())
                confidence = round(float(answer[best]), 4)
                yield {"name": item.name, "class": predictor.classes[best], "confidence": confidence, "refused": None}


def _read(paths: list[Path]) -> Iterator[Item]:
    for path in paths:
        if path.is_dir():
            for item in open_source(path, SourceLimits()):
                yield Item(str(path / item.name), item.content, refused=item.refused)
        else:
            yield _read_file(path)


def _read_file(path: Path) -> Item:
    try:
        return Item(str(path), path.read_bytes())
    except FileNotFoundError:
        return Item(str(path), refused=FileMissing("There is no such file. Look for its name."))
    except OSError as error:
        return Item(str(path), refused=FileUnreadable(f"It cannot be read: {error.strerror}."))


def _print_csv(rows: Iterator[Row]) -> None:
    lines = CsvRows(COLUMNS)
    sys.stdout.write(lines.head().decode())
    for row in rows:
        sys.stdout.write(lines.write([row]).decode())


def _print_table(rows: Iterator[Row]) -> None:
    shown = Table("name", "class", "confidence")
    n_refused = 0
    with notes.status("Predicting"):
        for row in rows:
            n_refused += row["refused"] is not None
            said = escape(str(row["class"])) if row["refused"] is None else f"[red]{escape(str(row['refused']))}[/]"
            confidence = "" if row["confidence"] is None else f"{row['confidence']:.3f}"
            shown.add_row(escape(str(row["name"])), said, confidence)
    screen.print(shown)
    if n_refused:
        notes.print(f"{n_refused:,} of {shown.row_count:,} could not be read.", highlight=False)
