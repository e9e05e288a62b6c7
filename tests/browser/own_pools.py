"""Pools of one's own in a browser: their names, their keys, and pictures of any shape in place of what is stored."""

import io
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from PIL import Image
from playwright.sync_api import Page, Route, expect

from app.adding import NewImage, add_images
from app.db import Database
from app.own_pools import OwnPoolSpec, create_pool

from ..factories import NOW
from .label_page import LabelPage

Size = tuple[int, int]
SIDE = 8  # pixels of what the learner sees


def add_own_pool(
    database: Database,
    *,
    slug: str,
    classes: Sequence[str] = ("bee", "wasp", "fly"),
    order: list[int] | None = None,
    n_images: int = 12,
    guideline: str | None = None,
    **values: Any,
) -> None:
    """A pool of bright corners, a corner for each of the first three classes. `order` is that of the buttons."""
    spec: dict[str, Any] = {"name": "Insects", "height": SIDE, "width": SIDE, "channels": 1} | values
    with database.write() as session:
        pool = create_pool(session, OwnPoolSpec(slug=slug, classes=classes, **spec), filled=True, now=NOW)
        pool.class_order, pool.guideline = order, guideline
        add_images(session, pool, [_corner(number) for number in range(n_images)], now=NOW)


def _corner(number: int) -> NewImage:
    pixels = np.random.default_rng(number).integers(0, 60, (SIDE, SIDE)).astype(np.uint8)
    at = number % 3
    pixels[4 * (at > 0) : 4 * (at > 0) + 4, 4 * (at > 1) : 4 * (at > 1) + 4] += 180
    return NewImage(f"{number}.png", None, pixels, SIDE, SIDE, None, at)


def wait_for_image(opened: LabelPage) -> None:
    """Until there is an image to answer, whatever the classes are called."""
    expect(opened.pad.locator("button").first).to_be_enabled()


def show_pictures(page: Page, *sizes: Size) -> None:
    """Let the images of the page have these sizes, one after another in the order in which they are fetched."""
    page.route("**/images/*", _answer_with(sizes))


def _answer_with(sizes: Sequence[Size]) -> Callable[[Route], None]:
    urls: list[str] = []

    def answer(route: Route) -> None:
        if route.request.url not in urls:
            urls.append(route.request.url)
        size = sizes[urls.index(route.request.url) % len(sizes)]
        route.fulfill(body=draw(size), content_type="image/png")

    return answer


def draw(size: Size) -> bytes:
    """A PNG of that size: a gradient with a cross from corner to corner, so that a distorted one is seen as such."""
    width, height = size
    x, y = np.meshgrid(np.linspace(0, 1, width), np.linspace(0, 1, height))
    cross = (np.abs(x - y) < 0.02) | (np.abs(x + y - 1) < 0.02)
    pixels = np.stack([255 * x, 255 * y, 128 + 0 * x], axis=2)
    pixels[cross] = 255
    file = io.BytesIO()
    Image.fromarray(pixels.astype(np.uint8)).save(file, "PNG")
    return file.getvalue()
