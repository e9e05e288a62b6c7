"""Which kind of source is it? By content, for names deceive; lists alone go by their ending."""

import tarfile
import zipfile
from pathlib import Path

from app.datasets.files import reading
from app.sources.arrays import IdxSource, NpzSource
from app.sources.folder import FolderSource
from app.sources.item import Source, SourceLimits
from app.sources.lists import ENDINGS, ListSource
from app.sources.packed import unpack
from app.sources.tars import TarSource
from app.sources.zips import CarefulFile, ZipSource

REMEDY = "Give a folder, a zip or tar archive, an npz or IDX file, or a list of paths as CSV or JSON lines."
IDX_MAGIC = b"\x00\x00\x08\x03"


def open_source(path: Path, limits: SourceLimits | None = None) -> Source:
    """The source at this path; its images are read when it is iterated.

    Raises:
        DataSetUnavailable: there is nothing at the path.
        DataSetInvalid: it is of no kind that is known here, or cannot be read.
        ArchiveTooBig: it has too many entries.
    """
    limits = limits or SourceLimits()
    with reading(path, REMEDY):
        if path.stat() and path.is_dir():
            return FolderSource(path, limits)
        if not path.is_file():
            raise ValueError("it is neither a file nor a folder")
        if path.suffix.lower() in ENDINGS:
            return ListSource(path, limits)
        with CarefulFile(path, limits) as file:
            if zipfile.is_zipfile(file):
                names = zipfile.ZipFile(file).namelist()
                return (NpzSource if "images.npy" in names or path.suffix == ".npz" else ZipSource)(path, limits)
        with path.open("rb") as packed:
            head = unpack(packed).read(tarfile.BLOCKSIZE)
        if head.startswith(IDX_MAGIC):
            return IdxSource(path, limits)
        if _is_tar(head):
            return TarSource(path, limits)
        raise ValueError("it is none of these")


def _is_tar(head: bytes) -> bool:
    try:
        tarfile.TarInfo.frombuf(head, tarfile.ENCODING, "surrogateescape")
    except tarfile.EOFHeaderError:  # type: ignore[attr-defined]  # an archive of nothing
        return True
    except tarfile.HeaderError:
        return False
    return True
