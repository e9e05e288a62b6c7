"""Migrate a database of 0.2.0 with 13,000 labels, verify it, and kill the migration again and again.

`python -m benchmarks.migration [--images 60000] [--labels 13000] [--kills 10] [--seed 0]`: a line a step and a kill.
Ends with exit code 1 if the migrated database does not verify, or if one whose migration was killed is neither of the
old version nor of the new one, whole, with all of its rows, and migrates on.
"""

import argparse
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from app.db import Database
from app.schema import find_fault
from app.settings import ROOT
from app.trainer import Trainer
from benchmarks.old_database import OLD, OldDatabase
from benchmarks.server import database_folder

TABLES = ("pool", "image", "round", "ranked_image", "label_event", "label", "skip", "annotator")


@dataclass(frozen=True, slots=True)
class State:
    """What a file holds: its revision, how many rows of each table, and what is wrong with it, if anything."""

    revision: str
    counts: tuple[int, ...]
    fault: str | None


def make(path: Path, *, images: int, labels: int, seed: int) -> None:
    """A database of 0.2.0 with two rounds that were really trained, of the first labels and of all."""
    old = OldDatabase(path, n_images=images, seed=seed)
    old.add_events(min(400, labels))
    old.add_round(*_train(old, path.with_name("training.db")))
    old.add_events(labels - min(400, labels))
    old.add_round(*_train(old, path.with_name("training.db")))
    old.close()


def _train(old: OldDatabase, copy: Path) -> tuple[dict[str, object], list[tuple[int, int, float, int]]]:
    """The round that today's trainer makes of a copy of the database, as 0.2.0 would have stored it."""
    old.copy_to(copy)
    database = Database(f"sqlite:///{copy}")
    database.migrate()
    trainer = Trainer(database, retry_seconds=1.0)
    while trainer.run_one():
        pass
    database.close()
    with closing(sqlite3.connect(copy)) as connection:
        connection.row_factory = sqlite3.Row
        row = dict(connection.execute("SELECT * FROM round ORDER BY number DESC LIMIT 1").fetchone())
        query = "SELECT rank, image_id, confidence, prediction FROM ranked_image WHERE round_id = ? ORDER BY rank"
        ranked = [tuple(each) for each in connection.execute(query, (row["id"],))]
    _remove(copy)
    return row, ranked


def read_state(path: Path) -> State:
    """Look at a database as it lies there, through SQLite's own module."""
    with closing(sqlite3.connect(path)) as connection:
        answer = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
        (revision,) = connection.execute("SELECT version_num FROM alembic_version").fetchone()
        counts = tuple(connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in TABLES)
        n_orphans = len(connection.execute("PRAGMA foreign_key_check").fetchall())
        fault = find_fault(connection) or (None if answer == "ok" else answer)
        return State(revision, counts, fault or (f"{n_orphans} rows refer to nothing" if n_orphans else None))


def start(path: Path, *words: str) -> subprocess.Popen[str]:
    """A command on this database."""
    command = [sys.executable, "-m", "app.cli", *words]
    environment = os.environ | {"INKLING_DATABASE_URL": f"sqlite:///{path}", "COLUMNS": "200"}
    return subprocess.Popen(
        command, env=environment, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )


def kill(source: Path, after: float, old: State, new: State) -> tuple[State, bool]:
    """Kill the migration of a copy; what it left behind, and whether that is whole and migrates on."""
    copy = Path(shutil.copyfile(source, source.with_name("killed.db")))
    process = start(copy, "pool", "list")
    time.sleep(after)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    found = read_state(copy)
    start(copy, "pool", "list").communicate()
    is_whole = found in (old, new) and read_state(copy) == new
    _remove(copy)
    return found, is_whole


def _remove(path: Path) -> None:
    for each in path.parent.glob(f"{path.name}*"):
        each.unlink()


def main() -> int:
    """Run, and judge."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.migration", description=__doc__)
    parser.add_argument("--images", type=int, default=60_000)
    parser.add_argument("--labels", type=int, default=13_000)
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    with database_folder() as folder:
        source = folder / "old.db"
        make(source, images=asked.images, labels=asked.labels, seed=asked.seed)
        old = read_state(source)
        print(f"made: revision {old.revision}, {dict(zip(TABLES, old.counts, strict=True))}", flush=True)
        migrated = Path(shutil.copyfile(source, folder / "new.db"))
        started = time.perf_counter()
        database = Database(f"sqlite:///{migrated}")
        database.migrate()
        print(f"migrated in {time.perf_counter() - started:.2f} s", flush=True)
        database.close()
        new = read_state(migrated)
        verify = start(migrated, "verify")
        said = verify.communicate()[0].strip().splitlines()[-1]
        print(f"inkling verify: {said}", flush=True)
        is_sound = old.revision == OLD and new.fault is None and new.counts == old.counts and verify.returncode == 0
        started = time.perf_counter()
        whole = Path(shutil.copyfile(source, folder / "whole.db"))
        start(whole, "pool", "list").communicate()
        seconds = time.perf_counter() - started
        rng = random.Random(asked.seed)
        for number in range(1, asked.kills + 1):
            after = rng.uniform(0, seconds)
            found, is_whole = kill(source, after, old, new)
            print(f"kill {number} after {after:.2f} of {seconds:.2f} s: revision {found.revision}, whole: {is_whole}")
            is_sound = is_sound and is_whole
    print("sound" if is_sound else "NOT SOUND")
    return 0 if is_sound else 1


if __name__ == "__main__":
    sys.exit(main())
