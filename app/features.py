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
from app.errors import FeaturesDamaged
from app.learning.learner import Features
from app.learning.names import PREPARING
from app.models import FeaturePart, FeatureSet, Pool

SAMPLE_SIZE = 4000  # seconds, and enough to ask from
SAMPLED_FROM = 10_000  # a pool of fewer images is looked at whole, at once
REMEDY = "Restore a backup, or look at the images again: `inkling pool prepare POOL --again`."
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


class PreparationSuperseded(Exception):
    """Another process prepares the same pool since."""


_READY = (
    select(FeatureSet.id, FeatureSet.n_images)
    .where(FeatureSet.pool_id == bindparam("pool_id"), FeatureSet.ready_at.is_not(None))
    .order_by(FeatureSet.id.desc())
    .limit(1)
)


def find_ready(session: Session, pool: Pool) -> int | None:
    """The id of the newest set that is ready; None if there is none, or the pool's learner needs none."""
    if pool.learner not in PREPARING:
        return None
    found: int | None = session.scalar(_READY, {"pool_id": pool.id})
    return found


def find_due(session: Session, pool: Pool) -> int | None:
    """How many of the pool's images its learner is to look at next: a sample or all; None if it has seen them."""
    if pool.learner not in PREPARING or pool.archived_at is not None:
        return None
    ready = session.execute(_READY, {"pool_id": pool.id}).one_or_none()
    if ready is None and pool.n_images > SAMPLED_FROM:
        return SAMPLE_SIZE
    return pool.n_images if ready is None or ready.n_images < pool.n_images else None


def find_preparation(session: Session, pool: Pool, *, now: dt.datetime) -> Preparation | None:
    """What is being learned of the pool's images, or will be in a moment; None if all of it is known."""
    due = find_due(session, pool)
    if due is None:
        return None
    under_way = session.scalar(
        select(FeatureSet)
        .where(FeatureSet.pool_id == pool.id, FeatureSet.ready_at.is_(None), FeatureSet.n_images == due)
        .order_by(FeatureSet.id.desc())
        .limit(1)
    )
    if under_way is None:
        return Preparation(due, pool.n_images, "", 0.0, None)
    over = (now - under_way.created_at).total_seconds()
    share = under_way.share
    left = max(0.0, over / share - over) if share > 0 else None
    return Preparation(due, pool.n_images, under_way.step, share, left)


def draw_sample(n_images: int, count: int) -> NDArray[np.int64] | None:
    """The positions (count,) of a sample, ascending; None if it is all. The same for the same numbers."""
    if count >= n_images:
        return None
    return np.sort(np.random.default_rng(n_images).choice(n_images, count, replace=False))


def begin(session: Session, pool: Pool, n_images: int, *, now: dt.datetime) -> int:
    """A set of this pool is being made; its id. What another process left unfinished, or is making, is deleted."""
    unfinished = select(FeatureSet.id).where(FeatureSet.pool_id == pool.id, FeatureSet.ready_at.is_(None))
    session.execute(delete(FeaturePart).where(FeaturePart.feature_set_id.in_(unfinished)))
    session.execute(delete(FeatureSet).where(FeatureSet.pool_id == pool.id, FeatureSet.ready_at.is_(None)))
    begun = FeatureSet(pool_id=pool.id, learner=pool.learner, version=0, n_parts=0, n_images=n_images, created_at=now)
    session.add(begun)
    session.flush()
    note(session, Change("features", pool.id))
    return begun.id


def record_step(session: Session, pool: Pool, set_id: int, step: str, share: float) -> None:
    """Store how far a set is.

    Raises:
        PreparationSuperseded
    """
    _update(session, set_id, step=step[:100], share=min(max(share, 0.0), 1.0))
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
        raise PreparationSuperseded
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
        rows.append(_read_part(set_id, part, n_before=len(rows)))
    n_found = sum(map(len, found.values()))
    n_stored = stored.n_parts if stored else 0
    if stored is None or n_found != n_stored:
        raise FeaturesDamaged(
            f"The features {set_id} are damaged: {n_found} of {n_stored} parts are there. {REMEDY}", set_id=set_id
        )
    arrays = {name: rows[0] if len(rows) == 1 else np.concatenate(rows) for name, rows in found.items()}
    return Features(stored.version, arrays)


def count_images(session: Session, set_id: int) -> int:
    """How many of the pool's images a set covers."""
    return session.scalar(select(FeatureSet.n_images).where(FeatureSet.id == set_id)) or 0


def _read_part(set_id: int, part: FeaturePart, *, n_before: int) -> NDArray[np.generic]:
    is_whole = hashlib.sha256(part.content).hexdigest() == part.sha256 and part.number == n_before
    if not is_whole:
        raise FeaturesDamaged(
            f"The features {set_id} are damaged: part {part.number} of the array “{part.name}” is not what was stored. "
            f"{REMEDY}",
            set_id=set_id,
            array=part.name,
            part=part.number,
        )
    return np.frombuffer(part.content, np.dtype(part.dtype)).reshape(part.shape)


def _update(session: Session, set_id: int, **values: object) -> None:
    """Change a set that is being made.

    Raises:
        PreparationSuperseded: it was deleted, because another process makes it.
    """
    is_ours = (FeatureSet.id == set_id) & FeatureSet.ready_at.is_(None)
    changed = session.execute(update(FeatureSet).where(is_ours).values(**values))
    assert isinstance(changed, CursorResult)  # an UPDATE's result has a row count
    if changed.rowcount != 1:
        raise PreparationSuperseded
