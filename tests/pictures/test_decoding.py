"""Formats and modes: what arrives is what the picture shows."""

import io
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageOps

from app.errors import PictureTooBig, PictureTooLarge
from app.pictures.decoding import Limits, decode

from ..factories.drawing import draw, encode

LIMITS = Limits()
LOSSLESS = [
    ("PNG", "RGB", {}),
    ("PNG", "L", {}),
    ("PNG", "1", {}),
    ("PNG", "P", {}),
    ("PNG", "RGBA", {}),
    ("PNG", "LA", {}),
    ("PNG", "I;16", {}),
    ("TIFF", "RGB", {}),
    ("TIFF", "L", {}),
    ("TIFF", "1", {}),
    ("TIFF", "CMYK", {}),
    ("TIFF", "I;16", {}),
    ("TIFF", "RGB", {"compression": "tiff_lzw"}),
    ("TIFF", "RGBA", {"compression": "tiff_deflate"}),
    ("BMP", "RGB", {}),
    ("BMP", "L", {}),
    ("BMP", "1", {}),
    ("GIF", "P", {}),
    ("GIF", "L", {}),
    ("WEBP", "RGB", {"lossless": True}),
    ("WEBP", "RGBA", {"lossless": True, "exact": True}),
]
LOSSY = [("JPEG", "RGB"), ("JPEG", "L"), ("JPEG", "CMYK"), ("WEBP", "RGB")]
MEDIA_TYPES = {"PNG": "png", "JPEG": "jpeg", "WEBP": "webp", "TIFF": "tiff", "BMP": "bmp", "GIF": "gif"}


def on_white(picture: Image.Image) -> Image.Image:
    """As it looks on a white page."""
    if "A" not in picture.mode:
        return picture
    white = Image.new("RGBA", picture.size, "white")
    return Image.alpha_composite(white, picture.convert("RGBA"))


def eight_bits(picture: Image.Image) -> Image.Image:
    if picture.mode != "I;16":
        return picture
    return Image.fromarray(np.round(np.asarray(picture) / 257).astype(np.uint8))


@pytest.mark.parametrize("shape", [(32, 48), (32, 48, 3)], ids=["grey", "colour"])
@pytest.mark.parametrize(("format", "mode", "options"), LOSSLESS)
def test_a_picture_of_the_pools_size_keeps_every_bit(
    format: str, mode: str, options: dict[str, Any], shape: tuple[int, ...]
) -> None:
    picture = draw(mode)
    found = decode(encode(picture, format, **options), shape, LIMITS)

    expected = on_white(eight_bits(picture)).convert("L" if len(shape) == 2 else "RGB")
    np.testing.assert_array_equal(found.pixels, np.asarray(expected))
    assert (found.width, found.height) == (48, 32)
    assert found.media_type == f"image/{MEDIA_TYPES[format]}"


@pytest.mark.parametrize("shape", [(32, 48), (32, 48, 3)], ids=["grey", "colour"])
@pytest.mark.parametrize(("format", "mode"), LOSSY)
def test_a_lossy_picture_is_as_near_as_its_format_allows(format: str, mode: str, shape: tuple[int, ...]) -> None:
    picture = draw(mode)
    found = decode(encode(picture, format, quality=95), shape, LIMITS)

    expected = np.asarray(picture.convert("L" if len(shape) == 2 else "RGB")).astype(float)
    assert np.abs(found.pixels - expected).mean() < 4


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("format", ["JPEG", "PNG", "TIFF", "WEBP"])
def test_a_picture_is_turned_upright_as_its_exif_says(format: str, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    options: dict[str, Any] = {"lossless": True} if format == "WEBP" else {}
    picture = draw(size=(48, 32))
    content = encode(picture, format, exif=exif, **options)
    lying = picture.copy()
    lying.getexif()[0x0112] = orientation
    upright = ImageOps.exif_transpose(lying)
    found = decode(content, (upright.height, upright.width, 3), LIMITS)

    assert (found.width, found.height) == upright.size
    assert np.abs(found.pixels - np.asarray(upright).astype(float)).mean() < 4


def test_of_an_animated_picture_the_first_frame_is_taken() -> None:
    frames = [draw(seed=seed) for seed in range(3)]
    for name, options in (("GIF", {}), ("PNG", {}), ("WEBP", {"lossless": True}), ("TIFF", {})):
        content = encode(frames[0], name, save_all=True, append_images=frames[1:], **options)
        found = decode(content, (32, 48, 3), LIMITS).pixels.astype(float)

        distances = [np.abs(found - np.asarray(frame)).mean() for frame in frames]
        assert int(np.argmin(distances)) == 0, name


def test_a_clear_colour_of_a_palette_and_of_grey_is_laid_on_white() -> None:
    grey = Image.fromarray(np.full((4, 4), 77, np.uint8))
    for picture in (grey.convert("P"), grey):
        content = encode(picture, "PNG", transparency=77)

        assert decode(content, (4, 4), LIMITS).pixels.tolist() == [[255] * 4] * 4


def test_sixteen_bits_are_scaled_and_not_clipped() -> None:
    steep = Image.fromarray(np.linspace(0, 65535, 64).astype(np.uint16).reshape(1, 64).repeat(64, axis=0))
    for name in ("PNG", "TIFF"):
        found = decode(encode(steep, name), (64, 64), LIMITS).pixels

        np.testing.assert_array_equal(found[0], np.round(np.linspace(0, 255, 64)))


@pytest.mark.parametrize("side", [100, 257, 1000, 2500])
def test_a_jpeg_that_is_decoded_small_is_the_jpeg_scaled_by_area(side: int) -> None:
    content = encode(draw(size=(side, side * 3 // 4)), "JPEG", quality=90)
    whole = Image.open(io.BytesIO(content)).convert("RGB").resize((32, 24), Image.Resampling.BOX)
    found = decode(content, (24, 32, 3), LIMITS)

    assert (found.width, found.height) == (side, side * 3 // 4)
    assert np.abs(found.pixels - np.asarray(whole).astype(float)).max() <= 6
    assert np.abs(found.pixels - np.asarray(whole).astype(float)).mean() < 1


def test_the_limits_are_told_with_their_numbers() -> None:
    content = encode(draw())
    with pytest.raises(PictureTooBig, match=rf"{len(content):,} bytes; 100 are allowed"):
        decode(content, (8, 8), Limits(file_bytes=100))
    with pytest.raises(PictureTooLarge, match=r"48 × 32 pixels; 1,535 are allowed"):
        decode(content, (8, 8), Limits(pixels=1535))

    assert decode(content, (8, 8), Limits(file_bytes=len(content), pixels=1536)).width == 48
