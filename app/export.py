"""Labels as CSV, JSON lines or npz, in pieces: no session is held while they stream.

CSV and JSON lines need the memory of one piece; npz gathers its arrays first (47 MB of images at 60,000).
"""

import csv
import dataclasses
import io
import json
import tempfile
from collections.abc import Iterator
from typing import IO, Literal

import numpy as np

from app import queries
from app.db import Database
from app.models import Pool
from app.queries import ExportedLabel

Format = Literal["csv", "jsonl", "npz"]

MEDIA_TYPES: dict[Format, str] = {
    "csv": "text/csv; charset=utf-8",
    "jsonl": "application/x-ndjson",
    "npz": "application/zip",
}
PIECE_BYTES = 1 << 16


def stream(database: Database, pool: Pool, format: Format) -> Iterator[bytes]:
    """All labels that stand, by position in the pool. Labels given meanwhile may or may not be among them."""
    if format == "npz":
        return _npz(database, pool)
    return _csv(database, pool) if format == "csv" else _jsonl(database, pool)


def _chunks(database: Database, pool: Pool) -> Iterator[list[ExportedLabel]]:
    after = -1
    while True:
        with database.read() as session:
            chunk = queries.export_chunk(session, pool, after=after)
        if not chunk:
            return
        yield chunk
        after = chunk[-1].position


def _as_row(label: ExportedLabel) -> dict[str, object]:
    row = dataclasses.asdict(label)
    row["class"] = row.pop("class_name")
    return row | {"created_at": label.created_at.isoformat()}


def _csv(database: Database, pool: Pool) -> Iterator[bytes]:
    columns = ["image_id", "position", "value", "class", "source", "annotator", "created_at", "round", "rank"]
    text = io.StringIO()
    writer = csv.DictWriter(text, [*columns, "confidence"], lineterminator="\n")
    writer.writeheader()
    yield text.getvalue().encode()
    for chunk in _chunks(database, pool):
        text.seek(0)
        text.truncate()
        writer.writerows(_as_row(label) for label in chunk)
        yield text.getvalue().encode()


def _jsonl(database: Database, pool: Pool) -> Iterator[bytes]:
    for chunk in _chunks(database, pool):
        yield "".join(f"{json.dumps(_as_row(label))}\n" for label in chunk).encode()


def _npz(database: Database, pool: Pool) -> Iterator[bytes]:
    """Arrays of n labels; `images` is uint8 (n, height, width), a rank of -1 is none. Made on disk, then sent."""
    labels = [label for chunk in _chunks(database, pool) for label in chunk]
    with tempfile.TemporaryFile() as file:
        np.savez_compressed(
            file,
            images=_read_images(database, pool, labels),
            image_id=np.array([label.image_id for label in labels], np.int64),
            position=np.array([label.position for label in labels], np.int64),
            value=np.array([label.value for label in labels], np.int64),
            source=np.array([label.source for label in labels], np.str_),
            annotator=np.array([label.annotator for label in labels], np.str_),
            created_at=np.array([label.created_at.isoformat() for label in labels], np.str_),
            round=np.array([label.round for label in labels], np.int64),
            rank=np.array([-1 if label.rank is None else label.rank for label in labels], np.int64),
            confidence=np.array(
                [np.nan if label.confidence is None else label.confidence for label in labels], np.float64
            ),
            classes=np.array(pool.classes, np.str_),
        )
        file.seek(0)
        yield from _pieces(file)


def _read_images(
    database: Database, pool: Pool, labels: list[ExportedLabel]
) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    images = np.empty((len(labels), pool.height, pool.width), np.uint8)
    for start in range(0, len(labels), queries.EXPORT_CHUNK):
        ids = [label.image_id for label in labels[start : start + queries.EXPORT_CHUNK]]
        with database.read() as session:
            pixels = queries.read_pixels(session, ids)
        for index, image_id in enumerate(ids, start=start):
            images[index] = np.frombuffer(pixels[image_id], np.uint8).reshape(pool.height, pool.width)
    return images


def _pieces(file: IO[bytes]) -> Iterator[bytes]:
    while piece := file.read(PIECE_BYTES):
        yield piece
