"""Pictures of any shape on the labeling page: fitted, zoomed, and there before they are needed."""

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from app.db import Database

from .conftest import MakePool, OpenPage
from .label_page import LabelPage
from .own_pools import Size, add_own_pool, show_pictures, wait_for_image
from .server import Server

WIDE, TALL, TINY, LARGE = (640, 300), (300, 640), (28, 20), (800, 800)
PARTS = ("[data-picture]", "[data-pad]", "[data-tiles]", ".tools", ".answers")
DECODES = """() => {
  window.decodedBefore = [];
  const { decode } = HTMLImageElement.prototype;
  HTMLImageElement.prototype.decode = function () {
    return decode.call(this).then(() => window.decodedBefore.push(this.src));
  };
}"""
READ_SHOWN = """image => {
  const [box, { left, top, width }] = [image.getBoundingClientRect(), image.parentElement.getBoundingClientRect()];
  return { scale: box.width / width, x: box.left - left, y: box.top - top };
}"""

OpenPictures = Callable[..., LabelPage]


@pytest.fixture
def open_pictures(open_page: OpenPage, server: Server, pool_numbers: Iterator[int]) -> Iterator[OpenPictures]:
    """The labeling page of a pool whose pictures have these sizes, with the first one to answer."""
    database = Database(server.database_url)

    def open_one(*sizes: Size, script: str | None = None, **values: Any) -> LabelPage:
        slug = f"pictures-{next(pool_numbers)}"
        add_own_pool(database, slug=slug, n_images=18)  # so few that no learner looks at them, and other images come
        page = open_page(**{"reduced_motion": "reduce"} | values)
        if script:
            page.add_init_script(f"({script})()")
        show_pictures(page, *sizes)
        opened = LabelPage(page, server.url, slug)
        page.goto(opened.url)
        wait_for_image(opened)
        return opened

    yield open_one
    database.close()


def natural_size(opened: LabelPage) -> Size:
    width, height = opened.picture.evaluate("image => [image.naturalWidth, image.naturalHeight]")
    return width, height


def shown(opened: LabelPage) -> dict[str, float]:
    """How large the square of the picture is drawn, as a multiple of the fitted one, and where."""
    found: dict[str, float] = opened.picture.evaluate(READ_SHOWN)
    return found


def expect_scale(opened: LabelPage, scale: float) -> None:
    opened.page.wait_for_function(
        f"([image, scale]) => Math.abs(({READ_SHOWN})(image).scale - scale) < 0.02",
        arg=[opened.picture.element_handle(), scale],
    )


def side_of(opened: LabelPage) -> float:
    box = opened.page.locator("[data-picture]").bounding_box()
    assert box
    return box["width"]


@pytest.mark.parametrize("viewport", [{"width": 1280, "height": 800}, {"width": 390, "height": 844}])
def test_nothing_moves_when_pictures_of_other_shapes_follow(
    open_pictures: OpenPictures, viewport: dict[str, int]
) -> None:
    opened = open_pictures(WIDE, TALL, TINY, LARGE, viewport=viewport)
    before = places(opened)
    sizes = set()
    for key in "123123123":
        sizes.add(natural_size(opened))
        assert opened.picture.evaluate("image => getComputedStyle(image).objectFit") == "contain"
        current = opened.current.get_attribute("data-image-id")
        opened.page.keyboard.press(key)
        expect(opened.current).not_to_have_attribute("data-image-id", current or "")
        wait_for_image(opened)
        assert places(opened) == before
    assert sizes == {WIDE, TALL, TINY, LARGE}


def places(opened: LabelPage) -> dict[str, object]:
    return {part: opened.page.locator(part).bounding_box() for part in PARTS}


@pytest.mark.parametrize(
    ("size", "rendering"), [((28, 20), "pixelated"), ((99, 99), "pixelated"), ((100, 20), "auto"), (LARGE, "auto")]
)
def test_small_pictures_are_crisp_and_large_ones_smooth(
    open_pictures: OpenPictures, size: Size, rendering: str
) -> None:
    opened = open_pictures(size)
    assert rendering_of(opened.picture) == rendering
    assert rendering_of(opened.tiles.first.locator("img")) == rendering
    opened.page.keyboard.press("f")
    assert rendering_of(opened.dialog.get_by_role("img")) == rendering


def rendering_of(image: Locator) -> str:
    rendering: str = image.evaluate("image => getComputedStyle(image).imageRendering")
    return rendering


def test_z_shows_a_large_picture_in_its_own_size_and_as_a_whole_again(open_pictures: OpenPictures) -> None:
    opened = open_pictures(LARGE)
    zoom = opened.page.get_by_role("button", name="Zoom")
    expect(zoom).to_have_attribute("aria-pressed", "false")
    opened.page.keyboard.press("z")
    expect_scale(opened, 800 / side_of(opened))
    expect(zoom).to_have_attribute("aria-pressed", "true")
    zoom.click()
    expect_scale(opened, 1)


def test_z_shows_a_small_picture_three_times_as_large(open_pictures: OpenPictures) -> None:
    opened = open_pictures(TINY)
    opened.page.keyboard.press("z")
    expect_scale(opened, 3)


def test_the_next_picture_comes_as_a_whole(open_pictures: OpenPictures) -> None:
    opened = open_pictures(LARGE)
    before = places(opened)
    opened.page.keyboard.press("z")
    expect_scale(opened, 800 / side_of(opened))
    assert places(opened) == before
    opened.page.keyboard.press("1")
    expect(opened.answered).to_have_count(1)
    expect_scale(opened, 1)
    opened.page.keyboard.press("ArrowLeft")
    expect(opened.tiles.first).to_have_attribute("aria-current", "true")
    expect_scale(opened, 1)


def test_the_wheel_zooms_where_it_points_and_does_not_scroll_the_page(open_pictures: OpenPictures) -> None:
    opened = open_pictures(LARGE, viewport={"width": 1280, "height": 500})
    page = opened.page
    box = opened.page.locator("[data-picture]").bounding_box()
    assert box
    page.mouse.move(box["x"] + box["width"] / 4, box["y"] + box["height"] / 4)
    page.mouse.wheel(0, -400)
    expect(opened.page.locator("[data-picture][data-zoomed]")).to_have_count(1)
    at = shown(opened)
    assert at["scale"] > 1.5
    assert at["x"] == pytest.approx((1 - at["scale"]) * box["width"] / 4, abs=1)
    assert at["y"] == pytest.approx((1 - at["scale"]) * box["height"] / 4, abs=1)
    assert page.evaluate("scrollY") == 0
    page.mouse.wheel(0, 2000)
    expect_scale(opened, 1)


def test_dragging_moves_a_zoomed_picture_as_far_as_it_goes(open_pictures: OpenPictures) -> None:
    opened = open_pictures(LARGE)
    page = opened.page
    side = side_of(opened)
    opened.page.keyboard.press("z")
    expect_scale(opened, 800 / side)
    start = shown(opened)
    drag(opened, 40, -30)
    moved = shown(opened)
    assert (moved["x"] - start["x"], moved["y"] - start["y"]) == pytest.approx((40, -30), abs=1)
    for _ in range(6):
        drag(opened, 150, 150)
    assert (shown(opened)["x"], shown(opened)["y"]) == pytest.approx((0, 0), abs=1)
    page.keyboard.press("Shift+ArrowRight")
    assert shown(opened)["x"] == pytest.approx(-0.2 * side, abs=1)
    page.keyboard.press("Shift+ArrowDown")
    assert shown(opened)["y"] == pytest.approx(-0.2 * side, abs=1)
    expect(opened.tiles.first).to_have_attribute("aria-current", "true")


def drag(opened: LabelPage, right: float, down: float) -> None:
    box = opened.page.locator("[data-picture]").bounding_box()
    assert box
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    mouse = opened.page.mouse
    mouse.move(x, y)
    mouse.down()
    mouse.move(x + right, y + down, steps=3)
    mouse.up()


def test_a_picture_that_is_shown_as_a_whole_is_not_dragged_and_shift_and_an_arrow_go_on(
    open_pictures: OpenPictures,
) -> None:
    opened = open_pictures(LARGE)
    drag(opened, 60, 60)
    assert shown(opened) == pytest.approx({"scale": 1, "x": 0, "y": 0}, abs=0.5)
    opened.page.keyboard.press("Shift+ArrowRight")
    expect(opened.tiles.nth(1)).to_have_attribute("aria-current", "true")


def test_two_fingers_zoom_the_picture_and_not_the_page(open_pictures: OpenPictures) -> None:
    opened = open_pictures(LARGE, viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    box = opened.page.locator("[data-picture]").bounding_box()
    assert box
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    devtools = opened.page.context.new_cdp_session(opened.page)

    def touch(kind: str, *distances: float) -> None:
        points = [{"x": x + side * d, "y": y, "id": i} for d in distances for i, side in enumerate((-1, 1))]
        devtools.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    touch("touchStart", 20)
    for distance in (25, 30, 35, 40):
        touch("touchMove", distance)
    touch("touchEnd")
    expect_scale(opened, 2)
    assert opened.page.evaluate("visualViewport.scale") == 1


def test_a_double_click_zooms_in_and_out(open_pictures: OpenPictures) -> None:
    opened = open_pictures(TINY)
    opened.picture.dblclick()
    expect_scale(opened, 3)
    opened.picture.dblclick()
    expect_scale(opened, 1)


def test_the_next_ten_are_decoded_before_they_are_needed(open_pictures: OpenPictures) -> None:
    opened = open_pictures(LARGE, WIDE, script=DECODES)
    expect(opened.tiles).to_have_count(10)
    opened.page.wait_for_function("new Set(window.decodedBefore).size === 10")
    opened.expect_answers(*["·"] * 10)


def test_a_picture_that_is_not_decoded_ahead_can_be_answered_all_the_same(open_pictures: OpenPictures) -> None:
    fails = """() => {
      const { decode } = HTMLImageElement.prototype;
      window.failed = 0;
      HTMLImageElement.prototype.decode = function () {
        return window.failed++ ? decode.call(this) : Promise.reject(new DOMException("broken", "EncodingError"));
      };
    }"""
    opened = open_pictures(LARGE, script=fails)
    opened.page.keyboard.press("1")
    expect(opened.answered).to_have_count(1)


def test_what_the_page_says_of_a_picture_gives_nothing_away(open_pictures: OpenPictures) -> None:
    opened = open_pictures(WIDE)
    alts = opened.page.locator("img").evaluate_all("all => [...new Set(all.map(image => image.alt))].sort()")
    assert alts == ["", "The image that is flagged", "The image to label"]
    expect(opened.picture).to_have_attribute("src", re.compile(r"^/images/\d+\.\w+\?v=[0-9a-f]+$"))
    expect(opened.page.get_by_text("images of one’s own")).to_have_count(0)


def test_digits_are_not_zoomed(page: Page, server: Server, make_pool: MakePool) -> None:
    opened = LabelPage(page, server.url, make_pool())
    opened.open()
    page.keyboard.press("z")
    expect(page.locator("[data-zoomed]")).to_have_count(0)
    expect(page.get_by_role("button", name="Zoom")).to_have_count(0)
