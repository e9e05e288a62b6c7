"""Pictures as bytes, in every format and mode, and the broken and hostile ones among them."""

import io
import struct
import zlib
from typing import Any

import numpy as np
from PIL import Image

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"


def draw(mode: str = "RGB", size: tuple[int, int] = (48, 32), *, seed: int = 0) -> Image.Image:
    """Soft colours that differ from place to place; black, dark or clear towards the left."""
    rng = np.random.default_rng(seed)
    coarse = Image.fromarray(rng.integers(40, 216, (4, 6, 3), np.uint8))
    picture = coarse.resize(size, Image.Resampling.BICUBIC)
    if mode == "I;16":
        return Image.fromarray(np.asarray(picture.convert("L")).astype(np.uint16) * 257)
    if mode in ("RGBA", "LA"):
        ramp = np.linspace(0, 255, size[0]).astype(np.uint8)
        picture.putalpha(Image.fromarray(np.tile(ramp, (size[1], 1))))
    return picture.convert(mode)


def encode(picture: Image.Image, format: str = "PNG", **options: Any) -> bytes:
    """The bytes of a file."""
    file = io.BytesIO()
    picture.save(file, format, **options)
    return file.getvalue()


def chunk(kind: bytes, content: bytes) -> bytes:
    """A chunk of a PNG file."""
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def png(*chunks: bytes, width: int = 2, height: int = 2, depth: int = 8, kind: int = 0) -> bytes:
    """A PNG file of these chunks between its header and its end; by default with two by two grey pixels."""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, kind, 0, 0, 0))
    rows = chunks or (chunk(b"IDAT", zlib.compress(bytes(6))),)
    return b"".join([PNG_SIGNATURE, header, *rows, chunk(b"IEND", b"")])


def flip(content: bytes, place: int) -> bytes:
    """The same with another byte at the place."""
    return content[:place] + bytes([content[place] ^ 0xFF]) + content[place + 1 :]


def patch(content: bytes, place: int, new: bytes) -> bytes:
    """The same with these bytes at the place."""
    return content[:place] + new + content[place + len(new) :]
