"""What a page shows of a guideline."""

from collections.abc import Sequence
from dataclasses import dataclass

from app.guidelines import Block, Reference
from app.web.edge.image_urls import guideline_picture_url, image_url


@dataclass(frozen=True, slots=True)
class PictureView:
    """A picture with its words. `image_id` is that of an image of the pool, which is hidden while it is asked."""

    url: str
    words: str
    image_id: int | None


@dataclass(frozen=True, slots=True)
class BlockView:
    """A paragraph with its lines, a list with its items, or some pictures."""

    kind: str
    lines: Sequence[str]
    pictures: Sequence[PictureView]


def view_guideline(slug: str, blocks: Sequence[Block]) -> list[BlockView]:
    """The blocks of a guideline with the addresses of their pictures."""
    return [BlockView(block.kind, block.lines, [_view(slug, each) for each in block.pictures]) for block in blocks]


def _view(slug: str, picture: Reference) -> PictureView:
    sha256 = picture.sha256 or ""
    if picture.kind == "image":
        return PictureView(image_url(picture.id, sha256, is_own=picture.is_own), picture.words, picture.id)
    return PictureView(guideline_picture_url(slug, picture.id, sha256), picture.words, None)
