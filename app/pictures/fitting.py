"""Scale a picture into the shape of a pool: nothing is cut off, nothing is stretched."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

WHITE = (255, 255, 255, 255)  # what transparent pictures are laid on: most are drawn for paper and light pages
TRANSPOSED = {  # by EXIF's number: what brings the picture upright
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
LYING = (5, 6, 7, 8)  # these exchange width and height


def fit_pixels(pixels: NDArray[np.uint8], shape: tuple[int, ...]) -> NDArray[np.uint8]:
    """An array (h, w) or (h, w, 3) in the shape (H, W) or (H, W, 3): see `fit_picture`.

    What has the shape already is returned as it is.
    """
    return pixels if pixels.shape == shape else fit_picture(Image.fromarray(pixels), shape)


def fit_picture(
    picture: Image.Image,
    shape: tuple[int, ...],
    *,
    orientation: int = 1,
    box: tuple[float, float, float, float] | None = None,
) -> NDArray[np.uint8]:
    """A loaded picture of any 8 or 16 bit mode as uint8 (H, W) or (H, W, 3).

    It is scaled by area until it just fits, and enlarged linearly; its aspect ratio stays, and the rest is filled with
    the colour of its border. A picture that has the size and the mode of the shape keeps every bit. 16 bits are scaled
    to 8, transparency is laid on white, grey is made by ITU-R 601-2. Only the part `box` counts, in pixels of the file.
    """
    width, height = picture.size if orientation not in LYING else picture.size[::-1]
    size = _scale_to_fit((width, height), (shape[1], shape[0]))
    small = _resize(_make_scalable(picture), size if orientation not in LYING else size[::-1], box)
    if orientation in TRANSPOSED:
        small = small.transpose(TRANSPOSED[orientation])
    pixels = np.asarray(_flatten(small).convert("L" if len(shape) == 2 else "RGB"))  # (h, w) or (h, w, 3)
    return pixels if pixels.shape == shape else _pad(pixels, shape)


def _scale_to_fit(size: tuple[int, int], room: tuple[int, int]) -> tuple[int, int]:
    (width, height), (max_width, max_height) = size, room
    if width * max_height > height * max_width:
        return max_width, max(1, round(height * max_width / width))
    return max(1, round(width * max_height / height)), max_height


def _make_scalable(picture: Image.Image) -> Image.Image:
    """Indexes and bits cannot be averaged: make them colours. What has transparency becomes RGBA."""
    if picture.mode == "1":
        return picture.convert("L")
    if picture.mode == "P":
        return picture.convert("RGBA" if picture.has_transparency_data else "RGB")
    is_transparent = picture.has_transparency_data and not picture.mode.startswith("I;16")
    return picture.convert("RGBA") if is_transparent and picture.mode != "RGBA" else picture


def _resize(picture: Image.Image, size: tuple[int, int], box: tuple[float, float, float, float] | None) -> Image.Image:
    if size == picture.size:
        return picture
    is_shrunk = size[0] < picture.size[0] or size[1] < picture.size[1]
    return picture.resize(size, Image.Resampling.BOX if is_shrunk else Image.Resampling.BILINEAR, box)


def _flatten(picture: Image.Image) -> Image.Image:
    """8 bits a channel and no transparency."""
    if picture.mode.startswith("I;16"):
        values = np.asarray(picture).astype(np.uint32)
        return Image.fromarray(((values * 255 + 32767) // 65535).astype(np.uint8))
    if picture.mode == "RGBA":
        return Image.alpha_composite(Image.new("RGBA", picture.size, WHITE), picture)
    return picture


def _pad(pixels: NDArray[np.uint8], shape: tuple[int, ...]) -> NDArray[np.uint8]:
    border = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])  # (n,) or (n, 3)
    filled = np.empty(shape, np.uint8)
    filled[...] = np.median(border, axis=0).astype(np.uint8)
    height, width = pixels.shape[:2]
    top, left = (shape[0] - height) // 2, (shape[1] - width) // 2
    filled[top : top + height, left : left + width] = pixels
    return filled
