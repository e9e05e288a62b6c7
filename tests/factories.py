"""Make what tests need. Every argument has a default: a test names only what matters to it."""

import datetime as dt
import shutil
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Barrier
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import event, func, select

from app import accounts, labeling, revising, rounds
from app.accuracy import Accuracy
from app.datasets import DataSet, Split
from app.datasets.splits import Splits, split
from app.db import Database
from app.labeling import Asked, GivenLabel
from app.labels import Recorded
from app.learning.ranking import Rule
from app.learning.softmax import State
from app.live import Live
from app.models import Annotator, Image, Label, LabelEvent, Lease, Pool, RankedImage, Role, Round
from app.pools import create_pool
from app.revising import Undone
from app.rounds import Outcome, TrainingSet
from app.settings import Settings
from app.trainer import Trainer

T = TypeVar("T")

NOW = dt.datetime(2026, 3, 4, 5, 6, 7, tzinfo=dt.UTC)
LEASE_SECONDS = 600
CLASSES = tuple("0123456789")
PASSWORD = "a long enough password"


def after(seconds: float) -> dt.datetime:
    """So many seconds behind NOW."""
    return NOW + dt.timedelta(seconds=seconds)


def make_images(
    n_images: int, *, height: int = 4, width: int = 4, n_classes: int = 10, seed: int = 0
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Images uint8 (n, height, width) that a model can learn, but not at once, and their classes (n,)."""
    patterns = np.random.default_rng(7).integers(0, 256, (n_classes, height, width))
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, n_classes, n_images)
    noise = rng.integers(-120, 121, (n_images, height, width))
    return np.clip(patterns[truth] + noise, 0, 255).astype(np.uint8), truth.astype(np.int64)


def make_data_set(
    *,
    n_train: int = 60,
    n_test: int = 50,
    height: int = 4,
    width: int = 4,
    classes: Sequence[str] = CLASSES,
    name: str = "patterns",
    seed: int = 0,
) -> DataSet:
    """A data set of noisy patterns, one pattern a class."""
    size: dict[str, int] = {"height": height, "width": width, "n_classes": len(classes)}
    return DataSet(
        name=name,
        description=f"{n_train + n_test} noisy patterns",
        sha256="0" * 64,
        classes=tuple(classes),
        train=Split(*make_images(n_train, seed=seed, **size)),
        test=Split(*make_images(n_test, seed=seed + 1, **size)),
    )


def make_splits(data: DataSet, *, n_validation: int = 20) -> Splits:
    """All training images as the pool."""
    return split(data, pool_start=0, pool_size=len(data.train.images), validation_size=n_validation)


def add_pool(
    database: Database,
    *,
    slug: str = "patterns",
    name: str = "Patterns",
    n_images: int = 60,
    n_validation: int = 20,
    n_test: int = 30,
    height: int = 4,
    width: int = 4,
    classes: Sequence[str] = CLASSES,
    ranking: Rule = "least_confidence",
    batch_size: int = 10,
    queue_size: int = 40,
    seed: int = 0,
    now: dt.datetime = NOW,
) -> Pool:
    """A pool with its images and round 0."""
    data = make_data_set(
        n_train=n_images, n_test=n_validation + n_test, height=height, width=width, classes=classes, seed=seed
    )
    with database.write() as session:
        return create_pool(
            session,
            data,
            make_splits(data, n_validation=n_validation),
            slug=slug,
            name=name,
            ranking=ranking,
            batch_size=batch_size,
            queue_size=queue_size,
            now=now,
        )


def add_annotator(
    database: Database, name: str = "ada", *, role: Role = "annotator", now: dt.datetime = NOW
) -> Annotator:
    """Somebody who answers."""
    with database.write() as session:
        return labeling.get_annotator(session, name, role=role, now=now)


def add_account(
    database: Database,
    name: str = "ada",
    *,
    role: Role = "annotator",
    password: str = PASSWORD,
    now: dt.datetime = NOW,
) -> Annotator:
    """Somebody who may log in."""
    with database.write() as session:
        return accounts.add_account(session, name, role, password, now=now)


def image_ids(database: Database, pool: Pool, positions: Sequence[int] | None = None) -> list[int]:
    """The ids of the pool's images at these positions, or all by position."""
    of_pool = select(Image.id).where(Image.pool_id == pool.id, Image.split == "pool")
    with database.read() as session:
        ids = list(session.scalars(of_pool.order_by(Image.position)))
    return ids if positions is None else [ids[position] for position in positions]


def truth_of(database: Database, ids: Sequence[int]) -> list[int]:
    """The true classes of these images, in their order."""
    with database.read() as session:
        rows = session.execute(select(Image.id, Image.truth).where(Image.id.in_(ids)))
        known = {image_id: truth for image_id, truth in rows if truth is not None}
    return [known[image_id] for image_id in ids]


def ask(
    database: Database,
    pool: Pool,
    annotator: Annotator,
    count: int | None = None,
    *,
    now: dt.datetime = NOW,
    lease_seconds: int = LEASE_SECONDS,
) -> Asked:
    """Ask in a transaction of its own."""
    with database.write() as session:
        return labeling.ask(session, pool, annotator, count, now=now, lease_seconds=lease_seconds)


def answer(
    database: Database,
    pool: Pool,
    annotator: Annotator,
    ids: Sequence[int],
    *,
    value: int | None = None,
    now: dt.datetime = NOW,
) -> list[Recorded]:
    """Answer in a transaction of its own: `value` for all of them, or the truth."""
    values = truth_of(database, ids) if value is None else [value] * len(ids)
    given = [GivenLabel(image_id, v) for image_id, v in zip(ids, values, strict=True)]
    with database.write() as session:
        return labeling.answer(session, pool, annotator, given, now=now).events


def ask_and_answer(
    database: Database, pool: Pool, annotator: Annotator, count: int | None = None, *, now: dt.datetime = NOW
) -> list[Recorded]:
    """Ask, and answer all that came truly."""
    asked = ask(database, pool, annotator, count, now=now)
    return answer(database, pool, annotator, [image.image_id for image in asked.images], now=now)


def undo(
    database: Database,
    pool: Pool,
    annotator: Annotator,
    event_id: int | None = None,
    *,
    key: str | None = None,
    now: dt.datetime = NOW,
) -> Recorded:
    """Take an answer, a change or a skip back in a transaction of its own."""
    return undo_and_hold(database, pool, annotator, event_id, key=key, now=now).event


def undo_and_hold(
    database: Database,
    pool: Pool,
    annotator: Annotator,
    event_id: int | None = None,
    *,
    key: str | None = None,
    now: dt.datetime = NOW,
) -> Undone:
    """The same, with the image if it came back to the annotator."""
    with database.write() as session:
        return revising.undo(session, pool, annotator, event_id, key=key, now=now, lease_seconds=LEASE_SECONDS)


def change(
    database: Database,
    pool: Pool,
    annotator: Annotator,
    event_id: int,
    value: int = 9,
    *,
    key: str | None = None,
    now: dt.datetime = NOW,
) -> Recorded:
    """Give an answer another value in a transaction of its own."""
    with database.write() as session:
        return revising.change(session, pool, annotator, event_id, value, key=key, now=now)


def skip(
    database: Database,
    pool: Pool,
    annotator: Annotator,
    image_id: int,
    *,
    key: str | None = None,
    now: dt.datetime = NOW,
) -> Recorded:
    """Leave an image to others in a transaction of its own."""
    with database.write() as session:
        return revising.skip(session, pool, annotator, image_id, key=key, now=now)


def flag(
    database: Database,
    pool: Pool,
    annotator: Annotator,
    image_id: int,
    remark: str = "two digits in one image",
    *,
    key: str | None = None,
    now: dt.datetime = NOW,
) -> Recorded:
    """Remark on an image in a transaction of its own."""
    with database.write() as session:
        return revising.flag(session, pool, annotator, image_id, remark, key=key, now=now)


def standing(database: Database) -> dict[int, int]:
    """The values of the labels that stand, by image."""
    with database.read() as session:
        return {row.image_id: row.value for row in session.scalars(select(Label))}


def count_events(database: Database) -> int:
    """How many label events there are."""
    with database.read() as session:
        return session.scalar(select(func.count()).select_from(LabelEvent)) or 0


def held_by(database: Database, annotator: Annotator) -> set[int]:
    """The images that an annotator's leases name, whether they are over or not."""
    with database.read() as session:
        return set(session.scalars(select(Lease.image_id).where(Lease.annotator_id == annotator.id)))


def make_outcome(
    ranking: Sequence[int] = (), *, confidence: float = 0.5, prediction: int = 0, state: bytes | None = None
) -> Outcome:
    """What a training may have brought: these image ids at the head of the ranking."""
    return Outcome(
        state=State.zeros(10, 16).to_bytes() if state is None else state,
        steps=11,
        validation=Accuracy(5, 20),
        test_total=30,
        fit_ms=1.5,
        rank_ms=0.5,
        ranking=np.array(ranking, np.int64),
        confidence=np.full(len(ranking), confidence, np.float32),
        prediction=np.full(len(ranking), prediction, np.int64),
    )


def add_round(
    database: Database,
    pool: Pool,
    ranking: Sequence[int] = (),
    *,
    confidence: float = 0.5,
    prediction: int = 0,
    training: TrainingSet | None = None,
    now: dt.datetime = NOW,
) -> Round:
    """The next round as a trainer would store it, without training."""
    with database.write() as session:
        previous = rounds.get_newest_round(session, pool)
        training = training or rounds.read_training_set(session, pool)
        outcome = make_outcome(ranking, confidence=confidence, prediction=prediction)
        assert rounds.store(session, previous, training, outcome, now=now)
        return rounds.get_newest_round(session, pool)


def ranked_ids(database: Database, round_: Round) -> list[int]:
    """The image ids of the stored head of a ranking, in their order."""
    query = select(RankedImage.image_id).where(RankedImage.round_id == round_.id).order_by(RankedImage.rank)
    with database.read() as session:
        return list(session.scalars(query))


def make_trainer(database: Database, *, retry_seconds: float = 0.0) -> Trainer:
    """A trainer that no thread runs: tests call `run_one`."""
    return Trainer(database, Live(database.sessions), retry_seconds=retry_seconds)


def copy_database(source: Path, target: Path) -> Path:
    """A copy of a database that nobody has open."""
    assert not source.with_name(f"{source.name}-wal").exists(), "close the database first"
    shutil.copyfile(source, target)
    return target


@contextmanager
def fresh_pool(
    migrated: Path, *, n_images: int = 8, batch_size: int = 3, queue_size: int = 4
) -> Iterator[tuple[Database, Pool]]:
    """A database of its own with a small pool: for tests that want one for each of many examples."""
    with TemporaryDirectory() as folder:
        database = Database(url_of(copy_database(migrated, Path(folder) / "inkling.db")))
        try:
            yield (
                database,
                add_pool(
                    database,
                    n_images=n_images,
                    n_validation=2,
                    n_test=0,
                    batch_size=batch_size,
                    queue_size=queue_size,
                ),
            )
        finally:
            database.close()


def url_of(path: Path) -> str:
    """The address of a SQLite file."""
    return f"sqlite:///{path}"


def make_settings(database_url: str, **values: Any) -> Settings:
    """Settings for a quick application on the embedded sample."""
    quick: dict[str, Any] = {"dataset": "sample", "pool_size": 60, "validation_size": 50, "round_wait_seconds": 0.0}
    return Settings(database_url=database_url, **quick | values)


@contextmanager
def count_queries(database: Database) -> Iterator[list[str]]:
    """The statements that are executed inside the block."""
    statements: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        statements.append(statement)

    event.listen(database.engine, "before_cursor_execute", note)
    try:
        yield statements
    finally:
        event.remove(database.engine, "before_cursor_execute", note)


def race(n: int, contend: Callable[[int], T]) -> list[T | Exception]:
    """Run `contend(0)` to `contend(n - 1)` in n threads at once; what each returned or raised."""
    start = Barrier(n)

    def run(index: int) -> T | Exception:
        start.wait()
        try:
            return contend(index)
        except Exception as error:
            return error

    with ThreadPoolExecutor(n) as threads:
        return list(threads.map(run, range(n)))
