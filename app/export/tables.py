"""Labels as CSV, JSON lines or npz."""

import csv
import io
import json
import re
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from typing import IO, Any

import numpy as np
from sqlalchemy import select

from app.db import Database
from app.export.rows import COLUMNS, Splits, read_chunks
from app.models import Image, Pool

PIECE_BYTES = 1 << 16
CHUNK = 1000  # images read in one session
_FORMULA = re.compile(r"'*[=+\-@\t\r]")


class CsvRows:
    """Rows as CSV that no spreadsheet takes for formulas: a cell that would be one has a ' before it.

    So has a cell that has one already. Whoever takes one ' from every cell that begins with ' and then one of
    = + - @, a tab or a carriage return, with any number of ' between, has the cells as they were.
    """

    def __init__(self, columns: Sequence[str]) -> None:
        self._text = io.StringIO()
        self._writer = csv.DictWriter(self._text, columns, lineterminator="\n")

    def head(self) -> bytes:
        """The line of the columns' names."""
        self._writer.writeheader()
        return self._take()

    def write(self, rows: Iterable[dict[str, object]]) -> bytes:
        """A line each."""
        self._writer.writerows({column: _as_cell(value) for column, value in row.items()} for row in rows)
        return self._take()

    def _take(self) -> bytes:
        written = self._text.getvalue().encode()
        self._text.seek(0)
        self._text.truncate()
        return written


def _as_cell(value: object) -> object:
    return f"'{value}" if isinstance(value, str) and _FORMULA.match(value) else value


def write_csv(database: Database, pool: Pool, splits: Splits | None) -> Iterator[bytes]:
    """A line a label, below one with the columns' names."""
    lines = CsvRows(COLUMNS)
    yield lines.head()
    for chunk in read_chunks(database, pool, splits):
        yield lines.write(label.as_row(pool) for label in chunk)


def write_jsonl(database: Database, pool: Pool, splits: Splits | None) -> Iterator[bytes]:
    """An object a line."""
    for chunk in read_chunks(database, pool, splits):
        yield "".join(f"{json.dumps(label.as_row(pool))}\n" for label in chunk).encode()


def write_npz(database: Database, pool: Pool, splits: Splits | None) -> Iterator[bytes]:
    """Arrays of n labels; made on disk, then sent. A rank of -1 stands for none, and so does an empty text.

    `images` is uint8 (n, height, width), with a further axis of three channels where the pool has colours.
    """
    labels = [label for chunk in read_chunks(database, pool, splits) for label in chunk]
    events = [label.event for label in labels]

    def texts(values: Iterable[str | None]) -> np.ndarray[Any, Any]:
        return np.array([value or "" for value in values], np.str_)

    with tempfile.TemporaryFile() as file:
        np.savez_compressed(
            file,
            images=_read_images(database, pool, [event.image_id for event in events]),
            image_id=np.array([event.image_id for event in events], np.int64),
            position=np.array([event.position for event in events], np.int64),
            value=np.array([event.value for event in events], np.int64),
            source=texts(event.source for event in events),
            annotator=texts(event.annotator for event in events),
            created_at=texts(event.created_at.isoformat() for event in events),
            round=np.array([event.round for event in events], np.int64),
            rank=np.array([-1 if event.rank is None else event.rank for event in events], np.int64),
            confidence=np.array(
                [np.nan if event.confidence is None else event.confidence for event in events], np.float64
            ),
            classes=np.array(pool.classes, np.str_),
            asked_by=texts(event.asked_by for event in events),
            name=texts(label.name for label in labels),
            split=texts(label.split for label in labels),
        )
        file.seek(0)
        yield from _pieces(file)


def _read_images(
    database: Database, pool: Pool, image_ids: Sequence[int]
) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    images = np.empty((len(image_ids), pool.n_inputs), np.uint8)
    for start in range(0, len(image_ids), CHUNK):
        ids = image_ids[start : start + CHUNK]
        with database.read() as session:
            pixels = dict(session.execute(select(Image.id, Image.pixels).where(Image.id.in_(ids))).all())
        for index, image_id in enumerate(ids, start=start):
            images[index] = np.frombuffer(pixels[image_id], np.uint8)
    return images.reshape(-1, pool.height, pool.width, *([pool.channels] if pool.channels > 1 else []))


def _pieces(file: IO[bytes]) -> Iterator[bytes]:
    while piece := file.read(PIECE_BYTES):
        yield piece
