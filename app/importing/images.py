"""One image of a source as it is stored, and what the first images suggest for a pool."""

import io
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice

import numpy as np
from numpy.typing import NDArray
from PIL import Image as PillowImage

from app.adding import NewImage
from app.own_pools import SIDES
from app.pictures import Decoders, fit_pixels
from app.sources import Item, Source

LOOKED_AT = 100  # images, from which size and colours of a pool are guessed
SIDE = 32
LOOK_SHAPE = (64, 64, 3)
COLOURED = 12  # of 255: how far the channels of some place are apart in a picture that is not grey


@dataclass(frozen=True, slots=True)
class Look:
    """What the first images of a source suggest for a pool: pixels a side, and one channel or three."""

    height: int
    width: int
    channels: int


def look(source: Source, decoders: Decoders) -> Look:
    """Decode the first images: their own size if they have one that a learner can see, else SIDE; and their colours."""
    found = decoders.run_ahead(
        islice(source, LOOKED_AT), lambda item: make_image(item, LOOK_SHAPE, decoders), lambda item: item.n_bytes
    )
    images = [image for _, image in found if isinstance(image, NewImage)]
    sizes = {(image.height, image.width) for image in images}
    height, width = sizes.pop() if len(sizes) == 1 else (SIDE, SIDE)
    if height not in SIDES or width not in SIDES:
        height, width = SIDE, SIDE
    return Look(height, width, 3 if any(_has_colours(image) for image in images) else 1)


def sort_classes(labels: Iterable[str]) -> list[str]:
    """Each label once: by number if all are numbers, else by name."""
    names = {label.strip() for label in labels if label.strip()}
    if all(name.isdecimal() for name in names):
        return sorted(names, key=int)
    return sorted(names)


def make_image(item: Item, shape: tuple[int, ...], decoders: Decoders, *, truth: int | None = None) -> NewImage:
    """The image of an item in a pool's shape. An array of another shape is kept as PNG: it is the original.

    Raises:
        PictureRefused: it cannot be taken in; the class says why.
    """
    if item.refused is not None:
        raise item.refused
    if item.content is not None:
        picture = decoders.decode(item.content, shape)
        return NewImage(
            item.name,
            item.content,
            picture.pixels,
            width=picture.width,
            height=picture.height,
            media_type=picture.media_type,
            truth=truth,
        )
    assert item.pixels is not None
    height, width = item.pixels.shape[:2]
    is_ready = item.pixels.shape == shape
    original = None if is_ready else _as_png(item.pixels)
    pixels = fit_pixels(item.pixels, shape)
    media_type = None if is_ready else "image/png"
    return NewImage(item.name, original, pixels, width=width, height=height, media_type=media_type, truth=truth)


def _has_colours(image: NewImage) -> bool:
    return bool((image.pixels.max(axis=2) - image.pixels.min(axis=2) > COLOURED).any())


def _as_png(pixels: NDArray[np.uint8]) -> bytes:
    file = io.BytesIO()
    PillowImage.fromarray(pixels).save(file, "PNG")
    return file.getvalue()
