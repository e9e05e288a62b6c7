"""Images of other kinds for the study of learners: letters, 8 x 8 digits, MNIST turned, coloured, with rare classes."""

import string
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from app.datasets import DataSet
from app.learning.learner import LabeledImages

FONTS = Path("/usr/share/fonts/truetype/dejavu")
SIDE, POOL, TEST = 28, 4000, 4000


@dataclass(frozen=True, slots=True)
class ImageSet:
    """A pool, test images, and how many classes there are."""

    pool: LabeledImages
    test: LabeledImages
    n_classes: int


def make_letters(data: DataSet) -> ImageSet:  # noqa: ARG001 (needs no digits)
    """A to Z in all DejaVu fonts: up to 20 degrees turned, scaled, slanted, shifted, with noise."""
    return ImageSet(_draw_letters(POOL, 1), _draw_letters(TEST, 2), len(string.ascii_uppercase))


def _draw_letters(n: int, seed: int) -> LabeledImages:
    from PIL import Image, ImageDraw, ImageFont

    fonts = [ImageFont.truetype(path, 20) for path in sorted(FONTS.glob("*.ttf")) if "Math" not in path.name]
    rng = np.random.default_rng(seed)
    truth = rng.integers(len(string.ascii_uppercase), size=n)
    images = np.empty((n, SIDE, SIDE), np.uint8)
    for number, value in enumerate(truth):
        sheet = Image.new("L", (2 * SIDE, 2 * SIDE))
        font = fonts[rng.integers(len(fonts))]
        ImageDraw.Draw(sheet).text((SIDE, SIDE), string.ascii_uppercase[value], fill=255, font=font, anchor="mm")
        turn, slant = np.deg2rad(rng.uniform(-20, 20)), rng.uniform(-0.3, 0.3)
        wide, high = np.exp(rng.uniform(-0.25, 0.25, 2))
        matrix = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]]) @ [[wide, slant], [0, high]]
        shift = SIDE - matrix @ np.full(2, SIDE / 2) + rng.uniform(-2, 2, 2)
        # Where the middle of the sheet lies at first, each pixel of the result looks for its origin.
        steps = (*matrix[0], shift[0], *matrix[1], shift[1])
        drawn = sheet.transform((SIDE, SIDE), Image.Transform.AFFINE, steps, Image.Resampling.BILINEAR)
        images[number] = np.clip(np.asarray(drawn) + rng.normal(0, 20, (SIDE, SIDE)), 0, 255)
    return LabeledImages(images, truth.astype(np.int64))


def make_small_digits(data: DataSet) -> ImageSet:  # noqa: ARG001 (brings its own digits)
    """The 8 x 8 digits that come with scikit-learn: 1,000 as the pool, 797 to test."""
    from sklearn.datasets import load_digits

    digits = load_digits()
    images, truth = (digits.images * 15.9375).astype(np.uint8), digits.target.astype(np.int64)
    return ImageSet(LabeledImages(images[:1000], truth[:1000]), LabeledImages(images[1000:], truth[1000:]), 10)


def make_turned(data: DataSet) -> ImageSet:
    """Digits turned by 0, 90, 180 or 270 degrees."""
    return _change(data, _turn)


def _turn(images: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    return np.stack(
        [np.rot90(image, turns) for image, turns in zip(images, rng.integers(4, size=len(images)), strict=True)]
    )


def make_coloured(data: DataSet) -> ImageSet:
    """Digits in a random colour over random coloured squares."""
    return _change(data, _colour)


def _colour(images: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    ink = images[..., None] / 255  # (N, 28, 28, 1)
    squares = 0.2 + 0.6 * np.kron(rng.random((len(images), 4, 4, 3)), np.ones((1, SIDE // 4, SIDE // 4, 1)))
    colour = rng.random((len(images), 1, 1, 3))
    is_faint = np.abs(colour - squares.mean(axis=(1, 2), keepdims=True)).mean(axis=3, keepdims=True) < 0.25
    colour = np.where(is_faint, colour < 0.5, colour)  # then black or white a channel, whichever is further off
    return np.asarray(255 * (ink * colour + (1 - ink) * squares)).astype(np.uint8)


def make_rare(data: DataSet) -> ImageSet:
    """Digits of which class c is kept with probability 0.65^c: 4 nines beside 394 zeros."""
    whole = _change(data, lambda images, _: images)
    kept = np.random.default_rng(5).random(POOL) < 0.65**whole.pool.truth
    return ImageSet(LabeledImages(whole.pool.images[kept], whole.pool.truth[kept]), whole.test, whole.n_classes)


def _change(data: DataSet, change: Callable[[NDArray[np.uint8], np.random.Generator], NDArray[np.uint8]]) -> ImageSet:
    rng = np.random.default_rng(5)
    chosen = rng.permutation(len(data.train))[:POOL]
    pool = LabeledImages(change(data.train.images[chosen], rng), data.train.truth[chosen])
    test = LabeledImages(change(data.test.images[:TEST], rng), data.test.truth[:TEST])
    return ImageSet(pool, test, len(data.classes))


OTHERS: dict[str, Callable[[DataSet], ImageSet]] = {
    "letters": make_letters,
    "8 x 8 digits": make_small_digits,
    "turned": make_turned,
    "coloured": make_coloured,
    "rare classes": make_rare,
}
