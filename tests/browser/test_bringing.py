"""A pool is made of one's own images in the browser, file by file, through a lost connection and past broken files."""

import io
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import FilePayload, Page, expect

from .conftest import Complaints, OpenPage
from .label_page import LabelPage
from .server import Server
from .test_accessibility import SIZES, check


def draw(number: int) -> FilePayload:
    """A picture of noise."""
    pixels = np.random.default_rng(number).integers(0, 256, (30, 40, 3)).astype(np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return {"name": f"{number:03}.png", "mimeType": "image/png", "buffer": file.getvalue()}


@pytest.fixture
def made(page: Page, server: Server, pool_numbers: Iterator[int]) -> str:
    """The slug of a pool that was just made on the page, which asks for its images now."""
    number = next(pool_numbers)
    page.goto(server.url)
    page.get_by_role("link", name="New pool").click()
    page.get_by_label("Name").fill(f"Käfer {number}")
    page.get_by_label("Classes, one a line").fill("bee\n wasp \n\nfly")
    page.get_by_role("button", name="Make the pool").click()
    expect(page.get_by_role("heading", level=1)).to_have_text(f"Add images to Käfer {number}")
    return f"kafer-{number}"


def test_files_become_a_pool_that_is_labeled_at_once(page: Page, server: Server, made: str) -> None:
    broken: FilePayload = {"name": "broken.png", "mimeType": "image/png", "buffer": b"\x89PNG\r\n\x1a\nno more"}
    page.get_by_label("Choose files").set_input_files([*(draw(n) for n in range(45)), draw(7), broken])
    status = page.locator("[data-status]")
    expect(status).to_have_text("45 images added, 1 already there, 1 refused.")
    expect(page.locator("[data-thumbs] img")).to_have_count(24)
    page.get_by_text("1 file refused: which and why").click()
    expect(page.get_by_text("broken.png")).to_be_visible()
    page.get_by_role("link", name="Label them").click()
    expect(page).to_have_url(f"{server.url}/pools/{made}/label")
    opened = LabelPage(page, server.url, made)
    expect(opened.tiles).to_have_count(10)
    expect(opened.pad.get_by_role("button", name=re.compile("wasp"))).to_be_enabled()


def test_a_folder_of_class_folders_brings_its_labels(page: Page, server: Server, made: str, tmp_path: Path) -> None:
    for number, kind in enumerate(["bee", "bee", "wasp", "moth"]):
        (tmp_path / "insects" / kind).mkdir(parents=True, exist_ok=True)
        (tmp_path / "insects" / kind / f"{number}.png").write_bytes(draw(number)["buffer"])
    page.get_by_label("A folder that is called like a class").select_option("standing")
    page.get_by_label("Choose a folder").set_input_files(tmp_path / "insects")
    expect(page.locator("[data-status]")).to_have_text("4 images added, 3 with a class by their folder.")
    page.get_by_role("link", name="Label them").click()
    expect(LabelPage(page, server.url, made).tiles).to_have_count(1)  # the moth is left to ask


def test_a_lost_connection_costs_nothing(page: Page, made: str, complaints: Complaints) -> None:
    complaints.may_requests_fail = True
    page.route(re.compile(f"/api/v1/pools/{made}/images"), lambda route: route.abort())
    page.get_by_label("Choose files").set_input_files([draw(n) for n in range(25)])
    expect(page.get_by_text("It goes on by itself from there.")).to_be_visible()
    expect(page.get_by_role("progressbar")).to_be_visible()
    page.unroute_all(behavior="wait")
    expect(page.locator("[data-status]")).to_have_text("25 images added.")
    expect(page.get_by_text("It goes on by itself from there.")).to_be_hidden()


def test_what_cannot_be_a_pool_is_said_and_nothing_is_lost(page: Page, server: Server, complaints: Complaints) -> None:
    complaints.may_requests_fail = True
    page.goto(f"{server.url}/pools/new")
    make = page.get_by_role("button", name="Make the pool")
    refusal = page.get_by_role("alert")
    make.click()
    expect(refusal).to_have_text("Give the pool a name with a letter or a digit.")
    page.get_by_label("Name").fill("Digits")
    make.click()
    expect(refusal).to_have_text("Name two classes at least, one a line.")
    page.get_by_label("Classes, one a line").fill("bee\nwasp")
    make.click()
    expect(refusal).to_contain_text("There is a pool digits already.")
    expect(refusal).to_be_focused()
    expect(page.get_by_label("Classes, one a line")).to_have_value("bee\nwasp")


def test_further_images_are_added_by_keyboard(page: Page, server: Server, made: str) -> None:
    page.goto(server.url)
    card = page.get_by_role("listitem", name=re.compile(made.replace("kafer-", "Käfer ") + "$"))
    card.get_by_role("link", name="Add images").press("Enter")
    expect(page.get_by_role("heading", level=1)).to_contain_text("Add images to Käfer")
    with page.expect_file_chooser() as chooser:
        page.get_by_label("Choose files").press("Enter")
    chooser.value.set_files([draw(0), draw(1)])
    expect(page.locator("[data-status]")).to_have_text("2 images added.")


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("size", SIZES)
def test_the_page_is_accessible_and_fits(open_page: OpenPage, server: Server, theme: str, size: str) -> None:
    page = open_page(color_scheme=theme, viewport=SIZES[size], reduced_motion="reduce")
    page.goto(f"{server.url}/pools/new")
    page.get_by_text("Further settings").click()
    check(page)
    width = SIZES[size]["width"]
    assert page.evaluate("document.documentElement.scrollWidth") == width
