"""Bring the images of a source into a pool: decoded ahead, stored in chunks, and each accounted for."""

import datetime as dt
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Literal

from app import labeling
from app.adding import NewImage, Quota, add_images
from app.db import Database
from app.errors import LabelMissing, PictureRefused
from app.importing.images import make_image
from app.labeling import GivenLabel
from app.models import LOCAL, Pool, Split
from app.own_pools import mark_filled, start_rounds
from app.pictures import Decoders
from app.sources import Item, Source

CHUNK = 500  # images stored in one transaction; other writers wait so long
CHUNK_BYTES = 16_000_000  # or so many bytes
MAX_NAMES = 10  # that are kept of those with one reason

LabelUse = Literal["truth", "standing", "none"]


@dataclass(slots=True)
class Refusals:
    """Those with one code: how many, the first message, the first names."""

    message: str
    count: int = 0
    names: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class StandingLabel:
    """A label that is to stand: the index of its class, and who gave it and when, if the source says so."""

    value: int
    annotator: str | None = None
    given_at: dt.datetime | None = None


@dataclass(slots=True)
class Report:
    """What became of the items of a source.

    `standing` are the labels that are to stand, by image. `unknown_labels` counts those that are no class of the pool.
    """

    n_added: int = 0
    n_twice: int = 0
    refused: dict[str, Refusals] = field(default_factory=dict)
    unknown_labels: Counter[str] = field(default_factory=Counter)
    standing: dict[int, StandingLabel] = field(default_factory=dict)

    def refuse(self, name: str, refusal: PictureRefused) -> None:
        """Count one that is not taken in."""
        code = type(refusal).__name__
        of_code = self.refused.setdefault(code, Refusals(refusal.message))
        of_code.count += 1
        if len(of_code.names) < MAX_NAMES:
            of_code.names.append(name)


def import_source(
    database: Database,
    pool: Pool,
    source: Source,
    decoders: Decoders,
    *,
    split: Split = "pool",
    use: LabelUse = "none",
    quota: Quota,
    clock: Callable[[], dt.datetime],
    show: Callable[[int], None] = lambda _: None,
) -> Report:
    """Add all images of the source to a split of the pool, in the source's order; `show` hears how many are done.

    Labels become the images' truth, or are returned to stand, or are left out; in a test or validation set they are the
    truth, and an image without one is refused. What is added is committed, chunk by chunk.

    Raises:
        DataSetInvalid, ArchiveTooBig: of the source as a whole.
        PoolFull, SplitFixed: as `add_images`.
        PictureRefused: of an image never; it is in the report.
    """
    report, indexes = Report(), {name: index for index, name in enumerate(pool.classes)}

    def make(item: Item) -> NewImage:
        truth = indexes.get(_clean(item.label)) if split != "pool" or use == "truth" else None
        if split != "pool" and truth is None and item.refused is None:
            raise _no_label(item)
        return make_image(item, pool.image_shape, decoders, truth=truth)

    found = decoders.run_ahead(source, make, lambda item: item.n_bytes)
    n_done = 0
    for chunk in _chunks(found):
        new = [(item, image) for item, image in chunk if isinstance(image, NewImage)]
        with database.write() as session:
            added = add_images(session, pool, [image for _, image in new], split=split, quota=quota, now=clock())
        for (item, _), outcome in zip(new, added, strict=True):
            report.n_added += outcome.is_new
            report.n_twice += not outcome.is_new
            if outcome.is_new and use != "none":
                _note_label(report, outcome.image_id, item, indexes, use)
        for item, outcome_ in chunk:
            if isinstance(outcome_, PictureRefused):
                report.refuse(item.name, outcome_)
        n_done += len(chunk)
        show(n_done)
    return report


def open_pool(
    database: Database, pool: Pool, standing: Mapping[int, StandingLabel], *, by: str | None, now: dt.datetime
) -> None:
    """Give a filled pool the labels that stand, and then let everybody see it.

    Raises: NameInvalid or NameTaken, as `labeling.ensure_annotator`.
    """
    with database.write() as session:
        start_rounds(session, pool, now=now)
    answer_all(database, pool, standing, by=by, now=now)
    with database.write() as session:
        mark_filled(session, pool, now=now)


def answer_all(
    database: Database, pool: Pool, standing: Mapping[int, StandingLabel], *, by: str | None, now: dt.datetime
) -> None:
    """Give images of a pool the labels that stand, some at a time, so that others can write in between.

    They count as answers of `by`, or else of whom the source names, or else of the annotator without a name.

    Raises: as `open_pool`.
    """
    labels = iter(standing.items())
    while some := list(islice(labels, CHUNK)):
        by_name = defaultdict[str, list[GivenLabel]](list)
        for image_id, label in some:
            given = GivenLabel(image_id, label.value, given_at=label.given_at)
            by_name[by or label.annotator or LOCAL].append(given)
        with database.write() as session:
            for name, given_by_one in by_name.items():
                annotator = labeling.ensure_annotator(session, name, now=now)
                labeling.answer(session, pool, annotator, given_by_one, now=now)


Outcome = tuple[Item, NewImage | PictureRefused]


def _chunks(found: Iterator[Outcome]) -> Iterator[list[Outcome]]:
    chunk, n_bytes = list[Outcome](), 0
    for item, outcome in found:
        chunk.append((item, outcome))
        n_bytes += item.n_bytes
        if len(chunk) >= CHUNK or n_bytes >= CHUNK_BYTES:
            yield chunk
            chunk, n_bytes = [], 0
    if chunk:
        yield chunk


def _note_label(report: Report, image_id: int, item: Item, indexes: Mapping[str, int], use: LabelUse) -> None:
    label = _clean(item.label)
    if label and label not in indexes:
        report.unknown_labels[label] += 1
    elif label and use == "standing":
        report.standing[image_id] = StandingLabel(indexes[label], item.annotator, item.labeled_at)


def _clean(label: str | None) -> str:
    return (label or "").strip()


def _no_label(item: Item) -> LabelMissing:
    if item.label is None:
        return LabelMissing("It has no label, which a test or validation image needs. Label it, or leave it out.")
    return LabelMissing(f"Its label “{item.label}” is none of the pool's classes. Correct it, or leave it out.")
