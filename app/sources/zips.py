"""A zip archive, entry by entry; nothing is written anywhere."""

import io
import stat
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

from app.datasets.files import reading
from app.errors import ArchiveTooBig, EntryDamaged, EntryEncrypted, LinkRefused, PictureRefused
from app.sources.item import Item, SourceLimits, check_file_bytes, clean_name, folder_label, is_clutter, show_name
from app.sources.packed import Budget

REMEDY = "Pack it again, or import the folder."
IS_ENCRYPTED = 0x1
METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # zipfile unpacks the others without a limit
DAMAGE = (zipfile.BadZipFile, zlib.error, EOFError, ValueError, NotImplementedError, RuntimeError)


class CarefulFile(io.FileIO):
    """A file that is not read by more than a few bytes at once: a zip's directory may be as large as the file."""

    def __init__(self, path: Path, limits: SourceLimits) -> None:
        super().__init__(path)
        self._limit = limits.directory_bytes

    def read(self, size: int | None = -1, /) -> bytes:
        """
        Raises:
            ArchiveTooBig: the piece that is asked for has too many bytes.
        """
        if size is not None and size > self._limit:
            raise ArchiveTooBig(
                f"The archive's list of entries has {size:,} bytes; {self._limit:,} are allowed. Divide it.",
                bytes=size,
                limit=self._limit,
            )
        return super().read(size) or b""


class ZipSource:
    """The files in a zip by name; the folder just above is the label."""

    def __init__(self, path: Path, limits: SourceLimits) -> None:
        self._path, self._limits = path, limits
        self.description = f"the zip archive {path.name}"

    def labels(self) -> Iterator[str | None]:
        """By the archive's own list."""
        with reading(self._path, REMEDY), CarefulFile(self._path, self._limits) as file:
            names = [info.filename for info in self._find_all(file)[1]]
            labels = [folder_label(name) for name in names]
        return iter(labels)

    def __iter__(self) -> Iterator[Item]:
        """
        Raises:
            ArchiveTooBig: it is taken for a bomb.
            DataSetInvalid: as `reading`, for the archive as a whole.
        """
        budget = Budget(self._limits)
        with CarefulFile(self._path, self._limits) as file:
            with reading(self._path, REMEDY):
                archive, entries = self._find_all(file)
            n_packed = self._path.stat().st_size
            for info in entries:
                budget.count_entry()
                try:
                    name = clean_name(info.filename)
                    content = self._read(archive, info)
                except PictureRefused as error:
                    yield Item(show_name(info.filename), refused=error)
                else:
                    budget.count_bytes(len(content), n_packed)
                    yield Item(name, content, label=folder_label(name))

    def _find_all(self, file: CarefulFile) -> tuple[zipfile.ZipFile, list[zipfile.ZipInfo]]:
        archive = zipfile.ZipFile(file)
        entries = [info for info in archive.infolist() if not info.is_dir() and not is_clutter(info.filename)]
        return archive, sorted(entries, key=lambda info: info.filename)

    def _read(self, archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> bytes:
        if stat.S_ISLNK(info.external_attr >> 16):
            raise LinkRefused("It is a link. Pack the file itself.")
        if info.flag_bits & IS_ENCRYPTED:
            raise EntryEncrypted("It needs a password. Pack it without one.")
        if info.compress_type not in METHODS:
            raise EntryDamaged("It is packed by another method than deflate. Pack it as an ordinary zip.")
        check_file_bytes(info.file_size, self._limits)
        try:
            with archive.open(info) as entry:
                return entry.read()
        except DAMAGE as error:
            raise EntryDamaged(f"It cannot be unpacked: {error}. {REMEDY}") from error
