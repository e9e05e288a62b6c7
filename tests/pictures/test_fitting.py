"""Scaling into a pool's shape."""

import numpy as np
import pytest
from PIL import Image

from app.pictures import fit_pixels
from app.pictures.fitting import fit_picture


def test_an_array_of_the_shape_is_handed_on_and_others_change_size_and_colours() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (8, 8), np.uint8)

    assert fit_pixels(pixels, (8, 8)) is pixels
    np.testing.assert_array_equal(fit_pixels(pixels, (8, 8, 3)), pixels[:, :, None].repeat(3, axis=2))
    exact = pixels.reshape(4, 2, 4, 2).mean(axis=(1, 3))
    assert np.abs(fit_pixels(pixels, (4, 4)) - exact).max() <= 1  # it rounds twice: rows, then columns


@pytest.mark.parametrize(
    ("size", "shape", "rows", "columns"),
    [
        ((40, 20), (16, 16), (4, 12), (0, 16)),
        ((20, 40), (16, 16), (0, 16), (4, 12)),
        ((4, 2), (16, 16), (4, 12), (0, 16)),
        ((1000, 1), (16, 16), (7, 8), (0, 16)),
        ((10, 10), (8, 24), (0, 8), (8, 16)),
    ],
)
def test_the_aspect_ratio_stays_and_the_rest_has_the_colour_of_the_border(
    size: tuple[int, int], shape: tuple[int, int], rows: tuple[int, int], columns: tuple[int, int]
) -> None:
    picture = Image.new("RGB", size, (200, 100, 50))
    found = fit_picture(picture, (*shape, 3))
    marked = fit_picture(Image.new("L", size, 9), shape)

    assert (found == (200, 100, 50)).all()
    assert (marked == 9).all()
    inner = Image.new("L", size, 30)
    inner.paste(220, (size[0] // 4, size[1] // 4, 3 * size[0] // 4, 3 * size[1] // 4))
    bright = fit_picture(inner, shape) > 100
    if bright.any():
        assert rows[0] <= np.flatnonzero(bright.any(axis=1)).min() <= np.flatnonzero(bright.any(axis=1)).max() < rows[1]
        assert columns[0] <= np.flatnonzero(bright.any(axis=0)).min()
        assert np.flatnonzero(bright.any(axis=0)).max() < columns[1]
    assert (fit_picture(inner, shape)[0, 0], fit_picture(inner, shape)[-1, -1]) == (30, 30)


def test_what_is_clear_weighs_nothing_when_a_picture_is_scaled() -> None:
    pixels = np.zeros((8, 8, 4), np.uint8)
    pixels[:, ::2] = (255, 0, 0, 255)
    pixels[:, 1::2] = (0, 0, 255, 0)  # blue that nobody sees
    found = fit_picture(Image.fromarray(pixels), (4, 4, 3))

    assert np.abs(found.astype(int) - (255, 128, 128)).max() <= 1
