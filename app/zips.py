"""A zip file as a stream: files go in, pieces come out, and nothing is kept but a line of directory for each file.

`zipfile` holds an object for each file until the end, and the libraries that stream stamp each with the time of day.
Here every file has the same time, so the same files give the same bytes. Nothing is compressed: pictures are already.

Source: PKWARE's APPNOTE.TXT 6.3.10, 4.3 (the structures), 4.4.4 (names in UTF-8), 4.5.3 (Zip64).
"""

import struct
import tempfile
import zlib
from collections.abc import Iterable, Iterator

MAX_FILE_BYTES = 2**32 - 2  # a larger one would need Zip64 fields of its own
PIECE_BYTES = 1 << 16
_KEPT_BYTES = 1 << 23  # of the directory in memory; more goes to the disk
_FULL_16, _FULL_32 = 0xFFFF, 0xFFFFFFFF  # "see the Zip64 field"
_FAR = _FULL_32  # from here on a place in the file needs one
_PLAIN, _ZIP64 = 20, 45  # the version of the format that a reader needs
_UNIX, _MODE, _UTF_8 = 3, 0o100644, 0x800
_FIRST_DAY = 0x21  # the first of January 1980, midnight: the format knows no earlier time


class ZipStream:
    """Builds one zip file: the pieces of `add` for each file, in any order, and those of `end`, joined.

    It holds a temporary file until `close`.
    """

    def __init__(self) -> None:
        self._directory = tempfile.SpooledTemporaryFile(_KEPT_BYTES)  # noqa: SIM115 (closed by `close`)
        self._n_files = 0
        self._position = 0

    def add(self, name: str, content: bytes) -> Iterator[bytes]:
        """The pieces of one file. The caller sees to it that names differ and lead nowhere else.

        Raises:
            ValueError: the content or the name is larger than a zip file takes.
        """
        return self.add_pieces(name, (content,), len(content), zlib.crc32(content))

    def add_pieces(self, name: str, pieces: Iterable[bytes], size: int, crc: int) -> Iterator[bytes]:
        """The same for a file of `size` bytes that comes in pieces; `crc` is the CRC-32 of all of it.

        Raises:
            ValueError: the content or the name is larger than a zip file takes.
        """
        encoded = name.encode()
        if size > MAX_FILE_BYTES or len(encoded) > _FULL_16:
            raise ValueError(f"{name[:100]} with {size:,} bytes does not fit into a zip file")
        about = (_UTF_8, 0, 0, _FIRST_DAY, crc, size, size, len(encoded))
        self._enter(encoded, about)
        yield self._counted(struct.pack("<4s5H3I2H", b"PK\3\4", _PLAIN, *about, 0) + encoded)
        for piece in pieces:
            yield self._counted(piece)

    def end(self) -> Iterator[bytes]:
        """The pieces behind the last file: the directory, and where it is."""
        start, size = self._position, self._directory.tell()
        self._directory.seek(0)
        while piece := self._directory.read(PIECE_BYTES):
            yield piece
        n_files = self._n_files
        is_far = start + size >= _FAR
        if n_files >= _FULL_16 or is_far:
            versions = (_UNIX << 8 | _ZIP64, _ZIP64)
            yield struct.pack("<4sQ2H2I4Q", b"PK\6\6", 44, *versions, 0, 0, n_files, n_files, size, start)
            yield struct.pack("<4sIQI", b"PK\6\7", 0, start + size, 1)
        count = min(n_files, _FULL_16)
        counts = (count, count, min(size, _FULL_32), _FULL_32 if is_far else start)
        yield struct.pack("<4s4H2IH", b"PK\5\6", 0, 0, *counts, 0)

    def close(self) -> None:
        """Remove the temporary file."""
        self._directory.close()

    def _enter(self, name: bytes, about: tuple[int, ...]) -> None:
        is_far = self._position >= _FAR
        far = struct.pack("<2HQ", 1, 8, self._position) if is_far else b""
        version = _ZIP64 if is_far else _PLAIN
        start = _FULL_32 if is_far else self._position
        made_by = _UNIX << 8 | version
        rest = (len(far), 0, 0, 0, _MODE << 16, start)
        self._directory.write(struct.pack("<4s6H3I5H2I", b"PK\1\2", made_by, version, *about, *rest) + name + far)
        self._n_files += 1

    def _counted(self, piece: bytes) -> bytes:
        self._position += len(piece)
        return piece
