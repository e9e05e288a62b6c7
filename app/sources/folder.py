"""A folder and all below it; and one file in it, read with care."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from app.errors import FileChanged, FileMissing, FileUnreadable, LinkRefused, NotAFile, PictureRefused
from app.sources.item import Item, SourceLimits, check_file_bytes, clean_name, folder_label, is_clutter, show_name

FLAGS = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)


class FolderSource:
    """The files of a folder, depth first, the names of each folder in order; the folder just above is the label.

    Hidden files are left out. A link to a file within the folder counts as that file; other links are refused.
    """

    def __init__(self, path: Path, limits: SourceLimits) -> None:
        self._root, self._limits = path, limits
        self.description = f"the folder {path.resolve().name}"

    def labels(self) -> Iterator[str | None]:
        """By the names alone."""
        return (folder_label(name) for name, _ in self._walk(""))

    def __iter__(self) -> Iterator[Item]:
        """Each file is opened when it is its turn."""
        real_root = self._root.resolve()
        for raw, refused in self._walk(""):
            try:
                if refused is not None:
                    raise refused
                name = clean_name(raw)
                content = read_file(real_root, raw, self._limits)
            except PictureRefused as error:
                yield Item(show_name(raw), refused=error)
            else:
                yield Item(name, content, label=folder_label(name))

    def _walk(self, below: str) -> Iterator[tuple[str, PictureRefused | None]]:
        try:
            with os.scandir(self._root / below) as found:
                entries = sorted(found, key=lambda each: each.name)
        except OSError as error:
            if not below:
                raise
            yield below, FileUnreadable(f"The folder cannot be read: {error.strerror}.")
            return
        for entry in entries:
            name = f"{below}/{entry.name}" if below else entry.name
            if is_clutter(entry.name):
                continue
            if entry.is_dir(follow_symlinks=False):
                yield from self._walk(name)
            elif entry.is_symlink() and _is_folder(entry):
                yield name, LinkRefused("It is a link to a folder. Copy the folder to where the link is.")
            else:
                yield name, None


def _is_folder(link: os.DirEntry[str]) -> bool:
    try:
        return link.is_dir()
    except OSError:  # links that lead in a circle
        return False


def read_file(real_root: Path, name: str, limits: SourceLimits) -> bytes:
    """The content of a file below `real_root`, which has no link in it.

    Raises:
        LinkRefused: it is a link, or lies behind one, that leads out of the folder.
        NotAFile: reading it could wait for ever.
        PictureTooBig: it has too many bytes.
        FileChanged: it was written to meanwhile.
        FileMissing: it is not there, or no longer.
        FileUnreadable: the system does not allow it, or the disk fails.
    """
    try:
        real = (real_root / name).resolve(strict=True)
        if not real.is_relative_to(real_root):
            raise LinkRefused("It is a link that leads out of the folder. Copy the file to where the link is.")
        if not stat.S_ISREG(real.stat().st_mode):
            raise NotAFile("It is no file but a folder, a pipe or a device. Leave it out.")
        descriptor = os.open(real, FLAGS)
        try:
            return _read(descriptor, limits)
        finally:
            os.close(descriptor)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise FileMissing("There is no such file, or it went away meanwhile. Look for its name.") from error
    except (OSError, RuntimeError, ValueError) as error:  # RuntimeError: links that lead in a circle
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise FileUnreadable(f"It cannot be read: {reason}.") from error


def _read(descriptor: int, limits: SourceLimits) -> bytes:
    before = os.fstat(descriptor)
    if not stat.S_ISREG(before.st_mode):
        raise NotAFile("It is no file but a folder, a pipe or a device. Leave it out.")
    check_file_bytes(before.st_size, limits)
    with os.fdopen(descriptor, "rb", closefd=False) as file:
        content = file.read(before.st_size + 1)
    after = os.fstat(descriptor)
    if (after.st_size, after.st_mtime_ns) != (before.st_size, before.st_mtime_ns) or len(content) != before.st_size:
        raise FileChanged("It was written to while it was read. Import it again when it is complete.")
    return content
