"""The labels that stand, as rows: what each format tells of one, and in which split it is."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from sqlalchemy.orm import Session

from app.db import Database
from app.errors import SplitInvalid
from app.events import EVENTS, LabelEventView
from app.models import Image, Label, LabelEvent, Pool

# A new column comes last: scripts may go by the place of those before it.
COLUMNS = (
    *("image_id", "position", "value", "class", "source", "annotator", "created_at", "round", "rank", "confidence"),
    *("asked_by", "name", "split"),
)
CHUNK = 1000  # labels read in one session while an export streams
SplitName = Literal["train", "validation", "test"]
MAX_SEED = 2**31 - 1


@dataclass(frozen=True, slots=True)
class Splits:
    """How labels are split: of a hundred, `validation` and `test` as told, and the rest to train on.

    An image's split depends on its bytes and the seed alone. So it stays when more labels come, and an image that the
    pool has twice is not learned from in one split and tested on in another. The shares are met about, as by drawing.
    """

    validation: int
    test: int
    seed: int = 0

    def __post_init__(self) -> None:
        """
        Raises:
            SplitInvalid: a share is below 0, nothing is left to train on, or the seed is out of its bounds.
        """
        if min(self.validation, self.test) < 0 or self.validation + self.test > 99 or not 0 <= self.seed <= MAX_SEED:
            raise SplitInvalid(
                f"{self.validation} % to validate, {self.test} % to test, seed {self.seed}: the shares are from 0 and "
                f"leave at least 1 % to train on, and the seed is from 0 to {MAX_SEED}.",
                validation=self.validation,
                test=self.test,
                seed=self.seed,
            )

    def find(self, sha256: str) -> SplitName:
        """The split of an image with this hash."""
        drawn = hashlib.sha256(f"{self.seed}:{sha256}".encode()).digest()
        percent = int.from_bytes(drawn[:8], "big") * 100 / 2**64
        if percent < self.test:
            return "test"
        return "validation" if percent < self.test + self.validation else "train"


@dataclass(frozen=True, slots=True)
class LabeledImage:
    """A label that stands: its event, and the name of the file that its image came in, if it came in one."""

    event: LabelEventView
    name: str | None
    split: SplitName | None

    def as_row(self, pool: Pool) -> dict[str, object]:
        """What is told of it, by COLUMNS."""
        event = self.event
        about = {
            "class": pool.classes[event.value or 0],
            "created_at": event.created_at.isoformat(),
            "name": self.name,
            "split": self.split,
        }
        return {column: about[column] if column in about else getattr(event, column) for column in COLUMNS}


def read_chunk(session: Session, pool: Pool, splits: Splits | None = None, *, after: int) -> list[LabeledImage]:
    """The next labels by position in the pool, at most CHUNK of them behind position `after`."""
    rows = session.execute(
        EVENTS.add_columns(Image.name)
        .join(Label, Label.event_id == LabelEvent.id)
        .where(Image.pool_id == pool.id, Image.split == "pool", Image.position > after)
        .where(Label.value < len(pool.classes))  # a class that came since the export began has no name here
        .order_by(Image.position)
        .limit(CHUNK)
    )
    found = []
    for row in rows.mappings():
        values = dict(row)
        name = values.pop("name")
        event = LabelEventView(**values)
        found.append(LabeledImage(event, name, splits.find(event.sha256) if splits else None))
    return found


def read_chunks(database: Database, pool: Pool, splits: Splits | None) -> Iterator[list[LabeledImage]]:
    """All labels by position in the pool; no session is open while the caller has a chunk."""
    after = -1
    while True:
        with database.read() as session:
            chunk = read_chunk(session, pool, splits, after=after)
        if not chunk:
            return
        yield chunk
        after = chunk[-1].event.position
