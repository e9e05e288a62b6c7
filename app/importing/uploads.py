"""The files of one request into a pool: each accounted for by itself."""

import datetime as dt
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import IO, Any, Literal

from app.adding import Quota
from app.db import Database
from app.errors import ArchiveRefused, ArchiveTooBig, ClassesInvalid, DataSetInvalid, PictureRefused, UploadInvalid
from app.importing.placing import LabelUse, PlacedItem, Terms, place
from app.models import LOCAL, Pool, Split
from app.pictures import Decoders
from app.sources import Item, open_source
from app.sources.item import SourceLimits, clean_name, folder_label

ARCHIVES = (".zip", ".tar", ".tgz", ".tar.gz", ".tar.bz2", ".tar.xz")
UNPACKED = SourceLimits(entries=100_000, unpacked_bytes=4_000_000_000)  # of an archive that somebody sends


@dataclass(frozen=True, slots=True)
class Upload:
    """A file as it was sent: its name, and its bytes in a file that may lie in memory."""

    name: str
    file: IO[bytes]


@dataclass(frozen=True, slots=True)
class Placed:
    """What became of a file: `reason` says why it was refused, `code` the same for programs.

    `label` is the class that its folder gave it, where folders are to say so.
    """

    name: str
    status: Literal["added", "known", "refused"]
    image_id: int | None = None
    code: str | None = None
    reason: str | None = None
    label: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """Its fields by name."""
        return asdict(self)


def take_uploads(
    database: Database,
    pool: Pool,
    uploads: Sequence[Upload],
    decoders: Decoders,
    *,
    split: Split,
    class_name: str | None,
    folders: LabelUse = "none",
    by: str = LOCAL,
    quota: Quota,
    clock: Callable[[], dt.datetime],
) -> list[Placed]:
    """Add the pictures among the files, and those in archives, to a split of the pool; what became of each.

    The folder just above a file may name its class: its truth, or a label that stands as an answer of `by`.

    Raises:
        ClassesInvalid: the class is none of the pool.
        UploadInvalid: labels cannot stand in a test set.
        PoolFull: what came before is added.
    """
    if class_name is not None and class_name not in pool.classes:
        raise ClassesInvalid(
            f"{pool.name} has no class {class_name}. Its classes are {', '.join(pool.classes[:20])}.",
            classes=pool.classes,
        )
    if split == "test" and folders == "standing":
        raise UploadInvalid("Labels of a test set are the truth. Send folders=truth.")
    if split == "test" and folders == "none" and class_name is None:
        raise ClassesInvalid(
            "Test images need their class: send class=NAME, or folders=truth and names such as bee/017.jpg.",
            classes=pool.classes,
        )
    truth = None if class_name is None else pool.classes.index(class_name)
    terms = Terms(split, folders, truth, by, quota)
    items = _read_items(uploads, with_labels=folders != "none")
    found = place(database, pool, items, decoders, terms, clock=clock)
    return [_tell(each, pool) for placed in found for each in placed]


def _tell(placed: PlacedItem, pool: Pool) -> Placed:
    if placed.refusal is not None:
        return Placed(placed.item.name, "refused", None, type(placed.refusal).__name__, placed.refusal.message)
    label = pool.classes[placed.label.value] if placed.label and placed.is_labeled else None
    return Placed(placed.item.name, "added" if placed.is_new else "known", placed.image_id, label=label)


def _read_items(uploads: Sequence[Upload], *, with_labels: bool) -> Iterator[Item]:
    for upload in uploads:
        if upload.name.lower().endswith(ARCHIVES):
            yield from (item if with_labels else replace(item, label=None) for item in _unpack(upload))
            continue
        try:
            name = clean_name(upload.name)
            yield Item(name, content=upload.file.read(), label=folder_label(name) if with_labels else None)
        except PictureRefused as refusal:
            yield Item(upload.name, refused=refusal)


def _unpack(upload: Upload) -> Iterator[Item]:
    with tempfile.TemporaryDirectory(prefix="inkling-") as folder:
        path = Path(folder) / "archive"  # whose kind is told by its content
        with path.open("wb") as file:
            shutil.copyfileobj(upload.file, file)
        try:
            source = open_source(path, UNPACKED)
            for _ in source:  # unpacked to its end before anything is added: nothing of a bomb is to stay
                pass
        except (DataSetInvalid, ArchiveTooBig) as error:
            yield Item(upload.name, refused=ArchiveRefused(error.message.replace(str(path), upload.name)))
        else:
            for item in source:  # what is wrong with the archive bears its name
                yield replace(item, name=upload.name) if item.name == path.name else item
