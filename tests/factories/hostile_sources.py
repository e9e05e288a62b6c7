"""Broken and hostile sources: how each is made in a folder, and the outcome of each item by name.

The outcome is "read", a refusal's code, or, under the name "", the code of an error of the source as a whole.
"""

import gzip
import io
import lzma
import os
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np

from .drawing import flip, patch, png
from .hostile_files import BOMB

READ, WHOLE = "read", ""
Outcomes = dict[str, str]
Make = Callable[[Path], Path]


def _zip(path: Path, *entries: tuple[str | zipfile.ZipInfo, bytes], method: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path / "a.zip", "w", method) as archive:
        for name, content in entries:
            archive.writestr(name, content, method)
    return path / "a.zip"


def _zip_link(path: Path) -> Path:
    link = zipfile.ZipInfo("link.png")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    return _zip(path, (link, b"/etc/passwd"), ("b.png", png()))


def _patched_zip(change: Callable[[bytes], bytes]) -> Make:
    def make(path: Path) -> Path:
        made = _zip(path, ("a.png", png()), ("b.png", png()), method=zipfile.ZIP_STORED)
        made.write_bytes(change(made.read_bytes()))
        return made

    return make


def _encrypt_first(content: bytes) -> bytes:
    at = content.index(b"PK\x01\x02") + 8
    return patch(patch(content, 6, b"\x01\x00"), at, b"\x01\x00")


def _zip_bomb(path: Path) -> Path:
    return _zip(path, *[(f"{index}.png", bytes(49_000_000)) for index in range(4)])


def _tar(path: Path, *members: tuple[str, bytes], kind: bytes = tarfile.REGTYPE, link: str = "") -> Path:
    with tarfile.open(path / "a.tar", "w") as archive:
        for index, (name, content) in enumerate(members):
            info = tarfile.TarInfo(name)
            info.size = len(content)
            if index == 0:
                info.type, info.linkname = kind, link
            archive.addfile(info, io.BytesIO(content))
    return path / "a.tar"


def _odd_tar(kind: bytes) -> Make:
    return lambda path: _tar(path, ("odd.png", b""), ("b.png", png()), kind=kind, link="/etc/passwd")


def _packed(pack: Callable[[bytes], bytes], change: Callable[[bytes], bytes] = bytes) -> Make:
    def make(path: Path) -> Path:
        made = _tar(path, ("a.png", png()), ("b.png", png()))
        made.write_bytes(change(pack(made.read_bytes())))
        return made

    return make


def _tar_bomb(path: Path) -> Path:
    made = _tar(path, *[(f"{index}.png", bytes(49_000_000)) for index in range(4)])
    made.write_bytes(gzip.compress(made.read_bytes(), 1))
    return made


def _header_bomb(path: Path) -> Path:
    """A name of four gigabytes, it says."""
    info = tarfile.TarInfo("././@LongLink")
    info.type, info.size = tarfile.GNUTYPE_LONGNAME, 1 << 32
    (path / "a.tar").write_bytes(info.tobuf(tarfile.GNU_FORMAT) + bytes(10_240))
    return path / "a.tar"


def _hungry_xz(path: Path) -> Path:
    made = _tar(path, ("a.png", png()))
    packed = lzma.compress(made.read_bytes(), filters=[{"id": lzma.FILTER_LZMA2, "dict_size": 4096}])
    # The size of the dictionary is one byte in the block's header, which has a checksum of its own.
    header = packed[12 : 12 + (packed[12] + 1) * 4]
    at = header.index(b"\x21\x01") + 2
    large = header[:at] + b"\x26" + header[at + 1 : -4]
    made.write_bytes(packed[:12] + large + struct.pack("<I", zlib.crc32(large)) + packed[12 + len(header) :])
    return made


def _folder(change: Callable[[Path], object]) -> Make:
    def make(path: Path) -> Path:
        folder = path / "folder"
        folder.mkdir()
        (folder / "b.png").write_bytes(png())
        change(folder)
        return folder

    return make


def _link_in_a_circle(folder: Path) -> None:
    (folder / "a").symlink_to("c")
    (folder / "c").symlink_to("a")


def _write(name: str, content: bytes) -> Make:
    def make(path: Path) -> Path:
        (path / name).write_bytes(content)
        (path / "b.png").write_bytes(png())
        return path / name

    return make


def _npz(**arrays: object) -> Make:
    def make(path: Path) -> Path:
        np.savez(path / "a.npz", **arrays)  # type: ignore[arg-type]
        return path / "a.npz"

    return make


def _cut_npz(path: Path) -> Path:
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "|u1", "fortran_order": False, "shape": (9, 8, 8)})
    return _zip(path, ("images.npy", header.getvalue() + bytes(100))).rename(path / "a.npz")


def _idx(*shape: int, content: bytes, magic: bytes = b"\x00\x00\x08\x03", labels: int | None = None) -> Make:
    def make(path: Path) -> Path:
        made = path / "images-idx3-ubyte"
        made.write_bytes(magic + struct.pack(f">{len(shape)}I", *shape) + content)
        if labels is not None:
            header = b"\x00\x00\x08\x01" + struct.pack(">I", labels)
            (path / "labels-idx1-ubyte").write_bytes(header + bytes(labels))
        return made

    return make


IMAGES = np.zeros((2, 8, 8), np.uint8)
ZIPS: dict[str, tuple[Make, Outcomes]] = {
    "zip that leads upwards": (
        lambda path: _zip(path, ("../../evil.png", png()), ("a/../../c.png", png()), ("b.png", png())),
        {"../../evil.png": "NameRefused", "a/../../c.png": "NameRefused", "b.png": READ},
    ),
    "zip with absolute names": (
        lambda path: _zip(path, ("/etc/a.png", png()), ("C:\\a.png", png()), ("..\\a.png", png())),
        {"/etc/a.png": "NameRefused", "C:\\a.png": "NameRefused", "..\\a.png": "NameRefused"},
    ),
    "zip with a link": (_zip_link, {"link.png": "LinkRefused", "b.png": READ}),
    "zip with a password": (_patched_zip(_encrypt_first), {"a.png": "EntryEncrypted", "b.png": READ}),
    "zip with a damaged entry": (
        _patched_zip(lambda content: flip(content, 60)),
        {"a.png": "EntryDamaged", "b.png": READ},
    ),
    "zip packed by another method": (
        lambda path: _zip(path, ("a.png", png()), method=zipfile.ZIP_BZIP2),
        {"a.png": "EntryDamaged"},
    ),
    "zip that is cut off": (_patched_zip(lambda content: content[:-30]), {WHOLE: "DataSetInvalid"}),
    "zip whose list is noise": (
        _patched_zip(lambda content: flip(content, content.index(b"PK\x01\x02"))),
        {WHOLE: "DataSetInvalid"},
    ),
    "zip bomb": (_zip_bomb, {"0.png": READ, "1.png": READ, WHOLE: "ArchiveTooBig"}),
    "zip with too large an entry": (
        lambda path: _zip(path, ("a.png", bytes(50_000_001)), ("b.png", png())),
        {"a.png": "PictureTooBig", "b.png": READ},
    ),
    "zip of too many entries": (
        lambda path: _zip(path, *[(f"{index:06}.png", b"") for index in range(2001)]),
        {**{f"{index:06}.png": READ for index in range(2000)}, WHOLE: "ArchiveTooBig"},
    ),
    "zip in a zip": (lambda path: _zip(path, ("in.zip", BOMB)), {"in.zip": READ}),
    "zip of nothing": (lambda path: _zip(path), {}),
    "zip of a Mac": (lambda path: _zip(path, ("__MACOSX/._b.png", b""), (".DS_Store", b"")), {}),
    "zip with names in many scripts": (
        lambda path: _zip(path, ("蜂/ミツバチ.png", png()), ("🐝.png", png()), ("نحلة.png", png())),
        {"蜂/ミツバチ.png": READ, "🐝.png": READ, "نحلة.png": READ},
    ),
    "zip with a name of five thousand": (lambda path: _zip(path, ("a" * 5000, png())), {"a" * 200: "NameRefused"}),
    "zip with a name twice": (_patched_zip(lambda content: content.replace(b"b.png", b"a.png")), {"a.png": READ}),
}
TARS: dict[str, tuple[Make, Outcomes]] = {
    "tar that leads upwards": (
        lambda path: _tar(path, ("../evil.png", png()), ("./b.png", png())),
        {"../evil.png": "NameRefused", "b.png": READ},
    ),
    "tar with absolute names": (
        lambda path: _tar(path, ("/etc/a.png", png()), ("b.png", png())),
        {"/etc/a.png": "NameRefused", "b.png": READ},
    ),
    "tar with a link": (_odd_tar(tarfile.SYMTYPE), {"odd.png": "LinkRefused", "b.png": READ}),
    "tar with a hard link": (_odd_tar(tarfile.LNKTYPE), {"odd.png": "LinkRefused", "b.png": READ}),
    "tar with a pipe": (_odd_tar(tarfile.FIFOTYPE), {"odd.png": "NotAFile", "b.png": READ}),
    "tar with a device": (_odd_tar(tarfile.BLKTYPE), {"odd.png": "NotAFile", "b.png": READ}),
    "tar that is cut off": (_packed(bytes, lambda content: content[:1200]), {"a.png": READ, "a.tar": "EntryDamaged"}),
    "tar without its end": (
        _packed(bytes, lambda content: content[:2048]),
        {"a.png": READ, "b.png": READ, "a.tar": "EntryDamaged"},
    ),
    "tar with a damaged header": (
        _packed(bytes, lambda content: flip(content, 1124)),
        {"a.png": READ, "a.tar": "EntryDamaged"},
    ),
    "tar of gzip that is cut off": (
        _packed(gzip.compress, lambda content: content[:-30]),
        {"a.png": READ, "a.tar": "EntryDamaged"},
    ),
    "tar of gzip with a flipped byte": (
        _packed(gzip.compress, lambda content: flip(content, len(content) - 6)),
        {"a.png": READ, "b.png": READ, "a.tar": "EntryDamaged"},
    ),
    "tar of xz that asks for four gigabytes": (_hungry_xz, {WHOLE: "DataSetInvalid"}),
    "tar bomb": (_tar_bomb, {"0.png": READ, "1.png": READ, "2.png": READ, WHOLE: "ArchiveTooBig"}),
    "tar with a header of four gigabytes": (_header_bomb, {WHOLE: "ArchiveTooBig"}),
    "tar of nothing": (_write("a.tar", bytes(10_240)), {}),
}
FOLDERS: dict[str, tuple[Make, Outcomes]] = {
    "folder with a link out of it": (
        _folder(lambda folder: (folder / "a.png").symlink_to("/etc/passwd")),
        {"a.png": "LinkRefused", "b.png": READ},
    ),
    "folder with a link within": (
        _folder(lambda folder: (folder / "a.png").symlink_to("b.png")),
        {"a.png": READ, "b.png": READ},
    ),
    "folder with a link to nowhere": (
        _folder(lambda folder: (folder / "a.png").symlink_to("none.png")),
        {"a.png": "FileMissing", "b.png": READ},
    ),
    "folder with links in a circle": (
        _folder(_link_in_a_circle),
        {"a": "FileUnreadable", "b.png": READ, "c": "FileUnreadable"},
    ),
    "folder with a link to itself": (
        _folder(lambda folder: (folder / "a").symlink_to(".")),
        {"a": "LinkRefused", "b.png": READ},
    ),
    "folder with a pipe": (
        _folder(lambda folder: os.mkfifo(folder / "a.png")),
        {"a.png": "NotAFile", "b.png": READ},
    ),
    "folder with hidden files": (
        _folder(lambda folder: [(folder / ".a.png").write_bytes(png()), (folder / "Thumbs.db").write_bytes(b"a")]),
        {"b.png": READ},
    ),
    "folder with a name that is no text": (
        _folder(lambda folder: (folder / os.fsdecode(b"a\xff.png")).write_bytes(png())),
        {"a\ufffd.png": READ, "b.png": READ},
    ),
    "folder with a line break in a name": (
        _folder(lambda folder: (folder / "a\nb.png").write_bytes(png())),
        {"a\nb.png": READ, "b.png": READ},
    ),
    "folder with too large a file": (
        _folder(lambda folder: os.truncate(os.open(folder / "a.png", os.O_CREAT | os.O_RDWR), 50_000_001)),
        {"a.png": "PictureTooBig", "b.png": READ},
    ),
}
LISTS: dict[str, tuple[Make, Outcomes]] = {
    "list that leads out": (
        _write("a.csv", b"path\n../evil.png\n/etc/passwd\nb.png\n"),
        {"../evil.png": "NameRefused", "/etc/passwd": "NameRefused", "b.png": READ},
    ),
    "list of what is not there": (
        _write("a.csv", b"path\nnone.png\nb.png\n"),
        {"none.png": "FileMissing", "b.png": READ},
    ),
    "list without a name": (
        _write("a.csv", b"path,label\n,bee\nb.png,bee\n"),
        {"a.csv, row 1": "RowDamaged", "b.png": READ},
    ),
    "list without a column of names": (_write("a.csv", b"colour,label\nred,bee\n"), {WHOLE: "DataSetInvalid"}),
    "list of nothing": (_write("a.csv", b""), {WHOLE: "DataSetInvalid"}),
    "list with endless lines": (_write("a.csv", b"path\n" + b"a" * 200_000), {WHOLE: "DataSetInvalid"}),
    "list that is no text": (_write("a.csv", b"path\n\xff\xfe\x00\n"), {WHOLE: "DataSetInvalid"}),
    "list of broken lines": (
        _write("a.jsonl", b'{"path": "b.png"}\n{"path":\n[1]\n{"path": 3}\n'),
        {"b.png": READ} | {f"a.jsonl, row {row}": "RowDamaged" for row in (2, 3, 4)},
    ),
    "list of a line that is too deep": (
        _write("a.jsonl", b'{"path": "b.png"}\n' + b"[" * 90_000 + b"\n"),
        {"b.png": READ, "a.jsonl, row 2": "RowDamaged"},
    ),
}
ARRAYS: dict[str, tuple[Make, Outcomes]] = {
    "npz with objects": (_npz(images=IMAGES, labels=np.array([{}, []], object)), {WHOLE: "DataSetInvalid"}),
    "npz of real numbers": (_npz(images=IMAGES.astype(float)), {WHOLE: "DataSetInvalid"}),
    "npz in Fortran order": (_npz(images=np.asfortranarray(np.zeros((2, 8, 9), np.uint8))), {WHOLE: "DataSetInvalid"}),
    "npz of five channels": (_npz(images=np.zeros((2, 8, 8, 5), np.uint8)), {WHOLE: "DataSetInvalid"}),
    "npz with too few labels": (_npz(images=IMAGES, labels=np.array([1])), {WHOLE: "DataSetInvalid"}),
    "npz without images": (_npz(pictures=IMAGES), {WHOLE: "DataSetInvalid"}),
    "npz that ends early": (_cut_npz, {"000000": READ, WHOLE: "DataSetInvalid"}),
    "idx that ends early": (_idx(3, 8, 8, content=bytes(100)), {"000000": READ, WHOLE: "DataSetInvalid"}),
    "idx that goes on": (_idx(1, 8, 8, content=bytes(100)), {"000000": READ, WHOLE: "DataSetInvalid"}),
    "idx of four thousand million": (_idx(2**32 - 1, 8, 8, content=bytes(64)), {WHOLE: "ArchiveTooBig"}),
    "idx of huge images": (_idx(1, 2**31, 2**31, content=bytes(64)), {WHOLE: "DataSetInvalid"}),
    "idx with too few labels": (_idx(2, 8, 8, content=bytes(128), labels=1), {WHOLE: "DataSetInvalid"}),
    "idx of real numbers": (_idx(1, 8, 8, content=bytes(256), magic=b"\x00\x00\x0d\x03"), {WHOLE: "DataSetInvalid"}),
    "what is no source": (_write("a.docx", b"What is it?" * 99), {WHOLE: "DataSetInvalid"}),
    "nothing": (lambda path: path / "none", {WHOLE: "DataSetUnavailable"}),
}
SOURCES = ZIPS | TARS | FOLDERS | LISTS | ARRAYS
