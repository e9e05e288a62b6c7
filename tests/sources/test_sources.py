"""The kinds of source: each yields the same images, names and labels, as often as it is read."""

import gzip
import json
import os
import struct
import tarfile
import threading
import time
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from app.errors import DataSetInvalid, FileChanged
from app.pictures.decoding import Limits, decode
from app.sources import Item, Relabeled, SourceLimits, open_source, read_labels
from app.sources.folder import read_file

from ..factories.drawing import draw, encode, png

SHAPE = (16, 16)
IMAGES = np.stack([np.asarray(draw("L", (16, 16), seed=seed)) for seed in range(6)])
NAMES = [f"{folder}/{index}.png" for folder in ("ape", "bee") for index in range(3)]
LABELS = ["ape"] * 3 + ["bee"] * 3
Maker = Callable[[Path], Path]


def write_folder(path: Path) -> Path:
    for name, image in zip(NAMES, IMAGES, strict=True):
        (path / "folder" / name).parent.mkdir(parents=True, exist_ok=True)
        (path / "folder" / name).write_bytes(encode(Image.fromarray(image)))
    return path / "folder"


def write_zip(path: Path) -> Path:
    folder = write_folder(path)
    with zipfile.ZipFile(path / "a.zip", "w") as archive:
        for name in reversed(NAMES):
            archive.write(folder / name, name)
    return path / "a.zip"


def write_tar(packing: str) -> Maker:
    def write(path: Path) -> Path:
        folder = write_folder(path)
        with tarfile.open(path / f"a.tar{packing}", f"w:{packing}") as archive:  # type: ignore[call-overload]
            for name in NAMES:
                archive.add(folder / name, f"./{name}")
        return path / f"a.tar{packing}"

    return write


def write_npz(path: Path) -> Path:
    classes = np.array(["ape", "bee"])
    np.savez_compressed(path / "a.npz", images=IMAGES, labels=np.repeat([0, 1], 3), classes=classes, name=NAMES)
    return path / "a.npz"


def write_exported_npz(path: Path) -> Path:
    """As an export of labels is."""
    np.savez(path / "a.npz", images=IMAGES, value=np.repeat([0, 1], 3), classes=np.array(["ape", "bee"]))
    return path / "a.npz"


def write_idx(ending: str) -> Maker:
    pack = gzip.compress if ending else bytes

    def write(path: Path) -> Path:
        images = b"\x00\x00\x08\x03" + struct.pack(">3I", *IMAGES.shape) + IMAGES.tobytes()
        labels = b"\x00\x00\x08\x01" + struct.pack(">I", 6) + bytes([0, 0, 0, 1, 1, 1])
        (path / f"my-images-idx3-ubyte{ending}").write_bytes(pack(images))
        (path / f"my-labels-idx1-ubyte{ending}").write_bytes(pack(labels))
        return path / f"my-images-idx3-ubyte{ending}"

    return write


def write_list(header: str, separator: str = ",", ending: str = "csv") -> Maker:
    def write(path: Path) -> Path:
        write_folder(path)
        rows = [f"folder/{name}{separator}{label}" for name, label in zip(NAMES, LABELS, strict=True)]
        (path / f"a.{ending}").write_text("\ufeff" + "\n".join([header, *rows]), encoding="utf-8")
        return path / f"a.{ending}"

    return write


def write_json_lines(path: Path) -> Path:
    write_folder(path)
    rows = [{"image": f"folder/{name}", "class": label} for name, label in zip(NAMES, LABELS, strict=True)]
    (path / "a.jsonl").write_text("\n".join(map(json.dumps, rows)) + "\n")
    return path / "a.jsonl"


NUMBERS = [f"{index:06}" for index in range(6)]
LISTED = [f"folder/{name}" for name in NAMES]
KINDS: dict[str, tuple[Maker, Sequence[str], Sequence[str]]] = {
    "folder": (write_folder, NAMES, LABELS),
    "zip": (write_zip, NAMES, LABELS),
    "tar": (write_tar(""), NAMES, LABELS),
    "tar of gzip": (write_tar("gz"), NAMES, LABELS),
    "tar of bzip2": (write_tar("bz2"), NAMES, LABELS),
    "tar of xz": (write_tar("xz"), NAMES, LABELS),
    "npz": (write_npz, NAMES, LABELS),
    "exported npz": (write_exported_npz, NUMBERS, LABELS),
    "idx": (write_idx(""), NUMBERS, ["0"] * 3 + ["1"] * 3),
    "idx of gzip": (write_idx(".gz"), NUMBERS, ["0"] * 3 + ["1"] * 3),
    "csv": (write_list("path,label"), LISTED, LABELS),
    "csv of semicolons": (write_list("File;Class", ";"), LISTED, LABELS),
    "tsv": (write_list("image\tvalue", "\t", "tsv"), LISTED, LABELS),
    "json lines": (write_json_lines, LISTED, LABELS),
}


def pixels_of(item: Item) -> NDArray[np.uint8]:
    if item.pixels is not None:
        return item.pixels
    return decode(item.content or b"", SHAPE, Limits()).pixels


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_source_has_the_same_images_and_labels(tmp_path: Path, kind: str) -> None:
    make, names, labels = KINDS[kind]
    source = open_source(make(tmp_path))

    for _ in range(2):
        items = list(source)
        assert [item.name for item in items] == list(names)
        assert [item.label for item in items] == list(labels)
        np.testing.assert_array_equal(np.stack([pixels_of(item) for item in items]), IMAGES)
        assert list(source.labels()) == list(labels)


def test_a_kind_is_told_by_content_and_not_by_its_name(tmp_path: Path) -> None:
    for kind in ("zip", "tar of xz", "idx of gzip"):
        made = KINDS[kind][0](tmp_path)
        other = made.rename(tmp_path / "images.dat")

        assert [item.refused for item in open_source(other)] == [None] * 6


def test_a_list_says_which_columns_count(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("Size,File,Class\n3,b.png,bee\n")

    assert open_source(tmp_path / "a.csv").description == "the list a.csv (paths in “File”, labels in “Class”)"


def test_labels_beside_a_source_replace_its_own(tmp_path: Path) -> None:
    folder = write_folder(tmp_path)
    for name, text in (
        ("a.csv", "name,label\nape/1.png,wasp\n./bee/0.png,fly\nnone.png,bee\n"),
        ("a.jsonl", '{"name": "ape/1.png", "value": "wasp"}\n{"name": "bee/0.png", "value": "fly"}\n'),
    ):
        (tmp_path / name).write_text(text)
        source = Relabeled(open_source(folder), read_labels(tmp_path / name))

        assert [item.label for item in source] == [None, "wasp", None, "fly", None, None]
        assert {label for label in source.labels() if label} >= {"wasp", "fly"}
        assert len(list(source.labels())) == 6


def test_labels_of_arrays_go_by_number(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", images=IMAGES)
    labels = b"\x00\x00\x08\x01" + struct.pack(">I", 6) + bytes([5, 4, 3, 2, 1, 0])
    (tmp_path / "a.idx").write_bytes(labels)
    source = Relabeled(open_source(tmp_path / "a.npz"), read_labels(tmp_path / "a.idx"))

    assert [item.label for item in source] == list("543210")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name,label\na.png,bee\na.png,wasp\n", "two labels for a.png"),
        ("name,colour\na.png,red\n", "no column of labels"),
        ("name,label\n,bee\n", "row 1: “name” is missing"),
    ],
)
def test_labels_that_cannot_be_meant_are_refused(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "a.csv").write_text(text)

    with pytest.raises(DataSetInvalid, match=message):
        read_labels(tmp_path / "a.csv")


def test_a_file_that_is_written_to_while_it_is_read_is_refused(tmp_path: Path) -> None:
    path, is_over = tmp_path / "a.png", threading.Event()
    path.write_bytes(bytes(30_000_000))

    def keep_writing() -> None:
        with path.open("r+b", buffering=0) as file:
            while not is_over.is_set():
                file.write(b"a")
                time.sleep(0)

    writer = threading.Thread(target=keep_writing)
    writer.start()
    try:
        with pytest.raises(FileChanged, match="while it was read"):
            for _ in range(100):
                read_file(tmp_path.resolve(), "a.png", SourceLimits())
    finally:
        is_over.set()
        writer.join()


def test_a_file_that_vanishes_before_its_turn_is_named(tmp_path: Path) -> None:
    for name in ("a.png", "b.png"):
        (tmp_path / name).write_bytes(png())
    items = iter(open_source(tmp_path))
    first = next(items)
    (tmp_path / "b.png").unlink()

    assert first.refused is None
    assert [(item.name, type(item.refused).__name__) for item in items] == [("b.png", "FileMissing")]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(png())
    (tmp_path / "a.png").chmod(0)

    assert [type(item.refused).__name__ for item in open_source(tmp_path)] == ["FileUnreadable"]
