"""Decode one file, by its content and not by its name. To be run in a process with limits: see `worker.py`."""

import io
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import (
    BmpImagePlugin,
    GifImagePlugin,
    Image,
    JpegImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    UnidentifiedImageError,
    WebPImagePlugin,
)

from app.errors import (
    DecodingTooHungry,
    NotAPicture,
    PictureDamaged,
    PictureEmpty,
    PictureTooBig,
    PictureTooLarge,
    PictureUnsupported,
)
from app.pictures.fitting import fit_picture

PLUGINS = (BmpImagePlugin, GifImagePlugin, JpegImagePlugin, PngImagePlugin, TiffImagePlugin, WebPImagePlugin)
MEDIA_TYPES = {
    "PNG": "image/png",
    "JPEG": "image/jpeg",
    "MPO": "image/jpeg",  # a camera's JPEG with further pictures behind the first
    "WEBP": "image/webp",
    "TIFF": "image/tiff",
    "BMP": "image/bmp",
    "GIF": "image/gif",
}
FORMATS = ("PNG", "JPEG", "WEBP", "TIFF", "BMP", "GIF")
NAMED = "PNG, JPEG, WebP, TIFF, BMP or GIF"
BEGINNINGS = (b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"BM", b"II*\x00", b"MM\x00*", b"II+\x00", b"MM\x00+")
WIDE = ("I", "F")  # 32 bits a channel: the file does not say which number is white
DRAFT = 2  # JPEG is decoded at this many times the size that is wanted, or more; what remains is averaged by area
ORIENTATION = 0x0112
# What Pillow and its libraries raise on bytes that are not what they should be.
DAMAGE = (
    OSError,
    ValueError,
    SyntaxError,
    EOFError,
    LookupError,
    TypeError,
    AttributeError,
    ArithmeticError,
    struct.error,
    zlib.error,
)


@dataclass(frozen=True, slots=True)
class Limits:
    """What one picture may take. The last two hold for the process that decodes it."""

    file_bytes: int = 50_000_000
    pixels: int = 100_000_000
    seconds: int = 20  # of the processor
    memory_bytes: int = 2 << 30  # of addresses; 100 million pixels need 0.4 to 1.2 GB


@dataclass(frozen=True, slots=True)
class Picture:
    """A decoded picture: `pixels` uint8 (H, W) or (H, W, 3); width and height are the original's, held upright."""

    pixels: NDArray[np.uint8]
    media_type: str
    width: int
    height: int


def decode(content: bytes, shape: tuple[int, ...], limits: Limits) -> Picture:
    """The first frame of the picture, upright, in the shape (H, W) or (H, W, 3); `fit_picture` says how.

    Colour profiles are not applied.

    Raises:
        PictureEmpty: there are no bytes.
        PictureTooBig: there are too many bytes.
        PictureTooLarge: its header names too many pixels; none is decoded.
        NotAPicture: the content is of no format that is read here.
        PictureUnsupported: its pixels are numbers without a known range.
        PictureDamaged: it ends early, or its bytes are not what they should be.
    """
    check_size(len(content), limits)
    with _damage_in_words(content):
        _check_area(_read_webp_size(content), limits)  # Pillow makes room for all of it to open it
        image = Image.open(io.BytesIO(content), formats=FORMATS)
        width, height = image.size
        _check_area(image.size, limits)
        if image.mode in WIDE:
            raise PictureUnsupported(
                "Its pixels have 32 bits, and it does not say which number is white. Save it with 8 or 16 bits.",
                mode=image.mode,
            )
        box = _draft(image, shape)
        image.load()
        # Pillow turns a TIFF upright by itself.
        orientation = 1 if image.format == "TIFF" else _read_orientation(image)
        pixels = fit_picture(image, shape, orientation=orientation, box=box)
    if orientation in (5, 6, 7, 8):
        width, height = height, width
    return Picture(pixels, MEDIA_TYPES[image.format or ""], width, height)


def check_size(n_bytes: int, limits: Limits) -> None:
    """
    Raises:
        PictureEmpty: there are no bytes.
        PictureTooBig: there are too many.
    """
    if not n_bytes:
        raise PictureEmpty("The file is empty. Save the picture again.")
    if n_bytes > limits.file_bytes:
        raise PictureTooBig(
            f"It has {n_bytes:,} bytes; {limits.file_bytes:,} are allowed. Scale it down or compress it.",
            bytes=n_bytes,
            limit=limits.file_bytes,
        )


def _check_area(size: tuple[int, int], limits: Limits) -> None:
    width, height = size
    if width * height > limits.pixels:
        raise PictureTooLarge(
            f"It has {width:,} × {height:,} pixels; {limits.pixels:,} are allowed. Scale it down.",
            width=width,
            height=height,
            limit=limits.pixels,
        )


def _read_webp_size(content: bytes) -> tuple[int, int]:
    """Width and height by the header of a WebP file; zero if it is none.

    Source: developers.google.com/speed/webp/docs/riff_container, and RFC 6386 for the kind "VP8 ".
    """
    if content[:4] != b"RIFF" or content[8:12] != b"WEBP" or len(content) < 30:
        return 0, 0
    kind = content[12:16]
    if kind == b"VP8X":
        return int.from_bytes(content[24:27], "little") + 1, int.from_bytes(content[27:30], "little") + 1
    if kind == b"VP8L":
        bits = int.from_bytes(content[21:25], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    width, height = struct.unpack_from("<HH", content, 26)
    return width & 0x3FFF, height & 0x3FFF


@contextmanager
def _damage_in_words(content: bytes) -> Iterator[None]:
    try:
        yield
    except UnidentifiedImageError as error:
        is_one = content.startswith(BEGINNINGS) or (content.startswith(b"RIFF") and content[8:12] == b"WEBP")
        if is_one:
            raise PictureDamaged("Its header is damaged or cut off. Save it again.") from error
        raise NotAPicture(f"{_describe(content)}. Its name does not count. Convert it to {NAMED}.") from error
    except Image.DecompressionBombError as error:
        raise PictureTooLarge("It has too many pixels. Scale it down.") from error
    except DAMAGE as error:
        raise PictureDamaged(f"It is damaged or cut off ({_first_line(error)}). Save it again.") from error


def make_too_hungry(limits: Limits) -> DecodingTooHungry:
    """The refusal of a picture that cannot be decoded within the memory."""
    return DecodingTooHungry(
        f"Decoding it takes more than {limits.memory_bytes >> 20:,} MB of memory. Scale it down.",
        limit=limits.memory_bytes,
    )


def _describe(content: bytes) -> str:
    head = content[:1000].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if b"<svg" in head:
        return "It is an SVG drawing, not a picture made of pixels"
    if head.startswith((b"<!doctype html", b"<html")):
        return "It is a web page (HTML), not a picture"
    return f"It is not a {NAMED} file"


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:200]


def _draft(image: Image.Image, shape: tuple[int, ...]) -> tuple[float, float, float, float] | None:
    """Let the JPEG decoder scale by 2, 4 or 8 and leave colours out; return the part of its result that counts."""
    if image.format not in ("JPEG", "MPO"):
        return None
    side = DRAFT * max(shape[:2])
    scale = min(1.0, side / max(image.size))
    wanted = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    drafted = image.draft("L" if len(shape) == 2 else None, wanted)
    return None if drafted is None else drafted[1]


def _read_orientation(image: Image.Image) -> int:
    try:
        return int(image.getexif().get(ORIENTATION, 1))
    except DAMAGE:  # the picture is whole although its EXIF is not
        return 1
