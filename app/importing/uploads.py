"""The files of one request into a pool: each accounted for by itself."""

import datetime as dt
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import IO, Any, Literal

from app.adding import NewImage, Quota, add_images
from app.db import Database
from app.errors import ArchiveRefused, ArchiveTooBig, ClassesInvalid, DataSetInvalid, PictureRefused
from app.importing.bringing import LabelUse, StandingLabel, answer_all
from app.importing.images import make_image
from app.models import LOCAL, Pool, Split
from app.pictures import Decoders
from app.sources import Item, open_source
from app.sources.item import SourceLimits, clean_name, folder_label

ARCHIVES = (".zip", ".tar", ".tgz", ".tar.gz", ".tar.bz2", ".tar.xz")
CHUNK = 100  # images stored in one transaction
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
    now: dt.datetime,
) -> list[Placed]:
    """Add the pictures among the files, and those in archives, to a split of the pool; what became of each.

    The folder just above a file may name its class: its truth, or a label that stands as an answer of `by`. Some at a
    time, so that others can write in between; what is added stays, whatever comes after it.

    Raises:
        ClassesInvalid: the class is none of the pool, or there is none for test images.
        PoolFull: what came before it is added.
    """
    truth = pool.classes.index(class_name) if class_name in pool.classes else None
    if truth is None and (class_name is not None or split == "test"):
        problem = "Name the class of test images" if class_name is None else f"{pool.name} has no class {class_name}"
        raise ClassesInvalid(f"{problem}. Its classes are {', '.join(pool.classes[:20])}.", classes=pool.classes)

    classes = {name: index for index, name in enumerate(pool.classes)}

    def make(item: Item) -> NewImage:
        known = classes.get(item.label or "") if folders == "truth" else truth
        return make_image(item, pool.image_shape, decoders, truth=known)

    placed: list[Placed] = []
    waiting: list[tuple[int, NewImage, str | None]] = []

    def store() -> None:
        with database.write() as session:
            added = add_images(session, pool, [new for _, new, _ in waiting], split=split, quota=quota, now=now)
        standing: dict[int, StandingLabel] = {}
        for (index, new, label), each in zip(waiting, added, strict=True):
            status: Literal["added", "known"] = "added" if each.is_new else "known"
            placed[index] = Placed(new.name, status, each.image_id, label=label if each.is_new else None)
            if folders == "standing" and each.is_new and label is not None:
                standing[each.image_id] = StandingLabel(classes[label])
        answer_all(database, pool, standing, by=by, now=now)
        waiting.clear()

    for item, outcome in decoders.run_ahead(_read_items(uploads), make, lambda item: item.n_bytes):
        if isinstance(outcome, PictureRefused):
            placed.append(Placed(item.name, "refused", None, type(outcome).__name__, outcome.message))
            continue
        label = item.label if folders != "none" and item.label in classes else None
        waiting.append((len(placed), outcome, label))
        placed.append(Placed(item.name, "known"))
        if len(waiting) >= CHUNK:
            store()
    if waiting:
        store()
    return placed


def _read_items(uploads: Sequence[Upload]) -> Iterator[Item]:
    for upload in uploads:
        if upload.name.lower().endswith(ARCHIVES):
            yield from _unpack(upload)
            continue
        try:
            name = clean_name(upload.name)
            yield Item(name, content=upload.file.read(), label=folder_label(name))
        except PictureRefused as refusal:
            yield Item(upload.name, refused=refusal)


def _unpack(upload: Upload) -> Iterator[Item]:
    with tempfile.TemporaryDirectory(prefix="inkling-") as folder:
        path = Path(folder) / ("archive" + "".join(Path(upload.name).suffixes[-2:]))
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
