"""Files that a request carries as multipart/form-data, out of a body that is in memory.

Starlette parses on the one thread that serves all; this is called from a thread of its own. No part's character set
counts: names are read as UTF-8, which is what browsers send.
"""

from dataclasses import dataclass, field

from python_multipart import MultipartParser
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import parse_options_header

from app.errors import UploadInvalid

_SEND = "Send the images as multipart/form-data, a file each."


@dataclass(slots=True)
class UploadedFile:
    """A part of a form: the file's name, or else the field's, and the bytes."""

    name: str = ""
    content: bytes = b""


@dataclass(slots=True)
class _Reader:
    """Collects the parts as the parser calls."""

    max_files: int
    files: list[UploadedFile] = field(default_factory=list)
    header: tuple[bytes, bytes] = (b"", b"")
    pieces: list[bytes] = field(default_factory=list)
    is_ended: bool = False

    def begin(self) -> None:
        if len(self.files) == self.max_files:
            raise UploadInvalid(
                f"There are more than {self.max_files:,} files. Send them in parts.", limit=self.max_files
            )
        self.files.append(UploadedFile())
        self.pieces = []

    def name_header(self, data: bytes, start: int, end: int) -> None:
        self.header = (self.header[0] + data[start:end], self.header[1])

    def fill_header(self, data: bytes, start: int, end: int) -> None:
        self.header = (self.header[0], self.header[1] + data[start:end])

    def end_header(self) -> None:
        name, value = self.header
        self.header = (b"", b"")
        if name.lower() == b"content-disposition":
            options = parse_options_header(value)[1]
            given = options.get(b"filename") or options.get(b"name") or b""
            self.files[-1].name = given.decode(errors="replace")

    def fill(self, data: bytes, start: int, end: int) -> None:
        self.pieces.append(data[start:end])

    def end_part(self) -> None:
        self.files[-1].content = b"".join(self.pieces)

    def end(self) -> None:
        self.is_ended = True


def read_files(content_type: str, body: bytes, *, max_files: int) -> list[UploadedFile]:
    """The files of a form, in their order.

    Raises:
        UploadInvalid: it is no such form, it is cut off, or it has no file or too many.
    """
    kind, options = parse_options_header(content_type)
    boundary = options.get(b"boundary")
    if kind != b"multipart/form-data" or not boundary:
        raise UploadInvalid(f"The body is {content_type[:100] or 'of no kind'}. {_SEND}")
    reader = _Reader(max_files)
    try:
        parser = MultipartParser(
            boundary,
            {
                "on_part_begin": reader.begin,
                "on_header_field": reader.name_header,
                "on_header_value": reader.fill_header,
                "on_header_end": reader.end_header,
                "on_part_data": reader.fill,
                "on_part_end": reader.end_part,
                "on_end": reader.end,
            },
        )
        parser.write(body)
        parser.finalize()
    except FormParserError as error:
        raise UploadInvalid(f"The form cannot be read: {error}. {_SEND}") from error
    if not reader.is_ended or not reader.files:
        raise UploadInvalid(f"The form is cut off or empty. {_SEND}")
    return reader.files
