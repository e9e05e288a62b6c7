"""`inkling model`: train, list, download and predict in a terminal."""

import csv
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Picture
from typer.testing import CliRunner, Result

from app.cli import app
from app.cli.console import screen
from app.db import Database
from app.models import Pool
from app.pools import read_arrays

from .factories.acts import ask_and_answer
from .factories.files import url_of
from .factories.making import add_annotator
from .factories.networks import draw_row, make_network
from .factories.trained import add_model, get_model_row

pytestmark = pytest.mark.usefixtures("_logging_as_before", "_settings")


@pytest.fixture
def _settings(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """The commands find the database of the test, and train for a moment."""
    monkeypatch.setenv("INKLING_DATABASE_URL", url_of(database.path))
    monkeypatch.setattr("app.learning.network.LEAST_SEEN", 200)
    monkeypatch.setattr("app.learning.network.EPOCHS", 1)
    monkeypatch.setattr(screen, "width", 150)  # else that of the terminal in which the module was imported first


def run(*words: str) -> Result:
    return CliRunner().invoke(app, ["model", *words], env={"COLUMNS": "150"}, terminal_width=150)


@pytest.mark.tensorflow
def test_a_model_is_trained_taken_away_and_asked(database: Database, pool: Pool, tmp_path: Path) -> None:
    ask_and_answer(database, pool, add_annotator(database), 30)
    trained = run("train", "patterns", "--seed", "4")
    assert trained.exit_code == 0, trained.stderr
    assert re.match(
        r"Model 1 of patterns: trained in \d+ s on labels by people: 30, by the learner: 30; ", trained.stdout
    )
    assert re.search(r"\d+\.\d\d% \(\d+\.\d% to \d+\.\d%\) right on the pool’s test images", trained.stdout)
    row = get_model_row(database, 1)
    assert (row.status, row.seed) == ("done", 4)

    file, whole, card = tmp_path / "patterns.keras", tmp_path / "patterns.inkling", tmp_path / "card.md"
    assert run("download", "patterns", str(file), "--card", str(card)).exit_code == 0
    assert run("export", "patterns", str(whole)).exit_code == 0
    assert file.read_bytes() == row.content
    assert "# Patterns: model 1" in card.read_text(encoding="utf-8")

    with database.read() as session:
        images = read_arrays(session, pool).images
    predictions = np.frombuffer(row.predictions or b"", "<u2")
    (tmp_path / "images").mkdir()
    for position in (0, 7):
        Picture.fromarray(images[position]).save(tmp_path / "images" / f"{position}.png")
    large = Picture.fromarray(images[7]).convert("RGB").resize((8, 8), Picture.Resampling.NEAREST)
    large.save(tmp_path / "large.png")
    for model in (str(whole), "patterns"):
        asked = predict(model, str(tmp_path / "images"), str(tmp_path / "large.png"), "--csv")
        found = [(Path(row["name"]).stem, row["class"]) for row in csv.DictReader(asked.stdout.splitlines())]
        assert found == [("0", str(predictions[0])), ("7", str(predictions[7])), ("large", str(predictions[7]))]


def predict(*words: str) -> Result:
    return CliRunner().invoke(app, ["predict", *words], env={"COLUMNS": "150"}, terminal_width=150)


def test_what_is_no_picture_is_named_and_the_others_count(
    database: Database, pool: Pool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "pictures").mkdir()
    monkeypatch.chdir(tmp_path / "pictures")
    add_model(database, pool, content=make_network(4, 4, 1, 4))
    good, bad, missing = Path("good.png"), Path("=bad.png"), Path("missing.png")
    Picture.fromarray(draw_row(2)).save(good)
    bad.write_text("no image")

    as_csv = predict("patterns", str(good), str(bad), str(missing), "--csv")
    rows = list(csv.DictReader(as_csv.stdout.splitlines()))
    assert as_csv.exit_code == 0
    assert [row["class"] for row in rows] == ["2", "", ""]
    assert float(rows[0]["confidence"]) > 0.5
    assert "not a PNG" in rows[1]["refused"]
    assert "no such file" in rows[2]["refused"]

    table = predict("patterns", ".", str(missing))
    assert re.search(r"good\.png\s*│ 2 +│ 0\.\d{3}", table.stdout)
    assert "2 of 3 could not be read." in table.stderr


def test_a_damaged_file_of_a_model_ends_the_command_with_its_name(tmp_path: Path) -> None:
    file = tmp_path / "broken.inkling"
    file.write_bytes(b"nothing")

    result = predict(str(file), "x.png")
    assert result.exit_code == 1
    assert "broken.inkling is no model of Inkling" in " ".join(result.stderr.split())


def test_models_are_listed_with_how_they_ended(database: Database, pool: Pool) -> None:
    add_model(database, pool)
    add_model(database, pool, status="failed", error="no memory")
    add_model(database, pool, status="running", share=0.4)
    lines = [line for line in run("list", "patterns").stdout.splitlines() if re.match(r"│ \d", line)]

    assert [re.split(r"\s*│\s*", line.strip("│ "))[:2] for line in lines] == [
        ["3", "running 40%"],
        ["2", "failed"],
        ["1", "done"],
    ]
    assert "90.00% (74.4% to 96.5%)" in lines[2]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("train", "patterns"), "Nobody has labeled an image of Patterns yet."),
        (("train", "nowhere"), "There is no pool nowhere."),
        (
            ("download", "patterns", "model.keras"),
            "Patterns has no model yet. `inkling model train patterns` trains one.",
        ),
        (("download", "patterns", "model.keras", "--model", "9"), "Patterns has no model 9."),
        (("predict", "patterns", "x.png"), "Patterns has no model yet."),
    ],
)
def test_what_cannot_be_done_is_said_with_the_remedy(pool: Pool, words: tuple[str, ...], said: str) -> None:
    assert pool.slug == "patterns"
    result = run(*words)

    assert result.exit_code == 1
    assert said in " ".join(result.stderr.split())


def test_the_ending_says_which_of_two_files_it_is(database: Database, pool: Pool, tmp_path: Path) -> None:
    add_model(database, pool)

    assert "should end in .inkling or .keras" in run("export", "patterns", str(tmp_path / "model.h5")).stderr


@pytest.mark.tensorflow
def test_a_failure_is_said_and_ends_with_an_error(
    database: Database, pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> None:
        raise MemoryError("too many images")

    ask_and_answer(database, pool, add_annotator(database), 10)
    monkeypatch.setattr("app.learning.network.warm_up", fail)
    result = run("train", "patterns")

    assert result.exit_code == 1
    assert "Model 1 is failed. MemoryError: too many images" in result.stdout
