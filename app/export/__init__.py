"""Labels as files, in pieces: no session is held while they stream, and the same labels give the same bytes.

`stream` and the names of the formats are all that others need; `rows` is what every format is made of.
"""

from collections.abc import Iterator
from typing import Literal

from app.db import Database
from app.export import folders, tables
from app.export.rows import Splits
from app.models import Pool

Format = Literal["csv", "jsonl", "npz", "folders", "hf"]

MEDIA_TYPES: dict[Format, str] = {
    "csv": "text/csv; charset=utf-8",
    "jsonl": "application/x-ndjson",
    "npz": "application/zip",
    "folders": "application/zip",
    "hf": "application/zip",
}
ENDINGS: dict[Format, str] = {"csv": ".csv", "jsonl": ".jsonl", "npz": ".npz", "folders": ".zip", "hf": "-hf.zip"}


def stream(database: Database, pool: Pool, format: Format, splits: Splits | None = None) -> Iterator[bytes]:
    """All current labels, by position in the pool. Labels given meanwhile may or may not be among them.

    CSV, JSON lines and the two kinds of zip need the memory of one piece, whatever the pool's size; npz gathers its
    arrays first (47 MB of images at 60,000).
    """
    if format == "csv":
        return tables.write_csv(database, pool, splits)
    if format == "jsonl":
        return tables.write_jsonl(database, pool, splits)
    if format == "npz":
        return tables.write_npz(database, pool, splits)
    return folders.write_zip(database, pool, splits, for_hugging_face=format == "hf")


def file_name(pool: Pool, format: Format) -> str:
    """What a file of the pool's labels is called: "digits.csv"."""
    return f"{pool.slug}{ENDINGS[format]}"
