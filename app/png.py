"""Arrays as pictures that browsers show."""

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Picture


def as_png(pixels: NDArray[np.uint8]) -> bytes:
    """The PNG file of an image: (H, W) is grey, (H, W, 3) is red, green, blue."""
    buffer = io.BytesIO()
    Picture.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()
