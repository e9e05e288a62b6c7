"""A zip of class folders: for torchvision and Keras as it is, or as Hugging Face's `datasets` reads it.

train/bee/IMG_0017.jpg
train/wasp/IMG_0003.jpg
test/bee/IMG_0001.jpg
labels.csv                  what is known of each label; for Hugging Face train/metadata.jsonl, test/metadata.jsonl

Without a split the classes lie at the top; for Hugging Face all is in "train".
"""

import json
import tempfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing
from mimetypes import guess_extension
from typing import IO

import numpy as np
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.db import Database
from app.export.paths import UniqueNames, as_safe_name, find_suffix
from app.export.rows import COLUMNS, LabeledImage, Splits, read_chunks
from app.export.tables import CsvRows
from app.models import Blob, Image, Pool
from app.rendering import as_png
from app.zips import ZipStream

READ_BYTES = 4_000_000  # of originals in memory at once; one that is larger comes alone
PIECE_BYTES = 1 << 16
_ROW_BYTES = 1 << 20  # of the rows in memory; more goes to the disk
TABLE, METADATA = "labels.csv", "metadata.jsonl"
FILE_COLUMN = "file"


def write_zip(
    database: Database, pool: Pool, splits: Splits | None, *, for_hugging_face: bool = False
) -> Iterator[bytes]:
    """The images that have a label: an original byte for byte under its own name, an image of a data set as PNG."""
    with closing(ZipStream()) as stream, ExitStack() as files:
        rows = _HuggingFaceRows(files, pool) if for_hugging_face else _TableRows(files)
        names, folders = UniqueNames(), _name_folders(pool)
        for chunk in read_chunks(database, pool, splits):
            for label, content, suffix in _read_contents(database, pool, chunk):
                folder = rows.place(label.split) + folders[label.event.value or 0]
                path = names.find(folder, _name_file(label, suffix), label.event.position)
                rows.add(label, path, pool)
                yield from stream.add(path, content)
        for path, file in rows.end():
            yield from _add_file(stream, path, file)
        yield from stream.end()


class _TableRows:
    """One table: the columns of the CSV, and the file."""

    def __init__(self, files: ExitStack) -> None:
        self._lines = CsvRows((*COLUMNS, FILE_COLUMN))
        self._file = _temporary(files)
        self._file.write(self._lines.head())

    def place(self, split: str | None) -> str:
        return f"{split}/" if split else ""

    def add(self, label: LabeledImage, path: str, pool: Pool) -> None:
        self._file.write(self._lines.write([label.as_row(pool) | {FILE_COLUMN: path}]))

    def end(self) -> Iterator[tuple[str, IO[bytes]]]:
        yield TABLE, self._file


class _HuggingFaceRows:
    """metadata.jsonl beside the images of each split, and a README.md that says which folder is which split."""

    def __init__(self, files: ExitStack, pool: Pool) -> None:
        self._files, self._pool = files, pool
        self._by_split = dict[str, IO[bytes]]()

    def place(self, split: str | None) -> str:
        return f"{split or 'train'}/"

    def add(self, label: LabeledImage, path: str, pool: Pool) -> None:
        split, _, below = path.partition("/")
        if split not in self._by_split:
            self._by_split[split] = _temporary(self._files)
        row = label.as_row(pool)
        about = {"file_name": below, "label": row.pop("class"), "label_index": row.pop("value")}
        self._by_split[split].write(f"{json.dumps(about | row, ensure_ascii=False)}\n".encode())

    def end(self) -> Iterator[tuple[str, IO[bytes]]]:
        found = [split for split in ("train", "validation", "test") if split in self._by_split]
        for split in found:
            yield f"{split}/{METADATA}", self._by_split[split]
        readme = _temporary(self._files)
        readme.write(_write_readme(self._pool, found).encode())
        yield "README.md", readme


def _write_readme(pool: Pool, splits: Sequence[str]) -> str:
    """The front matter is read by `datasets`: without it a class that is called “test” would be taken for a split."""
    data_files = "".join(f"  - split: {split}\n    path: {split}/**\n" for split in splits)
    configs = f"configs:\n- config_name: default\n  data_files:\n{data_files}" if splits else ""
    return (
        f"---\n{configs}---\n\n# {pool.name}\n\nWhat each label is, who gave it and when: see the files {METADATA}.\n"
    )


def _name_folders(pool: Pool) -> list[str]:
    """A folder for each class. Two classes whose safe names are the same have two folders."""
    names = UniqueNames()
    for file in (TABLE, METADATA):
        names.find("", file, 0)  # a folder cannot have the name of a file beside it
    return [f"{names.find('', as_safe_name(name), index)}/" for index, name in enumerate(pool.classes)]


def _name_file(label: LabeledImage, suffix: str) -> str:
    """As it came, without the folders in which it came; what had no ending gets one."""
    if label.name is None:
        return f"{label.event.position:06}.png"
    name = as_safe_name(label.name.replace("\\", "/").rsplit("/", 1)[-1])
    return name if find_suffix(name) else name + suffix


def _read_contents(
    database: Database, pool: Pool, chunk: Sequence[LabeledImage]
) -> Iterator[tuple[LabeledImage, bytes, str]]:
    """Each label with the bytes of its picture, a few of them read at a time, and the ending of such files."""
    hashes = [label.event.sha256 for label in chunk if label.name is not None]
    with database.read() as session:
        originals = session.execute(
            select(Blob.sha256, Blob.n_bytes, Blob.media_type).where(Blob.sha256.in_(hashes))
        ).all()
    sizes = {sha256: n_bytes for sha256, n_bytes, _ in originals}
    suffixes = {sha256: guess_extension(media_type) or "" for sha256, _, media_type in originals}
    for group in _group(chunk, sizes, pool.n_inputs):
        with database.read() as session:
            contents = _read_group(session, pool, group, sizes)
        for label, content in zip(group, contents, strict=True):
            yield label, content, suffixes.get(label.event.sha256, ".png")


def _group(chunk: Sequence[LabeledImage], sizes: dict[str, int], n_inputs: int) -> Iterator[list[LabeledImage]]:
    group, n_bytes = list[LabeledImage](), 0
    for label in chunk:
        size = sizes.get(label.event.sha256, n_inputs)
        if group and n_bytes + size > READ_BYTES:
            yield group
            group, n_bytes = [], 0
        group.append(label)
        n_bytes += size
    if group:
        yield group


def _read_group(session: Session, pool: Pool, group: Sequence[LabeledImage], sizes: dict[str, int]) -> list[bytes]:
    originals = {label.event.sha256 for label in group} & sizes.keys()
    blobs = dict(session.execute(select(Blob.sha256, Blob.content).where(Blob.sha256.in_(originals))).all())
    drawn = [label.event.image_id for label in group if label.event.sha256 not in blobs]
    pixels = dict(session.execute(select(Image.id, Image.pixels).where(Image.id.in_(drawn))).all())

    def find(label: LabeledImage) -> bytes:
        stored = blobs.get(label.event.sha256)
        if stored is not None:
            return stored
        return as_png(np.frombuffer(pixels[label.event.image_id], np.uint8).reshape(pool.image_shape))

    return [find(label) for label in group]


def _temporary(files: ExitStack) -> IO[bytes]:
    return files.enter_context(tempfile.SpooledTemporaryFile(_ROW_BYTES))


def _add_file(stream: ZipStream, path: str, file: IO[bytes]) -> Iterator[bytes]:
    size, crc = file.tell(), 0
    for piece in _pieces(file):
        crc = zlib.crc32(piece, crc)
    yield from stream.add_pieces(path, _pieces(file), size, crc)


def _pieces(file: IO[bytes]) -> Iterator[bytes]:
    file.seek(0)
    while piece := file.read(PIECE_BYTES):
        yield piece
