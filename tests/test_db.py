"""Transactions on SQLite: whole or not at all, one writer at a time, and a file that cannot be used says why."""

import sqlite3
import stat
from pathlib import Path

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.exc import IntegrityError

from app.db import Database
from app.errors import DatabaseUnusable
from app.models import Annotator, Label, Pool

from .factories import NOW, copy_database, opened, race, url_of


def add(database: Database, name: str) -> None:
    with database.write() as session:
        session.add(Annotator(name=name, role="annotator", created_at=NOW))


def count(database: Database) -> int:
    with database.read() as session:
        return session.scalar(select(func.count()).select_from(Annotator)) or 0


def test_what_was_written_before_an_exception_is_rolled_back_whole(database: Database) -> None:
    with pytest.raises(RuntimeError, match="halfway"), database.write() as session:
        session.add(Annotator(name="ada", role="annotator", created_at=NOW))
        session.flush()
        raise RuntimeError("halfway")

    assert count(database) == 0


def test_the_writer_is_free_again_after_an_exception(database: Database) -> None:
    with pytest.raises(RuntimeError), database.write():
        raise RuntimeError

    add(database, "ada")

    assert count(database) == 1


def test_a_reader_sees_nothing_of_a_transaction_under_way(database: Database) -> None:
    with database.write() as session:
        session.add(Annotator(name="ada", role="annotator", created_at=NOW))
        session.flush()

        assert count(database) == 0
    assert count(database) == 1


def test_a_reader_stays_with_the_state_it_began_with(database: Database) -> None:
    with database.read() as session:
        before = session.scalar(select(func.count()).select_from(Annotator))
        add(database, "ada")

        assert session.scalar(select(func.count()).select_from(Annotator)) == before == 0


def test_what_is_written_in_a_read_is_rolled_back(database: Database) -> None:
    with database.read() as session:
        session.add(Annotator(name="ada", role="annotator", created_at=NOW))
        session.flush()

    assert count(database) == 0


def test_threads_that_write_at_once_all_succeed(database: Database) -> None:
    def add_some(index: int) -> None:
        for turn in range(10):
            add(database, f"annotator {index}.{turn}")

    outcomes = race(16, add_some)

    assert outcomes == [None] * 16
    assert count(database) == 160


def test_a_writer_of_another_process_is_waited_for(database: Database, tmp_path: Path) -> None:
    # Two Database objects on one file share no lock of ours, as two processes do not.
    other = Database(url_of(tmp_path / "inkling.db"))

    def add_some(index: int) -> None:
        for turn in range(5):
            add((database, other)[index % 2], f"annotator {index}.{turn}")

    outcomes = race(4, add_some)
    other.close()

    assert outcomes == [None] * 4
    assert count(database) == 20


def test_a_row_may_not_refer_to_one_that_is_not_there(database: Database) -> None:
    with pytest.raises(IntegrityError, match="FOREIGN KEY"), database.write() as session:
        session.add(Label(image_id=99, pool_id=99, event_id=99, value=1, source="human"))


@pytest.mark.parametrize(
    ("pragma", "value"),
    [("journal_mode", "wal"), ("synchronous", 2), ("foreign_keys", 1), ("busy_timeout", 5000)],
)
def test_every_connection_is_durable_and_checks_its_references(
    database: Database, pragma: str, value: str | int
) -> None:
    for begin in (database.read, database.write):
        with begin() as session:
            assert session.scalar(text(f"PRAGMA {pragma}")) == value


def test_committed_rows_outlive_the_process(database: Database, tmp_path: Path) -> None:
    add(database, "ada")
    database.close()

    reopened = Database(url_of(tmp_path / "inkling.db"))

    assert count(reopened) == 1
    reopened.close()


def test_closing_folds_the_log_into_the_file(database: Database, tmp_path: Path) -> None:
    add(database, "ada")

    database.close()

    assert sorted(path.name for path in tmp_path.iterdir()) == ["inkling.db", "inkling.db-lock"]


def test_a_new_file_is_migrated_once_and_may_be_migrated_again(tmp_path: Path) -> None:
    database = Database(url_of(tmp_path / "new.db"))

    database.migrate()
    database.migrate()

    with database.read() as session:
        assert session.scalars(select(Pool)).all() == []
    database.close()


@pytest.mark.parametrize(
    "url", ["postgresql://ada@localhost/inkling", "sqlite://", "sqlite:///:memory:", "inkling.db", "", "nonsense://"]
)
def test_an_address_that_is_no_sqlite_file_is_refused_with_an_example(url: str) -> None:
    with pytest.raises(DatabaseUnusable, match=r"INKLING_DATABASE_URL .*sqlite:///inkling\.db"):
        Database(url)


def test_a_password_in_a_wrong_address_is_not_shown() -> None:
    with pytest.raises(DatabaseUnusable) as caught:
        Database("postgresql://ada:secret@localhost/inkling")

    assert "secret" not in caught.value.message


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(DatabaseUnusable, match=r"nowhere of the database does not exist\. Create it"):
        Database(url_of(tmp_path / "nowhere" / "inkling.db"))


def test_a_file_that_is_no_database_says_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "inkling.db"
    path.write_bytes(b"these are not the pages of a database" * 100)
    database = Database(url_of(path))

    with pytest.raises(DatabaseUnusable, match=r"inkling\.db cannot be used: .* Restore it from a backup"):
        database.migrate()
    database.close()


def test_a_folder_in_the_place_of_the_file_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "inkling.db").mkdir()
    database = Database(url_of(tmp_path / "inkling.db"))

    with pytest.raises(DatabaseUnusable, match=r"inkling\.db .*INKLING_DATABASE_URL"):
        database.migrate()
    database.close()


def test_a_damaged_page_says_what_to_do(migrated_file: Path, tmp_path: Path) -> None:
    damaged = bytearray(migrated_file.read_bytes())
    damaged[100:2000] = b"\xff" * 1900  # the schema, behind an intact header
    path = tmp_path / "damaged.db"
    path.write_bytes(damaged)
    database = Database(url_of(path))

    with pytest.raises(DatabaseUnusable, match=r"damaged\.db .*INKLING_DATABASE_URL"):
        database.migrate()
    database.close()


def test_a_newer_schema_is_left_alone_and_says_what_to_do(database: Database, tmp_path: Path) -> None:
    database.close()
    with sqlite3.connect(tmp_path / "inkling.db") as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()
    reopened = Database(url_of(tmp_path / "inkling.db"))

    with pytest.raises(DatabaseUnusable, match=r"newer Inkling.*Install that version"):
        reopened.migrate()
    reopened.close()


# Who may read the file


def modes_of(path: Path) -> dict[str, str]:
    """Of the database and the files that SQLite has beside it, by their endings."""
    files = {each.name.removeprefix(path.name): each for each in path.parent.iterdir()}
    return {ending: f"{stat.S_IMODE(each.stat().st_mode):o}" for ending, each in files.items()}


@pytest.mark.usefixtures("_open_umask")
def test_a_new_database_is_for_its_owner_alone_and_so_is_its_log(tmp_path: Path) -> None:
    path = tmp_path / "new.db"
    with opened(path) as database:
        database.migrate()
        add(database, "ada")

        assert modes_of(path) == {"": "600", "-wal": "600", "-shm": "600", "-lock": "600"}


@pytest.mark.usefixtures("_open_umask")
@pytest.mark.parametrize(("before", "after"), [(0o644, "600"), (0o666, "600"), (0o640, "640"), (0o600, "600")])
def test_a_database_that_every_user_may_read_is_left_to_its_owner_at_the_start(
    migrated_file: Path, tmp_path: Path, before: int, after: str
) -> None:
    path = copy_database(migrated_file, tmp_path / "inkling.db")
    path.chmod(before)
    with opened(path) as database:
        database.migrate()
        add(database, "ada")

        database.check_start()

        assert modes_of(path) == {"": after, "-wal": after, "-shm": after, "-lock": after}
        add(database, "ben")
