"""A backup is one consistent file, made while others write; putting it back never loses what was there."""

import os
import sqlite3
import stat
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from app.backup import KEPT_SUFFIX, back_up, restore
from app.db import Database
from app.errors import BackupFailed
from app.models import Base, Pool
from app.pools import get_pool
from app.verify import verify_pool

from .factories import (
    add_annotator,
    add_pool,
    ask_and_answer,
    copy_database,
    count_events,
    make_trainer,
    move,
    move_up_to,
    opened,
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
    return sorted(found.name for found in folder.iterdir() if not found.name.endswith("-lock"))


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


def mode_of(path: Path) -> str:
    return f"{stat.S_IMODE(path.stat().st_mode):o}"


@pytest.mark.usefixtures("_open_umask")
def test_a_backup_is_for_its_owner_alone(database: Database, pool: Pool, path: Path, file: Path) -> None:
    ask_and_answer(database, pool, add_annotator(database))

    back_up(path, file)

    assert mode_of(file) == "600"


def test_a_copy_that_was_left_by_a_killed_backup_is_not_taken_over(path: Path, file: Path) -> None:
    part = file.with_name("monday.db.part")
    part.write_bytes(b"half a copy")
    part.chmod(0o666)

    back_up(path, file)

    assert mode_of(file) == "600"
    assert files_in(file.parent) == ["monday.db"]


ODD_NAMES = ["100%41.db", "what?.db", "a#b.db", "we?mode=rwc&x=.db", "h#.db", "ü %3f.db", "[x].db"]


@pytest.mark.parametrize("name", ODD_NAMES)
def test_a_backup_may_be_called_as_it_likes(path: Path, tmp_path: Path, file: Path, name: str) -> None:
    named = file.with_name(name)
    back_up(path, named)
    elsewhere = tmp_path / "elsewhere" / name
    elsewhere.parent.mkdir()

    restore(named, elsewhere)

    assert dump(elsewhere) == dump(path)
    assert (files_in(named.parent), files_in(elsewhere.parent)) == ([name], [name])


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


@pytest.mark.tensorflow
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


@pytest.mark.parametrize("content", [b"garbage", b""], ids=["garbage", "empty"])
def test_it_is_the_named_file_that_is_checked_and_no_other(path: Path, backup: Path, content: bytes) -> None:
    before = path.read_bytes()
    sound, named = backup.with_name("g"), backup.with_name("g?.db")
    backup.rename(sound)
    named.write_bytes(content)

    with pytest.raises(BackupFailed, match=r"g\?\.db is not a sound database"):
        restore(named, path)

    assert path.read_bytes() == before
    assert files_in(backup.parent) == ["g", "g?.db"]


FOREIGN = {
    "a trigger of others": "CREATE TRIGGER spy AFTER INSERT ON label BEGIN DELETE FROM audit_entry; END",
    "a view in the place of a table": "DROP TABLE skip; CREATE VIEW skip AS SELECT * FROM label",
    "a view more": "CREATE VIEW seen AS SELECT * FROM label",
    "a table more": "CREATE TABLE song (title TEXT)",
    "an index more": "CREATE UNIQUE INDEX one_skip ON skip (pool_id)",
    "a trigger less": "DROP TRIGGER label_event_refuses_update",
    "another trigger of the same name": "DROP TRIGGER label_event_refuses_update; CREATE TRIGGER "
    "label_event_refuses_update BEFORE UPDATE ON label_event BEGIN SELECT 1; END",
    "a column less": "ALTER TABLE failed_round DROP COLUMN error",
    "a rule less": "DROP TABLE server_secret; CREATE TABLE server_secret (id INTEGER NOT NULL, value VARCHAR(64) NOT "
    "NULL, CONSTRAINT pk_server_secret PRIMARY KEY (id))",
    "an index less": "DROP INDEX ix_label_pool",
    "two versions": "INSERT INTO alembic_version VALUES ('0001')",
    "no version": "DELETE FROM alembic_version",
    "a newer version": "UPDATE alembic_version SET version_num = '9999'",
    "a name for a version": "UPDATE alembic_version SET version_num = 'head'",
    "an older version than its tables": "UPDATE alembic_version SET version_num = '0001'",
    "nothing but a version": "; ".join(f"DROP TABLE {table.name}" for table in reversed(Base.metadata.sorted_tables)),
}


@pytest.mark.parametrize("what", FOREIGN)
def test_a_sound_file_that_is_not_as_inkling_makes_it_is_neither_restored_nor_backed_up(
    path: Path, backup: Path, what: str
) -> None:
    before = path.read_bytes()
    with closing(sqlite3.connect(backup)) as connection:
        connection.executescript(FOREIGN[what])

    with pytest.raises(BackupFailed, match="is not a sound database of Inkling"):
        restore(backup, path)
    with pytest.raises(BackupFailed, match="is not a sound database of Inkling"):
        back_up(backup, path.with_name("again.db"))

    assert path.read_bytes() == before
    assert files_in(path.parent) == ["backups", "inkling.db"]


def test_what_differs_is_named(path: Path, backup: Path) -> None:
    with closing(sqlite3.connect(backup)) as connection:
        connection.executescript(f"{FOREIGN['a trigger of others']}; {FOREIGN['an index less']}")

    with pytest.raises(BackupFailed, match="the index ix_label_pool is missing, the trigger spy is not Inkling's"):
        restore(backup, path)


def test_a_backup_that_sqlite_has_gathered_statistics_in_is_restored(path: Path, backup: Path) -> None:
    with closing(sqlite3.connect(backup)) as connection:
        connection.execute("ANALYZE")

    restore(backup, path)

    assert dump(path) == dump(backup)


def test_a_backup_of_an_older_version_is_restored_and_migrated(path: Path, tmp_path: Path) -> None:
    old = tmp_path / "backups" / "old.db"
    with opened(old) as made:
        move_up_to(made, "0001")

    restore(old, path)

    with opened(path) as restored:
        restored.migrate()
        add_annotator(restored)


def test_a_database_that_came_a_longer_way_is_one_of_ours(database: Database, path: Path, tmp_path: Path) -> None:
    for revision in ("0001", "0002"):  # label_event is made anew each time
        move(database, revision)

    back_up(path, tmp_path / "copy.db")


def test_a_plain_copy_is_restored_with_the_log_beside_it(
    database: Database, pool: Pool, path: Path, tmp_path: Path
) -> None:
    events = ask_and_answer(database, pool, add_annotator(database))
    copy, target = tmp_path / "backups" / "copy.db", tmp_path / "target.db"
    for suffix in ("", "-wal"):
        Path(f"{copy}{suffix}").write_bytes(Path(f"{path}{suffix}").read_bytes())

    restore(copy, target)

    assert len(read(target, "SELECT * FROM label_event")) == len(events)
    assert [name for name in files_in(tmp_path) if name.startswith("target")] == ["target.db"]


@pytest.mark.usefixtures("_open_umask")
@pytest.mark.parametrize(("before", "after"), [(None, "600"), ("600", "600"), ("640", "640"), ("644", "600")])
def test_what_is_restored_is_as_private_as_the_old_database_or_more(
    path: Path, backup: Path, before: str | None, after: str
) -> None:
    backup.chmod(0o644)
    if before is None:
        path.unlink()
    else:
        path.chmod(int(before, 8))

    kept = restore(backup, path)

    assert mode_of(path) == after
    assert kept is None or mode_of(kept) == after


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root may give files away")
def test_what_root_restores_stays_its_users(path: Path, backup: Path) -> None:
    os.chown(path, 4321, 1234)
    path.chmod(0o640)

    restore(backup, path)

    status = path.stat()
    assert (status.st_uid, status.st_gid, mode_of(path)) == (4321, 1234, "640")


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
