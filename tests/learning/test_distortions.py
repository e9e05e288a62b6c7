"""Distorted copies stay close to their images."""

import numpy as np
import pytest

from app.learning.distortions import Float32, Strength, distort

NOTHING = Strength(degrees=0, scale=0, shear=0, shift=0, bend=0)


def blobs(n: int, *, height: int = 20, width: int = 16, channels: int = 1) -> Float32:
    """Images (n, height, width, channels) of a bright spot in the middle."""
    y, x = np.mgrid[:height, :width]
    spot = 255 * np.exp(-((y - (height - 1) / 2) ** 2 + (x - (width - 1) / 2) ** 2) / 8)
    return np.tile(spot.astype(np.float32)[None, :, :, None], (n, 1, 1, channels))


def middle_of(images: Float32) -> tuple[Float32, Float32]:
    """Row and column of each image's centre of brightness."""
    light = images.sum(axis=3)
    y, x = np.mgrid[: images.shape[1], : images.shape[2]]
    total = light.sum(axis=(1, 2))
    return (light * y).sum(axis=(1, 2)) / total, (light * x).sum(axis=(1, 2)) / total


def test_a_copy_without_distortion_is_the_image() -> None:
    images = np.random.default_rng(0).uniform(0, 255, (5, 9, 13, 3)).astype(np.float32)

    copies = distort(images, np.random.default_rng(1), NOTHING)

    # The last row and column are read a thousandth of a pixel before their place.
    assert copies.dtype == np.float32
    assert np.abs(copies - images).max() < 0.6


def test_copies_differ_and_a_seed_repeats_them() -> None:
    images = blobs(6)
    first, again, other = (distort(images, np.random.default_rng(seed), Strength()) for seed in (3, 3, 4))

    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
    assert len({copy.tobytes() for copy in first}) == len(first)


def test_a_copy_has_no_darker_and_no_brighter_pixel_than_its_image() -> None:
    images = np.random.default_rng(0).uniform(20, 200, (40, 12, 12, 1)).astype(np.float32)
    copies = distort(images, np.random.default_rng(1), Strength())

    assert (copies.min(axis=(1, 2, 3)) >= images.min(axis=(1, 2, 3)) - 1e-3).all()
    assert (copies.max(axis=(1, 2, 3)) <= images.max(axis=(1, 2, 3)) + 1e-3).all()


@pytest.mark.parametrize("side", [12, 40])
def test_a_shift_is_a_share_of_the_side(side: int) -> None:
    copies = distort(
        blobs(300, height=side, width=side),
        np.random.default_rng(1),
        Strength(degrees=0, scale=0, shear=0, shift=0.1, bend=0),
    )
    for middle in middle_of(copies):
        moved = np.abs(middle - (side - 1) / 2)
        assert 0.08 * side < moved.max() <= 0.1 * side + 0.1


def test_a_turn_leaves_the_middle_and_moves_what_is_beside_it() -> None:
    image = np.zeros((1, 21, 21, 1), np.float32)
    image[0, 9:12, 16:19] = 255  # right of the middle
    turned = distort(np.repeat(image, 200, axis=0), np.random.default_rng(1), Strength(30, 0, 0, 0, 0))
    rows, columns = middle_of(turned)
    angles = np.rad2deg(np.arctan2(rows - 10, columns - 10))

    assert np.allclose(np.hypot(rows - 10, columns - 10), 7, atol=0.3)
    assert angles.min() < -25
    assert angles.max() > 25
    assert np.abs(angles).max() < 32


def test_the_colours_of_a_pixel_move_together() -> None:
    copies = distort(blobs(10, channels=3), np.random.default_rng(2), Strength())

    assert np.array_equal(copies[..., 0], copies[..., 1])
    assert np.array_equal(copies[..., 0], copies[..., 2])
