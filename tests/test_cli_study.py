"""`inkling oracle --pools`: several pools in the terminal."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from app.cli import app
from app.datasets.sample import SAMPLE_SHA256
from app.oracle import runs, study

pytestmark = pytest.mark.tensorflow

SMALL = ["--pool-size", "60", "--validation-size", "50", "--budget", "20", "--batch-size", "5"]


@pytest.fixture(autouse=True)
def _sample(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INKLING_DATASET", "sample")


def run(*words: str) -> Any:
    return CliRunner().invoke(app, ["oracle", *words], env={"COLUMNS": "80"}, terminal_width=80)


def test_pools_are_run_printed_and_written(tmp_path: Path) -> None:
    file = tmp_path / "study.json"
    result = run("--experiment", "inkling", "--pools", "2", "--shuffle-seed", "4", *SMALL, "--json", str(file))

    assert result.exit_code == 0, result.stderr
    written = json.loads(file.read_text())
    assert (written["rule"], written["seed"], written["compared"]) == (study.RULE, 4, "inkling")
    assert " ".join(study.RULE.split()) in " ".join(result.stderr.split())
    for number, pool in enumerate(written["pools"], start=1):
        drawn = study.draw_pool(number, n_images=4000, pool_size=60, seed=4)
        parameters = pool["parameters"]
        assert (parameters["pool_start"], parameters["shuffle_seed"]) == (drawn.pool_start, drawn.shuffle_seed)
        assert f"Pool {number} of 2, from image {drawn.pool_start:,}" in " ".join(result.stderr.split())
        assert list(pool["experiments"]) == ["active", "inkling", "inkling_random"]
        assert pool["experiments"]["inkling"]["labels"] == [5, 10, 15, 20]
        assert pool["data"]["sha256"] == SAMPLE_SHA256
    assert [point["labels"] for point in written["points"]] == [10, 20]
    mean = written["points"][-1]["accuracy"]["inkling"]["mean"]
    row, _ = [line for line in result.stdout.splitlines() if line.split()[:1] == ["20"] and "±" in line]
    assert row.split()[1] == f"{mean * 100:.2f}"
    assert " ".join(result.stdout.split()).count(study.CAUTION) == 2  # below both tables
    assert max(map(len, result.stdout.splitlines())) <= 80
    assert "…" not in result.stdout


def test_a_study_that_is_interrupted_keeps_the_pools_that_are_finished(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_oracle, calls = runs.run_oracle, []

    def interrupted(*values: Any) -> Any:
        calls.append(values)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return run_oracle(*values)

    monkeypatch.setattr(runs, "run_oracle", interrupted)
    file = tmp_path / "study.json"
    result = run("--pools", "3", *SMALL, "--json", str(file))

    assert result.exit_code == 130
    assert "Stopped: 1 of 3 pools are finished and counted." in " ".join(result.stderr.split())
    assert "1 pool" in result.stdout
    written = json.loads(file.read_text())
    assert (len(written["pools"]), written["pools_asked"], written["points"][-1]["labels"]) == (1, 3, 20)
    assert written["compared"] == "inkling"  # where none is named


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--experiment", "kmeans", "--pools", "2"], "not kmeans"),
        (["--experiment", "inkling", "--pools", "2", "--pool-start", "5"], "leave --pool-start out"),
        (["--experiment", "inkling", "--pools", "0"], "--pools"),
        (["--experiment", "inkling", "--pools", "2", "--pool-size", "4001"], "Pool size: 4,001 is too large."),
    ],
)
def test_what_cannot_be_studied_is_refused_before_it_begins(words: list[str], message: str) -> None:
    result = run(*words)

    assert result.exit_code == 2
    assert message in " ".join(result.stderr.replace("│", " ").split())
