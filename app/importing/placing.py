"""Put items into a pool: decoded ahead, and stored some at a time, each with what it says of its class."""

import datetime as dt
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Literal

from sqlalchemy.orm import Session

from app.adding import NO_QUOTA, Added, NewImage, Quota, add_images
from app.db import Database
from app.errors import LabelMissing, PictureRefused
from app.importing.images import make_image
from app.importing.standing import StandingLabel, give_labels
from app.models import Pool, Split
from app.pictures import Decoders
from app.sources import Item

CHUNK = 500  # images stored in one transaction; other writers wait so long
CHUNK_BYTES = 16_000_000  # or so many bytes

LabelUse = Literal["truth", "standing", "none"]


@dataclass(frozen=True, slots=True)
class Terms:
    """How items are taken in: into which split, and what their labels mean there.

    `truth` is the class of all that say none themselves. Labels that stand count as answers of `by`, see `give_labels`.
    """

    split: Split = "pool"
    use: LabelUse = "none"
    truth: int | None = None
    by: str | None = None
    quota: Quota = NO_QUOTA


@dataclass(frozen=True, slots=True)
class PlacedItem:
    """What became of an item: it is an image now, or was one already, or is refused.

    `label` is what it says of its class, if that is one of the pool; `is_labeled` whether the image has got it.
    """

    item: Item
    refusal: PictureRefused | None = None
    image_id: int = 0
    is_new: bool = False
    label: StandingLabel | None = None
    is_labeled: bool = False


def place(
    database: Database,
    pool: Pool,
    items: Iterable[Item],
    decoders: Decoders,
    terms: Terms,
    *,
    clock: Callable[[], dt.datetime],
) -> Iterator[list[PlacedItem]]:
    """Add the items, in their order; each list that comes is committed. Test and validation images need a class.

    Labels that stand are given in the transaction that adds their images, so that nobody is asked in between, and also
    to images that the pool has and that wait for an answer. A pool that nobody sees yet gets them later.

    Raises:
        PoolFull, SplitFixed: as `add_images`; what came before is added.
        LabelMissing: never; it is a refusal of an item.
    """
    classes = {name: index for index, name in enumerate(pool.classes)}

    def make(item: Item) -> NewImage:
        own = find_class(classes, item) if terms.split != "pool" or terms.use == "truth" else None
        truth = terms.truth if own is None else own
        if terms.split != "pool" and truth is None and item.refused is None:
            raise _no_label(item)
        return make_image(item, pool.image_shape, decoders, truth=truth)

    for chunk in _chunks(decoders.run_ahead(items, make, lambda item: item.n_bytes)):
        images = [made for _, made in chunk if isinstance(made, NewImage)]
        with database.write() as session:
            now = clock()
            added = iter(add_images(session, pool, images, split=terms.split, quota=terms.quota, now=now))
            placed = [_place_one(item, made, added, find_class(classes, item)) for item, made in chunk]
            labeled = _label(session, pool, placed, terms, now)
        yield [replace(each, is_labeled=each.image_id in labeled) for each in placed]


def find_class(classes: dict[str, int], item: Item) -> int | None:
    """The index of the class that an item names."""
    return classes.get((item.label or "").strip())


Made = tuple[Item, NewImage | PictureRefused]


def _place_one(item: Item, made: NewImage | PictureRefused, added: Iterator[Added], label: int | None) -> PlacedItem:
    if isinstance(made, PictureRefused):
        return PlacedItem(item, made)
    outcome = next(added)
    standing = None if label is None else StandingLabel(label, item.annotator, item.labeled_at)
    return PlacedItem(item, None, outcome.image_id, outcome.is_new, standing)


def _label(session: Session, pool: Pool, placed: list[PlacedItem], terms: Terms, now: dt.datetime) -> set[int]:
    """Which images have the label that their item says, by now."""
    said = {each.image_id: each.label for each in placed if each.label is not None}
    if terms.use == "truth":
        return {each.image_id for each in placed if each.is_new and each.label is not None}
    fresh = session.get_one(Pool, pool.id)
    is_open = terms.use == "standing" and fresh.filled_at is not None
    return give_labels(session, fresh, said, by=terms.by, now=now) if is_open else set()


def _chunks(found: Iterator[Made]) -> Iterator[list[Made]]:
    chunk, n_bytes = list[Made](), 0
    for item, made in found:
        chunk.append((item, made))
        n_bytes += made.n_bytes if isinstance(made, NewImage) else 0
        if len(chunk) >= CHUNK or n_bytes >= CHUNK_BYTES:
            yield chunk
            chunk, n_bytes = [], 0
    if chunk:
        yield chunk


def _no_label(item: Item) -> LabelMissing:
    if item.label is None:
        return LabelMissing("It has no label, which a test or validation image needs. Label it, or leave it out.")
    return LabelMissing(f"Its label “{item.label}” is none of the pool's classes. Correct it, or leave it out.")
