"""The command line: results on stdout, failures in words and with an exit code."""

import csv
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from app.cli import app
from app.datasets.sample import SAMPLE_SHA256
from app.db import Database
from app.pools import get_pool

from .factories import add_annotator, ask_and_answer, url_of


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the commands find their database; the embedded sample, a small pool."""
    path = tmp_path / "inkling.db"
    settings = {"DATABASE_URL": url_of(path), "DATASET": "sample", "POOL_SIZE": "60", "VALIDATION_SIZE": "50"}
    for name, value in settings.items():
        monkeypatch.setenv(f"INKLING_{name}", value)
    return path


def run(*words: str) -> Result:
    return CliRunner().invoke(app, list(words))


def test_pools_are_made_and_listed(path: Path) -> None:
    made = run("pool", "create", "first")
    listed = run("pool", "list")

    assert path.exists()
    assert (made.exit_code, listed.exit_code) == (0, 0)
    assert "/pools/first/label" in made.stdout
    assert "first" in listed.stdout
    assert "60" in listed.stdout


@pytest.mark.usefixtures("path")
def test_a_pool_that_is_there_is_not_made_again() -> None:
    run("pool", "create", "first")
    again = run("pool", "create", "first")

    assert again.exit_code == 1
    assert "There is a pool first already" in again.stderr
    assert again.stdout == ""


@pytest.mark.usefixtures("path")
@pytest.mark.parametrize("slug", ["No Slug", "no/slug", "", "a" * 65])
def test_a_pool_whose_name_no_address_can_have_is_not_made(slug: str) -> None:
    assert run("pool", "create", slug).exit_code != 0
    assert slug not in run("pool", "list").stdout or slug == ""


@pytest.mark.parametrize("kind", ["csv", "jsonl", "npz"])
def test_labels_are_exported_by_the_ending_of_the_file(path: Path, tmp_path: Path, kind: str) -> None:
    run("pool", "create", "first")
    database = Database(url_of(path))
    with database.read() as session:
        pool = get_pool(session, "first")
    ask_and_answer(database, pool, add_annotator(database), 4)
    database.close()
    file = tmp_path / f"labels.{kind}"

    assert run("export", "first", str(file)).exit_code == 0

    assert file.stat().st_size > 0
    if kind == "csv":
        rows = csv.DictReader(file.read_text(encoding="utf-8").splitlines())
        assert [row["position"] for row in rows] == list("0123")


@pytest.mark.usefixtures("path")
def test_an_export_of_no_pool_or_to_no_known_form_leaves_no_file(tmp_path: Path) -> None:
    missing, unknown = tmp_path / "labels.csv", tmp_path / "labels.xls"

    assert run("export", "nowhere", str(missing)).exit_code == 1
    assert run("export", "nowhere", str(unknown)).exit_code == 2
    assert not missing.exists()
    assert not unknown.exists()


@pytest.mark.usefixtures("path")
def test_the_oracle_prints_its_table_and_writes_its_curves(tmp_path: Path) -> None:
    file = tmp_path / "curves.json"
    words = ["--pool-size", "60", "--validation-size", "50", "--budget", "30", "--batch-size", "10"]
    result = run("oracle", "--experiment", "active", "--experiment", "random", *words, "--json", str(file))

    assert result.exit_code == 0, result.stderr
    assert "…" not in result.stdout  # 80 columns, as behind a pipe, cut no number
    assert "Not compared with the paper" in result.stdout
    written = json.loads(file.read_text())
    assert written["data"] == {"name": "sample", "sha256": SAMPLE_SHA256}
    assert list(written["experiments"]) == ["random", "active"]
    assert written["experiments"]["active"]["labels"] == [10, 20, 30]
    assert written["matches_paper"] is None


@pytest.mark.usefixtures("path")
@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["--experiment", "magic"], 2, "There is no experiment 'magic'"),
        (["--budget", "0"], 2, "--budget"),
        (["--ranking", "astrology"], 2, "--ranking"),
        (["--pool-size", "5000"], 1, "the data set has 4,000"),
        (["--pool-size", "60", "--budget", "61"], 1, "A budget of 61 labels is more than the pool of 60"),
    ],
)
def test_the_oracle_says_what_it_cannot_do(words: list[str], code: int, message: str) -> None:
    result = run("oracle", *words)

    assert result.exit_code == code
    assert message in result.stderr
    assert "Traceback" not in result.output


@pytest.mark.usefixtures("path")
def test_a_wrong_setting_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INKLING_BATCH_SIZE", "ten")
    result = run("pool", "list")

    assert result.exit_code == 2
    assert "INKLING_BATCH_SIZE is 'ten'" in result.stderr


@pytest.mark.usefixtures("path")
def test_a_database_that_cannot_be_used_is_told_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INKLING_DATABASE_URL", "postgresql://localhost/inkling")
    result = run("pool", "list")

    assert result.exit_code == 1
    assert "DatabaseUnusable" in result.stderr


def test_without_a_command_the_help_is_shown() -> None:
    for words in ([], ["--help"], ["pool"]):
        assert "Usage" in run(*words).output
