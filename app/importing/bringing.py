"""Bring the images of a source into a pool, each accounted for."""

import datetime as dt
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from app.adding import Quota
from app.db import Database
from app.errors import PictureRefused
from app.importing.placing import LabelUse, PlacedItem, Terms, place
from app.importing.standing import StandingLabel, answer_all
from app.models import Pool, Split
from app.own_pools import mark_filled, start_rounds
from app.pictures import Decoders
from app.sources import Source

MAX_NAMES = 10  # that are kept of those with one reason


@dataclass(slots=True)
class Refusals:
    """Those with one code: how many, the first message, the first names."""

    message: str
    count: int = 0
    names: list[str] = field(default_factory=list)


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

    def note(self, placed: PlacedItem, use: LabelUse) -> None:
        """Count one more."""
        if placed.refusal is not None:
            self._refuse(placed.item.name, placed.refusal)
            return
        self.n_added += placed.is_new
        self.n_twice += not placed.is_new
        said = (placed.item.label or "").strip()
        if use != "none" and said and placed.label is None:
            self.unknown_labels[said] += 1
        if use == "standing" and placed.label is not None and not placed.is_labeled:
            self.standing.setdefault(placed.image_id, placed.label)

    def _refuse(self, name: str, refusal: PictureRefused) -> None:
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
    by: str | None = None,
    quota: Quota,
    clock: Callable[[], dt.datetime],
    show: Callable[[int], None] = lambda _: None,
) -> Report:
    """Add all images of the source to a split of the pool, in the source's order; `show` hears how many are done.

    Labels become the images' truth, or stand, or are left out; in a test or validation set they are the truth, and an
    image without one is refused. Those that are to stand in a pool that nobody sees yet are in the report.

    Raises:
        DataSetInvalid, ArchiveTooBig: of the source as a whole.
        PoolFull, SplitFixed: as `place`.
        PictureRefused: of an image never; it is in the report.
    """
    report, n_done = Report(), 0
    terms = Terms(split, use, by=by, quota=quota)
    for placed in place(database, pool, source, decoders, terms, clock=clock):
        for each in placed:
            report.note(each, use)
        n_done += len(placed)
        show(n_done)
    return report


def open_pool(
    database: Database,
    pool: Pool,
    standing: Mapping[int, StandingLabel],
    *,
    by: str | None,
    clock: Callable[[], dt.datetime],
) -> None:
    """Give a filled pool the labels that stand, and then let everybody see it.

    Raises: NameInvalid or NameTaken, as `labeling.ensure_annotator`.
    """
    with database.write() as session:
        start_rounds(session, pool, now=clock())
    answer_all(database, pool, standing, by=by, clock=clock)
    with database.write() as session:
        mark_filled(session, pool, now=clock())
