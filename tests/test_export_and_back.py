"""Labels that are exported and brought in again are the same: which, whose, since when."""

import zipfile
from pathlib import Path

import pytest

from app.db import Database
from app.models import LabelEvent

from .factories.drawing import draw, encode
from .factories.files import copy_database, opened, url_of
from .test_cli import run

pytestmark = pytest.mark.usefixtures("_logging_as_before")

KINDS = ("bee", "wasp", "fly")


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """A list of twelve pictures with their labels, of two annotators at two times."""
    rows = ["file,class,annotator,created_at"]
    for number in range(12):
        name = f"{KINDS[number % 3]}/{number}.png"
        file = tmp_path / "source" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(encode(draw(size=(40 + number, 50), seed=number)))
        who, hour = ("ada", 9) if number % 2 else ("Béla", 17)
        rows.append(f"{name},{KINDS[number % 3]},{who},2026-05-0{1 + number % 5}T{hour:02}:30:00.000123+00:00")
    (tmp_path / "source" / "table.csv").write_text("\n".join(rows))
    return tmp_path / "source" / "table.csv"


def use_new_database(tmp_path: Path, migrated_file: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> Path:
    path = copy_database(migrated_file, tmp_path / name)
    monkeypatch.setenv("INKLING_DATABASE_URL", url_of(path))
    return path


def make_pool(source: Path) -> None:
    made = run("pool", "create", "bees", str(source), "--standing", "--classes", ",".join(KINDS))
    assert made.exit_code == 0, made.output
    assert "Added 12 images." in made.stdout


def export(file: Path, *words: str) -> bytes:
    assert run("pool", "export", "bees", str(file), *words).exit_code == 0
    return file.read_bytes()


@pytest.mark.parametrize(("form", "list_name"), [("folders", "labels.csv"), ("hf", "train/metadata.jsonl")])
def test_an_export_that_is_brought_in_again_exports_the_same_bytes(
    tmp_path: Path, migrated_file: Path, monkeypatch: pytest.MonkeyPatch, table: Path, form: str, list_name: str
) -> None:
    use_new_database(tmp_path, migrated_file, monkeypatch, "first.db")
    make_pool(table)
    before = {kind: export(tmp_path / f"before.{kind}") for kind in ("csv", "jsonl")}
    export(tmp_path / "before.zip", "--format", form)
    with zipfile.ZipFile(tmp_path / "before.zip") as archive:
        archive.extractall(tmp_path / "unpacked")

    use_new_database(tmp_path, migrated_file, monkeypatch, "second.db")
    make_pool(tmp_path / "unpacked" / list_name)

    assert before["csv"].count(b"\n") == 13
    assert {kind: export(tmp_path / f"after.{kind}") for kind in before} == before
    export(tmp_path / "after.zip", "--format", form)
    assert read_zip(tmp_path / "after.zip") == read_zip(tmp_path / "before.zip")


def read_zip(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def test_a_named_annotator_goes_before_those_of_the_list(
    tmp_path: Path, migrated_file: Path, monkeypatch: pytest.MonkeyPatch, table: Path
) -> None:
    path = use_new_database(tmp_path, migrated_file, monkeypatch, "first.db")
    assert run("pool", "create", "bees", str(table), "--standing", "--by", "Cleo").exit_code == 0
    with opened(path) as database:
        assert {event.annotator_id for event in read_events(database)} == {1}
    assert export(tmp_path / "a.csv").count(b"Cleo,2026-05-0") == 12


@pytest.mark.parametrize("time", ["yesterday", "2026-05-01T09:30:00", "3"])
def test_a_time_without_its_zone_is_refused_by_the_line(
    tmp_path: Path, migrated_file: Path, monkeypatch: pytest.MonkeyPatch, table: Path, time: str
) -> None:
    path = use_new_database(tmp_path, migrated_file, monkeypatch, "first.db")
    lines = table.read_text().splitlines()
    lines[3] = ",".join([*lines[3].split(",")[:3], time])
    table.write_text("\n".join(lines))

    made = run("pool", "create", "bees", str(table), "--standing", columns=300)

    assert "Added 11 images." in made.stdout
    assert "Refused 1 file (RowDamaged): table.csv, row 3" in made.stdout
    assert "“created_at” is no time with its zone" in made.stdout
    with opened(path) as database:
        assert len(read_events(database)) == 11


def read_events(database: Database) -> list[LabelEvent]:
    with database.read() as session:
        return session.query(LabelEvent).all()
