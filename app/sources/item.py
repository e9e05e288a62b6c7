"""What a source yields, the names that are allowed in it, and how much of it is taken."""

import datetime as dt
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from app.errors import NameRefused, PictureRefused, PictureTooBig

MAX_NAME = 4096  # characters, as systems allow for a path
DRIVE = re.compile(r"[A-Za-z]:")
CLUTTER = {"__macosx", "thumbs.db", "desktop.ini"}  # what systems leave in folders


@dataclass(frozen=True, slots=True)
class Item:
    """One image of a source: the bytes of a file, or pixels uint8 (H, W) or (H, W, 3), or why there is neither.

    `name` is relative to the source, with "/" between its parts. `label` is what the source says of its class,
    `annotator` who says so, and `labeled_at` since when.
    """

    name: str
    content: bytes | None = None
    pixels: NDArray[np.uint8] | None = None
    label: str | None = None
    annotator: str | None = None
    labeled_at: dt.datetime | None = None
    refused: PictureRefused | None = None

    @property
    def n_bytes(self) -> int:
        """How much memory it takes."""
        return len(self.content or b"") + (0 if self.pixels is None else self.pixels.nbytes)


class Source(Protocol):
    """Some images in a fixed order; it can be read again and again."""

    @property
    def description(self) -> str:
        """What it is, in words that go on a sentence: "the folder bees"."""

    def labels(self) -> Iterator[str | None]:
        """The label of each item, without reading the images. What is refused may count too."""

    def __iter__(self) -> Iterator[Item]:
        """The items; of those before, nothing is kept."""


@dataclass(frozen=True, slots=True)
class SourceLimits:
    """How much of a source is taken. The last four are for archives; a bomb is small and unpacks to much."""

    file_bytes: int = 50_000_000
    entries: int = 250_000
    directory_bytes: int = 32_000_000  # of a zip; it is read in one piece
    unpacked_bytes: int = 50_000_000_000
    ratio: int = 100  # of unpacked to packed bytes, beyond the first 100 MB


def clean_name(raw: str) -> str:
    """The name as it is kept; bytes that are no text become question marks.

    Raises:
        NameRefused: it is absolute, leads upwards, or is too long.
    """
    name = raw.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    parts = re.split(r"[\\/]", name)
    if parts[0] == "" or DRIVE.match(name) or ".." in parts or "\x00" in name:
        raise NameRefused("Its name leads out of the source. Rename it.", name=show_name(raw))
    cleaned = str(PurePosixPath(name))
    if len(cleaned) > MAX_NAME or cleaned == ".":
        raise NameRefused(
            f"Its name with its folders has {len(cleaned):,} characters; {MAX_NAME} are allowed. Shorten it.",
            name=show_name(raw),
        )
    return cleaned


def show_name(raw: str) -> str:
    """A name that is refused, as far as it can be shown."""
    return raw.encode("utf-8", "surrogateescape").decode("utf-8", "replace")[:200]


def is_clutter(name: str) -> bool:
    """Hidden files, and what systems leave behind: no one means them."""
    parts = [part for part in re.split(r"[\\/]", name) if part not in (".", "..")]
    return any(part.startswith(".") or part.casefold() in CLUTTER for part in parts)


def folder_label(name: str) -> str | None:
    """The folder just above the file; none at the top."""
    return PurePosixPath(name).parent.name or None


def check_file_bytes(n_bytes: int, limits: SourceLimits) -> None:
    """
    Raises:
        PictureTooBig: before any of it is read.
    """
    if n_bytes > limits.file_bytes:
        raise PictureTooBig(
            f"It has {n_bytes:,} bytes; {limits.file_bytes:,} are allowed. Scale it down or compress it.",
            bytes=n_bytes,
            limit=limits.file_bytes,
        )
