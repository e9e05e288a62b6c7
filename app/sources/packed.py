"""Packed bytes, unpacked with care: by content and not by name, forwards only, and never more than is allowed."""

import bz2
import gzip
import io
import lzma
from typing import IO, cast

from app.errors import ArchiveTooBig
from app.sources.item import SourceLimits

GZIP, BZIP2, XZ = b"\x1f\x8b", b"BZh", b"\xfd7zXZ\x00"
FREE_BYTES = 100_000_000  # of any ratio: a blank picture packs well
XZ_MEMORY = 128 << 20  # `xz -9` needs 65 MB to unpack; a header may ask for 4 GB
PIECE = 1 << 16


def unpack(file: IO[bytes]) -> IO[bytes]:
    """The unpacked content of a gzip, bzip2 or xz file from its beginning; of any other, its own."""
    magic = file.read(6)
    file.seek(0)
    if magic.startswith(GZIP):
        return cast(IO[bytes], gzip.GzipFile(fileobj=file))
    if magic.startswith(BZIP2):
        return bz2.BZ2File(file)
    return io.BufferedReader(_XzReader(file)) if magic == XZ else file


class _XzReader(io.RawIOBase):
    """As lzma.LZMAFile, but with a limit of memory."""

    def __init__(self, packed: IO[bytes]) -> None:
        self._packed = packed
        self._decompressor = self._begin()

    def _begin(self) -> lzma.LZMADecompressor:
        return lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=XZ_MEMORY)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "memoryview[int]") -> int:  # type: ignore[override]
        while True:
            if self._decompressor.eof:
                rest = self._decompressor.unused_data or self._packed.read(PIECE)
                if not rest.strip(b"\x00"):  # padding
                    return 0
                self._decompressor = self._begin()
                content = self._decompressor.decompress(rest, len(buffer))
            else:
                piece = self._packed.read(PIECE) if self._decompressor.needs_input else b""
                if self._decompressor.needs_input and not piece:
                    raise EOFError("its end is cut off")
                content = self._decompressor.decompress(piece, len(buffer))
            if content:
                buffer[: len(content)] = content
                return len(content)


class Budget:
    """Counts what an archive unpacks to."""

    def __init__(self, limits: SourceLimits) -> None:
        self._limits = limits
        self._n_entries = self._n_unpacked = 0

    def count_entry(self) -> None:
        """
        Raises:
            ArchiveTooBig: there are more than are allowed.
        """
        self._n_entries += 1
        if self._n_entries > self._limits.entries:
            raise ArchiveTooBig(
                f"The archive has more than {self._limits.entries:,} entries. Divide it.", limit=self._limits.entries
            )

    def count_bytes(self, n_unpacked: int, n_packed: int) -> None:
        """`n_unpacked` more, out of `n_packed` in all so far.

        Raises:
            ArchiveTooBig: these are more than are allowed, or more than pictures can be packed to.
        """
        self._n_unpacked += n_unpacked
        if self._n_unpacked > self._limits.unpacked_bytes:
            raise ArchiveTooBig(
                f"The archive unpacks to more than {self._limits.unpacked_bytes:,} bytes. Divide it.",
                limit=self._limits.unpacked_bytes,
            )
        if self._n_unpacked > FREE_BYTES + self._limits.ratio * n_packed:
            raise ArchiveTooBig(
                f"The archive unpacks to more than {self._limits.ratio} times its size, as a bomb does. Unpack it with "
                "a tool that you trust, and import the folder.",
                limit=self._limits.ratio,
            )
