"""`inkling pool create SLUG SOURCE` and `inkling pool add`: images of one's own, from the command line."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Picture
from sqlalchemy import func, select

from app.db import Database
from app.models import Blob, Image, Label, LabelEvent, Pool
from app.pools import get_pool

from .factories.drawing import draw, encode
from .factories.files import copy_database, opened, url_of
from .factories.hostile_files import FILES, TAKEN
from .factories.hostile_sources import SOURCES
from .test_cli import run

pytestmark = pytest.mark.usefixtures("_logging_as_before")

KINDS = ("bee", "wasp", "fly")


@pytest.fixture
def path(tmp_path: Path, migrated_file: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the commands find their database; no pool is in it."""
    path = copy_database(migrated_file, tmp_path / "inkling.db")
    monkeypatch.setenv("INKLING_DATABASE_URL", url_of(path))
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Twelve pictures in the folders of three classes, of many sizes."""
    for number, kind in enumerate(KINDS):
        for index in range(4):
            file = tmp_path / "source" / kind / f"{index}.png"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(encode(draw(size=(40 + index, 50), seed=10 * number + index)))
    return tmp_path / "source"


def read_pool(database: Database, slug: str = "bees") -> Pool:
    with database.read() as session:
        return get_pool(session, slug)


def count(database: Database, what: type[Blob | Pool | Image | LabelEvent]) -> int:
    with database.read() as session:
        return session.scalar(select(func.count()).select_from(what)) or 0


def read_images(database: Database, split: str = "pool") -> dict[str | None, Image]:
    with database.read() as session:
        found = session.scalars(select(Image).where(Image.split == split).order_by(Image.position))
        return {image.name: image for image in found}


def read_labels(database: Database) -> dict[str | None, int]:
    with database.read() as session:
        rows = session.execute(select(Image.name, Label.value).join(Label, Label.image_id == Image.id))
        return {name: value for name, value in rows if value is not None}


def told(text: str) -> str:
    return " ".join(text.split())


def test_a_pool_is_made_of_a_folder_with_its_originals_byte_for_byte(path: Path, folder: Path) -> None:
    made = run("pool", "create", "bees", str(folder), "--classes", "bee,wasp,fly", "--name", "Bees & more")

    assert made.exit_code == 0, made.output
    assert "Added 12 images." in made.stdout
    assert "Created pool “Bees & more”: /pools/bees/label" in made.stdout
    with opened(path) as database:
        pool, images = read_pool(database), read_images(database)
        assert (pool.height, pool.width, pool.channels, pool.learner) == (32, 32, 3, "graph")
        assert pool.classes == list(KINDS)
        assert list(images) == sorted(f"{kind}/{index}.png" for kind in KINDS for index in range(4))
        with database.read() as session:
            for name, image in images.items():
                blob = session.get_one(Blob, image.sha256)
                assert blob.content == (folder / str(name)).read_bytes()
                assert (blob.media_type, blob.height) == ("image/png", 50)
        assert {image.truth for image in images.values()} == {None}
        assert read_labels(database) == {}


def test_labels_are_truth_or_stand_or_name_the_classes_as_the_person_says(path: Path, folder: Path) -> None:
    for slug, words in (("named", []), ("true", ["--truth"]), ("standing", ["--standing", "--by", "ada"])):
        made = run("pool", "create", slug, str(folder), *words)
        assert made.exit_code == 0, made.output
        assert ("The labels only name the classes" in made.stderr) == (slug == "named")

    with opened(path) as database, database.read() as session:
        pools = {slug: get_pool(session, slug) for slug in ("named", "true", "standing")}
        truths = {
            slug: [image.truth for image in session.scalars(select(Image).where(Image.pool_id == pool.id))]
            for slug, pool in pools.items()
        }
        labels = session.execute(select(Label.value, Image.name, Image.pool_id).join(Image)).all()
    assert [pool.classes for pool in pools.values()] == [["bee", "fly", "wasp"]] * 3
    assert truths == {"named": [None] * 12, "true": [0] * 4 + [1] * 4 + [2] * 4, "standing": [None] * 12}
    assert {(name, pools["standing"].classes[value or 0]) for value, name, _ in labels} == {
        (f"{kind}/{index}.png", kind) for kind in KINDS for index in range(4)
    }
    assert {pool_id for *_, pool_id in labels} == {pools["standing"].id}


def test_labels_of_a_file_stand_and_those_that_are_no_class_are_told(path: Path, folder: Path) -> None:
    labels = folder.with_name("labels.csv")
    labels.write_text("name,label\nbee/0.png,wasp\nfly/1.png,moth\n")
    words = ["--classes", "bee,wasp", "--labels", str(labels), "--standing"]
    made = run("pool", "create", "bees", str(folder), *words)

    assert made.exit_code == 0, made.output
    assert "The label of 1 image is no class of the pool, and was left out: moth (1)." in told(made.stdout)
    with opened(path) as database:
        assert read_labels(database) == {"bee/0.png": 1}


def test_numbers_as_classes_are_sorted_as_numbers_and_small_grey_images_keep_every_bit(path: Path) -> None:
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (12, 20, 24), np.uint8)
    file = path.with_name("a.npz")
    np.savez(file, images=images, labels=np.arange(12) + 1)
    made = run("pool", "create", "bees", str(file), "--truth", "--learner", "softmax", "--batch-size", "5")

    assert made.exit_code == 0, made.output
    with opened(path) as database:
        pool, stored = read_pool(database), read_images(database)
        assert pool.classes == [str(number) for number in range(1, 13)]
        assert (pool.height, pool.width, pool.channels) == (20, 24, 1)
        assert (pool.learner, pool.batch_size) == ("softmax", 5)
        assert b"".join(image.pixels for image in stored.values()) == images.tobytes()
        assert count(database, Blob) == 0


def test_an_array_that_is_scaled_is_kept_as_png(path: Path) -> None:
    images = np.stack([np.asarray(draw("L", (100, 80), seed=seed)) for seed in range(3)])
    np.savez(path.with_name("a.npz"), images=images)
    made = run("pool", "create", "bees", str(path.with_name("a.npz")), "--classes", "a,b", "--size", "24x16")

    assert made.exit_code == 0, made.output
    with opened(path) as database, database.read() as session:
        blobs = session.scalars(select(Blob).join(Image, Image.sha256 == Blob.sha256).order_by(Image.position)).all()
        for blob, image in zip(blobs, images, strict=True):
            assert (blob.width, blob.height, blob.media_type) == (100, 80, "image/png")
            path.with_name("a.png").write_bytes(blob.content)
            np.testing.assert_array_equal(np.asarray(Picture.open(path.with_name("a.png"))), image)
        assert (get_pool(session, "bees").width, get_pool(session, "bees").height) == (24, 16)


def test_every_file_is_accounted_for(path: Path, folder: Path) -> None:
    kinds = {name: case for name, case in FILES.items() if "whole" not in name}
    for name, (make, _) in kinds.items():
        (folder / f"{name.replace(' ', '-')}.bin").write_bytes(make())
    (folder / "same.png").write_bytes((folder / "bee" / "0.png").read_bytes())
    made = run("pool", "create", "bees", str(folder), "--classes", "bee,wasp,fly", columns=400)

    assert made.exit_code == 0, made.output
    outcomes = [outcome for _, outcome in kinds.values()]
    for code in set(outcomes) - {TAKEN}:
        n_files = outcomes.count(code)
        assert f"Refused {n_files} file{'' if n_files == 1 else 's'} ({code}): " in made.stdout
    assert "and 1 more" not in made.stdout.split("(NotAPicture)")[0].splitlines()[-1]
    assert "whose bytes another one" in made.stdout
    with opened(path) as database:
        assert read_pool(database).n_images == 12 + len(
            {make() for make, outcome in kinds.values() if outcome == TAKEN}
        )


def test_images_are_added_to_a_pool_and_those_that_it_has_are_not(path: Path, folder: Path) -> None:
    run("pool", "create", "bees", str(folder / "bee"), "--classes", "bee,wasp,fly")
    more = run("pool", "add", "bees", str(folder), "--standing")
    again = run("pool", "add", "bees", str(folder))

    assert more.exit_code == 0, more.output
    assert "Added 8 images." in more.stdout
    assert "Left out 4 files whose bytes" in more.stdout
    assert (again.exit_code, told(again.stdout)[:15]) == (0, "Added 0 images.")
    with opened(path) as database:
        assert read_pool(database).n_images == 12
        added = {f"{kind}/{i}.png": 1 + (kind == "fly") for kind in KINDS[1:] for i in range(4)}
        assert read_labels(database) == added | {f"{i}.png": 0 for i in range(4)}  # they waited for an answer


def test_test_and_validation_images_come_from_sources_of_their_own(path: Path, folder: Path) -> None:
    for split in ("test", "validation"):
        for kind in ("bee", "moth"):
            file = folder.with_name(split) / kind / f"{split}.png"
            file.parent.mkdir(parents=True)
            file.write_bytes(encode(draw(seed=len(split) * 100 + len(kind))))
    others = ["--test", str(folder.with_name("test")), "--validation", str(folder.with_name("validation"))]
    made = run("pool", "create", "bees", str(folder), "--classes", "bee,wasp,fly", *others, "--learner", "softmax")

    assert made.exit_code == 0, made.output
    assert "Added 1 test image." in made.stdout
    assert "Its label “moth” is none of the pool's classes" in told(made.stdout)
    with opened(path) as database:
        for split in ("test", "validation"):
            found = read_images(database, split)
            assert {name: image.truth for name, image in found.items()} == {f"bee/{split}.png": 0}


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["--truth", "--standing"], 2, "--truth and --standing exclude each other"),
        (["--labels", "none", "--truth"], 2, "--labels none leaves the labels out"),
        (["--labels", "folders"], 2, "Say what the labels are"),
        (["--by", "ada"], 2, "It goes with --standing"),
        (["--size", "large"], 2, "--size is a number of pixels"),
        (["--size", "500"], 1, "A learner cannot see 500 × 500 pixels"),
        (["--classes", "bee"], 1, "here are 1"),
        (["--classes", "bee,bee"], 1, "is named twice"),
        (["--labels", "none"], 1, "--classes bee,wasp,fly"),
        (["--pool-size", "9"], 2, "--pool-size is for pools without a SOURCE"),
        (["--test", "nowhere"], 1, "nowhere does not exist"),
        (["--standing", "--by", "oracle"], 1, "belongs to the oracle"),
    ],
)
def test_a_pool_that_cannot_be_meant_is_refused_and_leaves_nothing(
    path: Path, folder: Path, words: list[str], code: int, message: str
) -> None:
    result = run("pool", "create", "bees", str(folder), *words, columns=200)

    assert result.exit_code == code
    assert message in told(result.stderr.replace("│", " "))
    assert "Traceback" not in result.output
    with opened(path) as database:
        assert [count(database, what) for what in (Pool, Image, Blob, LabelEvent)] == [0] * 4


@pytest.mark.usefixtures("path")
def test_options_for_images_of_ones_own_need_some() -> None:
    result = run("pool", "create", "bees", "--classes", "a,b", columns=200)

    assert result.exit_code == 2
    assert "--classes needs a SOURCE" in told(result.stderr)


def test_a_folder_without_pictures_makes_no_pool(path: Path, tmp_path: Path) -> None:
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts" / "a.txt").write_text("no picture")
    result = run("pool", "create", "bees", str(tmp_path / "texts"), "--classes", "a,b")

    assert result.exit_code == 1
    assert "Refused 1 file (NotAPicture): a.txt" in result.stdout
    with opened(path) as database:
        assert count(database, Pool) == 0


def test_a_bomb_in_the_middle_leaves_nothing(path: Path, tmp_path: Path) -> None:
    bomb = SOURCES["zip bomb"][0](tmp_path)
    result = run("pool", "create", "bees", str(bomb), "--classes", "a,b", columns=200)

    assert result.exit_code == 1
    assert "100 times its size, as a bomb does" in told(result.stderr)
    with opened(path) as database:
        assert [count(database, what) for what in (Pool, Image, Blob)] == [0] * 3


def test_a_pool_may_not_hold_more_than_the_settings_say(
    path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("INKLING_MAX_POOL_IMAGES", "11")
    result = run("pool", "create", "bees", str(folder), columns=200)

    assert result.exit_code == 1
    assert "bees may hold 11 images and has 0; 12 more do not fit." in told(result.stderr)
    assert "set INKLING_MAX_POOL_IMAGES higher" in told(result.stderr)
    with opened(path) as database:
        assert [count(database, what) for what in (Pool, Image, Blob)] == [0] * 3


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_leaves_nothing(path: Path, tmp_path: Path, ending: signal.Signals) -> None:
    (tmp_path / "many").mkdir()
    for index in range(3000):
        (tmp_path / "many" / f"{index}.png").write_bytes(encode(draw(seed=index)))
    command = [sys.executable, "-m", "app.cli", "pool", "create", "bees", str(tmp_path / "many"), "--classes", "a,b"]
    running = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # who runs the tests may ignore it
    )
    with opened(path) as database:
        until = time.monotonic() + 60
        while not count(database, Image):
            assert running.poll() is None
            assert time.monotonic() < until
            time.sleep(0.02)
        running.send_signal(ending)
        running.communicate(timeout=60)

        assert running.returncode != 0
        assert [count(database, what) for what in (Pool, Image, Blob)] == [0] * 3
