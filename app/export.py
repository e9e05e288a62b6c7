"""Labels as CSV, JSON lines or npz, in pieces: no session is held while they stream.

CSV and JSON lines need the memory of one piece; npz gathers its arrays first (47 MB of images at 60,000).
"""

import csv
import io
import json
import tempfile
from collections.abc import Iterator
from typing import IO, Literal

import numpy as np
from sqlalchemy import select
from sqlalchemy.orm import Session

from app import events
from app.db import Database
from app.events import EVENTS, LabelEventView
from app.models import Image, Label, LabelEvent, Pool

Format = Literal["csv", "jsonl", "npz"]

MEDIA_TYPES: dict[Format, str] = {
    "csv": "text/csv; charset=utf-8",
    "jsonl": "application/x-ndjson",
    "npz": "application/zip",
}
COLUMNS = ("image_id", "position", "value", "class", "source", "annotator", "created_at", "round", "rank", "confidence")
PIECE_BYTES = 1 << 16
CHUNK = 1000  # labels read in one session while an export streams


def stream(database: Database, pool: Pool, format: Format) -> Iterator[bytes]:
    """All current labels, by position in the pool. Labels given meanwhile may or may not be among them."""
    if format == "npz":
        return _npz(database, pool)
    return _csv(database, pool) if format == "csv" else _jsonl(database, pool)


def read_chunk(session: Session, pool: Pool, *, after: int) -> list[LabelEventView]:
    """The events of the next labels by position in the pool, at most CHUNK of them behind position `after`."""
    rows = session.execute(
        EVENTS.join(Label, Label.event_id == LabelEvent.id)
        .where(Image.pool_id == pool.id, Image.split == "pool", Image.position > after)
        .order_by(Image.position)
        .limit(CHUNK)
    )
    return events.read(rows)


def _chunks(database: Database, pool: Pool) -> Iterator[list[LabelEventView]]:
    after = -1
    while True:
        with database.read() as session:
            chunk = read_chunk(session, pool, after=after)
        if not chunk:
            return
        yield chunk
        after = chunk[-1].position


def _as_row(event: LabelEventView, pool: Pool) -> dict[str, object]:
    row = {name: getattr(event, name) for name in COLUMNS if name != "class"}
    row |= {"class": pool.classes[event.value or 0], "created_at": event.created_at.isoformat()}
    return {name: row[name] for name in COLUMNS}


def _csv(database: Database, pool: Pool) -> Iterator[bytes]:
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    yield text.getvalue().encode()
    for chunk in _chunks(database, pool):
        text.seek(0)
        text.truncate()
        writer.writerows(_as_row(event, pool) for event in chunk)
        yield text.getvalue().encode()


def _jsonl(database: Database, pool: Pool) -> Iterator[bytes]:
    for chunk in _chunks(database, pool):
        yield "".join(f"{json.dumps(_as_row(event, pool))}\n" for event in chunk).encode()


def _npz(database: Database, pool: Pool) -> Iterator[bytes]:
    """Arrays of n labels; made on disk, then sent. A rank of -1 stands for none.

    `images` is uint8 (n, height, width), with a further axis of three channels where the pool has colours.
    """
    labels = [label for chunk in _chunks(database, pool) for label in chunk]
    with tempfile.TemporaryFile() as file:
        np.savez_compressed(
            file,
            images=_read_images(database, pool, labels),
            image_id=np.array([label.image_id for label in labels], np.int64),
            position=np.array([label.position for label in labels], np.int64),
            value=np.array([label.value for label in labels], np.int64),
            source=np.array([label.source for label in labels], np.str_),
            annotator=np.array([label.annotator or "" for label in labels], np.str_),
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
    database: Database, pool: Pool, labels: list[LabelEventView]
) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    images = np.empty((len(labels), pool.n_inputs), np.uint8)
    for start in range(0, len(labels), CHUNK):
        ids = [label.image_id for label in labels[start : start + CHUNK]]
        with database.read() as session:
            pixels = dict(session.execute(select(Image.id, Image.pixels).where(Image.id.in_(ids))).all())
        for index, image_id in enumerate(ids, start=start):
            images[index] = np.frombuffer(pixels[image_id], np.uint8)
    return images.reshape(-1, pool.height, pool.width, *([pool.channels] if pool.channels > 1 else []))


def _pieces(file: IO[bytes]) -> Iterator[bytes]:
    while piece := file.read(PIECE_BYTES):
        yield piece
