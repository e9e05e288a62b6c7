"""What a learner learned of a pool's images before any label: stored once, in parts, and read back as it was.

A large pool gets two sets, the first of a sample, so that people need not wait for the second.
"""

import datetime as dt
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import CursorResult, bindparam, delete, select, update
from sqlalchemy.orm import Session, undefer

from app.changes import Change, note
from app.errors import FeaturesDamaged, PreparationSuperseded, PreparationUnderWay
from app.learning.learner import Features
from app.learning.names import PREPARING
from app.models import FeaturePart, FeatureSet, Pool

FEWEST = 20  # images: of fewer nothing is to be learned
SAMPLE_SIZE = 4000  # seconds, and enough to ask from
SAMPLED_FROM = 10_000  # a pool of fewer images is looked at whole, at once
SILENT_SECONDS = 15.0  # a preparation that says nothing for so long is dead
DROPPED_AT_ONCE = 4  # parts of one that is: the write lock is soon free again
PART_BYTES = 4_000_000  # written in some hundredths of a second: others write in between


@dataclass(frozen=True, slots=True)
class Preparation:
    """A learner looks at `n_images` of a pool's `n_all`: what it does, the share that is over, the seconds left.

    The seconds are unknown at first.
    """

    n_images: int
    n_all: int
    step: str
    share: float
    seconds_left: float | None


_READY = (
    select(FeatureSet.id, FeatureSet.n_images)
    .where(FeatureSet.pool_id == bindparam("pool_id"), FeatureSet.version == bindparam("version"))
    .where(FeatureSet.ready_at.is_not(None))
    .order_by(FeatureSet.id.desc())
    .limit(1)
)


def find_ready(session: Session, pool: Pool) -> int | None:
    """The id of the newest set that is ready; None if there is none, or the pool's learner needs none."""
    ready = _read_ready(session, pool)
    return None if ready is None else ready[0]


def count_due(session: Session, pool: Pool) -> int | None:
    """How many of the pool's images its learner is to look at next: a sample or all; None if it has seen them."""
    ready = _read_ready(session, pool)
    return count_next(pool, ready[1] if ready else 0)


def count_next(pool: Pool, n_seen: int) -> int | None:
    """The same, if so many images have been looked at."""
    if pool.learner not in PREPARING or pool.archived_at is not None or pool.n_images < FEWEST:
        return None
    if not n_seen and pool.n_images > SAMPLED_FROM:
        return SAMPLE_SIZE
    return pool.n_images if n_seen < pool.n_images else None


def find_preparation(session: Session, pool: Pool, *, now: dt.datetime) -> Preparation | None:
    """What is being learned of the pool's images, or will be in a moment; None if all of it is known."""
    due = count_due(session, pool)
    if due is None:
        return None
    unfinished = (FeatureSet.pool_id == pool.id, FeatureSet.ready_at.is_(None))
    begun = session.scalar(select(FeatureSet).where(*unfinished).order_by(FeatureSet.id.desc()).limit(1))
    return describe(pool, due, begun, now=now)


def describe(pool: Pool, due: int, begun: FeatureSet | None, *, now: dt.datetime) -> Preparation:
    """What is to be said of a look at `due` images; `begun` is the set that is being made, if one is."""
    if begun is None or not is_alive(begun, now=now):
        failed = f"this failed ({begun.error}); it is tried again" if begun is not None and begun.error else ""
        return Preparation(due, pool.n_images, failed, 0.0, None)
    over = (now - begun.created_at).total_seconds()
    left = max(0.0, over / begun.share - over) if begun.share > 0 else None
    return Preparation(begun.n_images, begun.n_all, begun.step, begun.share, left)


def is_alive(begun: FeatureSet, *, now: dt.datetime) -> bool:
    """Whether a process is making the set."""
    return begun.error is None and (now - begun.heartbeat_at).total_seconds() < SILENT_SECONDS


def is_under_way(session: Session, pool: Pool, *, now: dt.datetime) -> bool:
    """Whether a process is looking at the pool's images."""
    unfinished = select(FeatureSet).where(FeatureSet.pool_id == pool.id, FeatureSet.ready_at.is_(None))
    return any(is_alive(begun, now=now) for begun in session.scalars(unfinished))


def _read_ready(session: Session, pool: Pool) -> tuple[int, int] | None:
    """Id and number of images of the newest set that this program's learner can read."""
    if pool.learner not in PREPARING:
        return None
    found = session.execute(_READY, {"pool_id": pool.id, "version": PREPARING[pool.learner]}).one_or_none()
    return None if found is None else (found.id, found.n_images)


def draw_sample(n_images: int, count: int) -> NDArray[np.int64] | None:
    """The positions (count,) of a sample, ascending; None if it is all. The same for the same numbers."""
    if count >= n_images:
        return None
    return np.sort(np.random.default_rng(n_images).choice(n_images, count, replace=False))


def drop_dead(session: Session, pool: Pool, *, now: dt.datetime) -> bool:
    """Delete some parts of what dead processes have left of this pool; whether there may be more.

    Raises:
        PreparationUnderWay: a process is alive, and looks at this pool.
    """
    if is_under_way(session, pool, now=now):
        raise PreparationUnderWay(
            f"Another process looks at the images of {pool.slug} just now. Wait until it is done.", slug=pool.slug
        )
    unfinished = select(FeatureSet.id).where(FeatureSet.pool_id == pool.id, FeatureSet.ready_at.is_(None))
    key = (FeaturePart.feature_set_id, FeaturePart.name, FeaturePart.number)
    some = session.execute(select(*key).where(key[0].in_(unfinished)).limit(DROPPED_AT_ONCE)).all()
    for row in some:
        session.execute(delete(FeaturePart).where(*(column == value for column, value in zip(key, row, strict=True))))
    if not some:
        session.execute(delete(FeatureSet).where(FeatureSet.id.in_(unfinished)))
    return bool(some)


def begin(session: Session, pool: Pool, n_images: int, *, now: dt.datetime) -> int:
    """A set of this pool is being made; its id. What dead processes have left is deleted.

    Raises:
        PreparationUnderWay: a process is alive, and looks at this pool.
    """
    while drop_dead(session, pool, now=now):
        pass
    begun = FeatureSet(
        pool_id=pool.id,
        learner=pool.learner,
        version=0,
        n_parts=0,
        n_images=n_images,
        n_all=pool.n_images,
        created_at=now,
        heartbeat_at=now,
    )
    session.add(begun)
    session.flush()
    note(session, Change("features", pool.id))
    return begun.id


def record_step(session: Session, pool: Pool, set_id: int, step: str, share: float, *, now: dt.datetime) -> None:
    """Store how far a set is, and that its process is alive.

    Raises:
        PreparationSuperseded
    """
    _update(session, set_id, step=step[:100], share=min(max(share, 0.0), 1.0), heartbeat_at=now)
    note(session, Change("features", pool.id))


def record_failure(session: Session, pool: Pool, set_id: int, error: str) -> None:
    """Store why a set cannot be made; it is tried again.

    Raises:
        PreparationSuperseded
    """
    _update(session, set_id, error=error[:1000])
    note(session, Change("features", pool.id))


def split_parts(features: Features) -> Iterator[FeaturePart]:
    """The arrays as rows to store, each of some megabytes."""
    for name, array in features.arrays.items():
        rows = np.ascontiguousarray(np.atleast_1d(array))
        per_part = max(1, PART_BYTES // max(1, rows[:1].nbytes))
        for number, start in enumerate(range(0, max(1, len(rows)), per_part)):
            part = rows[start : start + per_part]
            content = part.tobytes()
            yield FeaturePart(
                name=name,
                number=number,
                dtype=part.dtype.str,
                shape=list(part.shape if array.ndim else ()),
                sha256=hashlib.sha256(content).hexdigest(),
                content=content,
            )


def add_part(session: Session, set_id: int, part: FeaturePart) -> None:
    """Store a part of a set.

    Raises:
        PreparationSuperseded
    """
    if session.scalar(select(FeatureSet.id).where(FeatureSet.id == set_id)) is None:
        raise _superseded(set_id)
    part.feature_set_id = set_id
    session.add(part)
    session.flush()


def finish(
    session: Session, pool: Pool, set_id: int, *, version: int, n_parts: int, prepare_ms: float, now: dt.datetime
) -> None:
    """All parts are stored: the set counts, and the round that asks by it is due.

    Raises:
        PreparationSuperseded
    """
    _update(session, set_id, version=version, n_parts=n_parts, share=1.0, prepare_ms=prepare_ms, ready_at=now)
    for kind in ("features", "due"):
        note(session, Change(kind, pool.id))


def read(session: Session, set_id: int) -> Features:
    """The features as they were computed, bit for bit.

    Raises:
        FeaturesDamaged: a part is not what was stored, or is missing.
    """
    stored = session.get(FeatureSet, set_id)
    slug = session.scalar(select(Pool.slug).where(Pool.id == stored.pool_id)) if stored else None
    parts = session.scalars(
        select(FeaturePart)
        .where(FeaturePart.feature_set_id == set_id)
        .order_by(FeaturePart.name, FeaturePart.number)
        .options(undefer(FeaturePart.content)),
        execution_options={"yield_per": 4},
    )
    found: dict[str, list[NDArray[np.generic]]] = {}
    for part in parts:
        rows = found.setdefault(part.name, [])
        if hashlib.sha256(part.content).hexdigest() != part.sha256 or part.number != len(rows):
            raise _damaged(slug, set_id, f"part {part.number} of the array “{part.name}” is not what was stored")
        rows.append(np.frombuffer(part.content, np.dtype(part.dtype)).reshape(part.shape))
    n_found = sum(map(len, found.values()))
    n_stored = stored.n_parts if stored else 0
    if stored is None or n_found != n_stored:
        raise _damaged(slug, set_id, f"{n_found} of {n_stored} parts are there")
    arrays = {name: rows[0] if len(rows) == 1 else np.concatenate(rows) for name, rows in found.items()}
    return Features(stored.version, arrays)


def _damaged(slug: str | None, set_id: int, how: str) -> FeaturesDamaged:
    return FeaturesDamaged(
        f"The features {set_id} of {slug} are damaged: {how}. Restore a backup, or let its learner look again.",
        hint=f"`inkling pool prepare {slug} --again`",
        set_id=set_id,
    )


def _superseded(set_id: int) -> PreparationSuperseded:
    return PreparationSuperseded(
        f"Another process has begun to look at the images anew; the features {set_id} are dropped.", set_id=set_id
    )


def _update(session: Session, set_id: int, **values: object) -> None:
    """Change a set that is being made.

    Raises:
        PreparationSuperseded: it was deleted, because another process makes it.
    """
    is_ours = (FeatureSet.id == set_id) & FeatureSet.ready_at.is_(None)
    changed = session.execute(update(FeatureSet).where(is_ours).values(**values))
    assert isinstance(changed, CursorResult)  # an UPDATE's result has a row count
    if changed.rowcount != 1:
        raise _superseded(set_id)
