"""Arrays as pictures that browsers show."""

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Picture

QUALITY = 85  # of 100: no eye tells it from the original at the size of a preview


def as_png(pixels: NDArray[np.uint8]) -> bytes:
    """The PNG file of an image: (H, W) is grey, (H, W, 3) is red, green, blue."""
    buffer = io.BytesIO()
    Picture.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def as_webp(pixels: NDArray[np.uint8]) -> bytes:
    """The WebP file of an image; of a small one every bit is kept, for people see its pixels."""
    buffer = io.BytesIO()
    is_small = max(pixels.shape[:2]) <= 100
    Picture.fromarray(pixels).save(buffer, "WEBP", lossless=is_small, quality=QUALITY, method=2)
    return buffer.getvalue()


def preview_shape(width: int, height: int, side: int) -> tuple[int, int, int]:
    """The shape of a picture of this size with at most `side` pixels a side; small ones stay as they are."""
    scale = min(1.0, side / max(width, height))
    return max(1, round(height * scale)), max(1, round(width * scale)), 3
