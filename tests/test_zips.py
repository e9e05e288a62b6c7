"""Zip files as streams: what Python's own reader finds in them, and that the same files give the same bytes."""

import io
import zipfile
from contextlib import closing

import pytest

from app import zips
from app.zips import ZipStream

FILES = {"a.txt": b"one", "folder/Blütenblatt 花.png": bytes(range(256)) * 300, "empty": b""}


def pack(files: dict[str, bytes]) -> bytes:
    with closing(ZipStream()) as stream:
        pieces = [piece for name, content in files.items() for piece in stream.add(name, content)]
        return b"".join([*pieces, *stream.end()])


def read(content: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(content)) as found:
        assert found.testzip() is None
        return {name: found.read(name) for name in found.namelist()}


@pytest.mark.parametrize("files", [{}, FILES], ids=["nothing", "files"])
def test_what_went_in_comes_out(files: dict[str, bytes]) -> None:
    assert read(pack(files)) == files


def test_the_same_files_are_the_same_bytes_with_a_fixed_time() -> None:
    assert pack(FILES) == pack(FILES)
    with zipfile.ZipFile(io.BytesIO(pack(FILES))) as found:
        assert {info.date_time for info in found.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        assert {info.external_attr >> 16 for info in found.infolist()} == {0o100644}


def test_more_files_than_the_old_format_counts_are_all_found() -> None:
    files = {f"{number}.txt": b"" for number in range(70_000)}

    assert len(read(pack(files))) == 70_000


def test_files_behind_four_gigabytes_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """The limit stands for the place of a file; with a lower one the same fields are written."""
    monkeypatch.setattr(zips, "_FAR", 1000)

    assert read(pack(FILES | {"behind.txt": b"far away"}))["behind.txt"] == b"far away"


def test_a_file_that_does_not_fit_is_refused() -> None:
    with closing(ZipStream()) as stream, pytest.raises(ValueError, match="does not fit"):
        list(stream.add_pieces("large", (), zips.MAX_FILE_BYTES + 1, 0))
