"""A database as Inkling 0.2.0 left it, written row by row as that version did."""

import random
import sqlite3
from contextlib import closing
from pathlib import Path

import numpy as np
from alembic import command
from alembic.config import Config

from app.datasets.sample import load_sample
from app.db import Database
from app.learning.softmax import State
from app.sqlite import MIGRATIONS

OLD = "0002"
N_VALIDATION, N_TEST, QUEUE = 400, 600, 500
NAMES = (("ada", "annotator"), ("ben", "annotator"), ("boss", "admin"))
BOSS = 3
NOW = "2026-01-02 03:04:05.000000"


class OldDatabase:
    """A pool of the embedded digits, tiled; labels with skips, flags, changes and undos between them."""

    def __init__(self, path: Path, *, n_images: int, seed: int) -> None:
        database = Database(f"sqlite:///{path}")
        with database.engine.begin() as connection:
            config = Config(attributes={"connection": connection})
            config.set_main_option("script_location", str(MIGRATIONS))
            command.upgrade(config, OLD)
        database.close()
        self._rng = random.Random(seed)
        self._connection = sqlite3.connect(path)
        self._round_id = 1
        self._ranks: dict[int, tuple[int, float | None]] = {position + 1: (position, None) for position in range(QUEUE)}
        self._n_events = 0
        self._free = list(range(1, n_images + 1))
        self._rng.shuffle(self._free)
        self._truth = self._make_pool(n_images)

    def close(self) -> None:
        """Leave the file alone."""
        self._connection.close()

    def copy_to(self, path: Path) -> None:
        """The same database in another file."""
        with closing(sqlite3.connect(path)) as target:
            self._connection.backup(target)

    def add_events(self, n_labels: int) -> None:
        """So many answers; one in twenty is changed, some changes and answers are undone, some images skipped."""
        with self._connection:
            for _ in range(n_labels):
                image_id, who = self._free.pop(), self._rng.randrange(1, 3)
                if self._rng.random() < 0.03:
                    skip = self._append(image_id, 3 - who, "skip")
                    row = (image_id, 3 - who, skip)
                    self._connection.execute("INSERT INTO skip VALUES (?, ?, 1, ?)", row)
                if self._rng.random() < 0.02:
                    self._append(image_id, who, "flag", remark="smudged")
                self._answer(image_id, who)

    def add_round(self, row: dict[str, object], ranked: list[tuple[int, int, float, int]]) -> None:
        """A round that was trained of what is there."""
        names = (
            "pool_id, number, last_event_id, n_labels, steps, validation_correct, validation_total, test_correct, "
            "test_total, fit_ms, rank_ms, state, created_at"
        )
        marks = ", ".join("?" for _ in names.split(", "))
        statement = f"INSERT INTO round ({names}) VALUES ({marks})"
        with self._connection:
            added = self._connection.execute(statement, [row[name] for name in names.split(", ")])
            self._round_id = added.lastrowid or 0
            rows = [(self._round_id, *each) for each in ranked]
            self._connection.executemany("INSERT INTO ranked_image VALUES (?, ?, ?, ?, ?)", rows)
        self._ranks = {image_id: (rank, confidence) for rank, image_id, confidence, _ in ranked}

    def _answer(self, image_id: int, who: int) -> None:
        value = self._truth[image_id - 1] if self._rng.random() < 0.98 else self._rng.randrange(10)
        label = self._append(image_id, who, "label", value=value)
        chance = self._rng.random()
        if chance < 0.03:  # undone: no label is left
            self._append(image_id, who, "undo", undoes_id=label)
            return
        standing = label
        if chance < 0.08:
            changer = BOSS if chance < 0.05 else who
            changed = self._append(image_id, changer, "change", value=(value + 1) % 10, undoes_id=label)
            if chance < 0.06:
                self._append(image_id, changer, "undo", undoes_id=changed)
            else:
                standing, value = changed, (value + 1) % 10
        row = (image_id, standing, value)
        self._connection.execute("INSERT INTO label VALUES (?, 1, ?, ?, 'human')", row)

    def _append(
        self,
        image_id: int,
        who: int,
        kind: str,
        *,
        value: int | None = None,
        undoes_id: int | None = None,
        remark: str | None = None,
    ) -> int:
        self._n_events += 1
        rank, confidence = self._ranks.get(image_id, (None, None))
        key = f"key-{self._n_events:08d}"
        self._connection.execute(
            "INSERT INTO label_event (id, pool_id, image_id, annotator_id, kind, value, source, undoes_id, round_id, "
            "rank, confidence, key, created_at, remark) VALUES (?, 1, ?, ?, ?, ?, 'human', ?, ?, ?, ?, ?, ?, ?)",
            (self._n_events, image_id, who, kind, value, undoes_id, self._round_id, rank, confidence, key, NOW, remark),
        )
        return self._n_events

    def _make_pool(self, n_images: int) -> list[int]:
        sample = load_sample()
        tiles = -(-n_images // len(sample.train.images))
        x = np.tile(sample.train.images, (tiles, 1, 1))[:n_images]
        truth: list[int] = np.tile(sample.train.truth, tiles)[:n_images].tolist()
        held = np.concatenate([sample.test.images, sample.test.images])[: N_VALIDATION + N_TEST]
        held_truth = np.concatenate([sample.test.truth, sample.test.truth])[: N_VALIDATION + N_TEST].tolist()
        splits = ["pool"] * n_images + ["validation"] * N_VALIDATION + ["test"] * N_TEST
        positions = [*range(n_images), *range(N_VALIDATION), *range(N_TEST)]
        pixels = (each.tobytes() for part in (x, held) for each in part)
        zeros = [truth_ == 0 for truth_ in held_truth]
        counts = (sum(zeros[:N_VALIDATION]), N_VALIDATION, sum(zeros[N_VALIDATION:]), N_TEST)
        with self._connection as connection:
            connection.execute(
                "INSERT INTO pool VALUES (1, 'digits', 'Digits', 'sample', 'tiled', ?, ?, ?, 28, 28, 'softmax', "
                "'least_confidence', 10, ?, ?)",
                ("0" * 64, '["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"]', n_images, QUEUE, NOW),
            )
            rows = zip(splits, positions, [*truth, *held_truth], pixels, strict=True)
            statement = "INSERT INTO image (pool_id, split, position, truth, pixels) VALUES (1, ?, ?, ?, ?)"
            connection.executemany(statement, rows)
            people = "INSERT INTO annotator (name, role, created_at, is_disabled) VALUES (?, ?, ?, 0)"
            connection.executemany(people, [(*each, NOW) for each in NAMES])
            connection.execute(
                "INSERT INTO round VALUES (1, 1, 0, 0, 0, 0, ?, ?, ?, ?, 0.0, 0.0, ?, ?)",
                (*counts, State.zeros(10, 784).to_bytes(), NOW),
            )
            head = "INSERT INTO ranked_image SELECT 1, position, id, NULL, NULL FROM image WHERE split = 'pool' "
            connection.execute(f"{head} AND position < ?", (QUEUE,))
        return truth
