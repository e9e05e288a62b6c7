"""The oracle pages: a run from the form to its charts, without a reload."""

import datetime as dt
import re
from collections.abc import Iterator
from xml.etree import ElementTree

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect
from sqlalchemy import update

from app import training_status
from app.db import Database
from app.models import OracleRun
from app.oracle.scenarios import Parameters

from ..factories.making import add_trainer
from ..web.oracle_results import add_run, make_result
from .conftest import Complaints, OpenPage
from .server import Server

SIZES = {"desktop": {"width": 1280, "height": 800}, "phone": {"width": 390, "height": 844}}


@pytest.fixture
def database(server: Server) -> Iterator[Database]:
    """The server's own."""
    database = Database(server.database_url)
    yield database
    database.close()


@pytest.fixture
def other_trainer(database: Database) -> Iterator[int]:
    """Whose runs the server's own trainer leaves alone, however slow the test is."""
    trainer_id = add_trainer(database, now=dt.datetime.now(dt.UTC) + dt.timedelta(hours=1))
    yield trainer_id
    with database.write() as session:
        session.execute(update(OracleRun).where(OracleRun.status == "running").values(status="stopped"))
        training_status.drop_trainer(session, trainer_id=trainer_id)


def expect_charts(page: Page, n_charts: int) -> None:
    """Wait until every chart has its canvas and its legend."""
    expect(page.locator("[data-chart]")).to_have_count(n_charts)
    for index in range(n_charts):
        expect(page.locator("[data-chart]").nth(index).locator("canvas").first).to_be_visible()
        expect(page.locator("[data-legend]").nth(index)).not_to_be_empty()
    expect(page.locator("[data-chart-error]:visible")).to_have_count(0)


def test_a_run_goes_from_the_form_to_its_charts_without_a_reload(page: Page, server: Server) -> None:
    page.goto(f"{server.url}/oracle")
    page.get_by_text("Choose experiments and parameters").click()
    for checkbox in page.get_by_role("checkbox").all():
        checkbox.uncheck()
    page.get_by_label("Active learning").check()
    page.get_by_label("k-means").check()
    page.get_by_label("Pool size").fill("100")
    page.get_by_label("Budget").fill("30")
    page.get_by_role("button", name="Start this run").click()
    page.wait_for_url(re.compile(r"/oracle/\d+$"))
    loads: list[str] = []
    page.on("framenavigated", lambda frame: loads.append(frame.url))

    expect(page.get_by_role("rowheader", name="Active learning")).to_be_visible(timeout=60_000)
    expect(page.get_by_role("cell", name="30", exact=True)).to_be_visible()
    expect_charts(page, 3)
    centers = page.locator(".centers img")
    expect(centers).to_have_count(10)
    for center in centers.all():
        expect(center).to_have_js_property("naturalWidth", 28)
    assert re.match(r"Run \d+, done", page.title())
    assert loads == []


def test_a_wrong_entry_comes_back_with_its_message(page: Page, server: Server, complaints: Complaints) -> None:
    complaints.may_requests_fail = True  # the form comes back with a 422
    page.goto(f"{server.url}/oracle")
    page.get_by_text("Choose experiments and parameters").click()
    page.get_by_label("Validation size").fill("99999")
    page.get_by_label("Budget").fill("0")
    page.get_by_role("button", name="Start this run").click()
    budget = page.get_by_label("Budget")
    expect(budget).to_have_value("0")
    expect(budget).to_have_accessible_description(
        "Labels given, at most the pool size. 1 to 4,000. Budget: 0 is too small. Enter 1 to 4,000."
    )
    expect(page.get_by_label("Validation size")).to_be_focused()


def test_the_list_follows_a_run_that_is_stopped_elsewhere(
    page: Page, server: Server, database: Database, other_trainer: int
) -> None:
    run_id = add_run(database, status="running", progress=("active", 3, 40), trainer_id=other_trainer)
    page.goto(f"{server.url}/oracle")
    row = page.get_by_role("listitem").filter(has=page.locator(f'a[href="/oracle/{run_id}"]'))
    expect(row.get_by_text("3 of 40")).to_be_visible()
    page.request.post(f"{server.url}/api/v1/oracle-runs/{run_id}/stop")
    expect(row.get_by_text("stopped", exact=True)).to_be_visible()
    expect(row.get_by_role("button")).to_have_count(0)


def test_the_preparation_of_a_learner_is_followed(
    page: Page, server: Server, database: Database, other_trainer: int
) -> None:
    parameters = Parameters(experiments=("inkling",))
    begun = {"parameters": parameters, "progress": ("inkling", 1, 100), "preparation": "a"}
    run_id = add_run(database, status="running", trainer_id=other_trainer, **begun)  # type: ignore[arg-type]
    page.goto(f"{server.url}/oracle/{run_id}")

    told = "learning what strokes look like"
    for done, total, preparation, count in (10, 100, told, "10 %"), (3, 40, None, "3 of 40"):
        now = {"experiment": "inkling", "done": done, "total": total, "preparation": preparation}
        with database.write() as session:
            session.execute(update(OracleRun).where(OracleRun.id == run_id).values(progress=now))
        expect(page.get_by_text(count, exact=True)).to_be_visible()
        expect(page.locator("[data-preparation]")).to_have_text(preparation or "")


def test_the_charts_follow_the_systems_colours(page: Page, server: Server, database: Database) -> None:
    page.goto(f"{server.url}/oracle/{add_run(database)}")
    expect_charts(page, 3)
    mark = page.locator("[data-legend] i").first
    light = mark.get_attribute("style")
    assert light
    page.emulate_media(color_scheme="dark")
    expect(mark).not_to_have_attribute("style", light)
    expect_charts(page, 3)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", SIZES)
def test_every_state_is_accessible_and_fits_the_window(
    open_page: OpenPage, server: Server, database: Database, other_trainer: int, size: str, scheme: str
) -> None:
    done, other = add_run(database), add_run(database, result=make_result("random_curve", "active"))
    failed = add_run(database, status="failed", error="The pool is too large. Lower the pool size.")
    stopped = add_run(database, status="stopped", result=make_result("ground_truth", "random"))
    running = add_run(database, status="running", progress=("auto_confident", 3, 360), trainer_id=other_trainer)
    own = add_run(database, result=make_result("active", "inkling", "inkling_random"))
    preparing = add_run(
        database,
        status="running",
        parameters=Parameters(experiments=("inkling",)),
        progress=("inkling", 35, 100),
        preparation="looking at every image",
        trainer_id=other_trainer,
    )
    page = open_page(viewport=SIZES[size], color_scheme=scheme)
    compared = f"/compare?run={done}&run={other}"
    for path in (
        "",
        f"?like={done}",
        f"/{done}",
        f"/{failed}",
        f"/{stopped}",
        f"/{running}",
        f"/{own}",
        f"/{preparing}",
        compared,
    ):
        page.goto(f"{server.url}/oracle{path}")
        if path == compared:
            expect_charts(page, 1)
        if path == f"/{done}":
            expect_charts(page, 3)
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), path
        found = Axe().run(page)
        assert found.violations_count == 0, f"{path}: {found.generate_report()}"


def test_runs_are_chosen_in_the_list_and_laid_side_by_side(page: Page, server: Server, database: Database) -> None:
    first, second = add_run(database), add_run(database)
    page.goto(f"{server.url}/oracle")
    button = page.get_by_role("button", name="Compare")
    expect(button).to_be_disabled()

    page.get_by_label(f"Compare run {first}").check()
    expect(button).to_be_disabled()
    page.get_by_label(f"Compare run {second}").check()
    expect(button).to_have_text("Compare 2 runs")
    button.click()

    page.wait_for_url(f"**/oracle/compare?run={second}&run={first}")
    expect(page.get_by_role("rowheader")).to_have_count(2)
    expect_charts(page, 1)


def test_ticks_stay_when_the_list_is_drawn_anew(
    page: Page, server: Server, database: Database, other_trainer: int
) -> None:
    chosen, _ = add_run(database), add_run(database)
    running = add_run(database, status="running", progress=("active", 3, 40), trainer_id=other_trainer)
    page.goto(f"{server.url}/oracle")
    page.get_by_label(f"Compare run {chosen}").check()

    page.request.post(f"{server.url}/api/v1/oracle-runs/{running}/stop")

    expect(page.locator(f'li:has(a[href="/oracle/{running}"])').get_by_text("stopped", exact=True)).to_be_visible()
    expect(page.get_by_label(f"Compare run {chosen}")).to_be_checked()
    expect(page.get_by_role("button", name="Compare 1 run")).to_be_disabled()


def test_every_chart_is_saved_as_an_svg_with_its_title_and_legend(
    page: Page, server: Server, database: Database
) -> None:
    run_id = add_run(database)
    page.goto(f"{server.url}/oracle/{run_id}")
    expect_charts(page, 3)

    for name, words in (("accuracy", "Active learning"), ("confidence", "After 400 labels"), ("distances", "This run")):
        with page.expect_download() as saving:
            page.locator(f'a[href*="/charts/{name}.svg"]').click()
        assert saving.value.suggested_filename == f"inkling-run-{run_id}-{name}.svg"
        file = ElementTree.fromstring(saving.value.path().read_text(encoding="utf-8"))
        said = ["".join(text.itertext()) for text in file.iter("{http://www.w3.org/2000/svg}text")]
        heading = page.locator("figure h2").nth(["accuracy", "confidence", "distances"].index(name)).inner_text()
        assert said[0] == f"Run {run_id}: {heading}"
        assert words in said
        assert len(list(file.iter("{http://www.w3.org/2000/svg}polyline"))) > 5


def test_on_a_phone_the_first_chart_begins_on_the_second_screen(
    open_page: OpenPage, server: Server, database: Database
) -> None:
    page = open_page(viewport=SIZES["phone"])
    page.goto(f"{server.url}/oracle/{add_run(database)}")

    row = page.get_by_role("row").filter(has=page.get_by_role("rowheader", name="Active learning"))
    tops = row.get_by_role("cell").evaluate_all("all => all.map(cell => cell.getBoundingClientRect().top)")
    assert tops[1] == tops[2] == tops[3]  # paper, here, unseen
    top = page.locator("figure").first.evaluate("figure => figure.getBoundingClientRect().top + scrollY")
    assert top < 1.5 * SIZES["phone"]["height"]
