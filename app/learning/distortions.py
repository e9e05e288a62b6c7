"""Slightly distorted copies of images, in whose class nobody would be mistaken.

N images, H x W pixels, C channels (1 or 3).
"""

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

Float32 = NDArray[np.float32]

GRID = 4  # points a side between which an image is bent smoothly


@dataclass(frozen=True, slots=True)
class Strength:
    """The most by which a copy differs. Shifts and bends are shares of the side, so that they suit every size."""

    degrees: float = 10.0
    scale: float = 0.12  # the logarithm of the factor
    shear: float = 0.15
    shift: float = 1.5 / 28
    bend: float = 0.8 / 28  # the standard deviation


def distort(images: Float32, rng: np.random.Generator, strength: Strength) -> Float32:
    """A copy of each image (N, H, W, C), turned, scaled, sheared, shifted and bent by chance; the values' range stays.

    Outside of an image lie the pixels of its edge.
    """
    n, height, width, _ = images.shape

    def draw(most: float) -> Float32:
        return rng.uniform(-most, most, (n, 1, 1)).astype(np.float32)

    y = np.linspace(-1, 1, height, dtype=np.float32)[:, None]  # (H, 1)
    x = np.linspace(-1, 1, width, dtype=np.float32)  # (W,)
    angle = draw(np.deg2rad(strength.degrees))
    u = np.exp(draw(strength.scale)) * x + draw(strength.shear) * y  # (N, H, W)
    v = np.exp(draw(strength.scale)) * y  # (N, H, 1)
    rows = (np.sin(angle) * u + np.cos(angle) * v + 1) * np.float32((height - 1) / 2)
    columns = (np.cos(angle) * u - np.sin(angle) * v + 1) * np.float32((width - 1) / 2)
    rows += draw(strength.shift * height) + _bend(n, height, width, rng) * np.float32(strength.bend * height)
    columns += draw(strength.shift * width) + _bend(n, height, width, rng) * np.float32(strength.bend * width)
    return _look_up(images, rows, columns)


def _bend(n: int, height: int, width: int, rng: np.random.Generator) -> Float32:
    """Smooth fields (N, H, W) of variance 1."""
    points = rng.standard_normal((n, GRID, GRID), np.float32)
    return np.asarray(_weights(height) @ points @ _weights(width).T, np.float32)


@cache
def _weights(side: int) -> Float32:
    """(side, GRID): how much each point of the grid counts for each pixel; the squares add up to 1."""
    distances = np.linspace(0, GRID - 1, side)[:, None] - np.arange(GRID)
    bumps = np.exp(-(distances**2) / 0.72)  # a Gaussian of sd 0.6
    weights: Float32 = (bumps / np.linalg.norm(bumps, axis=1, keepdims=True)).astype(np.float32)
    return weights


def _look_up(images: Float32, rows: Float32, columns: Float32) -> Float32:
    """The values between pixels at `rows` and `columns` (N, H, W), bilinear."""
    n, height, width, channels = images.shape
    # Just short of the last pixel, so that there always is a next one.
    rows = np.asarray(np.clip(rows, 0, height - 1.001), np.float32)
    columns = np.asarray(np.clip(columns, 0, width - 1.001), np.float32)
    top, left = np.floor(rows), np.floor(columns)  # floats: an int32 less a float32 would be a float64
    down, right = (rows - top)[..., None], (columns - left)[..., None]
    first = np.arange(n, dtype=np.int32)[:, None, None] * (height * width)
    at = first + top.astype(np.int32) * width + left.astype(np.int32)  # (N, H, W)
    pixels = images.reshape(-1, channels)  # (N H W, C)
    above = pixels.take(at, 0) * (1 - right) + pixels.take(at + 1, 0) * right
    below = pixels.take(at + width, 0) * (1 - right) + pixels.take(at + width + 1, 0) * right
    mixed: Float32 = above * (1 - down) + below * down
    return mixed
