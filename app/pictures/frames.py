"""What passes between a process that decodes and the one that asks: a line of JSON, and bytes.

Not pickle: a process that a hostile file has taken over could make the other run what it likes.
"""

import json
import struct
from typing import IO, Any

HEADER = struct.Struct(">IQ")  # bytes of the JSON, bytes behind it


def write_frame(stream: IO[bytes], head: dict[str, Any], body: bytes = b"") -> None:
    """Send it at once."""
    text = json.dumps(head).encode()
    stream.write(HEADER.pack(len(text), len(body)) + text)
    stream.write(body)
    stream.flush()


def read_frame(stream: IO[bytes]) -> tuple[dict[str, Any], bytes]:
    """Wait for the next one.

    Raises EOFError if the other side is gone.
    """
    n_text, n_body = HEADER.unpack(_read(stream, HEADER.size))
    head: dict[str, Any] = json.loads(_read(stream, n_text))
    return head, _read(stream, n_body)


def _read(stream: IO[bytes], count: int) -> bytes:
    content = stream.read(count)
    if len(content) < count:
        raise EOFError
    return content
