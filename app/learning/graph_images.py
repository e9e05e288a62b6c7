"""Images as the learner `graph` looks at them: floats of a middling size, and small distortions of them.

N images, H x W pixels given, h x w pixels looked at, c channels (1 or 3).
"""

from functools import cache

import numpy as np
from numpy.typing import NDArray

Float32 = NDArray[np.float32]

SMALLEST, ENLARGED, LARGEST = 16, 24, 32

# How far a copy is turned, scaled and slanted at most; shifts and bumps are shares of the side. A class must survive.
TURN_DEGREES, SCALE, SLANT, SHIFT, BUMP = 8.0, 0.1, 0.1, 1 / 28, 0.5 / 28
MIXING, LIGHT = 0.5, 0.15
GRID = 4  # points a side between which bumps and light are smooth


def as_floats(images: NDArray[np.uint8]) -> Float32:
    """Images (N, H, W) or (N, H, W, 3) as (N, h, w, c) in [0, 1].

    A side under 16 pixels is enlarged to at least 24 by whole factors, one over 32 is shrunk to 32 by area.
    """
    x = images.astype(np.float32) / np.float32(255)
    x = x.reshape(*x.shape[:3], -1)  # (N, H, W) -> (N, H, W, 1)
    for axis in (1, 2):
        side = x.shape[axis]
        if (target := _side_looked_at(side)) != side:
            x = np.moveaxis(np.tensordot(x, _area_weights(side, target), (axis, 1)), -1, axis)
    return np.ascontiguousarray(x, np.float32)


def _side_looked_at(side: int) -> int:
    return side * -(-ENLARGED // side) if side < SMALLEST else min(side, LARGEST)


@cache
def _area_weights(side: int, target: int) -> Float32:
    """(target, side): which share of each new pixel lies in each old one."""
    edges = np.arange(target + 1) * (side / target)
    old = np.arange(side)
    overlap = np.minimum(edges[1:, None], old + 1) - np.maximum(edges[:-1, None], old)
    return np.asarray(np.maximum(overlap, 0) * (target / side), np.float32)


def distort(x: Float32, rng: np.random.Generator) -> Float32:
    """A copy of each image (N, h, w, c): turned, scaled, slanted, shifted and bent a little, colours changed.

    Grey images keep their grey values. In colour images channels are mixed, light falls unevenly, and half of them
    become negatives: otherwise colour and background would count as what an image shows.
    """
    n, height, width, channels = x.shape
    down, right = _places(n, height, width, rng)
    moved = _interpolate(x, down, right)
    return moved if channels == 1 else _recolour(moved, rng)


def _places(n: int, height: int, width: int, rng: np.random.Generator) -> tuple[Float32, Float32]:
    """Where each pixel of a copy comes from: row and column (N, h, w), within the image."""

    def draw(limit: float) -> Float32:
        return rng.uniform(-limit, limit, n).astype(np.float32)[:, None, None]

    def bend(side: int) -> Float32:
        return np.float32(BUMP * side) * _smooth(rng.standard_normal((n, GRID, GRID), np.float32), height, width)

    y, x = np.meshgrid(np.linspace(-1, 1, height), np.linspace(-1, 1, width), indexing="ij")
    y, x = y.astype(np.float32), x.astype(np.float32)  # (h, w)
    turn = draw(np.deg2rad(TURN_DEGREES))
    wide, high = np.exp(draw(SCALE)) * x + draw(SLANT) * y, np.exp(draw(SCALE)) * y  # (N, h, w)
    right = (np.cos(turn) * wide - np.sin(turn) * high + 1) * ((width - 1) / 2) + bend(width) + draw(SHIFT * width)
    down = (np.sin(turn) * wide + np.cos(turn) * high + 1) * ((height - 1) / 2) + bend(height) + draw(SHIFT * height)
    # A little less than the last pixel, which then is the lower or right neighbour.
    return np.clip(down, 0, height - 1.001), np.clip(right, 0, width - 1.001)


def _interpolate(x: Float32, down: Float32, right: Float32) -> Float32:
    """Bilinear values at (N, h, w). `scipy.ndimage.map_coordinates` takes one image at a time, so it is not used."""
    n, height, width, channels = x.shape
    row, column = down.astype(np.int32), right.astype(np.int32)
    below, beside = (down - row)[..., None], (right - column)[..., None]
    corner = np.arange(n, dtype=np.int32)[:, None, None] * (height * width) + row * width + column
    flat = x.reshape(-1, channels)  # (N h w, c)
    upper = flat[corner] * (1 - beside) + flat[corner + 1] * beside
    lower = flat[corner + width] * (1 - beside) + flat[corner + width + 1] * beside
    mixed: Float32 = upper * (1 - below) + lower * below
    return mixed


def _recolour(x: Float32, rng: np.random.Generator) -> Float32:
    n, height, width, c = x.shape
    normal = rng.standard_normal
    mixing = np.eye(c, dtype=np.float32) + np.float32(MIXING) * normal((n, c, c), np.float32)
    tint: Float32 = np.float32(MIXING / 2) * normal((n, 1, 1, c), np.float32)
    light = np.float32(LIGHT) * _smooth(normal((n, c, GRID, GRID), np.float32), height, width)  # (N, c, h, w)
    sign = rng.choice(np.array([-1, 1], np.float32), (n, 1, 1, 1))
    mixed: Float32 = ((x - np.float32(0.5)).reshape(n, -1, c) @ mixing).reshape(x.shape)
    recoloured = np.float32(0.5) + sign * (mixed + tint + np.moveaxis(light, 1, -1))
    return np.asarray(recoloured, np.float32)


def _smooth(points: Float32, height: int, width: int) -> Float32:
    """A smooth field (…, h, w) through values on a coarse grid (…, GRID, GRID)."""
    return np.asarray(_spread(height) @ points @ _spread(width).T, np.float32)


@cache
def _spread(side: int) -> Float32:
    """(side, GRID): Gaussian weights of the grid's points whose squares add up to 1, so that the variance stays."""
    distance = np.linspace(0, GRID - 1, side)[:, None] - np.arange(GRID)
    weights = np.exp(-(distance**2) / (2 * 0.6**2))
    return np.asarray(weights / np.sqrt((weights**2).sum(axis=1, keepdims=True)), np.float32)
