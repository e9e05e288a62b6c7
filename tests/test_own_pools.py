"""Pools of one's own: made empty, filled, growing while people label, and verified all the same."""

import datetime as dt
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from sqlalchemy import func, select

from app import rounds
from app.adding import Added, NewImage, Quota, add_images
from app.db import Database
from app.deleting import SILENT, discard_dead
from app.errors import ClassesInvalid, NotFound, PoolFull, SettingInvalid, SizeInvalid, SlugTaken, SplitFixed
from app.models import Annotator, Blob, Image, Label, LabelEvent, Lease, Pool, Round, Split
from app.own_pools import OwnPoolSpec, change_pool, create_pool, mark_filled, start_rounds
from app.pools import get_pool
from app.preparing import find_pools_to_prepare, prepare_pool
from app.queries import list_pools
from app.trainer import Trainer
from app.verify import verify_pool

from .factories import NOW, add_annotator, add_pool, answer, ask, ask_and_answer, newest_round

LATER = NOW + dt.timedelta(hours=1)


def make(database: Database, *, filled: bool = True, **values: Any) -> Pool:
    spec: dict[str, Any] = {
        "slug": "bees",
        "name": "Bees",
        "classes": ["bee", "wasp", "fly"],
        "height": 8,
        "width": 8,
        "channels": 1,
    }
    with database.write() as session:
        return create_pool(session, OwnPoolSpec(**(spec | values)), filled=filled, now=NOW)


def picture(number: int, *, truth: int | None = None, channels: int = 1) -> NewImage:
    """A bright corner for each class, and noise; its original is its name."""
    rng = np.random.default_rng(number)
    pixels = rng.integers(0, 60, (8, 8) if channels == 1 else (8, 8, 3)).astype(np.uint8)
    at = (number if truth is None else truth) % 3
    pixels[4 * (at > 0) : 4 * (at > 0) + 4, 4 * (at > 1) : 4 * (at > 1) + 4] += 180
    name = f"{number}.png"
    return NewImage(name, name.encode(), pixels, 80, 60, "image/png", truth)


def put(database: Database, pool: Pool, numbers: Sequence[int], *, split: Split = "pool", **values: Any) -> list[Added]:
    with database.write() as session:
        images = [picture(number, truth=number % 3) for number in numbers]
        return add_images(session, pool, images, split=split, now=NOW, **values)


def read(database: Database, slug: str = "bees") -> Pool:
    with database.read() as session:
        return get_pool(session, slug)


@pytest.fixture
def ada(database: Database) -> Annotator:
    return add_annotator(database)


def test_images_are_appended_and_the_same_bytes_come_once(database: Database) -> None:
    pool = make(database)
    first = put(database, pool, [0, 1, 2, 1])
    again = put(database, pool, [2, 3])
    assert [added.is_new for added in first + again] == [True, True, True, False, False, True]
    assert first[3].image_id == first[1].image_id
    assert again[0].image_id == first[2].image_id
    grown = read(database)
    assert (grown.n_images, grown.n_bytes) == (4, 4 * len(b"0.png"))
    with database.read() as session:
        rows = session.execute(select(Image.position, Image.name, Image.truth).order_by(Image.position)).all()
        blob = session.scalars(select(Blob).where(Blob.content == b"3.png")).one()
    assert [tuple(row) for row in rows] == [(n, f"{n}.png", n % 3) for n in range(4)]
    assert (blob.media_type, blob.width, blob.height, blob.n_bytes) == ("image/png", 80, 60, 5)


def test_nothing_of_a_request_beyond_the_quota_is_added(database: Database) -> None:
    pool = make(database)
    put(database, pool, [0, 1], quota=Quota(3, 100))
    with pytest.raises(PoolFull, match="may hold 3 images and has 2; 2 more do not fit"):
        put(database, pool, [2, 3], quota=Quota(3, 100))
    with pytest.raises(PoolFull, match="may take 12 bytes and take 10; 5 more do not fit"):
        put(database, pool, [1, 2], quota=Quota(3, 12))
    assert read(database).n_images == 2


def test_a_pool_that_is_being_filled_is_seen_by_nobody_until_it_is(database: Database) -> None:
    pool = make(database, filled=False)
    put(database, pool, [0, 1])
    put(database, pool, [5, 6, 7], split="validation")
    put(database, pool, [8], split="test")
    with pytest.raises(NotFound):
        read(database)
    with database.read() as session:
        assert list_pools(session)[0] == []
    assert not Trainer(database, retry_seconds=1).run_one()
    with pytest.raises(SlugTaken):
        make(database)
    with database.write() as session:
        start_rounds(session, pool, now=NOW)
        mark_filled(session, pool, now=NOW)
    first = newest_round(database, read(database))
    assert (first.number, first.n_images, first.n_classes) == (0, 2, 3)
    assert (first.validation_correct, first.validation_total, first.test_total, first.tested_on) == (1, 3, 1, "test")
    with pytest.raises(SplitFixed):
        put(database, pool, [9], split="validation")


def test_nothing_of_a_filling_that_ended_early_stays_but_what_others_use(database: Database) -> None:
    put(database, make(database, slug="whole"), [0, 1])
    pool = make(database, filled=False)
    put(database, pool, [1, 2, 3])
    discard_dead(database, now=NOW + SILENT)
    with database.read() as session:
        assert session.scalar(select(func.count()).select_from(Image)) == 5
    discard_dead(database, now=NOW + 2 * SILENT)
    with database.read() as session:
        assert session.scalars(select(Pool.slug)).all() == ["whole"]
        assert session.scalar(select(func.count()).select_from(Image)) == 2
        assert sorted(session.scalars(select(Blob.content))) == [b"0.png", b"1.png"]


@pytest.mark.parametrize(
    ("values", "error", "words"),
    [
        ({"classes": ["one"]}, ClassesInvalid, "has 2 to 1,000 classes; here are 1"),
        ({"classes": ["a", " a "]}, ClassesInvalid, "The class a is named twice"),
        ({"classes": ["a", "b\n"]}, None, ""),
        ({"classes": ["a", "b\nc"]}, ClassesInvalid, "cannot name a class"),
        ({"classes": ["a", " "]}, ClassesInvalid, "cannot name a class"),
        ({"width": 65}, SizeInvalid, "cannot see 65 × 8 pixels. Take 8 to 64 a side"),
        ({"height": 7}, SizeInvalid, "cannot see 8 × 7 pixels"),
    ],
)
def test_what_no_pool_can_be_is_refused(
    database: Database, values: dict[str, Any], error: type[Exception] | None, words: str
) -> None:
    if error is None:
        assert make(database, **values).classes == ["a", "b"]
        return
    with pytest.raises(error, match=words):
        make(database, **values)


def train_all(database: Database) -> None:
    """What a trainer and its child would do by now."""
    trainer = Trainer(database, retry_seconds=1)
    for slug in find_pools_to_prepare(database):
        prepare_pool(database, slug, again=False)
    while trainer.run_one():
        pass


def verified(database: Database, slug: str = "bees") -> int:
    verdict = verify_pool(database, read(database, slug), lambda _number, _last: None)
    assert verdict.difference is None
    return verdict.n_rounds


@pytest.mark.parametrize("learner", ["softmax", "graph"])
def test_a_pool_grows_in_images_and_classes_between_its_rounds(
    database: Database, ada: Annotator, learner: str
) -> None:
    pool = make(database, learner=learner, batch_size=6, chance_every=3)
    put(database, pool, range(40))
    train_all(database)
    ask_and_answer(database, read(database), ada, 6)
    train_all(database)
    put(database, pool, range(30, 60))
    train_all(database)
    ask_and_answer(database, read(database), ada, 6)
    with database.write() as session:
        session.get_one(Pool, pool.id).classes = ["bee", "wasp", "fly", "ant"]
    train_all(database)
    ask_and_answer(database, read(database), ada, 6)
    train_all(database)
    newest = newest_round(database, read(database))
    assert (newest.n_images, newest.n_classes, newest.n_labels) == (60, 4, 18)
    with database.read() as session:
        knew = session.execute(select(Round.n_images, Round.n_classes).order_by(Round.number)).all()
    assert tuple(knew[0]) == (0, 3)
    assert {tuple(each) for each in knew} >= {(40, 3), (60, 4)}
    assert verified(database) == newest.number + 1


def test_answers_by_chance_test_the_model_and_teach_it_nothing(database: Database, ada: Annotator) -> None:
    pool = make(database, batch_size=10, chance_every=5)
    put(database, pool, range(60))
    train_all(database)
    ids = []
    for _ in range(3):
        ids += [event.image_id for event in ask_and_answer(database, read(database), ada, 10)]
        train_all(database)
    with database.read() as session:
        drawn = session.scalars(select(LabelEvent).where(LabelEvent.asked_by == "chance").order_by(LabelEvent.id)).all()
        held = rounds.read_training_set(session, pool)
    assert len(drawn) == 6
    assert {(event.rank, event.confidence) for event in drawn} == {(None, None)}
    assert (len(held), len(held.positions), len(held.held_out)) == (30, 24, 6)
    newest = newest_round(database, pool)
    assert (newest.n_labels, newest.test_total, newest.tested_on) == (30, 6, "chance")
    assert newest.test_correct == 6  # three corners are easy
    assert verified(database) == newest.number + 1


def test_a_learner_with_test_images_learns_from_what_was_asked_by_chance_too(
    database: Database, ada: Annotator
) -> None:
    pool = make(database, batch_size=10, chance_every=5)
    put(database, pool, range(60))
    put(database, pool, range(100, 112), split="test")
    train_all(database)
    ask_and_answer(database, read(database), ada, 10)
    train_all(database)
    newest = newest_round(database, pool)
    assert (newest.test_total, newest.test_correct, newest.tested_on) == (12, 12, "test")
    put(database, pool, range(112, 124), split="test")
    ask_and_answer(database, read(database), ada, 10)
    train_all(database)
    with database.read() as session:
        assert len(rounds.read_training_set(session, pool).held_out) == 0
    assert newest_round(database, pool).test_total == 24
    verified(database)


def test_each_free_image_is_as_likely_to_be_drawn_and_no_other_is(database: Database, ada: Annotator) -> None:
    pool = make(database, learner="softmax", batch_size=4, chance_every=1)
    ids = [added.image_id for added in put(database, pool, range(12))]
    answer(database, pool, ada, ids[:2])
    drawn = []
    for _ in range(60):
        leased = ask(database, read(database), ada, 4).images
        assert {image.asked_by for image in leased} == {"chance"}
        drawn += [image.image_id for image in leased]
        with database.write() as session:
            session.query(Lease).delete()
    counts = [drawn.count(image_id) for image_id in ids]
    assert counts[:2] == [0, 0]
    assert min(counts[2:]) > 5  # of 24 expected; less than one run in a million falls below
    everything = ask(database, read(database), ada, 12).images
    assert sorted(image.image_id for image in everything) == ids[2:]


def test_before_the_learner_has_looked_all_come_by_chance_and_of_a_few_images_it_never_does(
    database: Database, ada: Annotator
) -> None:
    pool = make(database)
    ids = [added.image_id for added in put(database, pool, range(15))]
    assert find_pools_to_prepare(database) == []
    leased = ask(database, read(database), ada, 10).images
    assert {image.asked_by for image in leased} == {"chance"}
    assert [image.image_id for image in leased] != ids[:10]
    put(database, pool, range(15, 21))
    assert find_pools_to_prepare(database) == ["bees"]
    with database.read() as session:
        assert session.scalar(select(func.count()).select_from(Label)) == 0


@pytest.mark.parametrize("every", [0, -1, 1001])
def test_how_often_is_asked_by_chance_has_one_bound(database: Database, every: int) -> None:
    with pytest.raises(SettingInvalid, match="One question in 1 to 1,000 is drawn by chance, or none"):
        make(database, chance_every=every)
    pool = make(database)
    with pytest.raises(SettingInvalid, match="One question in 1 to 1,000"), database.write() as session:
        change_pool(session, pool, chance_every=every, now=NOW)
    with pytest.raises(SettingInvalid, match="1,001 characters; 1,000 fit"), database.write() as session:
        change_pool(session, pool, description="x" * 1001, now=NOW)


def test_a_pool_of_a_data_set_asks_nothing_by_chance(database: Database) -> None:
    pool = add_pool(database)
    with database.write() as session:
        assert change_pool(session, pool, chance_every=None, now=NOW).chance_every is None
    with pytest.raises(SettingInvalid, match="has test images"), database.write() as session:
        change_pool(session, pool, chance_every=10, now=NOW)
