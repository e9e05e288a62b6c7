"""What the page shows of the model, and what it says when there is nothing to answer."""

from playwright.sync_api import Page, expect
from sqlalchemy import update

from app.db import Database
from app.models import Lease

from ..factories import NOW
from .conftest import MakePool, OpenPage
from .label_page import LabelPage
from .server import Server

LOOK_MS = 120_000  # the learner gives way to all else that runs


def test_ten_answers_bring_a_new_accuracy_without_a_reload(label_page: LabelPage) -> None:
    before = label_page.image_ids()
    label_page.page.evaluate("globalThis.isSamePage = true")
    label_page.answer_batch()
    expect(label_page.shown("round")).to_have_text("1")
    newest = label_page.page.request.get(f"{label_page.api_url}/rounds/1").json()
    percent = f"{newest['validation']['accuracy'] * 100:.2f}\u202f%"
    expect(label_page.shown("validation")).to_have_text(percent)
    expect(label_page.shown("validation-note")).to_contain_text("of 20; 95\u202f% interval")
    expect(label_page.shown("test-note")).to_contain_text("of 30; 95\u202f% interval")
    expect(label_page.shown("change")).to_contain_text("since round 0")
    expect(label_page.shown("fit")).to_contain_text(" ms")
    expect(label_page.shown("labels")).to_have_text("10 of 60")
    expect(label_page.notice("round")).to_contain_text("Round 1, 10 labels")
    expect(label_page.page.get_by_role("img", name="Accuracy on validation by labels, 1 trainings")).to_be_visible()
    assert label_page.page.evaluate("globalThis.isSamePage")
    label_page.wait_for_image()
    assert not set(before) & set(label_page.image_ids())


def test_the_page_says_which_data_are_in_use(page: Page, server: Server) -> None:
    page.goto(f"{server.url}/label")
    expect(page.get_by_role("heading", level=1)).to_have_text("Handwritten digits")
    expect(page.get_by_text("Data: the embedded sample: 5,000 MNIST digits")).to_be_visible()


def test_labels_of_somebody_else_are_counted_at_once(label_page: LabelPage) -> None:
    response = label_page.page.request.post(f"{label_page.api_url}/oracle-labels", data={"count": 10})
    assert response.ok
    expect(label_page.shown("labels-note")).to_have_text("oracle: 10")
    expect(label_page.shown("round")).to_have_text("1")


def test_a_finished_pool_says_so_and_offers_the_labels(page: Page, server: Server, make_pool: MakePool) -> None:
    opened = LabelPage(page, server.url, make_pool(n_images=12))
    opened.open()
    opened.answer_batch()
    opened.answer_batch([1, 2])
    expect(page.get_by_role("heading", name="Every image has a label")).to_be_visible()
    page.get_by_role("link", name="Take the labels away").click()
    with page.expect_download() as download:
        page.get_by_role("button", name="CSV").click()
    assert download.value.path().read_text().count("\n") == 13
    page.go_back()
    expect(page.get_by_role("heading", name="Every image has a label")).to_be_visible()
    page.keyboard.press("Backspace")
    opened.press("3")
    expect(page.get_by_role("heading", name="Every image has a label")).to_be_visible()


def test_images_that_others_hold_come_as_soon_as_they_are_free(page: Page, server: Server, make_pool: MakePool) -> None:
    opened = LabelPage(page, server.url, make_pool(n_images=10))
    page.request.post(f"{opened.api_url}/leases", data={"annotator": "ada"})
    page.clock.install()
    page.goto(opened.url)
    expect(page.get_by_role("heading", name="Someone else is working on the rest")).to_be_visible()
    let_leases_run_out(server)
    page.clock.run_for(10_000)
    opened.wait_for_image()
    expect(opened.tiles).to_have_count(10)


def let_leases_run_out(server: Server) -> None:
    """As if nobody had answered for a long time."""
    database = Database(server.database_url)
    with database.write() as session:
        session.execute(update(Lease).values(expires_at=NOW))
    database.close()


def test_everything_to_answer_is_in_sight_on_a_phone(open_page: OpenPage, server: Server, make_pool: MakePool) -> None:
    page = open_page(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    opened = LabelPage(page, server.url, make_pool())
    opened.open()
    opened.button(9).tap()
    opened.expect_answers("9", *["·"] * 9)
    for part in (opened.picture, *opened.pad.get_by_role("button").all()):
        expect(part).to_be_in_viewport(ratio=1)
    sizes = page.locator("button:visible").evaluate_all("all => all.map(b => b.getBoundingClientRect().toJSON())")
    assert min(min(size["width"], size["height"]) for size in sizes) >= 44
    assert page.evaluate("document.documentElement.scrollWidth") == 390


def test_everything_important_is_in_sight_on_a_desktop(label_page: LabelPage) -> None:
    label_page.answer_batch()
    expect(label_page.shown("round")).to_have_text("1")
    parts = [label_page.picture, label_page.shown("validation"), label_page.shown("fit"), label_page.notice("round")]
    for part in (*parts, *label_page.pad.get_by_role("button").all()):
        expect(part).to_be_in_viewport(ratio=1)


def test_a_learner_of_its_own_looks_at_the_images_asks_and_is_measured(
    page: Page, server: Server, make_pool: MakePool
) -> None:
    opened = LabelPage(page, server.url, make_pool(learner="graph", n_validation=0))
    opened.open()
    expect(opened.shown("round")).to_have_text("1", timeout=LOOK_MS)
    expect(opened.notice("round")).to_contain_text("The images are looked at.")
    expect(opened.notice("preparation")).to_be_hidden()
    opened.wait_for_image()

    opened.answer_batch()

    expect(opened.shown("round")).to_have_text("2", timeout=LOOK_MS)
    expect(opened.shown("test-note")).to_contain_text("of 30; 95\u202f% interval", timeout=LOOK_MS)
    expect(opened.notice("round")).to_contain_text("Round 2, 10 labels: ")
    expect(opened.shown("asked")).to_have_text("what tells most about the others")


def test_a_pool_without_validation_images_shows_what_it_has(page: Page, server: Server, make_pool: MakePool) -> None:
    opened = LabelPage(page, server.url, make_pool(n_validation=0, n_test=30))
    opened.open()
    expect(opened.shown("validation")).to_be_hidden()
    expect(page.locator(".key.validation")).to_have_count(0)
    expect(opened.shown("test")).to_contain_text("%")

    opened.answer_batch()

    expect(opened.shown("round")).to_have_text("1")
    expect(opened.notice("round")).to_contain_text("right")
    expect(opened.notice("round")).to_contain_text("Round 1, 10 labels: ")
    expect(opened.shown("test-note")).to_contain_text("of 30")
    expect(opened.shown("change")).to_contain_text("since round 0")
