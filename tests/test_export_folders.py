"""Labels as a zip of class folders, and as Hugging Face reads it."""

import csv
import hashlib
import io
import json
import zipfile
from collections import Counter
from typing import Any

import numpy as np
import pytest
from PIL import Image as Picture

from app import export
from app.db import Database
from app.errors import SplitInvalid
from app.export import Format, folders, rows
from app.export.paths import MAX_BYTES, as_safe_name
from app.export.rows import Splits
from app.models import Annotator, Blob, Image, Pool
from app.pools import read_arrays

from .factories.acts import answer, ask_and_answer
from .factories.making import add_pool
from .factories.stored import image_ids
from .factories.watching import count_queries


def write(database: Database, pool: Pool, format: Format = "folders", splits: Splits | None = None) -> bytes:
    return b"".join(export.stream(database, pool, format, splits))


def unpack(content: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(content)) as found:
        assert found.testzip() is None
        return {name: found.read(name) for name in found.namelist()}


def table_of(files: dict[str, bytes]) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(files["labels.csv"].decode(), newline="")))


def metadata_of(files: dict[str, bytes], split: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in files[f"{split}/metadata.jsonl"].decode().splitlines()]


def came_in(database: Database, pool: Pool, position: int, name: str, content: bytes) -> None:
    """Let the image at this position be one that came in a file."""
    (image_id,) = image_ids(database, pool, [position])
    sha256 = hashlib.sha256(content).hexdigest()
    with database.write() as session:
        image = session.get_one(Image, image_id)
        image.name, image.sha256 = name, sha256
        blob = Blob(sha256=sha256, media_type="image/jpeg", width=9, height=9, n_bytes=len(content), content=content)
        session.add(blob)


@pytest.fixture
def insects(database: Database, ada: Annotator) -> Pool:
    """Four labels: two originals of one name, an image of a data set, and a name of another script."""
    pool = add_pool(database, classes=("bee", "../wasp", "labels.csv"), height=5, width=7)
    came_in(database, pool, 0, "IMG.JPG", b"the first original")
    came_in(database, pool, 1, "holiday/img.jpg", b"the second original")
    came_in(database, pool, 3, "=蜂 (1).png", b"the third original")
    for position, value in enumerate((0, 0, 1, 2)):
        answer(database, pool, ada, image_ids(database, pool, [position]), value=value)
    return pool


def test_each_class_is_a_folder_of_originals_and_of_pngs(database: Database, insects: Pool) -> None:
    files = unpack(write(database, insects))

    assert list(files) == [
        "bee/IMG.JPG",
        "bee/img-1.jpg",
        "__wasp/000002.png",
        "labels-2.csv/=蜂 (1).png",
        "labels.csv",
    ]
    assert (files["bee/IMG.JPG"], files["bee/img-1.jpg"]) == (b"the first original", b"the second original")
    with database.read() as session:
        images = read_arrays(session, insects).images
    np.testing.assert_array_equal(np.asarray(Picture.open(io.BytesIO(files["__wasp/000002.png"]))), images[2])


def test_the_table_in_the_zip_tells_of_each_file_what_the_csv_tells(database: Database, insects: Pool) -> None:
    files = unpack(write(database, insects))
    table = table_of(files)

    assert [row.pop("file") for row in table] == list(files)[:-1]
    assert table == list(csv.DictReader(io.StringIO(write(database, insects, "csv").decode(), newline="")))
    assert [row["name"] for row in table] == ["IMG.JPG", "holiday/img.jpg", "", "'=蜂 (1).png"]


def test_hugging_face_finds_labels_beside_the_images_and_is_told_the_splits(database: Database, insects: Pool) -> None:
    files = unpack(write(database, insects, "hf"))
    metadata = metadata_of(files, "train")

    assert [f"train/{row['file_name']}" for row in metadata] == list(files)[:4]
    assert [(row["label"], row["label_index"]) for row in metadata] == [
        *[("bee", 0)] * 2,
        ("../wasp", 1),
        ("labels.csv", 2),
    ]
    assert {row["annotator"] for row in metadata} == {"ada"}
    assert metadata[3]["name"] == "=蜂 (1).png"
    assert "  - split: train\n    path: train/**\n---\n" in files["README.md"].decode()


@pytest.mark.parametrize("format", ["folders", "hf"])
def test_the_same_labels_are_the_same_bytes(database: Database, insects: Pool, format: Format) -> None:
    splits = Splits(20, 20, seed=3)

    assert write(database, insects, format, splits) == write(database, insects, format, splits)


@pytest.mark.parametrize("format", ["folders", "hf"])
def test_an_empty_pool_is_a_zip_without_images(database: Database, pool: Pool, format: Format) -> None:
    assert list(unpack(write(database, pool, format))) == [{"folders": "labels.csv", "hf": "README.md"}[format]]


def test_a_split_puts_each_image_in_one_place_and_more_labels_move_none(
    database: Database, pool: Pool, ada: Annotator
) -> None:
    splits = Splits(20, 30, seed=1)
    ask_and_answer(database, pool, ada, 30)
    before = {row["image_id"]: row["file"] for row in table_of(unpack(write(database, pool, splits=splits)))}
    ask_and_answer(database, pool, ada, 30)
    files = unpack(write(database, pool, splits=splits))
    after = {row["image_id"]: row["file"] for row in table_of(files)}

    assert (len(before), len(after)) == (30, 60)
    assert {image_id: after[image_id] for image_id in before} == before
    assert {row["file"].split("/")[0] for row in table_of(files)} == {"train", "validation", "test"}
    assert all(row["file"].startswith(f"{row['split']}/") for row in table_of(files))
    of_csv = csv.DictReader(io.StringIO(write(database, pool, "csv", splits).decode(), newline=""))
    assert {row["image_id"]: row["split"] for row in of_csv} == {
        image_id: file.split("/")[0] for image_id, file in after.items()
    }


def test_splits_have_about_their_shares_and_another_seed_splits_anew() -> None:
    hashes = [hashlib.sha256(str(number).encode()).hexdigest() for number in range(10_000)]
    first, again, other = ([Splits(10, 20, seed=seed).find(each) for each in hashes] for seed in (0, 0, 1))
    counts = Counter(first)

    assert first == again != other
    assert abs(counts["validation"] - 1000) < 150  # five times the standard deviation of 30
    assert abs(counts["test"] - 2000) < 200
    assert set(Counter(Splits(0, 50).find(each) for each in hashes)) == {"train", "test"}


@pytest.mark.parametrize(("validation", "test", "seed"), [(50, 50, 0), (-1, 10, 0), (10, -1, 0), (10, 10, -1)])
def test_a_split_that_leaves_nothing_to_train_on_is_refused(validation: int, test: int, seed: int) -> None:
    with pytest.raises(SplitInvalid, match="at least 1 % to train on"):
        Splits(validation, test, seed)


def test_two_classes_of_one_safe_name_have_two_folders(database: Database, ada: Annotator) -> None:
    pool = add_pool(database, classes=("a/b", "a:b"))
    for position, value in enumerate((0, 1)):
        answer(database, pool, ada, image_ids(database, pool, [position]), value=value)

    assert list(unpack(write(database, pool)))[:2] == ["a_b/000000.png", "a_b-1/000001.png"]


def test_only_a_few_originals_are_read_at_a_time(
    database: Database, insects: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = write(database, insects)
    monkeypatch.setattr(folders, "READ_BYTES", 20)
    monkeypatch.setattr(rows, "CHUNK", 3)

    with count_queries(database) as statements:
        assert write(database, insects) == whole
    assert sum("blob.content \nFROM" in statement for statement in statements) >= 3


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("IMG_0017.jpg", "IMG_0017.jpg"),
        ("Blüte.JPEG", "Blüte.JPEG"),
        ("花 の 写真.png", "花 の 写真.png"),
        ("می‌خواهم.png", "می‌خواهم.png"),
        ("../../etc/passwd", "__.._etc_passwd"),
        ("..", "_"),
        (".htaccess", "_htaccess"),
        ('a\\b:c*d?e"f<g>h|i.png', "a_b_c_d_e_f_g_h_i.png"),
        ("tab\tnew\nline\x00.png", "tab_new_line_.png"),
        ("gpj.\u202eexe.png", "gpj._exe.png"),
        ("CON", "_CON"),
        ("nul.png", "_nul.png"),
        ("ends with dots... ", "ends with dots"),
        ("", "_"),
    ],
)
def test_a_name_is_kept_as_far_as_it_is_safe(name: str, safe: str) -> None:
    assert as_safe_name(name) == safe


def test_a_long_name_is_cut_between_letters_and_keeps_its_ending() -> None:
    safe = as_safe_name(f"{'花' * 300}.png")

    assert safe.endswith("花.png")
    assert MAX_BYTES - 3 < len(safe.encode()) <= MAX_BYTES


@pytest.mark.parametrize("formula", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "'=1"])
def test_no_name_is_a_formula_in_a_spreadsheet_and_each_can_be_had_back(
    database: Database, ada: Annotator, formula: str
) -> None:
    pool = add_pool(database, classes=(formula, "bee"))
    answer(database, pool, ada, image_ids(database, pool, [0]), value=0)
    (row,) = csv.DictReader(io.StringIO(write(database, pool, "csv").decode(), newline=""))

    assert row["class"] == f"'{formula}"
    assert json.loads(write(database, pool, "jsonl"))["class"] == formula
