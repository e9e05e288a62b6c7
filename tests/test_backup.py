"""A backup is one consistent file, made while others write; putting it back never loses what was there."""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from app.backup import KEPT_SUFFIX, back_up, restore
from app.db import Database
from app.errors import BackupFailed
from app.models import Pool
from app.pools import get_pool
from app.verify import verify_pool

from .factories import (
    add_annotator,
    add_pool,
    ask_and_answer,
    copy_database,
    count_events,
    make_trainer,
    standing,
    undo,
)


@pytest.fixture
def path(database: Database, tmp_path: Path) -> Path:
    """The database's file."""
    assert database.path == tmp_path / "inkling.db"
    return database.path


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Where the backup goes."""
    return tmp_path / "backups" / "monday.db"


@pytest.fixture(autouse=True)
def _folder(file: Path) -> None:
    file.parent.mkdir()


def read(path: Path, query: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
        return connection.execute(query).fetchall()


def dump(path: Path) -> list[str]:
    """Everything in a database."""
    with closing(sqlite3.connect(path)) as connection:
        return list(connection.iterdump())


def files_in(folder: Path) -> list[str]:
    return sorted(found.name for found in folder.iterdir())


# Back up


def test_a_backup_is_one_file_with_everything_in_it(database: Database, pool: Pool, path: Path, file: Path) -> None:
    ask_and_answer(database, pool, add_annotator(database))

    back_up(path, file)

    assert files_in(file.parent) == ["monday.db"]
    assert read(file, "PRAGMA integrity_check") == [("ok",)]
    assert read(file, "PRAGMA journal_mode") == [("delete",)]
    assert dump(file) == dump(path)


def test_a_backup_while_others_write_has_whole_transactions(database: Database, path: Path, tmp_path: Path) -> None:
    pool = add_pool(database, n_images=400)
    people = [add_annotator(database, f"annotator {index}") for index in range(3)]
    stop, begun = threading.Event(), threading.Barrier(4)

    def write(index: int) -> None:
        begun.wait()
        while not stop.is_set():
            if not ask_and_answer(database, pool, people[index], 5):
                return
            undo(database, pool, people[index])

    threads = [threading.Thread(target=write, args=(index,)) for index in range(3)]
    for thread in threads:
        thread.start()
    begun.wait()
    copies = [tmp_path / f"{number}.db" for number in range(4)]
    try:
        for copy in copies:
            back_up(path, copy)
    finally:
        stop.set()
        for thread in threads:
            thread.join()

    n_events = [len(read(copy, "SELECT id FROM label_event")) for copy in copies]
    assert n_events == sorted(n_events)
    assert n_events[-1] <= count_events(database)
    for copy in copies:
        assert read(copy, "PRAGMA integrity_check") == [("ok",)]
        assert read(copy, "PRAGMA foreign_key_check") == []
        # Five answers come in one transaction, so labels are missing or there by fives, and undos one by one.
        ((n_labels, n_undos),) = read(
            copy,
            "SELECT count(*) FILTER (WHERE kind = 'label'), count(*) FILTER (WHERE kind = 'undo') FROM label_event",
        )
        assert isinstance(n_labels, int)
        assert isinstance(n_undos, int)
        assert n_labels % 5 == 0
        assert len(read(copy, "SELECT * FROM label")) == n_labels - n_undos


def test_a_backup_of_a_database_at_rest_leaves_it_as_it_is(database: Database, path: Path, file: Path) -> None:
    database.close()
    before = path.read_bytes()

    back_up(path, file)

    assert path.read_bytes() == before
    assert files_in(path.parent) == ["backups", "inkling.db"]


def test_an_existing_file_is_not_overwritten(path: Path, file: Path) -> None:
    file.write_text("precious")

    with pytest.raises(BackupFailed, match=r"monday\.db exists already. Choose another name"):
        back_up(path, file)
    assert file.read_text() == "precious"


def test_a_database_that_is_not_there_is_named_and_not_made(tmp_path: Path, file: Path) -> None:
    with pytest.raises(BackupFailed, match=r"There is no database .*nowhere\.db.*INKLING_DATABASE_URL"):
        back_up(tmp_path / "nowhere.db", file)

    assert not (tmp_path / "nowhere.db").exists()
    assert files_in(file.parent) == []


@pytest.mark.parametrize("content", [b"not a database at all" * 500, b""], ids=["nonsense", "empty"])
def test_what_is_no_database_of_ours_gives_no_backup(tmp_path: Path, file: Path, content: bytes) -> None:
    other = tmp_path / "other.db"
    other.write_bytes(content)

    with pytest.raises(BackupFailed):
        back_up(other, file)
    assert files_in(file.parent) == []


def test_a_folder_that_is_not_there_is_told(path: Path, tmp_path: Path) -> None:
    with pytest.raises(BackupFailed, match="could not be written"):
        back_up(path, tmp_path / "nowhere" / "monday.db")


def test_a_damaged_database_gives_no_backup(migrated_file: Path, tmp_path: Path, file: Path) -> None:
    damaged = damage(copy_database(migrated_file, tmp_path / "damaged.db"))

    with pytest.raises(BackupFailed):
        back_up(damaged, file)
    assert files_in(file.parent) == []


def damage(path: Path) -> Path:
    """Overwrite a page behind the header and the schema."""
    content = bytearray(path.read_bytes())
    content[3 * 4096 : 4 * 4096] = b"\xff" * 4096
    path.write_bytes(content)
    return path


# Restore


@pytest.fixture
def backup(database: Database, pool: Pool, path: Path, file: Path) -> Iterator[Path]:
    """A backup with ten labels and a round; the database has more by now, and is closed."""
    ada = add_annotator(database)
    ask_and_answer(database, pool, ada)
    assert make_trainer(database).run_one()
    back_up(path, file)
    ask_and_answer(database, pool, ada)
    database.close()
    yield file
    database.close()


def test_what_is_restored_works_and_the_old_file_is_kept(database: Database, path: Path, backup: Path) -> None:
    newer = dump(path)

    kept = restore(backup, path)

    assert kept == path.with_name(f"inkling.db{KEPT_SUFFIX}")
    assert kept is not None
    assert dump(kept) == newer
    assert dump(path) == dump(backup)
    assert len(standing(database)) == 10
    with database.read() as session:
        pool = get_pool(session, "patterns")
    assert verify_pool(database, pool, lambda _number, _last: None).difference is None
    ask_and_answer(database, pool, add_annotator(database))
    assert len(standing(database)) == 20


def test_a_backup_is_restored_where_nothing_was(path: Path, backup: Path) -> None:
    path.unlink()

    assert restore(backup, path) is None
    assert dump(path) == dump(backup)


def test_nothing_is_restored_while_somebody_has_the_database_open(database: Database, path: Path, backup: Path) -> None:
    with database.read() as session:
        get_pool(session, "patterns")
        with pytest.raises(BackupFailed, match=r"inkling\.db is in use .* Stop the server first"):
            restore(backup, path)
    with pytest.raises(BackupFailed, match="Stop the server first"):  # open and idle
        restore(backup, path)
    assert len(standing(database)) == 20
    assert not path.with_name(f"inkling.db{KEPT_SUFFIX}").exists()

    database.close()
    restore(backup, path)

    assert len(standing(database)) == 10


@pytest.mark.parametrize("what", ["missing", "nonsense", "empty", "damaged", "another program's"])
def test_a_backup_that_is_not_sound_is_refused_and_the_database_stays(path: Path, backup: Path, what: str) -> None:
    before = path.read_bytes()
    match what:
        case "missing":
            backup.unlink()
        case "nonsense":
            backup.write_bytes(b"not a database at all" * 500)
        case "empty":
            backup.write_bytes(b"")
        case "damaged":
            damage(backup)
        case _:
            backup.unlink()
            with closing(sqlite3.connect(backup)) as other:
                other.execute("CREATE TABLE song (title TEXT)")

    with pytest.raises(BackupFailed):
        restore(backup, path)

    assert path.read_bytes() == before
    assert files_in(path.parent) == ["backups", "inkling.db"]


def test_a_restore_that_fails_halfway_leaves_the_database_where_it_was(path: Path, backup: Path) -> None:
    before = path.read_bytes()
    path.with_name("inkling.db.part").mkdir()  # in the way of the copy

    with pytest.raises(BackupFailed):
        restore(backup, path)

    assert path.read_bytes() == before


def test_a_database_cannot_be_restored_from_itself(path: Path, backup: Path) -> None:
    assert backup.exists()
    before = path.read_bytes()

    with pytest.raises(BackupFailed):
        restore(path, path)

    assert path.read_bytes() == before


def test_a_second_restore_keeps_what_the_first_one_kept(path: Path, backup: Path) -> None:
    newest = dump(path)
    first = restore(backup, path)
    second = restore(backup, path)

    assert first is not None
    assert second is not None
    assert first != second
    assert dump(first) == newest


def test_a_damaged_database_is_replaced_and_kept(path: Path, backup: Path) -> None:
    path.write_bytes(b"not a database at all" * 500)

    kept = restore(backup, path)

    assert dump(path) == dump(backup)
    assert kept is not None
    assert kept.read_bytes().startswith(b"not a database")


def test_the_log_of_a_damaged_database_is_not_played_into_the_restored_one(
    database: Database, pool: Pool, path: Path, file: Path
) -> None:
    # A process that was killed leaves SQLite's log beside the file: it belongs to the old pages, not to the new ones.
    ada = add_annotator(database)
    back_up(path, file)
    ask_and_answer(database, pool, ada)
    log = path.with_name("inkling.db-wal").read_bytes()
    assert log
    database.close()
    path.write_bytes(b"not a database at all" * 500)
    path.with_name("inkling.db-wal").write_bytes(log)

    restore(file, path)

    assert dump(path) == dump(file)
    assert read(path, "SELECT * FROM label_event") == []


def test_the_log_that_a_killed_process_left_is_kept_with_the_old_database(
    database: Database, pool: Pool, path: Path, file: Path, tmp_path: Path
) -> None:
    ada = add_annotator(database)
    back_up(path, file)
    events = ask_and_answer(database, pool, ada)
    killed = tmp_path / "killed" / "inkling.db"
    killed.parent.mkdir()
    for name in ("inkling.db", "inkling.db-wal"):  # as they lie there after a kill
        (killed.parent / name).write_bytes((path.parent / name).read_bytes())

    kept = restore(file, killed)

    assert dump(killed) == dump(file)
    assert kept is not None
    assert len(read(kept, "SELECT * FROM label_event")) == len(events)
