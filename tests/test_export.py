"""Labels as CSV, JSON lines and npz: what goes out comes back."""

import csv
import io
import json
import sqlite3
from contextlib import closing
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from app import export
from app.db import Database
from app.export import Format, rows, tables
from app.models import Annotator, Pool
from app.pools import read_arrays

from .factories.acts import answer, ask_and_answer, undo
from .factories.making import NOW, add_annotator, add_pool, add_round
from .factories.stored import image_ids
from .factories.watching import count_queries

COLUMNS = [
    *("image_id", "position", "value", "class", "source", "annotator", "created_at", "round", "rank", "confidence"),
    *("asked_by", "name", "split"),
]


def write(database: Database, pool: Pool, format: Format) -> bytes:
    return b"".join(export.stream(database, pool, format))


def read_csv(content: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(content.decode(), newline="")))


def read_jsonl(content: bytes) -> list[dict[str, Any]]:
    return [json.loads(line) for line in content.decode().splitlines()]


def read_npz(content: bytes) -> dict[str, NDArray[Any]]:
    with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
        return dict(arrays.items())


@pytest.fixture
def labeled(database: Database, pool: Pool) -> Pool:
    """A pool with labels by three, one of them undone, of two rounds; one image was never asked."""
    ada = add_annotator(database, "ada")
    with database.write() as session:  # a name that earlier versions took
        session.get_one(Annotator, ada.id).name = 'ada, "the first" of Byron'
    add_round(database, pool, image_ids(database, pool, [40, 12]), confidence=0.25)
    ask_and_answer(database, pool, ada, 2)
    add_round(database, pool, image_ids(database, pool, [3]), confidence=0.75)
    ask_and_answer(database, pool, add_annotator(database, "oracle", role="oracle"), 1)
    answer(database, pool, add_annotator(database, "Zoë"), image_ids(database, pool, [50, 51]), value=9)
    undo(database, pool, add_annotator(database, "Zoë"))
    return pool


def test_csv_has_every_standing_label_by_position(database: Database, labeled: Pool) -> None:
    content = write(database, labeled, "csv")
    rows = read_csv(content)

    assert content.decode().splitlines()[0].split(",") == COLUMNS
    assert [(row["position"], row["source"], row["annotator"], row["round"], row["rank"]) for row in rows] == [
        ("3", "oracle", "oracle", "2", "0"),
        ("12", "human", 'ada, "the first" of Byron', "1", "1"),
        ("40", "human", 'ada, "the first" of Byron', "1", "0"),
        ("50", "human", "Zoë", "2", ""),
    ]
    assert [row["confidence"] for row in rows] == ["0.75", "0.25", "0.25", ""]
    assert (rows[3]["value"], rows[3]["class"], rows[3]["created_at"]) == ("9", "9", NOW.isoformat())


def test_json_lines_say_the_same_as_csv(database: Database, labeled: Pool) -> None:
    lines = read_jsonl(write(database, labeled, "jsonl"))

    assert [list(line) for line in lines] == [sorted(COLUMNS, key=list(lines[0]).index)] * 4
    assert set(lines[0]) == set(COLUMNS)
    assert [{name: "" if value is None else str(value) for name, value in line.items()} for line in lines] == read_csv(
        write(database, labeled, "csv")
    )
    assert (lines[3]["rank"], lines[3]["confidence"]) == (None, None)


def test_npz_carries_the_images_with_their_labels(database: Database, labeled: Pool) -> None:
    found = read_npz(write(database, labeled, "npz"))
    with database.read() as session:
        images = read_arrays(session, labeled).images

    np.testing.assert_array_equal(found["images"], images[[3, 12, 40, 50]])
    assert found["images"].dtype == np.uint8
    assert found["position"].tolist() == [3, 12, 40, 50]
    assert found["value"].tolist() == [int(row["value"]) for row in read_csv(write(database, labeled, "csv"))]
    assert found["source"].tolist() == ["oracle", "human", "human", "human"]
    assert found["annotator"].tolist()[3] == "Zoë"
    assert found["round"].tolist() == [2, 1, 1, 2]
    np.testing.assert_array_equal(found["confidence"], [0.75, 0.25, 0.25, np.nan])
    assert found["created_at"].tolist() == [NOW.isoformat()] * 4
    assert found["classes"].tolist() == list("0123456789")


def test_a_class_goes_by_its_name(database: Database, ada: Annotator) -> None:
    pool = add_pool(database, classes=("a cat, sleeping", "dog"))
    answer(database, pool, ada, image_ids(database, pool, [0]), value=0)

    assert read_csv(write(database, pool, "csv"))[0]["class"] == "a cat, sleeping"
    assert read_jsonl(write(database, pool, "jsonl"))[0]["class"] == "a cat, sleeping"


def test_a_pool_without_labels_is_an_empty_file_of_the_right_form(database: Database, pool: Pool) -> None:
    found = read_npz(write(database, pool, "npz"))

    assert write(database, pool, "csv").decode() == ",".join(COLUMNS) + "\n"
    assert write(database, pool, "jsonl") == b""
    assert found["images"].shape == (0, 4, 4)
    assert {len(array) for name, array in found.items() if name != "classes"} == {0}


@pytest.mark.parametrize("chunk", [1, 4, 10, 11])
def test_the_pieces_join_without_a_gap(
    database: Database, pool: Pool, ada: Annotator, monkeypatch: pytest.MonkeyPatch, chunk: int
) -> None:
    ask_and_answer(database, pool, ada, 10)
    whole = read_csv(write(database, pool, "csv"))
    monkeypatch.setattr(rows, "CHUNK", chunk)

    assert read_csv(write(database, pool, "csv")) == whole
    assert len(read_jsonl(write(database, pool, "jsonl"))) == len(whole) == 10
    assert read_npz(write(database, pool, "npz"))["position"].tolist() == list(range(10))


def test_labels_of_another_pool_stay_out(database: Database, pool: Pool, ada: Annotator) -> None:
    other = add_pool(database, slug="other")
    ask_and_answer(database, other, ada, 5)

    assert read_csv(write(database, pool, "csv")) == []
    assert len(read_csv(write(database, other, "csv"))) == 5


def test_writers_are_not_kept_waiting_while_an_export_streams(
    database: Database, pool: Pool, ada: Annotator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rows, "CHUNK", 2)
    ask_and_answer(database, pool, ada, 6)
    pieces = export.stream(database, pool, "jsonl")
    first = next(pieces)

    ask_and_answer(database, pool, ada, 2)

    assert len(read_jsonl(first + b"".join(pieces))) == 8


@pytest.mark.parametrize("format", ["csv", "jsonl", "npz"])
def test_a_reader_who_stalls_keeps_sqlites_log_from_nothing(
    database: Database, pool: Pool, ada: Annotator, monkeypatch: pytest.MonkeyPatch, format: Format
) -> None:
    monkeypatch.setattr(rows, "CHUNK", 2)
    monkeypatch.setattr(tables, "PIECE_BYTES", 100)
    ask_and_answer(database, pool, ada, 6)
    pieces = export.stream(database, pool, format)
    next(pieces)
    next(pieces)
    ask_and_answer(database, pool, ada, 1)

    with closing(sqlite3.connect(database.path, timeout=0)) as other:
        is_busy, n_pages, _ = other.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    assert (is_busy, n_pages) == (0, 0)


@pytest.mark.parametrize("format", ["csv", "jsonl", "npz"])
def test_the_number_of_queries_does_not_grow_with_the_labels(
    database: Database, pool: Pool, ada: Annotator, format: Format
) -> None:
    def count() -> int:
        with count_queries(database) as statements:
            write(database, pool, format)
        return len(statements)

    ask_and_answer(database, pool, ada, 1)
    before = count()
    ask_and_answer(database, pool, ada, 30)

    assert count() == before
