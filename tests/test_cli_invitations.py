"""`inkling user invite` and the links for new passwords, from the command line."""

import datetime as dt
from pathlib import Path

import pytest

from app import invitations
from app.errors import InvitationNotFound
from app.models import Annotator

from .factories.files import copy_database, opened, url_of
from .factories.invited import CHOSEN
from .factories.logins import hash_once, may_log_in
from .test_cli import add_user, run

pytestmark = pytest.mark.usefixtures("_logging_as_before")


@pytest.fixture
def path(tmp_path: Path, migrated_file: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the commands find their database; the admin ada is in it."""
    path = copy_database(migrated_file, tmp_path / "inkling.db")
    monkeypatch.setenv("INKLING_DATABASE_URL", url_of(path))
    add_user("ada", "--admin")
    return path


def use(path: Path, link: str, name: str = "") -> Annotator:
    """Use a printed link."""
    with opened(path) as database, database.write() as session:
        plain = link.rpartition("/")[2]
        return invitations.accept(session, plain, name, hash_once(CHOSEN), now=dt.datetime.now(dt.UTC))


@pytest.mark.parametrize(
    ("options", "before"),
    [
        ([], ""),
        (["--url", "https://label.example.org"], "https://label.example.org"),
        (["--url", "http://x/"], "http://x"),
    ],
)
def test_the_link_is_printed_alone_and_makes_the_account(path: Path, options: list[str], before: str) -> None:
    made = run("user", "invite", "ben", "--role", "admin", *options)
    link = made.stdout.removesuffix("\n")

    assert made.exit_code == 0, made.stderr
    assert link.startswith(f"{before}/join/")
    assert len(link) == len(f"{before}/join/") + 43
    assert "it is not shown again. It works once, until" in made.stderr
    assert link[-43:] not in made.stderr
    assert (use(path, link).name, use_again(path, link)) == ("ben", "gone")
    assert "admin" in next(line for line in run("user", "list").stdout.splitlines() if "ben" in line)


def use_again(path: Path, link: str) -> str:
    """What comes of a link that was used."""
    try:
        return use(path, link).name
    except InvitationNotFound:
        return "gone"


def test_without_a_name_the_person_chooses_it(path: Path) -> None:
    account = use(path, run("user", "invite").stdout.strip(), "eve")

    assert (account.name, account.role) == ("eve", "annotator")


def test_a_link_for_a_new_password_asks_for_none_here(path: Path) -> None:
    made = run("user", "password", "ada", "--link", "--url", "https://label.example.org")

    assert made.exit_code == 0, made.stderr
    assert use(path, made.stdout.strip()).name == "ada"
    with opened(path) as database:
        assert may_log_in(database, CHOSEN)


@pytest.mark.usefixtures("path")
@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["user", "invite", "Ada"], 1, "There is an account ada already"),
        (["user", "invite", "<b>"], 1, "A name has letters"),
        (["user", "invite", "ben", "--role", "oracle"], 2, "'oracle' is not one of"),
        (["user", "invite", "ben", "--days", "31"], 2, "--days"),
        (["user", "password", "ben", "--link"], 1, "There is no account ben"),
        (["user", "role", "ben", "admin"], 1, "There is no account ben"),
        (["user", "role", "ada", "boss"], 2, "'boss' is not one of"),
    ],
)
def test_what_cannot_be_done_is_told(words: list[str], code: int, message: str) -> None:
    result = run(*words, columns=200)

    assert (result.exit_code, message in result.stderr) == (code, True), result.stderr
    assert "Traceback" not in result.output


def test_a_database_without_accounts_invites_nobody(
    tmp_path: Path, migrated_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("INKLING_DATABASE_URL", url_of(copy_database(migrated_file, tmp_path / "empty.db")))

    refused = run("user", "invite", "ben", "--role", "admin")

    assert refused.exit_code == 1
    assert refused.stdout == ""
    assert "inkling user add NAME --admin" in refused.stderr
