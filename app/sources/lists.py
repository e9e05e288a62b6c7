"""Lists as CSV or JSON lines: of paths, or of names with labels."""

import csv
import datetime as dt
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from app.datasets.files import reading
from app.errors import PictureRefused, RowDamaged
from app.sources.folder import read_file
from app.sources.item import Item, SourceLimits, clean_name, show_name

NAMES = ("path", "file", "file_name", "filename", "image", "name")
LABELS = ("label", "class", "value")
ANNOTATOR, TIME = "annotator", "created_at"  # as an export calls them
CSV_ENDINGS, JSON_ENDINGS = (".csv", ".tsv"), (".jsonl", ".ndjson")
ENDINGS = (*CSV_ENDINGS, *JSON_ENDINGS)
MAX_LINE = 100_000  # characters
REMEDY = "Give it a column of paths or names (“path”, say) and, if there are labels, one of these (“label”)."


@dataclass(frozen=True, slots=True)
class Columns:
    """Which columns of a list count, and where: the spelling is the list's own."""

    name: str
    label: str | None
    annotator: str | None
    time: str | None


@dataclass(frozen=True, slots=True)
class Listed:
    """A name and, if the list says so, its label, who gave it, and when."""

    name: str
    label: str | None
    annotator: str | None
    labeled_at: dt.datetime | None


Row = Listed | PictureRefused  # or why there is none


def read_list(path: Path) -> Iterator[Row]:
    """The rows, one after the other.

    Raises: DataSetInvalid or DataSetUnavailable, as `reading`: it cannot be read, or has no names.
    """
    with reading(path, REMEDY), path.open(encoding="utf-8-sig", newline="") as file:
        yield from _read_csv(file) if path.suffix.lower() in CSV_ENDINGS else _read_json(file)


def find_columns(path: Path) -> Columns:
    """Those of the header, or of the first line of JSON.

    Raises: as `read_list`.
    """
    with reading(path, REMEDY), path.open(encoding="utf-8-sig", newline="") as file:
        first = next(_lines(file), "")
        if path.suffix.lower() in CSV_ENDINGS:
            return _choose(next(csv.reader([first], delimiter=_find_delimiter(first)), []))
        row = json.loads(first or "{}")
        return _choose(list(row) if isinstance(row, dict) else [])


class ListSource:
    """The files that a list names, relative to the list's folder and within it, in the list's order."""

    def __init__(self, path: Path, limits: SourceLimits) -> None:
        self._path, self._limits = path, limits
        columns = find_columns(path)
        labels = f"labels in “{columns.label}”" if columns.label else "no labels"
        self.description = f"the list {path.name} (paths in “{columns.name}”, {labels})"

    def labels(self) -> Iterator[str | None]:
        """By the list alone."""
        return (row.label for row in read_list(self._path) if not isinstance(row, PictureRefused))

    def __iter__(self) -> Iterator[Item]:
        """
        Raises:
            DataSetInvalid: as `read_list`.
        """
        real_root = self._path.parent.resolve()
        for number, row in enumerate(read_list(self._path), 1):
            if isinstance(row, PictureRefused):
                yield Item(f"{self._path.name}, row {number:,}", refused=row)
                continue
            try:
                name = clean_name(row.name)
                content = read_file(real_root, row.name, self._limits)
            except PictureRefused as error:
                yield Item(show_name(row.name), refused=error)
            else:
                yield Item(name, content, label=row.label, annotator=row.annotator, labeled_at=row.labeled_at)


def _lines(file: IO[str]) -> Iterator[str]:
    """Raises ValueError at one that is too long to be a row."""
    while line := file.readline(MAX_LINE + 1):
        if len(line) > MAX_LINE:
            raise ValueError(f"a line has more than {MAX_LINE:,} characters")
        yield line


def _find_delimiter(header: str) -> str:
    return max(",;\t", key=header.count)


def _choose(found: list[str]) -> Columns:
    spelled = {column.strip().lower(): column for column in found}
    name = next((spelled[each] for each in NAMES if each in spelled), None)
    if name is None:
        raise ValueError(f"it has no column of names but {', '.join(found[:10]) or 'nothing'}")
    label = next((spelled[each] for each in LABELS if each in spelled), None)
    return Columns(name, label, spelled.get(ANNOTATOR), spelled.get(TIME))


def _read_csv(file: IO[str]) -> Iterator[Row]:
    lines = _lines(file)
    header = next(lines, "")
    delimiter = _find_delimiter(header)
    names = next(csv.reader([header], delimiter=delimiter), [])
    columns = _choose(names)
    try:
        for row in csv.DictReader(lines, names, delimiter=delimiter):
            yield _take(row, columns)
    except csv.Error as error:
        raise ValueError(str(error)) from error


def _read_json(file: IO[str]) -> Iterator[Row]:
    columns = None
    for line in _lines(file):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            yield RowDamaged("The line is no JSON. Correct it.")
            continue
        if not isinstance(row, dict):
            yield RowDamaged("The line is no JSON object. Correct it.")
            continue
        columns = columns or _choose(list(row))
        yield _take(row, columns)
    if columns is None:
        raise ValueError("it has no line with a name")


def _take(row: dict[str, Any], columns: Columns) -> Row:
    name, label = row.get(columns.name), row.get(columns.label) if columns.label else None
    if not isinstance(name, str) or not name:
        return RowDamaged(f"“{columns.name}” is missing. Correct the line.")
    if isinstance(label, (dict, list, bool)):
        return RowDamaged(f"“{columns.label}” is neither a text nor a number. Correct the line.")
    annotator, time = (row.get(column) or None if column else None for column in (columns.annotator, columns.time))
    try:
        labeled_at = None if time is None else dt.datetime.fromisoformat(time)
    except (TypeError, ValueError):
        labeled_at = None
    if time is not None and (labeled_at is None or labeled_at.tzinfo is None):
        return RowDamaged(f"“{columns.time}” is no time with its zone, as 2026-05-01T12:00:00+00:00. Correct the line.")
    if not isinstance(annotator, str | None):
        return RowDamaged(f"“{columns.annotator}” is no name. Correct the line.")
    return Listed(name, None if label is None or label == "" else str(label), annotator, labeled_at)
