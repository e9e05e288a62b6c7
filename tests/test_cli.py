"""The command line: results on stdout, failures in words and with an exit code."""

import csv
import datetime as dt
import json
import re
import zipfile
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console
from sqlalchemy import text
from sqlalchemy.exc import OperationalError
from typer.testing import CliRunner, Result

from app import tokens
from app.accuracy import Accuracy
from app.cli import COMMANDS, app, console, load_command
from app.cli.oracle import _as_table, _print_result
from app.datasets.sample import SAMPLE_SHA256, load_sample
from app.db import Database
from app.learning.names import STRATEGIES
from app.oracle.experiments import ALL_EXPERIMENTS, EXPERIMENTS, Experiment
from app.oracle.table import Row
from app.pools import get_pool, read_arrays

from .factories.acts import ask_and_answer
from .factories.files import opened, url_of
from .factories.logins import PASSWORD, check_password, may_log_in
from .factories.making import add_annotator, add_pool, make_trainer
from .factories.stored import history, standing
from .web.oracle_results import make_result

pytestmark = pytest.mark.usefixtures("_logging_as_before")


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the commands find their database; the embedded sample, a small pool."""
    path = tmp_path / "inkling.db"
    settings = {"DATABASE_URL": url_of(path), "DATASET": "sample", "POOL_SIZE": "60", "VALIDATION_SIZE": "50"}
    for name, value in settings.items():
        monkeypatch.setenv(f"INKLING_{name}", value)
    return path


def run(*words: str, given: str | None = None, columns: int = 80) -> Result:
    return CliRunner().invoke(app, list(words), input=given, env={"COLUMNS": str(columns)}, terminal_width=columns)


def add_user(name: str = "ada", *options: str, password: str = PASSWORD) -> Result:
    return run("user", "add", name, "--password-stdin", *options, given=f"{password}\n")


@pytest.mark.parametrize("name", COMMANDS)
def test_the_line_in_the_list_of_commands_is_how_the_commands_own_help_begins(name: str) -> None:
    text = " ".join((load_command(name).help or "").split())

    assert text.startswith(COMMANDS[name][1])
    assert COMMANDS[name][1] in " ".join(run("--help", columns=200).stdout.split())


def test_the_version_is_told() -> None:
    assert run("--version").stdout == f"inkling {version('inkling')}\n"


def test_a_command_that_is_not_there_is_named() -> None:
    result = run("labbel")

    assert result.exit_code == 2
    assert "No such command 'labbel'" in result.stderr


def test_all_labels_of_an_annotator_are_taken_back_once_that_is_confirmed(path: Path) -> None:
    with opened(path) as database:
        database.migrate()
        pool = add_pool(database)
        ask_and_answer(database, pool, add_annotator(database, "eve"), 3)
    command = ("label", "revoke", "patterns", "--by", "eve")

    assert run(*command, given="n\n").exit_code == 1
    with opened(path) as database:
        assert len(standing(database)) == 3
    done = run(*command, given="y\n")
    again = run(*command, "--yes")

    assert "Revoked 3 labels of eve in patterns." in done.stdout
    assert "0 labels" in again.stdout
    with opened(path) as database:
        assert standing(database) == {}


@pytest.mark.usefixtures("path")
def test_labels_are_taken_back_by_the_only_admin_or_the_one_that_is_named(path: Path) -> None:
    with opened(path) as database:
        database.migrate()
        pool = add_pool(database)
        ask_and_answer(database, pool, add_annotator(database, "eve"), 1)
    command = ("label", "revoke", "patterns", "--by", "eve", "--yes")
    add_user("ada")
    nobody = run(*command)
    for name in ("ben", "boss"):
        add_user(name, "--admin")
    unsaid, wrong = run(*command), run(*command, "--as", "ada")

    assert "--as NAME" in nobody.stderr
    assert "--as ben or boss" in unsaid.stderr
    assert wrong.exit_code == 1
    assert run(*command, "--as", "boss").exit_code == 0
    assert "There is no annotator nobody" in run(*command[:3], "--by", "nobody", "--yes", "--as", "boss").stderr
    with opened(path) as database:
        last = history(database)[-1]
        assert (last.kind, last.annotator) == ("undo", "boss")


def test_pools_are_made_and_listed(path: Path) -> None:
    made = run("pool", "create", "first")
    listed = run("pool", "list")

    assert path.exists()
    assert (made.exit_code, listed.exit_code) == (0, 0)
    assert "/pools/first/label" in made.stdout
    assert "first" in listed.stdout
    assert "60" in listed.stdout


def test_a_pool_is_made_as_the_options_say_and_else_as_the_settings(path: Path) -> None:
    words = ["--name", "Ones & sevens", "--pool-start", "7", "--pool-size", "12", "--batch-size", "3"]
    made = run("pool", "create", "ones", *words, "--ranking", "margin", "--queue-size", "5", "--dataset", "sample")

    assert made.exit_code == 0, made.stderr
    assert "Created pool “Ones & sevens”: /pools/ones/label" in made.stdout
    with opened(path) as database, database.read() as session:
        pool = get_pool(session, "ones")
        images, validation = read_arrays(session, pool).images, read_arrays(session, pool).validation
    assert (pool.name, pool.batch_size, pool.strategy, pool.queue_size) == ("Ones & sevens", 3, "margin", 5)
    np.testing.assert_array_equal(images, load_sample().train.images[7:19])
    assert len(validation) == 50


def test_a_pool_without_a_name_is_named_by_its_slug(path: Path) -> None:
    for slug in ("first", "second"):
        assert run("pool", "create", slug).exit_code == 0
    with opened(path) as database, database.read() as session:
        assert [get_pool(session, slug).name for slug in ("first", "second")] == ["first", "second"]


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["--pool-size", "0"], 2, "--pool-size"),
        (["--batch-size", "1001"], 2, "--batch-size"),
        (["--ranking", "astrology"], 2, "'least_confidence', 'margin', 'entropy', 'random'"),
        (["--dataset", "cats"], 2, "'auto', 'mnist', 'sample'"),
        (["--pool-size", "5000"], 1, "the data set has 4,000 (0 to 3,999). Lower the pool size or its start."),
        (["--name", " "], 1, "cannot name a pool. Take 1 to 200 characters in one line that can be seen."),
    ],
)
def test_a_pool_that_cannot_be_made_is_refused_with_the_remedy(
    path: Path, words: list[str], code: int, message: str
) -> None:
    result = run("pool", "create", "first", *words, columns=200)

    assert result.exit_code == code
    assert message in result.stderr
    assert "Traceback" not in result.output
    assert not path.exists() or "first" not in run("pool", "list").stdout


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


def test_a_pool_is_exported_in_folders_and_split(path: Path, tmp_path: Path) -> None:
    run("pool", "create", "first")
    database = Database(url_of(path))
    with database.read() as session:
        pool = get_pool(session, "first")
    ask_and_answer(database, pool, add_annotator(database), 20)
    database.close()
    plain, split = tmp_path / "plain.zip", tmp_path / "split.zip"

    assert run("pool", "export", "first", str(plain)).exit_code == 0
    assert run("pool", "export", "first", str(split), "--format", "hf", "--test", "50").exit_code == 0

    assert "labels.csv" in zipfile.ZipFile(plain).namelist()
    assert {"train/metadata.jsonl", "test/metadata.jsonl"} <= set(zipfile.ZipFile(split).namelist())
    refused = run("pool", "export", "first", str(tmp_path / "none.csv"), "--validation", "100")
    assert "at least 1 % to train on" in refused.stderr
    assert sorted(file.name for file in tmp_path.glob("*.*") if file.suffix in (".zip", ".csv", ".part")) == [
        "plain.zip",
        "split.zip",
    ]


@pytest.mark.usefixtures("path")
def test_an_export_of_no_pool_or_to_no_known_form_leaves_no_file(tmp_path: Path) -> None:
    missing, unknown = tmp_path / "labels.csv", tmp_path / "labels.xls"

    assert run("export", "nowhere", str(missing)).exit_code == 1
    assert run("export", "nowhere", str(unknown)).exit_code == 2
    assert not missing.exists()
    assert not unknown.exists()


@pytest.mark.tensorflow
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


def test_only_what_the_paper_has_is_counted_against_it() -> None:
    experiments: list[Experiment] = ["random", "active", "inkling"]
    with console.screen.capture() as captured:
        _print_result(make_result(*experiments))

    assert "All equal: 41 of 41 accuracies are the paper's" in " ".join(captured.get().split())


def rows_of(stdout: str) -> dict[str, list[str]]:
    """The oracle's table by experiment: what stands behind it, word by word."""
    return {words[0]: words[1:] for line in stdout.splitlines() if "–" in (words := line.split())}


@pytest.mark.tensorflow
@pytest.mark.usefixtures("path")
@pytest.mark.parametrize(("columns", "digits"), [(80, 0), (109, 0), (110, 1), (120, 1)])
def test_the_oracles_intervals_have_three_digits_where_there_is_room(
    monkeypatch: pytest.MonkeyPatch, columns: int, digits: int
) -> None:
    monkeypatch.setattr(console.screen, "width", columns)
    result = run("oracle", "--experiment", "random", "--pool-size", "60", "--validation-size", "50", "--budget", "30")

    (row,) = rows_of(result.stdout).values()
    number = rf"\d+\.\d{{{digits}}}" if digits else r"\d+"
    interval = rf"{number}–{number}"
    assert re.fullmatch(rf"30 – \d\d\.\d\d % \({interval}\) \d\d\.\d\d % \({interval}\) – \d+\.\d+", " ".join(row))


@pytest.mark.parametrize("columns", [80, 120])
def test_nothing_of_the_largest_numbers_is_cut_off(columns: int) -> None:
    papers, full = Accuracy(362, 400), Accuracy(9600, 9600)
    rows = [
        Row("auto_confident", "", 4000, 0.905, papers, papers, 360, 360, 12.345),
        Row("auto_confident", "", 60_000, None, full, full, 5960, None, 1234.5),
    ]
    for row in rows:
        shown = Console(width=columns)
        with shown.capture() as captured:
            shown.print(_as_table([row], digits=1 if columns > 100 else 0))

        assert "…" not in captured.get()
        assert "auto_confident" in captured.get()
        assert max(map(len, captured.get().splitlines())) <= columns


@pytest.mark.tensorflow
def test_a_random_ranking_is_called_random_in_the_table_on_the_bars_and_in_the_file(path: Path) -> None:
    words = ["--pool-size", "60", "--validation-size", "50", "--budget", "30", "--ranking", "random"]
    file = path.with_name("curves.json")
    result = run("oracle", "--experiment", "active", *words, "--json", str(file))

    assert list(rows_of(result.stdout)) == list(json.loads(file.read_text())["experiments"]) == ["random_curve"]
    assert "Active learning" not in result.output
    twice = run("oracle", "--experiment", "active", "--experiment", "random_curve", *words)
    assert (twice.exit_code, "active learning is random_curve" in " ".join(twice.stderr.split())) == (2, True)


@pytest.mark.tensorflow
@pytest.mark.usefixtures("path")
def test_the_random_curve_is_run_when_it_is_named_and_not_by_default(tmp_path: Path) -> None:
    file = tmp_path / "curves.json"
    words = ["--pool-size", "60", "--validation-size", "50", "--budget", "20", "--json", str(file)]
    run("oracle", "--experiment", "random_curve", "--experiment", "active", *words)

    assert list(json.loads(file.read_text())["experiments"]) == ["random_curve", "active"]
    run("oracle", *words)
    written = json.loads(file.read_text())
    assert [*written["experiments"], "kmeans"] == list(EXPERIMENTS)
    assert len(written["clusters"]["centers"]) == 10


@pytest.mark.usefixtures("path")
def test_the_data_set_is_told_in_one_line() -> None:
    result = run("oracle", "--experiment", "random", "--pool-size", "60", "--validation-size", "50", "--budget", "30")

    told = [line for line in result.stderr.splitlines() if "MNIST" in line]
    assert told[0].startswith("Data: the embedded sample: 5,000 MNIST digits")
    assert not [line for line in told[1:] if "INFO" in line]


@pytest.mark.parametrize("words", [[], ["oracle"], ["serve"], ["user"], ["user", "add"], ["pool", "create"]])
def test_the_help_shows_flags_without_a_type_and_breaks_no_word(words: list[str]) -> None:
    shown = run(*words, "--help").output

    assert "--help" in shown
    assert "<bool>" not in shown
    if words == ["oracle"]:
        assert all(name in re.split(r"[\s,.]+", shown) for name in (*ALL_EXPERIMENTS, *STRATEGIES))
        assert "Simulate an annotator who is always right" in shown


@pytest.mark.tensorflow
@pytest.mark.usefixtures("path")
@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["--experiment", "magic"], 2, "There is no experiment 'magic'"),
        (["--budget", "0"], 2, "Invalid value for '--budget': Budget: 0 is too small. Enter 1 to 4,000."),
        (["--batch-size", "10001"], 2, "Batch size: 10,001 is too large. Enter 1 to 10,000."),
        (["--ranking", "astrology"], 2, "--ranking"),
        (["--pool-size", "5000"], 2, "Pool size: 5,000 is too large. Enter 10 to 4,000."),
        (["--validation-size", "1001"], 2, "Validation size: 1,001 is too large. Enter 1 to 1,000."),
        (["--pool-size", "60", "--budget", "61"], 2, "Budget: 61 is too large. Enter 1 to 60. The pool has 60 images"),
    ],
)
def test_the_oracle_says_what_it_cannot_do(words: list[str], code: int, message: str) -> None:
    result = run("oracle", *words)

    assert result.exit_code == code
    assert message in " ".join(result.stderr.replace("│", " ").split())
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
    assert result.stderr.startswith("Error: INKLING_DATABASE_URL is")


def test_a_failure_of_the_system_is_told_with_the_file_if_there_is_one(capsys: pytest.CaptureFixture[str]) -> None:
    for error in (OSError("no more"), OSError(28, "No space left on device", "labels.csv")):
        with pytest.raises(SystemExit), console.failures_in_words():
            raise error
    told = capsys.readouterr().err

    assert told == "Error: no more\nlabels.csv: No space left on device\n"


def test_a_wrong_statement_is_a_bug_and_not_told_as_a_failure_of_the_disk(path: Path) -> None:
    with opened(path) as database, pytest.raises(OperationalError):  # noqa: SIM117 (the order is the test)
        with console.failures_in_words(), database.read() as session:
            session.execute(text("SELECT nothing FROM nowhere"))


def test_without_a_command_the_help_is_shown() -> None:
    for words in ([], ["--help"], ["pool"]):
        assert "Usage" in run(*words).output


# Users and tokens


def test_an_account_is_added_and_may_log_in(path: Path) -> None:
    added = add_user("ada lovelace", "--admin")

    assert added.exit_code == 0, added.stderr
    assert "Created admin “ada lovelace”." in added.stdout
    assert PASSWORD not in added.output
    with opened(path) as database:
        assert check_password(database, PASSWORD, "ada lovelace").role == "admin"


@pytest.mark.usefixtures("path")
def test_a_password_may_be_typed_twice_and_is_not_shown() -> None:
    added = run("user", "add", "ada", given=f"{PASSWORD}\n{PASSWORD}\n")

    assert added.exit_code == 0, added.stderr
    assert PASSWORD not in added.output


@pytest.mark.usefixtures("path")
def test_the_first_account_that_is_no_admin_is_told_how_to_get_one() -> None:
    assert "inkling user add NAME --admin" in add_user("ada").stderr
    assert add_user("ben").stderr == ""


@pytest.mark.usefixtures("path")
def test_users_are_listed_disabled_and_enabled() -> None:
    add_user("ada", "--admin")
    add_user("ben")

    assert run("user", "disable", "ben").exit_code == 0
    disabled = run("user", "list").stdout
    assert run("user", "enable", "ben").exit_code == 0
    enabled = run("user", "list").stdout

    assert [("no" in line) for line in disabled.splitlines() if "ben" in line] == [True]
    assert [("yes" in line) for line in enabled.splitlines() if "ben" in line] == [True]
    assert "admin" in enabled


@pytest.mark.usefixtures("path")
def test_the_last_admin_is_not_shut_out_before_there_is_another() -> None:
    add_user("ada", "--admin")
    add_user("ben")

    for words in (("disable", "ada"), ("role", "ada", "annotator")):
        refused = run("user", *words)
        assert refused.exit_code == 1
        assert "ada is the last enabled admin" in refused.stderr
        assert "inkling user role NAME admin" in refused.stderr
    assert "“ben” is admin now." in run("user", "role", "ben", "admin").stdout
    assert run("user", "disable", "ada").exit_code == 0


def test_a_password_is_set_anew(path: Path) -> None:
    add_user("ada")

    changed = run("user", "password", "ada", "--password-stdin", given="quite another one\n")

    assert changed.exit_code == 0, changed.stderr
    with opened(path) as database:
        assert (may_log_in(database, "quite another one"), may_log_in(database, PASSWORD)) == (True, False)


@pytest.mark.usefixtures("path")
@pytest.mark.parametrize(
    ("words", "given", "code", "message"),
    [
        (["user", "add", "ada", "--password-stdin"], PASSWORD, 1, "Error: There is an account ada already"),
        (["user", "add", "ben", "--password-stdin"], "short", 1, "Error: The password has 5 characters"),
        (["user", "add", "<script>", "--password-stdin"], PASSWORD, 1, "Error: A name has letters"),
        (["user", "add", "", "--password-stdin"], PASSWORD, 1, "A name has letters"),
        (["user", "add", "ben\n", "--password-stdin"], PASSWORD, 1, "A name has letters"),
        (["user", "add", "ben ", "--password-stdin"], PASSWORD, 1, "A name has single spaces"),
        (["user", "add", "b\u0435n"], None, 1, "several scripts (Cyrillic, Latin)"),  # no password is asked for
        (["user", "add", "Ada", "--password-stdin"], PASSWORD, 1, "Choose a name that looks different"),
        (["user", "password", "nobody", "--password-stdin"], PASSWORD, 1, "There is no account nobody"),
        (["user", "disable", "nobody"], None, 1, "There is no account nobody"),
        (["user", "enable", "nobody"], None, 1, "There is no account nobody"),
        (["token", "create", "nobody"], None, 1, "There is no account nobody"),
        (["token", "create", "ada", "--days", "0"], None, 2, "--days"),
        (["token", "revoke", "7"], None, 1, "There is no token 7 in force"),
    ],
)
def test_what_cannot_be_done_to_an_account_is_told(
    words: list[str], given: str | None, code: int, message: str
) -> None:
    add_user("ada")

    result = run(*words, given=given and f"{given}\n")

    assert result.exit_code == code
    assert message in result.stderr
    assert "Traceback" not in result.output
    assert PASSWORD not in result.output


def test_a_token_is_shown_once_alone_on_stdout_and_revoked_by_its_id(path: Path) -> None:
    add_user("ada")
    created = run("token", "create", "ada", "--for", "nightly", "--days", "7")
    plain = created.stdout.strip()
    listed = run("token", "list").stdout

    assert created.exit_code == 0, created.stderr
    assert len(plain) == 43
    assert plain not in listed
    assert "nightly" in listed
    with opened(path) as database:

        def is_in_force(days: int) -> bool:
            with database.read() as session:
                return (
                    tokens.find_token(session, plain, "api", now=dt.datetime.now(dt.UTC) + dt.timedelta(days=days))
                    is not None
                )

        assert (is_in_force(0), is_in_force(6), is_in_force(8)) == (True, True, False)
        assert run("token", "revoke", "1").exit_code == 0
        assert not is_in_force(0)
    assert "nightly" not in run("token", "list").stdout


def test_a_tokens_purpose_is_shown_as_it_was_given(path: Path) -> None:  # noqa: ARG001 (the database is there)
    add_user("ada")
    run("token", "create", "ada", "--for", "[/red] x")

    listed = run("token", "list")

    assert listed.exit_code == 0
    assert "[/red] x" in listed.stdout


HOSTILE = "\x1b[31m[red]\x07\u202e\x9b2J[/]"
HARMLESS = r"\x1b[31m[red]\x07\u202e\x9b2J[/]"


@pytest.mark.usefixtures("path")
def test_a_terminal_is_sent_no_control_characters_of_a_tokens_purpose() -> None:
    add_user("ada")
    run("token", "create", "ada", "--for", f"{HOSTILE}\nx")

    listed = run("token", "list").stdout

    assert "\x1b" not in listed
    assert rf"{HARMLESS}\nx" in listed


@pytest.mark.parametrize(
    "words", [["user", "enable"], ["user", "disable"], ["user", "add"], ["token", "create"], ["pool", "create"]]
)
@pytest.mark.usefixtures("path")
def test_a_terminal_is_sent_no_control_characters_of_a_name_that_is_refused(words: list[str]) -> None:
    result = run(*words, HOSTILE)

    assert result.exit_code == 1
    assert not set("\x1b\x07\x9b\u202e") & set(result.output)


def test_a_terminal_is_sent_no_control_characters_of_the_datas_file(path: Path) -> None:
    with opened(path) as database:
        database.migrate()
        add_pool(database, slug="first")
        with database.write() as session:
            session.execute(text("UPDATE pool SET dataset_description = :hostile"), {"hostile": HOSTILE})

    assert "\x1b" not in run("pool", "list").stdout
    assert "\\x1b" in run("pool", "list").stdout


def test_a_file_may_be_called_as_it_likes(trained: Path, tmp_path: Path) -> None:
    assert trained.exists()
    file = tmp_path / "[red]\x1b[1m.db"

    made, restored = run("backup", str(file)), run("restore", str(file))
    exported = run("export", "first", str(tmp_path / "[red].csv"))

    assert [result.exit_code for result in (made, restored, exported)] == [0, 0, 0], made.stderr
    for result in (made, restored):
        assert r"[red]\x1b[1m.db" in result.stdout.replace("\n", "")
    assert "[red].csv" in exported.stdout.replace("\n", "")


def test_a_disabled_account_gets_no_token(path: Path) -> None:
    add_user("ada")
    run("user", "disable", "ada")
    refused = run("token", "create", "ada")

    assert path.exists()
    assert (refused.exit_code, refused.stdout) == (1, "")
    assert refused.stderr.startswith("Error: The account ada is disabled. Enable it first")


# Verify, backup, restore


@pytest.fixture
def trained(path: Path) -> Path:
    """A database with a round."""
    with opened(path) as database:
        database.migrate()
        pool = add_pool(database, slug="first")
        ask_and_answer(database, pool, add_annotator(database))
        assert make_trainer(database).run_one()
    return path


@pytest.mark.tensorflow
@pytest.mark.usefixtures("trained")
def test_verify_says_that_all_is_the_same() -> None:
    result = run("verify")

    assert result.exit_code == 0, result.stderr
    assert "first: every round comes out the same, bit for bit." in result.stdout


@pytest.mark.tensorflow
def test_verify_says_where_it_is_not_and_ends_with_1(trained: Path) -> None:
    with opened(trained) as database, database.write() as session:
        session.execute(text("UPDATE round SET steps = steps + 1 WHERE number = 1"))

    result = run("verify")

    assert result.exit_code == 1
    assert "Different at first, round 1, steps: stored is" in result.stdout


@pytest.mark.usefixtures("trained")
def test_verify_looks_at_the_pools_that_are_named() -> None:
    run("pool", "create", "second")

    assert "second" not in run("verify", "--pool", "first").stdout
    assert "first" not in run("verify", "--pool", "second").stdout
    missing = run("verify", "--pool", "nowhere")
    assert (missing.exit_code, "There is no pool nowhere" in missing.stderr) == (1, True)


@pytest.mark.tensorflow
def test_a_backup_is_made_and_restored(trained: Path, tmp_path: Path) -> None:
    file = tmp_path / "backup.db"
    made = run("backup", str(file))
    with opened(trained) as database:
        with database.read() as session:
            pool = get_pool(session, "first")
        ask_and_answer(database, pool, add_annotator(database))

    restored = run("restore", str(file))

    assert (made.exit_code, restored.exit_code) == (0, 0), made.stderr + restored.stderr
    assert "checked" in made.stdout
    assert "inkling.db.before-restore" in restored.stdout.replace("\n", "")
    with opened(trained) as database:
        assert len(standing(database)) == 10
    assert run("verify").exit_code == 0


@pytest.mark.usefixtures("trained")
def test_a_backup_that_fails_ends_with_1_and_the_reason(tmp_path: Path) -> None:
    existing = tmp_path / "backup.db"
    existing.write_text("precious")
    for words, reason in (
        (("backup", str(existing)), "exists already"),
        (("restore", str(tmp_path / "nowhere.db")), "There is no backup"),
        (("restore", str(existing)), "is not a sound database"),
    ):
        result = run(*words)
        assert result.exit_code == 1
        assert result.stderr.startswith("Error: ")
        assert reason in result.stderr


def test_a_database_of_a_newer_version_is_left_alone(trained: Path) -> None:
    with opened(trained) as database, database.write() as session:
        session.execute(text("UPDATE alembic_version SET version_num = '9999'"))

    for words in (("pool", "list"), ("user", "list"), ("verify",)):
        result = run(*words)
        assert (result.exit_code, "newer Inkling" in result.stderr) == (1, True)


@pytest.mark.usefixtures("path")
def test_a_pool_is_deleted_after_a_question_that_names_the_backup() -> None:
    run("pool", "create", "first")
    asked = run("pool", "delete", "first")

    assert asked.exit_code == 1  # nobody said yes
    assert "inkling backup FILE" in asked.stderr
    assert "first" in run("pool", "list").stdout
    assert run("pool", "delete", "first", "--yes").exit_code == 0
    assert "first" not in run("pool", "list").stdout
