"""A tar archive, packed or not, from its beginning to its end; nothing is written anywhere."""

import lzma
import tarfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from app.errors import ArchiveTooBig, EntryDamaged, LinkRefused, NotAFile, PictureRefused
from app.sources.item import Item, SourceLimits, check_file_bytes, clean_name, folder_label, is_clutter, show_name
from app.sources.packed import Budget, unpack

BLOCK = tarfile.BLOCKSIZE
PIECE = 1 << 20
DAMAGE = (tarfile.TarError, lzma.LZMAError, zlib.error, EOFError, OSError, ValueError, OverflowError)


class TarSource:
    """The files in a tar in its order; the folder just above is the label."""

    def __init__(self, path: Path, limits: SourceLimits) -> None:
        self._path, self._limits = path, limits
        self.description = f"the tar archive {path.name}"

    def labels(self) -> Iterator[str | None]:
        """Unpacks it once, and keeps nothing."""
        for name, found in self._walk(is_read=False):
            if not isinstance(found, PictureRefused):
                yield folder_label(name)

    def __iter__(self) -> Iterator[Item]:
        """Where it is damaged or cut off, its own name is refused, and what was before stands.

        Raises:
            ArchiveTooBig: it is taken for a bomb.
        """
        for name, found in self._walk(is_read=True):
            if isinstance(found, PictureRefused):
                yield Item(show_name(name), refused=found)
            else:
                yield Item(name, found, label=folder_label(name))

    def _walk(self, *, is_read: bool) -> Iterator[tuple[str, bytes | PictureRefused]]:
        budget = Budget(self._limits)
        with self._path.open("rb") as packed:
            forward = _Forward(packed, budget, self._limits)
            try:
                with tarfile.TarFile(fileobj=forward, mode="r") as archive:  # type: ignore[arg-type]
                    while (info := archive.next()) is not None:
                        archive.members.clear()  # type: ignore[attr-defined]  # else it keeps each
                        budget.count_entry()
                        if not info.isdir() and not is_clutter(info.name):
                            yield from self._take(archive, info, is_read=is_read)
                if forward.last_block.strip(b"\x00") or not forward.last_block:
                    raise EOFError("its end is missing")
                while forward.read(PIECE):  # a checksum comes last
                    pass
            except DAMAGE as error:
                reason = EntryDamaged(f"The archive is damaged or cut off from here on ({error}). Pack it again.")
                yield self._path.name, reason

    def _take(
        self, archive: tarfile.TarFile, info: tarfile.TarInfo, *, is_read: bool
    ) -> Iterator[tuple[str, bytes | PictureRefused]]:
        try:
            name = clean_name(info.name)
            if info.issym() or info.islnk():
                raise LinkRefused("It is a link. Pack the file itself.")
            if not info.isreg() or info.issparse():
                raise NotAFile("It is no ordinary file. Leave it out.")
            check_file_bytes(info.size, self._limits)
        except PictureRefused as error:
            yield info.name, error
            return
        content = b""
        if is_read and (entry := archive.extractfile(info)) is not None:
            content = entry.read(info.size)
        yield name, content


class _Forward:
    """What tarfile reads from: unpacked bytes that are counted. It asks for headers of any size in one piece."""

    def __init__(self, packed: IO[bytes], budget: Budget, limits: SourceLimits) -> None:
        self._packed, self._unpacked, self._budget = packed, unpack(packed), budget
        self._limit = limits.file_bytes + BLOCK
        self._position = 0
        self.last_block = b""  # of those that were read as headers

    def tell(self) -> int:
        return self._position

    def seek(self, position: int) -> None:
        while (n_left := position - self._position) > 0:
            if not self.read(min(n_left, PIECE, self._limit)):
                return
        if n_left < 0:
            raise ValueError("it refers to what was before")

    def read(self, size: int) -> bytes:
        """
        Raises:
            ArchiveTooBig: the piece, or all of it so far, has too many bytes.
        """
        if size > self._limit:
            raise ArchiveTooBig(
                f"The archive has a header of {size:,} bytes, as a bomb does. Pack it again.", bytes=size
            )
        content = self._unpacked.read(size)
        self._position += len(content)
        self._budget.count_bytes(len(content), self._packed.tell())
        if size == BLOCK:
            self.last_block = content
        return content
