"""A learner looks at the images first: the page says so, people answer meanwhile, then it asks what the learner asks.

No trainer runs here but the test itself, which says how far the learner is.
"""

import datetime as dt
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import pytest
from playwright.sync_api import Page, expect

from app import features, queries, rounds, training_status
from app.db import Database
from app.models import LabelEvent, Pool
from app.pools import get_pool

from ..factories import add_pool, add_trainer, image_ids, make_outcome, newest_round, training_set
from .conftest import OpenPage, serve_alone
from .label_page import LabelPage
from .server import Server
from .test_accessibility import SIZES, check

ALIVE = dt.timedelta(hours=1)  # its process is not taken for dead, however slow the test is


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server without a trainer."""
    with serve_alone(tmp_path_factory.mktemp("alone")) as server:
        yield server


class Learner:
    """What a trainer stores of a pool, told by the test."""

    def __init__(self, database: Database, pool: Pool) -> None:
        self.database = database
        self.pool = pool
        self.set_id = 0
        add_trainer(database, now=now() + ALIVE)

    def begin(self, n_images: int, step: str, share: float, *, seconds: float = 0) -> None:
        """Look at so many images since some seconds."""
        with self.database.write() as session:
            began = now() - dt.timedelta(seconds=seconds)
            self.set_id = features.begin(session, self.pool, n_images, now=began)
            features.record_step(session, self.pool, self.set_id, step, share, now=now() + ALIVE)

    def finish(self) -> None:
        """All is looked at."""
        with self.database.write() as session:
            features.finish(session, self.pool, self.set_id, version=1, n_parts=0, prepare_ms=1.0, now=now())

    def find_others(self, shown: Sequence[int]) -> list[int]:
        """The images that are not among these."""
        return [image_id for image_id in image_ids(self.database, self.pool) if image_id not in shown]

    def ask(self, ranking: Sequence[int]) -> None:
        """Store a round that asks these; without a label it has no confidence."""
        labels = training_set(self.database, self.pool)
        outcome = replace(make_outcome(ranking), validation_correct=None, validation_total=0)
        if len(labels.positions) == 0:
            outcome = replace(outcome, confidence=None, prediction=None)
        previous = newest_round(self.database, self.pool)
        with self.database.write() as session:
            assert rounds.store(session, previous, labels, outcome, feature_set_id=self.set_id, now=now())

    def count_test(self, correct: int, number: int | None = None) -> None:
        """Count the right answers on the test images, of the newest round unless told."""
        with self.database.write() as session:
            newest = rounds.get_newest_round(session, self.pool)
            counted = newest if number is None else queries.get_round(session, self.pool, number)
            rounds.record_test(session, counted.id, correct)

    def asked_by(self) -> dict[int, str | None]:
        """Who asked for each answered image."""
        with self.database.read() as session:
            return {event.image_id: event.asked_by for event in session.query(LabelEvent)}


def now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


MakeLearner = Callable[..., Learner]


@pytest.fixture
def make_learner(server: Server, pool_numbers: Iterator[int]) -> Iterator[MakeLearner]:
    """The learner of a new pool with test images, and none for validation."""
    database = Database(server.database_url)

    def make(n_images: int = 60, side: int = 28) -> Learner:
        slug = f"prepared-{next(pool_numbers)}"
        add_pool(
            database,
            slug=slug,
            learner="graph",
            n_images=n_images,
            n_validation=0,
            n_test=30,
            height=side,
            width=side,
        )
        with database.read() as session:
            return Learner(database, get_pool(session, slug))

    yield make
    database.close()


@pytest.fixture
def learner(make_learner: MakeLearner) -> Learner:
    return make_learner()


@pytest.fixture
def opened(page: Page, server: Server, learner: Learner) -> LabelPage:
    """The page while the learner looks at the images: it has done a quarter of the work in two seconds."""
    learner.begin(60, "learning what strokes look like", 0.25, seconds=2)
    opened = LabelPage(page, server.url, learner.pool.slug)
    opened.open()
    return opened


def test_the_page_says_what_is_looked_at_how_far_it_is_and_that_answers_count(
    opened: LabelPage, learner: Learner
) -> None:
    line = opened.notice("preparation")
    expect(line).to_contain_text("Looking at your 60 images: learning what strokes look like. About ")
    expect(line).to_contain_text("left. Until then images come by chance; your answers count.")
    expect(opened.shown("asked")).to_have_text("by chance")
    expect(opened.shown("until")).to_have_text("after the first look")
    bar = line.get_by_role("progressbar")
    assert 0.25 <= bar.evaluate("bar => bar.value") < 0.9
    opened.press("3", "5")
    opened.expect_stored()
    assert set(learner.asked_by().values()) >= {"chance"}
    assert opened.counts()["human"] == 2

    with learner.database.write() as session:
        features.record_step(
            session, learner.pool, learner.set_id, "finding which images are alike", 0.95, now=now() + ALIVE
        )

    expect(line).to_contain_text("finding which images are alike")
    assert bar.evaluate("bar => bar.value") >= 0.95


def test_before_the_first_answer_all_images_make_room_for_what_the_learner_asks(
    opened: LabelPage, learner: Learner
) -> None:
    asked = learner.find_others(opened.image_ids())

    learner.finish()
    learner.ask(asked)

    expect(opened.notice("round")).to_have_text(
        "The images are looked at. From now on you are asked what tells most about the others."
    )
    expect(opened.notice("preparation")).to_be_hidden()
    opened.expect_images(asked[:10])
    expect(opened.shown("asked")).to_have_text("what tells most about the others")
    assert opened.counts()["human"] == 0
    leased = opened.page.request.post(f"{opened.api_url}/leases", data={}).json()["images"]
    assert {(image["asked_by"], image["confidence"]) for image in leased} == {("strategy", None)}
    opened.page.get_by_role("switch", name="Model’s guess").check()
    expect(opened.guess).to_have_text("No guess: nothing was trained yet when this image was asked.")


def test_the_image_that_is_looked_at_in_a_batch_that_was_begun_stays_until_it_is_answered(
    opened: LabelPage, learner: Learner
) -> None:
    before = opened.image_ids()
    opened.press("3", "5")
    opened.expect_stored()

    others = learner.find_others(before)
    learner.finish()
    learner.ask(others)
    expect(opened.notice("round")).to_contain_text("The images are looked at.")

    expect(opened.tiles).to_have_count(10)
    expect(opened.current).to_have_attribute("data-image-id", str(before[2]))
    expect(opened.page.locator("[data-tiles] button[data-status=closed]")).to_have_count(0)
    now_shown = before[:3] + others[:7]
    opened.expect_images(now_shown)
    opened.press("7", *"1234567")
    opened.expect_stored()
    stored = opened.stored()
    assert [stored[image_id] for image_id in before[:3]] == [3, 5, 7]
    asked_by = learner.asked_by()
    assert [asked_by[image_id] for image_id in now_shown] == ["chance"] * 3 + ["strategy"] * 7


def test_each_round_tells_the_accuracy_on_test_images_and_how_it_changed(opened: LabelPage, learner: Learner) -> None:
    asked = learner.find_others(opened.image_ids())
    learner.finish()
    learner.ask(asked)
    learner.count_test(3)
    expect(opened.shown("test-note")).to_contain_text("3 of 30; 95\u202f% interval")
    expect(opened.shown("change")).to_have_text("before the first training")
    expect(opened.shown("fit")).to_have_text("–")
    opened.expect_images(asked[:10])
    opened.answer_batch()

    learner.ask(learner.find_others(opened.image_ids()))
    expect(opened.notice("round")).to_have_text("Round 2, 10 labels: the model is trained.")
    learner.count_test(27)

    right = "90.00\u202f% right (95\u202f% interval 74.4–96.5\u202f%)"
    expect(opened.notice("round")).to_have_text(f"Round 2, 10 labels: {right}, +24 images (+80.00 points).")
    expect(opened.shown("test")).to_have_text("90.00\u202f%")
    expect(opened.shown("test-note")).to_contain_text("27 of 30; 95\u202f% interval 74.4–96.5")
    expect(opened.shown("change")).to_have_attribute("data-direction", "better")
    expect(opened.shown("validation")).to_be_hidden()
    curve = "Accuracy on test by labels, 1 trainings: from 10.00\u202f% with 0 labels to 90.00\u202f% with 10"
    expect(opened.page.get_by_role("img", name=curve)).to_be_visible()


def test_a_round_that_is_counted_late_is_in_the_curve_and_the_last_accuracy_stays_meanwhile(
    opened: LabelPage, learner: Learner
) -> None:
    learner.finish()
    asked = learner.find_others(opened.image_ids())
    learner.ask(asked)
    opened.expect_images(asked[:10])
    for number in (1, 2, 3):
        expect(opened.shown("round")).to_have_text(str(number))
        opened.answer_batch()
        if number < 3:
            learner.ask(learner.find_others(opened.image_ids()))
    expect(opened.shown("test")).to_have_text("…")

    learner.count_test(12, number=2)
    expect(opened.shown("test")).to_have_text("40.00\u202f%")
    expect(opened.shown("test-note")).to_contain_text("round 2: 12 of 30")
    expect(opened.shown("accuracy")).to_have_text("round 2: 40.0\u202f%")
    learner.count_test(18, number=3)

    expect(opened.shown("test-note")).to_contain_text("18 of 30")
    expect(opened.shown("accuracy")).to_have_text("60.0\u202f%")
    expect(opened.shown("accuracy-note")).to_contain_text("18 of 30; 95\u202f% interval 42.3–75.4\u202f%")
    expect(opened.shown("accuracy-interval")).to_have_text("(42.3–75.4\u202f%)")
    expect(opened.shown("change")).to_have_text("+6 images (+20.00 points) since round 2")
    name = "2 trainings: from 10.00\u202f% with 0 labels to 60.00\u202f% with 20"
    expect(opened.page.get_by_role("img", name=name)).to_be_visible()


def test_of_a_large_pool_a_sample_comes_first_and_the_rest_is_told_in_a_few_words(
    page: Page, server: Server, make_learner: MakeLearner
) -> None:
    learner = make_learner(n_images=10_001, side=4)
    learner.begin(4000, "learning what strokes look like", 0.5, seconds=1)
    opened = LabelPage(page, server.url, learner.pool.slug)
    opened.open()
    line = opened.notice("preparation")
    expect(line).to_contain_text("Looking at 4,000 of your 10,001 images first: learning")

    asked = learner.find_others(opened.image_ids())[:40]
    learner.finish()
    learner.ask(asked)
    expect(line).to_be_hidden()
    opened.expect_images(asked[:10])
    learner.begin(10_001, "learning what strokes look like", 0.5, seconds=30)

    expect(line).to_contain_text("Looking at all 10,001 images. About ")
    assert "strokes" not in line.inner_text()
    assert "chance" not in line.inner_text()
    opened.expect_images(asked[:10])


def test_without_a_look_at_the_images_nothing_is_said_of_one(page: Page, server: Server) -> None:
    opened = LabelPage(page, server.url, "digits")
    opened.open()
    expect(opened.notice("preparation")).to_be_hidden()


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("size", SIZES)
def test_the_page_is_accessible_meanwhile(
    open_page: OpenPage, server: Server, learner: Learner, theme: str, size: str
) -> None:
    learner.begin(60, "learning what strokes look like", 0.25, seconds=2)
    page = open_page(color_scheme=theme, viewport=SIZES[size], reduced_motion="reduce")
    opened = LabelPage(page, server.url, learner.pool.slug)
    opened.open()
    expect(opened.notice("preparation").get_by_role("progressbar")).to_be_visible()
    check(page)


def test_while_a_trainer_loads_the_next_images_by_chance_come_at_once(opened: LabelPage, learner: Learner) -> None:
    with learner.database.write() as session:
        training_status.drop_trainers(session)
        training_status.enter_trainer(session, 4711, now=now())
    expect(opened.notice("model")).to_contain_text("is being loaded")

    opened.answer_batch()

    opened.wait_for_image()
    opened.expect_answers(*["·"] * 10)
    expect(opened.notice("loading")).to_be_hidden()


def test_the_bar_leaves_the_answers_in_sight_on_a_phone(open_page: OpenPage, server: Server, learner: Learner) -> None:
    learner.begin(60, "learning what strokes look like", 0.25, seconds=2)
    for width, height in ((390, 844), (390, 664), (320, 640)):
        page = open_page(viewport={"width": width, "height": height}, has_touch=True, is_mobile=True)
        opened = LabelPage(page, server.url, learner.pool.slug)
        opened.open()
        line = opened.notice("preparation").bounding_box()
        pad = opened.pad.bounding_box()
        assert line and pad
        assert pad["y"] + pad["height"] <= line["y"]
        assert page.evaluate("document.documentElement.scrollWidth") == width
        page.close()
