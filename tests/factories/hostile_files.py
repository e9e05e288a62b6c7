"""Broken and hostile files: what each is called, its bytes, and what becomes of it: a refusal's code, or "taken"."""

import functools
import io
import struct
import zipfile
import zlib
from collections.abc import Callable

from PIL import Image

from .drawing import chunk, draw, encode, flip, patch, png

TAKEN = "taken"
SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
BOMB = zlib.compress(bytes(50_000_000), 9)
IDAT = chunk(b"IDAT", zlib.compress(bytes(6)))

Case = tuple[Callable[[], bytes], str]


def _zip() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("a.png", png())
    return file.getvalue()


@functools.cache
def jpeg(**options: object) -> bytes:
    return encode(draw(size=(64, 48)), "JPEG", **options)


@functools.cache
def gif() -> bytes:
    return encode(draw(size=(64, 48)), "GIF")


@functools.cache
def bmp() -> bytes:
    return encode(draw(size=(64, 48)), "BMP")


@functools.cache
def tiff(mode: str = "RGB") -> bytes:
    return encode(draw("L", (64, 48)).convert(mode), "TIFF")


@functools.cache
def webp() -> bytes:
    return encode(draw(size=(64, 48)), "WEBP")


def animated(format: str) -> bytes:
    frames = [draw(seed=seed) for seed in range(3)]
    return encode(frames[0], format, save_all=True, append_images=frames[1:])


def _with_exif(orientation: int, text: str = "") -> bytes:
    exif = Image.Exif()
    exif[0x0112] = orientation
    exif[0x010E] = text
    return jpeg(exif=exif.tobytes())


def _sof(content: bytes) -> int:
    """Where a JPEG's height and width are."""
    return content.index(b"\xff\xc0") + 5


def _vp8x(width: int, height: int) -> bytes:
    header = b"\x00" * 4 + (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    body = b"WEBPVP8X" + struct.pack("<I", 10) + header
    return b"RIFF" + struct.pack("<I", len(body)) + body


def _endless_tiff() -> bytes:
    """Its directory names itself as the next."""
    content = tiff()
    at = struct.unpack_from("<I", content, 4)[0]
    (n_tags,) = struct.unpack_from("<H", content, at)
    return patch(content, at + 2 + 12 * n_tags, struct.pack("<I", at))


def _tiff_of(width: int, height: int) -> bytes:
    tags = [(256, 4, 1, width), (257, 4, 1, height), (258, 3, 1, 8), (259, 3, 1, 1), (262, 3, 1, 1), (273, 4, 1, 8)]
    tags += [(277, 3, 1, 1), (278, 4, 1, height), (279, 4, 1, width * height & 0xFFFFFFFF)]
    body = b"".join(struct.pack("<HHII", *tag) for tag in tags)
    return b"II*\x00" + struct.pack("<IH", 8, len(tags)) + body + bytes(4)


NO_PICTURES: dict[str, Case] = {
    "empty": (lambda: b"", "PictureEmpty"),
    "one byte": (lambda: b"\x89", "NotAPicture"),
    "text": (lambda: b"This is not a picture.\n" * 100, "NotAPicture"),
    "svg": (lambda: SVG, "NotAPicture"),
    "svg with an xml header": (lambda: b'\xef\xbb\xbf<?xml version="1.0"?>\n<!-- a -->' + SVG, "NotAPicture"),
    "html": (lambda: b"<!DOCTYPE html><script>alert(1)</script>", "NotAPicture"),
    "html after spaces": (lambda: b"\n\n  <html><body onload=alert(1)>", "NotAPicture"),
    "pdf": (lambda: b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj\n", "NotAPicture"),
    "postscript": (lambda: b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\n", "NotAPicture"),
    "zip": (_zip, "NotAPicture"),
    "program": (lambda: b"\x7fELF" + bytes(500), "NotAPicture"),
    "zeros": (lambda: bytes(5000), "NotAPicture"),
    "icon": (lambda: encode(draw(size=(32, 32)), "ICO"), "NotAPicture"),
    "ppm": (lambda: encode(draw(), "PPM"), "NotAPicture"),
    "jpeg 2000": (lambda: encode(draw(), "JPEG2000"), "NotAPicture"),
    "heic": (lambda: b"\x00\x00\x00\x18ftypheic\x00\x00\x00\x00mif1heic" + bytes(200), "NotAPicture"),
    "photoshop": (lambda: b"8BPS\x00\x01" + bytes(200), "NotAPicture"),
    "wave sound": (lambda: b"RIFF\x24\x00\x00\x00WAVEfmt " + bytes(50), "NotAPicture"),
    "text that begins with BM": (lambda: b"BMW is a maker of cars.", "PictureDamaged"),
}
PNGS: dict[str, Case] = {
    "png cut in its header": (lambda: png()[:20], "PictureDamaged"),
    "png cut in its pixels": (lambda: encode(draw())[:-400], "PictureDamaged"),
    "png with a flipped byte": (lambda: flip(encode(draw()), 300), "PictureDamaged"),
    "png with a flipped byte in its header": (lambda: flip(png(), 18), "PictureDamaged"),
    "png without pixels": (lambda: png(chunk(b"tIME", bytes(7))), "PictureDamaged"),
    "png of no width": (lambda: png(width=0), "PictureDamaged"),
    "png of fewer rows than it says": (lambda: png(IDAT, height=50), TAKEN),
    "png of a depth that there is not": (lambda: png(depth=7), "PictureDamaged"),
    "png whose palette is missing": (lambda: png(IDAT, kind=3), "PictureDamaged"),
    "png of 30,000 × 30,000": (lambda: png(IDAT, width=30_000, height=30_000), "PictureTooLarge"),
    "png of 30,000 × 30,000, whole": (lambda: encode(Image.new("1", (30_000, 30_000))), "PictureTooLarge"),
    "png of two thousand million": (lambda: png(IDAT, width=2**31 - 1, height=2**31 - 1), "PictureTooLarge"),
    "png with a bomb as text": (lambda: png(chunk(b"zTXt", b"a\x00\x00" + BOMB), IDAT), "PictureDamaged"),
    "png with a bomb as international text": (
        lambda: png(chunk(b"iTXt", b"a\x00\x01\x00\x00\x00" + BOMB), IDAT),
        "PictureDamaged",
    ),
    "png with a bomb as profile": (lambda: png(chunk(b"iCCP", b"a\x00\x00" + BOMB), IDAT), "PictureDamaged"),
    "png with a thousand texts": (
        lambda: png(*[chunk(b"zTXt", b"a\x00\x00" + zlib.compress(bytes(1_000_000)))] * 1000, IDAT),
        "PictureDamaged",
    ),
    "png with a bomb as pixels": (lambda: png(chunk(b"IDAT", BOMB)), TAKEN),
    "png with a script as text": (lambda: png(chunk(b"tEXt", b"Title\x00<script>alert(1)</script>"), IDAT), TAKEN),
    "png of one pixel": (lambda: encode(draw(size=(1, 1))), TAKEN),
    "png of one row": (lambda: encode(draw(size=(20_000, 1))), TAKEN),
    "png with a page behind it": (lambda: png() + b"<html><script>alert(1)</script>", TAKEN),
    "animated png": (lambda: animated("PNG"), TAKEN),
}
JPEGS: dict[str, Case] = {
    "jpeg cut in the middle": (lambda: jpeg()[: len(jpeg()) // 2], "PictureDamaged"),
    "jpeg that only begins": (lambda: b"\xff\xd8\xff", "PictureDamaged"),
    "jpeg of 65,500 × 65,500": (lambda: patch(jpeg(), _sof(jpeg()), b"\xff\xdc\xff\xdc"), "PictureTooLarge"),
    "jpeg of more rows than it has": (lambda: patch(jpeg(), _sof(jpeg()), b"\x20\x00"), TAKEN),
    "jpeg of no height": (lambda: patch(jpeg(), _sof(jpeg()), b"\x00\x00"), "PictureDamaged"),
    "jpeg of seven channels": (lambda: patch(jpeg(), _sof(jpeg()) + 4, b"\x07"), "PictureDamaged"),
    "jpeg with a script in its exif": (lambda: _with_exif(1, "<script>alert(1)</script>"), TAKEN),
    "jpeg of an orientation that there is not": (lambda: _with_exif(99), TAKEN),
    "jpeg whose exif is noise": (lambda: jpeg(exif=b"Exif\x00\x00II*\x00\xff\xff\xff\xff" + bytes(range(99))), TAKEN),
    "jpeg with a zip behind it": (lambda: jpeg() + _zip(), TAKEN),
    "progressive jpeg": (lambda: jpeg(progressive=True), TAKEN),
    "jpeg of one pixel": (lambda: encode(draw(size=(1, 1)), "JPEG"), TAKEN),
}
GIFS: dict[str, Case] = {
    "gif cut in the middle": (lambda: gif()[: len(gif()) // 2], "PictureDamaged"),
    "gif of a header alone": (lambda: gif()[:13], "PictureDamaged"),
    "gif of 65,535 × 65,535": (lambda: patch(gif(), 6, b"\xff\xff\xff\xff"), "PictureTooLarge"),
    "gif with a script behind it": (lambda: gif() + b"/*<script>*/", TAKEN),
    "animated gif": (lambda: animated("GIF"), TAKEN),
    "gif of one pixel": (lambda: encode(draw(size=(1, 1)), "GIF"), TAKEN),
}
BMPS: dict[str, Case] = {
    "bmp cut in the middle": (lambda: bmp()[: len(bmp()) // 2], "PictureDamaged"),
    "bmp of 30,000 × 30,000": (lambda: patch(bmp(), 18, struct.pack("<ii", 30_000, 30_000)), "PictureTooLarge"),
    "bmp of a negative width": (lambda: patch(bmp(), 18, struct.pack("<i", -64)), "PictureTooLarge"),
    "bmp packed as there is not": (lambda: patch(bmp(), 30, struct.pack("<I", 99)), "PictureDamaged"),
    "bmp whose pixels begin behind its end": (lambda: patch(bmp(), 10, struct.pack("<I", 10**9)), "PictureDamaged"),
}
TIFFS: dict[str, Case] = {
    "tiff cut in the middle": (lambda: tiff()[:1500], "PictureDamaged"),
    "tiff that names itself as its next": (_endless_tiff, TAKEN),
    "tiff of real numbers": (lambda: tiff("F"), "PictureUnsupported"),
    "tiff of 32 bit numbers": (lambda: tiff("I"), "PictureUnsupported"),
    "tiff of 60,000 × 60,000": (lambda: _tiff_of(60_000, 60_000), "PictureTooLarge"),
    "tiff whose pixels are its header": (lambda: _tiff_of(3, 3), TAKEN),
    "tiff without pixels": (lambda: _tiff_of(5000, 5000), "PictureDamaged"),
    "tiff with no directory": (lambda: b"II*\x00\xff\xff\xff\x7f", "PictureDamaged"),
    "tiff of a million tags": (lambda: b"II*\x00\x08\x00\x00\x00\xff\xff" + bytes(100), "PictureDamaged"),
}
WEBPS: dict[str, Case] = {
    "webp cut in the middle": (lambda: webp()[: len(webp()) // 2], "PictureDamaged"),
    "webp of a header alone": (lambda: _vp8x(16, 16), "PictureDamaged"),
    "webp of 16,383 × 16,383": (lambda: _vp8x(16_383, 16_383), "PictureTooLarge"),
    "webp, whole, of 16,383 × 16,383": (
        lambda: encode(Image.new("L", (16_383, 16_383)), "WEBP", lossless=True, quality=0, method=0),
        "PictureTooLarge",
    ),
    "webp with a flipped byte": (lambda: flip(webp(), 17), "PictureDamaged"),
    "animated webp": (lambda: animated("WEBP"), TAKEN),
}
FILES: dict[str, Case] = NO_PICTURES | PNGS | JPEGS | GIFS | BMPS | TIFFS | WEBPS
