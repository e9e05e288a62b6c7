"""Add images to a pool. Their originals are kept byte for byte; what comes twice is there once."""

import datetime as dt
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import func, insert, select
from sqlalchemy.dialects.sqlite import insert as insert_or
from sqlalchemy.orm import Session

from app.changes import Change, note
from app.errors import PoolFull, SplitFixed
from app.models import Blob, Image, Pool, Split

MAX_NAME = 255


@dataclass(frozen=True, slots=True)
class NewImage:
    """One image: its name as it came, its original if there is one, and its pixels in the pool's shape, uint8.

    `width` and `height` are those of the original. `truth` is an index into the pool's classes. `sha256` is that of the
    original, or of the pixels where there is none.
    """

    name: str
    original: bytes | None
    pixels: NDArray[np.uint8]
    width: int
    height: int
    media_type: str | None = None
    truth: int | None = None
    sha256: str = field(init=False)  # computed here, and not while others wait to write

    def __post_init__(self) -> None:
        content = self.original if self.original is not None else self.pixels.tobytes()
        object.__setattr__(self, "sha256", hashlib.sha256(content).hexdigest())

    @property
    def n_bytes(self) -> int:
        """How much memory it takes."""
        return len(self.original or b"") + self.pixels.nbytes


@dataclass(frozen=True, slots=True)
class Added:
    """What became of an image: its id, and whether it was not there before."""

    image_id: int
    is_new: bool


@dataclass(frozen=True, slots=True)
class Quota:
    """How much a pool may hold: images of its own, and bytes of originals."""

    max_images: int
    max_bytes: int


NO_QUOTA = Quota(2**62, 2**62)


def add_images(
    session: Session,
    pool: Pool,
    images: Sequence[NewImage],
    *,
    split: Split = "pool",
    quota: Quota = NO_QUOTA,
    now: dt.datetime,
) -> list[Added]:
    """Append these images to a split of the pool, in their order; one each comes back.

    An image whose bytes the pool has already, in any split, is not added again.

    Raises:
        PoolFull: nothing of it was added.
        SplitFixed: validation images decide when training ends, so they come before it begins.
    """
    pool = session.get_one(Pool, pool.id)
    if split == "validation" and pool.filled_at is not None:
        raise SplitFixed(f"{pool.name} is open already: its validation images stay as they are.", slug=pool.slug)
    hashes = [image.sha256 for image in images]
    known = _find(session, pool, hashes)
    new: dict[str, NewImage] = {}
    for key, image in zip(hashes, images, strict=True):
        if key not in known:
            new.setdefault(key, image)
    n_bytes = sum(len(image.original or b"") for image in new.values())
    _check_quota(pool, quota, len(new) if split == "pool" else 0, n_bytes)
    if new:
        _insert(session, pool, split, new)
        if split == "pool":
            pool.n_images += len(new)
            pool.finished_at = None
        pool.n_bytes += n_bytes
        show_growth(pool, now=now)
        session.flush()
        for kind in ("pool", "leases"):  # somebody may wait for images
            note(session, Change(kind, pool.id))
    ids = known | _find(session, pool, list(new))
    return [Added(ids[key], new.get(key) is image) for key, image in zip(hashes, images, strict=True)]


def show_growth(pool: Pool, *, now: dt.datetime) -> None:
    """Say that the pool grows: to the trainer, which reads its images again, and to who deletes what is left half full.

    Never twice the same time, however much comes at once.
    """
    pool.grown_at = max(now, (pool.grown_at or now) + dt.timedelta(microseconds=1))


def _check_quota(pool: Pool, quota: Quota, n_images: int, n_bytes: int) -> None:
    if pool.n_images + n_images > quota.max_images:
        raise PoolFull(
            f"{pool.name} may hold {quota.max_images:,} images and has {pool.n_images:,}; {n_images:,} more do not "
            "fit.",
            hint="Start another pool, or set INKLING_MAX_POOL_IMAGES higher.",
            max_images=quota.max_images,
        )
    if pool.n_bytes + n_bytes > quota.max_bytes:
        raise PoolFull(
            f"The originals in {pool.name} may take {quota.max_bytes:,} bytes and take {pool.n_bytes:,}; "
            f"{n_bytes:,} more do not fit.",
            hint="Start another pool, or set INKLING_MAX_POOL_BYTES higher.",
            max_bytes=quota.max_bytes,
        )


def _find(session: Session, pool: Pool, hashes: Sequence[str]) -> dict[str, int]:
    """Ids by hash of the images that the pool has, among those that came by name."""
    named = (Image.pool_id == pool.id, Image.name.is_not(None), Image.sha256.in_(hashes))
    return dict(session.execute(select(Image.sha256, Image.id).where(*named)).all()) if hashes else {}


def _insert(session: Session, pool: Pool, split: Split, new: dict[str, NewImage]) -> None:
    of_split = (Image.pool_id == pool.id, Image.split == split)
    last = session.scalar(select(func.max(Image.position)).where(*of_split))
    first = 0 if last is None else last + 1
    blobs = [
        {
            "sha256": key,
            "media_type": image.media_type or "application/octet-stream",
            "width": image.width,
            "height": image.height,
            "n_bytes": len(image.original),
            "content": image.original,
        }
        for key, image in new.items()
        if image.original is not None
    ]
    if blobs:
        session.execute(insert_or(Blob).on_conflict_do_nothing(), blobs)
    rows = [
        {
            "pool_id": pool.id,
            "split": split,
            "position": position,
            "truth": image.truth,
            "sha256": key,
            "name": image.name[-MAX_NAME:],
            "pixels": image.pixels.tobytes(),
        }
        for position, (key, image) in enumerate(new.items(), first)
    ]
    session.execute(insert(Image), rows)
